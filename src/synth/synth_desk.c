#include "synth/synth_desk_int.h"

#include <utf8proc.h>

#include "core/fold.h"
#include "core/limits.h"
#include "core/time.h"
#include "core/utf8.h"
#include "synth/synth_int.h"

/* Chances in ten thousand that a desk does this to a record. */
enum {
    RATE_BARE = 400,      /* no accents at all */
    RATE_UPPER = 3000,    /* capitals */
    RATE_NFD = 500,       /* decomposed */
    RATE_TONE = 120,      /* another tone on one word */
    RATE_ORDER = 60,      /* given name first */
    RATE_SLIP = 150,      /* one letter */
    RATE_SHORT = 50,      /* middle name as an initial, or left out */
    RATE_JOINED = 40,     /* two words as one */
    RATE_SWAP_DAY = 50,   /* day and month */
    RATE_DAY_SLIP = 80,   /* one digit of the date */
    RATE_NEW_YEAR = 100,  /* 01/01 of the year */
    RATE_ONLY_YEAR = 120, /* ten times so many of those over 60 */
    RATE_SEX = 25,
    RATE_MOVED = 500,
    RATE_NO_COMMUNE = 300,
    RATE_NO_PHONE = 2500,
    RATE_NEW_PHONE = 1000,
    RATE_FAMILY_PHONE = 3000,
    RATE_NO_CCCD = 800,
    RATE_CCCD_SLIP = 80,
    RATE_PARENT_CCCD = 60, /* of a child: the mother's number */
    RATE_OLD_PAPER = 300,  /* the former identity card instead */
    RATE_NO_CARD = 500,
    RATE_CARD_SLIP = 60,
    RATE_NEW_GROUP = 1500, /* other letters on the card, the same number behind them */
    RATE_NEW_NUMBER = 100, /* a new insurance number */
    RATE_UNNAMED = 5000,   /* of a newborn's first record */
    TWINS_PER_MILLE = 25,  /* of children with an elder brother or sister */
    WORDS_MAX = 8,
};

struct Desk {
    const World *w;
    Arena *arena; /* of the record */
    Random r;
    uint32_t id, copy, percent;
    int32_t day;     /* of the record */
    bool is_claim;   /* the visit has a card and an address */
    unsigned hits;   /* errors so far */
    unsigned errors; /* DESK_… of what the last record has */
    SynthRecord record;
};

/* Does this desk do it to this record? */
static bool happens(Desk *d, uint32_t rate) {
    bool does = random_below(&d->r, 1000000) < (uint64_t)rate * d->percent;
    d->hits += does;
    return does;
}

static bool is_so(Desk *d, uint32_t rate) {
    return random_below(&d->r, 10000) < rate;
}

/* ---- twins ---- */

ErrCode world_twins(World *w, int32_t born_before) {
    uint32_t n = w->o.citizens;
    CLEANUP_FREE uint32_t *last = malloc(n * sizeof *last);
    w->twins = malloc(n * sizeof *w->twins);
    if (last == NULL || w->twins == NULL) {
        return ERR_NOMEM;
    }
    memset(last, 0xFF, n * sizeof *last);
    memset(w->twins, 0xFF, n * sizeof *w->twins);
    for (uint32_t id = 0; id < n; id++) {
        Person *p = &w->people[id];
        uint32_t elder = p->mother == SYNTH_NONE ? SYNTH_NONE : last[p->mother];
        Random r;
        world_random(w, &r, STREAM_TWIN, id);
        if (elder != SYNTH_NONE && w->twins[elder] == SYNTH_NONE && p->birth < born_before &&
            w->people[elder].birth < born_before && random_below(&r, 1000) < TWINS_PER_MILLE) {
            const Person *e = &w->people[elder];
            w->twins[id] = elder;
            p->birth = e->birth;
            p->household = e->household;
            p->ward = e->ward;
            p->middle = p->sex == e->sex ? e->middle : p->middle;
        }
        if (p->mother != SYNTH_NONE) {
            last[p->mother] = id;
        }
    }
    return ERR_OK;
}

