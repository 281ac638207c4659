#include "intake/intake_int.h"

/* Open addressing; 0 marks a free place, so hash 0 is kept as 1. Removal leaves ~0 behind. */
struct HashSet {
    Mutex lock;
    uint64_t *slots;
    size_t mask, used;
};

#define REMOVED UINT64_MAX

HashSet *hash_set_new(void) {
    HashSet *s = calloc(1, sizeof(*s));
    uint64_t *slots = calloc(1024, sizeof(*slots));
    if (s == NULL || slots == NULL) {
        free(s);
        free(slots);
        return NULL;
    }
    mutex_init(&s->lock);
    s->slots = slots;
    s->mask = 1023;
    return s;
}

void hash_set_free(HashSet *s) {
    if (s != NULL) {
        mutex_release(&s->lock);
        free(s->slots);
        free(s);
    }
}

/* The place of the hash, or the first free one of its chain. */
static size_t place(const HashSet *s, uint64_t hash) {
    size_t at = hash & s->mask;
    while (s->slots[at] != 0 && s->slots[at] != hash) {
        at = (at + 1) & s->mask;
    }
    return at;
}

static bool grow(HashSet *s) {
    HashSet bigger = {.mask = s->mask * 2 + 1};
    bigger.slots = calloc(bigger.mask + 1, sizeof(*bigger.slots));
    if (bigger.slots == NULL) {
        return false;
    }
    size_t used = 0;
    for (size_t i = 0; i <= s->mask; i++) {
        if (s->slots[i] != 0 && s->slots[i] != REMOVED) {
            bigger.slots[place(&bigger, s->slots[i])] = s->slots[i];
            used++;
        }
    }
    free(s->slots);
    s->slots = bigger.slots;
    s->mask = bigger.mask;
    s->used = used;
    return true;
}

static uint64_t tame(uint64_t hash) {
    return hash == 0 || hash == REMOVED ? 1 : hash;
}

bool hash_set_add(HashSet *s, uint64_t hash) {
    MUTEX_GUARD(&s->lock);
    if (s->used * 2 > s->mask && !grow(s)) {
        return true; /* as if new: costs a look-up, never correctness */
    }
    hash = tame(hash);
    size_t at = place(s, hash);
    bool fresh = s->slots[at] == 0;
    s->slots[at] = hash;
    s->used += fresh;
    return fresh;
}

bool hash_set_has(HashSet *s, uint64_t hash) {
    MUTEX_GUARD(&s->lock);
    return s->slots[place(s, tame(hash))] != 0;
}

void hash_set_remove(HashSet *s, uint64_t hash) {
    MUTEX_GUARD(&s->lock);
    size_t at = place(s, tame(hash));
    if (s->slots[at] != 0) {
        s->slots[at] = REMOVED;
    }
}

uint64_t intake_definitions(Intake *intake) {
    return atomic_load(&intake->definitions);
}

ErrCode intake_new(const IntakeOptions *options, Intake **ret_intake) {
    Intake *i = calloc(1, sizeof(*i));
    HashSet *actors = hash_set_new();
    Visits *visits = visits_new();
    if (i == NULL || actors == NULL || visits == NULL) {
        free(i);
        hash_set_free(actors);
        visits_free(visits);
        return ERR_NOMEM;
    }
    *i = (Intake){.options = *options, .store = options->store, .actors = actors, .visits = visits};
    mutex_init(&i->busy_lock);
    cond_init(&i->busy_changed);
    *ret_intake = i;
    return ERR_OK;
}

void intake_free(Intake *intake) {
    if (intake != NULL) {
        assert(intake->busy == NULL);
        cond_release(&intake->busy_changed);
        mutex_release(&intake->busy_lock);
        hash_set_free(intake->actors);
        visits_free(intake->visits);
        free(intake);
    }
}

void intake_forward(Intake *intake, IntakeForwards forwards, void *ctx) {
    intake->forwards = forwards;
    intake->forwards_ctx = ctx;
}

Store *intake_store(Intake *intake) {
    return intake->store;
}

static bool is_busy(const Intake *intake, const Sha256 *hash) {
    const IntakeBusy *at = intake->busy;
    while (at != NULL && memcmp(at->hash.b, hash->b, sizeof(hash->b)) != 0) {
        at = at->next;
    }
    return at != NULL;
}

void intake_enter(Intake *intake, IntakeBusy *busy) {
    mutex_lock(&intake->busy_lock);
    while (is_busy(intake, &busy->hash)) {
        cond_wait(&intake->busy_changed, &intake->busy_lock);
    }
    busy->next = intake->busy;
    intake->busy = busy;
    mutex_unlock(&intake->busy_lock);
}

void intake_leave(Intake *intake, IntakeBusy *busy) {
    mutex_lock(&intake->busy_lock);
    IntakeBusy **at = &intake->busy;
    while (*at != busy) {
        at = &(*at)->next;
    }
    *at = busy->next;
    cond_broadcast(&intake->busy_changed);
    mutex_unlock(&intake->busy_lock);
}
