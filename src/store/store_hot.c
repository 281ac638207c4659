/* Hot versions: the newest patients and coverages, which every further visit of a citizen asks for,
 * without reading and decompressing the record around each. A version never changes, so nothing
 * here is ever wrong: what was written longest ago is overwritten, and what is not found is loaded.
 * One ring of bytes (heads with their texts behind), one table slot -> place in it. */
#include "store/store_hot.h"

enum { TABLE_BITS = 17, ALIGN = 8 };
#define TABLE_SIZE ((size_t)1 << TABLE_BITS)

typedef struct Head {
    Slot slot, first, prev, patient;
    RecordNo commit_first;
    TimeMs time;
    uint32_t version, type, client_len, patient_len, text_len;
    uint32_t deleted;
} Head;

typedef struct PreparedHot { /* a version of a commit on its way */
    struct PreparedHot *next;
    StoredSlot slot;
    uint32_t offset;
    Slot patient;
    int64_t patient_offset;
    Str patient_id;
} PreparedHot;

typedef struct Place {
    Slot slot;
    uint64_t at; /* bytes written to the ring before it */
} Place;

struct Hot {
    Mutex lock;
    uint64_t written;
    char *ring;
    Place *table;
};

ErrCode hot_new(Hot **ret_hot) {
    Hot *hot = calloc(1, sizeof(*hot));
    if (hot == NULL) {
        return ERR_NOMEM;
    }
    mutex_init(&hot->lock);
    hot->ring = malloc(HOT_RING_BYTES); /* pages come with use */
    hot->table = calloc(TABLE_SIZE, sizeof(*hot->table));
    if (hot->ring == NULL || hot->table == NULL) {
        hot_free(hot);
        return ERR_NOMEM;
    }
    *ret_hot = hot;
    return ERR_OK;
}

void hot_free(Hot *hot) {
    if (hot != NULL) {
        free(hot->ring);
        free(hot->table);
        mutex_release(&hot->lock);
        free(hot);
    }
}

static bool hot_type(FhirType type) {
    return type == FHIR_T_PATIENT || type == FHIR_T_COVERAGE;
}

static Place *place_of(const Hot *hot, Slot slot) {
    return &hot->table[hash64_mix(slot, 0) >> (64 - TABLE_BITS)];
}

static char *append(char *at, Str s) {
    if (s.len > 0) {
        memcpy(at, s.ptr, s.len);
    }
    return at + s.len;
}

void hot_put(Hot *hot, const StoredRecord *record, Slot slot, const StoredSlot *stored) {
    Head head = {.slot = slot,
                 .first = stored->first == 0 ? slot : stored->first,
                 .prev = stored->prev,
                 .patient = record->patient,
                 .commit_first = record->commit_first,
                 .time = record->time,
                 .version = stored->version,
                 .type = stored->type,
                 .client_len = (uint32_t)stored->client_id.len,
                 .patient_len = (uint32_t)record->patient_id.len,
                 .text_len = (uint32_t)MIN(stored->text.len, (size_t)HOT_VERSION_BYTES),
                 .deleted = stored->deleted};
    size_t len = sizeof(head) + head.client_len + head.patient_len + head.text_len;
    len = (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (len > HOT_VERSION_BYTES) {
        return;
    }
    mutex_lock(&hot->lock);
    size_t from = (size_t)(hot->written % HOT_RING_BYTES);
    if (from + len > HOT_RING_BYTES) {
        hot->written += HOT_RING_BYTES - from;
        from = 0;
    }
    char *at = append(hot->ring + from, (Str){(const char *)&head, sizeof(head)});
    at = append(append(append(at, stored->client_id), record->patient_id), stored->text);
    *place_of(hot, slot) = (Place){slot, hot->written};
    hot->written += len;
    mutex_unlock(&hot->lock);
}

static StoredRecord *copy_out(Arena *arena, const char *at) {
    Head head;
    memcpy(&head, at, sizeof(head));
    size_t len = (size_t)head.client_len + head.patient_len + head.text_len;
    StoredRecord *record = arena_alloc(arena, sizeof(*record));
    Str bytes = arena_str(arena, (Str){at + sizeof(head), len});
    if (record == NULL || bytes.len != len) {
        return NULL;
    }
    memset(record, 0, offsetof(StoredRecord, slots));
    record->number = SLOT_RECORD(head.slot);
    record->commit_first = head.commit_first;
    record->time = head.time;
    record->patient = head.patient;
    record->patient_id = str_sub(bytes, head.client_len, head.patient_len);
    record->n_slots = SLOT_POSITION(head.slot) + 1;
    record->slots[SLOT_POSITION(head.slot)] =
        (StoredSlot){.type = (FhirType)head.type,
                     .deleted = head.deleted != 0,
                     .first = head.first,
                     .prev = head.prev,
                     .version = head.version,
                     .client_id = str_sub(bytes, 0, head.client_len),
                     .text = str_sub(bytes, head.client_len + head.patient_len, head.text_len)};
    return record;
}

bool hot_get(Hot *hot, Arena *arena, Slot slot, StoredRecord **ret_record) {
    StoredRecord *record = NULL;
    mutex_lock(&hot->lock);
    const Place *place = place_of(hot, slot);
    if (place->slot == slot && slot != 0 && hot->written - place->at <= HOT_RING_BYTES) {
        record = copy_out(arena, hot->ring + place->at % HOT_RING_BYTES);
    }
    mutex_unlock(&hot->lock);
    if (record != NULL) {
        *ret_record = record;
    }
    return record != NULL;
}

void hot_prepare(StorePrepared *p, const StoredRecord *record, const PreparedRecord *out,
                 uint32_t base) {
    for (unsigned i = 0; i < record->n_slots; i++) {
        const StoredSlot *slot = &record->slots[i];
        PreparedHot *hot = hot_type(slot->type) ? arena_alloc(p->arena, sizeof(*hot)) : NULL;
        if (hot != NULL) { /* a cache: without memory it stays out */
            *hot = (PreparedHot){.next = p->hot,
                                 .slot = *slot,
                                 .offset = base + i,
                                 .patient = out->patient,
                                 .patient_offset = out->patient_offset,
                                 .patient_id = arena_str(p->arena, record->patient_id)};
            hot->slot.text = arena_str(p->arena, slot->text);
            p->hot = hot;
        }
    }
}

void hot_commit(Store *store, const StorePrepared *p) {
    Slot base = SLOT_OF(p->committed.first, 0);
    for (const PreparedHot *hot = p->hot; hot != NULL; hot = hot->next) {
        StoredRecord record;
        record.commit_first = p->committed.first;
        record.time = p->committed.time;
        record.patient = hot->patient_offset >= 0 ? base + (Slot)hot->patient_offset : hot->patient;
        record.patient_id = hot->patient_id;
        if (hot->slot.text.len > 0 || hot->slot.deleted) {
            hot_put(store->hot, &record, base + hot->offset, &hot->slot);
        }
    }
}

ErrCode store_load_slot(Store *store, Arena *arena, Slot slot, StoredRecord **ret_record) {
    StoredRecord *record = NULL;
    unsigned at = SLOT_POSITION(slot);
    if (hot_get(store->hot, arena, slot, ret_record)) {
        return ERR_OK;
    }
    TRY(store_load(store, arena, SLOT_RECORD(slot), &record));
    if (at < record->n_slots && hot_type(record->slots[at].type)) {
        hot_put(store->hot, record, slot, &record->slots[at]);
    }
    *ret_record = record;
    return ERR_OK;
}