/* ---- names ---- */

typedef struct Words {
    Str word[WORDS_MAX];
    size_t n;
} Words;

static void put_words(Words *words, Str text) {
    Str word;
    while (words->n < WORDS_MAX && str_cut(&text, ' ', &word)) {
        words->word[words->n++] = word;
    }
}

static Words name_words(const Desk *d, uint32_t id, bool upper) {
    const NameList *n = d->w->content->names;
    const Person *p = &d->w->people[id];
    const Name *names[3] = {
        &n[NAMES_FAMILY].names[p->family],
        &n[p->sex == 1 ? NAMES_MIDDLE_M : NAMES_MIDDLE_F].names[p->middle],
        &n[p->sex == 1 ? NAMES_GIVEN_M : NAMES_GIVEN_F].names[p->given],
    };
    Words words = {0};
    for (int i = 0; i < 3; i++) {
        put_words(&words, upper ? names[i]->upper : names[i]->title);
    }
    return words;
}

static Str join_words(Desk *d, const Words *words) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 512);
    for (size_t i = 0; i < words->n; i++) {
        if (i > 0) {
            buf_put_char(&b, ' ');
        }
        buf_put_str(&b, words->word[i]);
    }
    return arena_str(d->arena, buf_str(&b));
}

static Str decomposed(Desk *d, Str s) {
    utf8proc_uint8_t *text = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s.ptr, (utf8proc_ssize_t)s.len,
                                      &text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    Str result = n < 0 ? s : arena_str(d->arena, (Str){(const char *)text, (size_t)n});
    free(text);
    return result;
}

static bool is_tone(uint32_t cp) {
    return cp == 0x300 || cp == 0x301 || cp == 0x303 || cp == 0x309 || cp == 0x323;
}

/* The word with another tone: on the vowel that has one, else on the first vowel. */
static Str other_tone(Desk *d, Str word) {
    static const uint32_t tones[] = {0x300, 0x301, 0x303, 0x309, 0x323};
    Str s = decomposed(d, word);
    CLEANUP_BUF Buf b;
    buf_init(&b, 256);
    uint32_t wanted = tones[random_below(&d->r, ARRAY_LEN(tones))];
    bool done = false;
    bool has = false;
    for (size_t i = 0; i < s.len; i++) {
        has = has || (i + 1 < s.len && (uint8_t)s.ptr[i] == 0xCC);
    }
    for (size_t at = 0; at < s.len;) {
        uint32_t cp = 0;
        size_t n = utf8_decode(s, at, &cp);
        if (n == 0) {
            break;
        }
        bool vowel = cp < 128 && strchr("aeiouyAEIOUY", (int)cp) != NULL;
        if (is_tone(cp) && !done) {
            cp = cp == wanted ? (wanted == 0x300 ? 0x301u : 0x300u) : wanted;
            done = true;
        }
        utf8_put(&b, cp);
        if (!has && vowel && !done) {
            utf8_put(&b, wanted);
            done = true;
        }
        at += n;
    }
    return fold_nfc(d->arena, buf_str(&b));
}

/* One letter of the word wrong, missing, doubled or exchanged with its neighbour; only plain
 * letters are hit. */
static Str slip(Desk *d, Str word) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 256);
    size_t plain = 0;
    for (size_t i = 0; i < word.len; i++) {
        plain += (uint8_t)word.ptr[i] < 128;
    }
    uint64_t hit = plain < 2 ? UINT64_MAX : random_below(&d->r, plain);
    uint64_t kind = random_below(&d->r, 4);
    uint64_t seen = 0;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        bool here = (uint8_t)c < 128 && seen++ == hit;
        bool pair = here && kind == 3 && i + 1 < word.len && (uint8_t)word.ptr[i + 1] < 128;
        if (pair) {
            buf_put_char(&b, word.ptr[++i]);
            seen++;
        }
        if (here && kind == 0) {
            c = (char)((c & 0x60) | (1 + (int)random_below(&d->r, 26)));
        }
        if (!here || kind != 1) {
            buf_put_char(&b, c);
        }
        if (here && kind == 2) {
            buf_put_char(&b, c);
        }
    }
    return arena_str(d->arena, buf_str(&b));
}

static void shorten(Desk *d, Words *words) {
    if (words->n < 3) {
        return;
    }
    if (random_chance(&d->r, 0.5)) {
        uint32_t cp;
        size_t n = utf8_decode(words->word[1], 0, &cp);
        words->word[1] = arena_printf(d->arena, STR_FMT ".", (int)n, words->word[1].ptr);
    } else {
        memmove(&words->word[1], &words->word[2], (words->n - 2) * sizeof(Str));
        words->n--;
    }
}

static void reorder(Words *words) {
    Str given = words->word[words->n - 1];
    memmove(&words->word[1], &words->word[0], (words->n - 1) * sizeof(Str));
    words->word[0] = given;
}

/* A twin is sometimes named after the other: one accent tells them apart. */
static Words true_words(Desk *d, uint32_t id, bool upper) {
    uint32_t elder = d->w->twins[id];
    if (elder == SYNTH_NONE || d->w->people[elder].sex != d->w->people[id].sex || id % 3 != 0) {
        return name_words(d, id, upper);
    }
    Words words = name_words(d, elder, upper);
    Random keep = d->r;
    world_random(d->w, &d->r, STREAM_TWIN, (uint64_t)id + SYNTH_CITIZENS_MAX);
    words.word[words.n - 1] = other_tone(d, words.word[words.n - 1]);
    d->r = keep;
    return words;
}

static Str write_name(Desk *d) {
    Words words = true_words(d, d->id, is_so(d, RATE_UPPER));
    if (happens(d, RATE_TONE)) {
        size_t i = (size_t)random_below(&d->r, words.n);
        words.word[i] = other_tone(d, words.word[i]);
    }
    if (happens(d, RATE_SLIP)) {
        size_t i = (size_t)random_below(&d->r, words.n);
        words.word[i] = slip(d, words.word[i]);
    }
    if (happens(d, RATE_SHORT)) {
        shorten(d, &words);
    }
    if (happens(d, RATE_ORDER)) {
        reorder(&words);
    }
    Str name = join_words(d, &words);
    if (happens(d, RATE_JOINED) && words.n > 2) {
        Str last = words.word[words.n - 1];
        name = arena_printf(d->arena, STR_FMT STR_FMT, (int)(name.len - last.len - 1), name.ptr,
                            STR_ARG(last));
    }
    return happens(d, RATE_BARE)  ? fold(d->arena, name)
           : happens(d, RATE_NFD) ? decomposed(d, name)
                                  : name;
}

/* ---- numbers and dates ---- */

/* One digit another, or two neighbours exchanged; from the k-th character on. */
static Str digit_slip(Desk *d, Str s, size_t from) {
    char text[32];
    size_t n = MIN(s.len, sizeof text);
    memcpy(text, s.ptr, n);
    size_t at = from + (size_t)random_below(&d->r, n - from - 1);
    if (random_chance(&d->r, 0.3) && text[at] != text[at + 1]) {
        char c = text[at];
        text[at] = text[at + 1];
        text[at + 1] = c;
    } else {
        text[at] = (char)('0' + (text[at] - '0' + 1 + (int)random_below(&d->r, 9)) % 10);
    }
    return arena_str(d->arena, (Str){text, n});
}

static Str write_birth(Desk *d) {
    const Person *p = &d->w->people[d->id];
    int y;
    int m;
    int day;
    time_civil_from_days(p->birth, &y, &m, &day);
    bool old = person_age(p, d->w->to) >= 60;
    if (happens(d, old ? RATE_ONLY_YEAR * 10 : RATE_ONLY_YEAR)) {
        return arena_printf(d->arena, "%04d", y);
    }
    if (happens(d, RATE_NEW_YEAR)) {
        return arena_printf(d->arena, "%04d-01-01", y);
    }
    if (day <= 12 && happens(d, RATE_SWAP_DAY)) {
        int other = day;
        day = m;
        m = other;
    }
    if (happens(d, RATE_DAY_SLIP)) {
        switch (random_below(&d->r, 3)) {
        case 0:
            day = day % 10 == 9 ? day - 1 : MIN(day + 1, 28);
            break;
        case 1:
            m = m == 12 || m == 9 ? m - 1 : m + 1;
            break;
        default:
            y = y - 1 - (int)random_below(&d->r, 9);
        }
    }
    return arena_printf(d->arena, "%04d-%02d-%02d", y, m, day);
}

static Str true_cccd(Desk *d, uint32_t id) {
    const Person *p = &d->w->people[id];
    int y;
    int m;
    int day;
    uint32_t elder = d->w->twins[id];
    uint32_t series = elder == SYNTH_NONE ? id : elder / 10 * 10 + (elder + 1) % 10;
    time_civil_from_days(p->birth, &y, &m, &day);
    return arena_printf(d->arena, "%d%d%02d%06u", series < 1000000 ? 999 : 998,
                        (y - 1900) / 100 * 2 + p->sex - 1, y % 100, series % 1000000);
}

static void write_papers(Desk *d, SynthRecord *rec) {
    const Person *p = &d->w->people[d->id];
    bool child = person_age(p, d->w->to) < 14;
    if ((p->flags & PERSON_HAS_NUMBER) == 0 || happens(d, RATE_NO_CCCD)) {
        return;
    }
    if (!child && happens(d, RATE_OLD_PAPER)) {
        rec->paper = arena_printf(d->arena, "99%07u", d->id);
        return;
    }
    uint32_t whose =
        child && p->mother != SYNTH_NONE && happens(d, RATE_PARENT_CCCD) ? p->mother : d->id;
    rec->cccd = true_cccd(d, whose);
    if (happens(d, RATE_CCCD_SLIP)) {
        rec->cccd = digit_slip(d, rec->cccd, 3);
    }
}

static Str write_card(Desk *d) {
    const Person *p = &d->w->people[d->id];
    if ((p->flags & PERSON_INSURED) == 0 || (!d->is_claim && happens(d, RATE_NO_CARD))) {
        return STR_EMPTY;
    }
    bool small = person_age(p, d->day) < 6;
    const Card *c = &cards[small ? 0 : p->card];
    /* In claims the draws are the same at any age, so that a facility keeps to its errors. */
    if (d->copy > 0 && (d->is_claim || !small) && happens(d, RATE_NEW_GROUP)) {
        const Card *other = &cards[1 + random_below(&d->r, n_cards - 1)];
        c = small ? c : other;
    }
    bool renewed = d->copy > 0 && happens(d, RATE_NEW_NUMBER);
    Str number = arena_printf(d->arena, "99%08u", (renewed ? 50000000 : 0) + d->id);
    if (happens(d, RATE_CARD_SLIP)) {
        number = digit_slip(d, number, 2);
    }
    return arena_printf(d->arena, STR_FMT "%d99" STR_FMT, STR_ARG(c->object), c->digit,
                        STR_ARG(number));
}

static Str write_phone(Desk *d) {
    const Person *p = &d->w->people[d->id];
    if (is_so(d, RATE_NO_PHONE)) {
        return STR_EMPTY;
    }
    uint32_t number = d->id;
    if (person_age(p, d->w->to) < 16 || is_so(d, RATE_FAMILY_PHONE)) {
        number = p->mother != SYNTH_NONE ? p->mother : p->household;
    }
    if (d->copy > 0 && happens(d, RATE_NEW_PHONE)) {
        number = (uint32_t)random_below(&d->r, d->w->o.citizens);
    }
    return arena_printf(d->arena, "0000%06u", number % 1000000);
}

static Str write_commune(Desk *d) {
    size_t ward = d->w->people[d->id].ward;
    if (!d->is_claim && happens(d, RATE_NO_COMMUNE)) {
        return STR_EMPTY;
    }
    if (d->copy > 0 && happens(d, RATE_MOVED)) {
        ward = (size_t)random_below(&d->r, d->w->content->n_communes);
    }
    return d->w->content->communes[ward].ward->code;
}

/* The mother's name stands for the child's, and the card is a temporary one. */
static void write_newborn(Desk *d, SynthRecord *rec) {
    const Person *p = &d->w->people[d->id];
    Words words = name_words(d, p->mother, true);
    Str mother = join_words(d, &words);
    rec->name = arena_printf(d->arena, "CON BÀ " STR_FMT, STR_ARG(mother));
    rec->card = arena_printf(d->arena, "TE19997%08u", d->id);
    rec->cccd = STR_EMPTY;
    rec->newborn = true;
}

/* Notes what has an error when there were more since the last note. */
static void note(Desk *d, unsigned what) {
    d->errors |= d->hits != 0 ? what : 0;
    d->hits = 0;
}

static void write_record(Desk *d, SynthRecord *rec) {
    const Person *p = &d->w->people[d->id];
    const Facility *f = &d->w->facilities[random_below(&d->r, d->w->n_facilities)];
    *rec = (SynthRecord){.citizen = d->id, .twin = d->w->twins[d->id] != SYNTH_NONE};
    d->errors = d->hits = 0;
    rec->name = write_name(d);
    note(d, DESK_NAME);
    rec->birth = write_birth(d);
    note(d, DESK_BIRTH);
    rec->sex = (p->sex == 1) != happens(d, RATE_SEX) ? STR("male") : STR("female");
    note(d, DESK_SEX);
    rec->commune = write_commune(d);
    note(d, DESK_COMMUNE);
    rec->phone = write_phone(d);
    note(d, DESK_PHONE);
    write_papers(d, rec);
    note(d, DESK_NUMBER);
    rec->card = write_card(d);
    note(d, DESK_CARD);
    rec->local =
        arena_printf(d->arena, "%.5s|MP%08u", f->code, (uint32_t)random_below(&d->r, 99999989));
    int32_t newborn = d->is_claim ? 28 : 365;
    if (d->copy == 0 && d->day - p->birth < newborn && p->mother != SYNTH_NONE &&
        happens(d, RATE_UNNAMED)) {
        write_newborn(d, rec);
        note(d, DESK_NEWBORN);
    }
}

Desk *desk_new(const World *w, uint32_t errors_percent) {
    Desk *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    *d = (Desk){.w = w, .percent = errors_percent, .arena = arena_new(LIMIT_MIB)};
    if (d->arena == NULL) {
        desk_free(d);
        return NULL;
    }
    return d;
}

void desk_free(Desk *d) {
    if (d != NULL) {
        arena_free(d->arena);
        free(d);
    }
}

static const SynthRecord *written(Desk *d) {
    write_record(d, &d->record);
    return arena_failed(d->arena) ? NULL : &d->record;
}

const SynthRecord *desk_record(Desk *d, uint32_t person, uint32_t copy) {
    arena_reset(d->arena);
    d->id = person;
    d->copy = copy;
    d->day = d->w->to;
    d->is_claim = false;
    world_random(d->w, &d->r, STREAM_RECORD, (uint64_t)(copy + 1) * SYNTH_CITIZENS_MAX + person);
    return written(d);
}

const SynthRecord *desk_claim(Desk *d, uint32_t person, uint16_t facility, int32_t day) {
    arena_reset(d->arena);
    d->id = person;
    d->copy = facility != d->w->people[person].home;
    d->day = day;
    d->is_claim = true;
    world_random(d->w, &d->r, STREAM_DESK, (uint64_t)person << 16 | facility);
    return written(d);
}

unsigned desk_errors(const Desk *d) {
    return d->errors;
}
