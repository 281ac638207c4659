/* Resource version -> keys. Everything here is a pure function of the stored text. */
#include "store/index_key.h"

#include "core/fold.h"
#include "fhir/fhir_contained.h"
#include "fhir/fhir_extract.h"
#include "fhir/fhir_match.h"
#include "store/store_params_int.h"

enum { PARAM_PAIRS = 0x7F00, BATCH_FIRST = 64 };
#define DAY_BIAS INT64_C(0x80000000)

static const KeyPair pairs[] = {
    {FHIR_T_OBSERVATION, FHIR_P_CODE, FHIR_P_DATE, PARAM_PAIRS},
    {FHIR_T_CONDITION, FHIR_P_CODE, FHIR_P_RECORDED_DATE, PARAM_PAIRS + 1},
    {FHIR_T_CONDITION, FHIR_P_CODE, FHIR_P_ONSET_DATE, PARAM_PAIRS + 2},
};

const KeyPair *key_pair(size_t number) {
    static_assert((int)FHIR_P_COUNT < (int)KEY_OF_TYPE, "flavours stand above all parameters");
    static_assert((int)KEY_IDENTIFIER + (int)KEY_OF_TYPE < (int)PARAM_PAIRS, "pairs above those");
    static_assert((int)PARAM_PAIRS + 255 < (int)KEY_REFERENCE, "and below the references");
    return number < ARRAY_LEN(pairs) ? &pairs[number] : NULL;
}

bool key_is_pair(Str key) {
    unsigned param = (unsigned)(uint8_t)key.ptr[3] << 8 | (uint8_t)key.ptr[4];
    return param == FHIR_P_CODE_VALUE_QUANTITY || param >> 8 == PARAM_PAIRS >> 8;
}

size_t key_group(Str key) {
    if (key.len <= INDEX_PREFIX_LEN || key.ptr[0] != INDEX_VALUE) {
        return 0;
    }
    if (!key_is_pair(key)) { /* a token of text only stands beside the codes */
        return INDEX_PREFIX_LEN + (key.ptr[INDEX_PREFIX_LEN] == 0);
    }
    size_t code = str_find_char(key, '\0', INDEX_PREFIX_LEN);
    size_t system = code == SIZE_MAX ? SIZE_MAX : str_find_char(key, '\0', code + 1);
    return system == SIZE_MAX ? 0 : system + 1;
}

/* ---- pieces ---- */

void key_byte(KeyBuf *k, unsigned byte) {
    assert(k->len < INDEX_KEY_MAX);
    k->bytes[k->len++] = (char)byte;
}

void key_u16(KeyBuf *k, unsigned v) {
    key_byte(k, v >> 8 & 0xFF);
    key_byte(k, v & 0xFF);
}

void key_u64(KeyBuf *k, uint64_t v) {
    assert(k->len + 8 <= INDEX_KEY_MAX);
    u64_be_put((uint8_t *)k->bytes + k->len, v);
    k->len += 8;
}

static void key_bytes(KeyBuf *k, Str s) {
    assert(k->len + s.len <= INDEX_KEY_MAX);
    memcpy(k->bytes + k->len, s.ptr, s.len);
    k->len += s.len;
}

void key_text(KeyBuf *k, Str text, size_t max) {
    enum { HASH_DIGITS = 16 };
    size_t end = str_find_char(text, '\0', 0);
    Str s = str_sub(text, 0, end);
    if (s.len <= max) {
        if (s.len > 0) {
            key_bytes(k, s);
        }
        return;
    }
    key_bytes(k, str_sub(s, 0, max - HASH_DIGITS));
    uint64_t hash = hash64(s);
    for (int shift = 60; shift >= 0; shift -= 4) {
        key_byte(k, (unsigned char)"0123456789abcdef"[hash >> shift & 15]);
    }
}

void key_head(KeyBuf *k, IndexClass class, unsigned type, unsigned param) {
    k->len = index_key_head(k->bytes, class, type, param);
}

void key_token(KeyBuf *k, Str code, Str system, bool is_bound) {
    key_text(k, code, KEY_TEXT_MAX);
    key_byte(k, 0);
    if (is_bound) {
        key_byte(k, KEY_BOUND_SYSTEM);
    }
    key_text(k, system, KEY_TEXT_MAX);
}

void key_of_type(KeyBuf *k, Str code, Str system, Str value) {
    key_text(k, code, KEY_TEXT_MAX);
    key_byte(k, 0);
    key_text(k, system, KEY_TEXT_MAX);
    key_byte(k, 0);
    key_text(k, value, KEY_TEXT_MAX);
}

uint64_t key_cell_of(uint32_t north, uint32_t east) {
    uint64_t cell = 0;
    for (int bit = 31; bit >= 0; bit--) {
        cell = cell << 2 | (uint64_t)(north >> bit & 1) << 1 | (east >> bit & 1);
    }
    return cell;
}

/* [-limit, limit] as a share of the globe. */
static uint32_t share(double degrees, double limit) {
    double s = (degrees + limit) / (2 * limit) * 4294967296.0;
    return s <= 0 ? 0 : s >= 4294967295.0 ? UINT32_MAX : (uint32_t)s;
}

uint64_t key_cell(double latitude, double longitude) {
    return key_cell_of(share(latitude, 90), share(longitude, 180));
}

uint32_t key_day(TimeMs t) {
    int64_t day = t == INT64_MIN ? -DAY_BIAS : t == INT64_MAX ? DAY_BIAS - 1 : time_vn_day(t);
    return (uint32_t)(MAX(MIN(day, DAY_BIAS - 1), -DAY_BIAS) + DAY_BIAS);
}

Str key_string_cut(Str folded, bool *ret_cut) {
    size_t len = MIN(folded.len, str_find_char(folded, '\0', 0));
    *ret_cut = len > KEY_STRING_MAX;
    if (*ret_cut) { /* not inside a character */
        len = KEY_STRING_MAX;
        while (len > 0 && ((unsigned char)folded.ptr[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    return str_sub(folded, 0, len);
}

bool key_number(Str decimal, uint64_t *ret_key) {
    *ret_key = fhir_quantity_sort_key(decimal);
    size_t digits = 0;
    for (size_t i = 0; i < decimal.len && decimal.ptr[i] != 'e' && decimal.ptr[i] != 'E'; i++) {
        bool digit = decimal.ptr[i] >= '0' && decimal.ptr[i] <= '9';
        digits += digit && (digits > 0 || decimal.ptr[i] != '0');
    }
    return digits <= KEY_EXACT_DIGITS;
}

void key_contained(KeyBuf *k, FhirType type, unsigned param, FhirType inner) {
    key_head(k, INDEX_VALUE, (unsigned)type, param | KEY_REFERENCE);
    key_byte(k, KEY_CONTAINED);
    key_u16(k, (unsigned)inner);
}

void key_target(KeyBuf *k, Slot first, Str id) {
    key_byte(k, first != 0 ? KEY_SLOT : KEY_ID);
    if (first != 0) {
        key_u64(k, first);
    } else {
        key_text(k, id, KEY_TEXT_MAX);
        key_byte(k, 0);
    }
}

/* ---- the batch ---- */

static ErrCode batch_put(IndexBatch *b, const KeyBuf *k, uint32_t offset, unsigned relocate) {
    if (b->n == b->capacity) {
        size_t capacity = MAX(b->capacity * 2, (size_t)BATCH_FIRST);
        IndexEntry *entries = arena_alloc(b->arena, capacity * sizeof(*entries));
        if (entries == NULL) {
            return ERR_NOMEM;
        }
        if (b->n > 0) {
            memcpy(entries, b->entries, b->n * sizeof(*entries));
        }
        b->entries = entries;
        b->capacity = capacity;
    }
    char *bytes = arena_alloc(b->arena, k->len);
    if (bytes == NULL) {
        return ERR_NOMEM;
    }
    memcpy(bytes, k->bytes, k->len);
    b->entries[b->n++] = (IndexEntry){{bytes, k->len}, offset, (uint16_t)relocate};
    return ERR_OK;
}

/* ---- values ---- */

typedef struct KeySink {
    FhirIndexSink sink;
    IndexBatch *batch;
    Arena *scratch;
    const IndexSubject *subject;
    ErrCode err;
    const JsonNode *root;
    FhirContained *contained; /* of the root, when something refers to one of them */
} KeySink;

static void sink_put(KeySink *s, const KeyBuf *k, unsigned relocate) {
    if (s->err == ERR_OK) {
        s->err = batch_put(s->batch, k, s->subject->offset, relocate);
    }
}

static void append_token(KeyBuf *k, const FhirIndexValue *v) {
    if ((v->flags & FHIR_TOKEN_TEXT) != 0) {
        key_u16(k, 0);
        return;
    }
    const FhirIndexToken *t = &v->token;
    bool is_bound = t->has_system && (v->flags & FHIR_TOKEN_PLAIN) != 0;
    key_token(k, t->code, t->has_system ? t->system : STR_EMPTY, is_bound);
}

static void append_number(KeyBuf *k, Str text, bool is_span) {
    uint64_t number = 0;
    Decimal d;
    bool is_number = decimal_parse(text, &d) == ERR_OK;
    bool is_point = is_number && key_number(text, &number) && !is_span;
    key_byte(k, is_point ? KEY_POINT : is_number || is_span ? KEY_SPAN : KEY_NONE);
    key_u64(k, number);
}

static void append_quantity_number(KeyBuf *k, const FhirIndexQuantity *q) {
    append_number(k, q->value, q->is_range || q->comparator.len > 0);
}

static void append_units(KeyBuf *k, const FhirIndexQuantity *q) {
    key_text(k, q->code, KEY_UNIT_MAX);
    key_byte(k, 0);
    key_text(k, q->system, KEY_TEXT_MAX);
    key_byte(k, 0);
    key_text(k, str_eq(q->unit, q->code) ? STR_EMPTY : q->unit, KEY_UNIT_MAX);
}

static void append_date(KeyBuf *k, TimeMs lo, TimeMs hi) {
    uint32_t from = key_day(lo);
    uint32_t upto = key_day(hi == INT64_MAX ? hi : hi - 1);
    key_u64(k, (uint64_t)from << 32 | MAX(from, upto));
}

static void append_string(KeyBuf *k, Str folded) {
    bool cut = false;
    Str text = key_string_cut(folded, &cut);
    if (text.len > 0) {
        key_bytes(k, text);
    }
    key_byte(k, 0);
    key_byte(k, cut ? KEY_CUT : KEY_WHOLE);
}

/* "Type/~12": a resource that this commit makes. The same record finds it without a posting. */
static void put_local(KeySink *s, KeyBuf *k, const FhirIndexReference *r) {
    uint32_t target = (uint32_t)r->local;
    if (target / STORE_RECORD_SLOTS == s->subject->offset / STORE_RECORD_SLOTS) {
        return;
    }
    key_byte(k, KEY_SLOT);
    unsigned relocate = (unsigned)k->len;
    key_u64(k, target);
    key_u16(k, (unsigned)r->type);
    sink_put(s, k, relocate);
}

static void put_reference(KeySink *s, KeyBuf *k, const FhirIndexReference *r) {
    if (r->is_record_patient) {
        return;
    }
    if (r->local >= 0) {
        put_local(s, k, r);
        return;
    }
    if (r->url.len > 0) {
        key_byte(k, KEY_URL);
        key_text(k, r->url, KEY_URL_MAX);
    } else {
        key_target(k, store_id_parse(s->subject->store, r->id), r->id);
        key_u16(k, (unsigned)r->type);
    }
    sink_put(s, k, 0);
}

/* A part of a composite; references inside composites are compared on the resource only. */
static void append_part(KeySink *s, KeyBuf *k, const FhirIndexValue *v) {
    switch ((FhirIndexKind)v->kind) {
    case FHIR_INDEX_TOKEN:
        append_token(k, v);
        break;
    case FHIR_INDEX_STRING:
        append_string(k, fhir_fold_string(s->scratch, v->string.text));
        break;
    case FHIR_INDEX_DATE:
        append_date(k, v->date.lo, v->date.hi);
        break;
    case FHIR_INDEX_NUMBER:
        append_number(k, v->number.text, v->number.is_range);
        break;
    case FHIR_INDEX_QUANTITY:
        append_units(k, &v->quantity);
        key_byte(k, 0);
        append_quantity_number(k, &v->quantity);
        break;
    case FHIR_INDEX_URI:
    case FHIR_INDEX_REFERENCE:
    case FHIR_INDEX_COMPOSITE:
    case FHIR_INDEX_TEXT:
    case FHIR_INDEX_OF_TYPE:
    case FHIR_INDEX_IDENTIFIER:
    case FHIR_INDEX_WORDS:
    case FHIR_INDEX_POSITION:
    case FHIR_INDEX_CONTAINED:
        break;
    }
}

/* The first part decides where the key stands, the second one follows; a third one is left to the
 * verification. */
static void put_composite(KeySink *s, KeyBuf *k, const FhirIndexValue *v) {
    for (unsigned i = 0; i < MIN(v->composite.n_parts, 2u); i++) {
        if (i > 0) {
            key_byte(k, 0);
        }
        append_part(s, k, v->composite.parts[i]);
    }
    sink_put(s, k, 0);
}

/* A key, or one for the rest from each word on. */
static void put_text(KeySink *s, const KeyBuf *head, const FhirIndexValue *v) {
    Str folded = fhir_fold_string(s->scratch, v->string.text);
    uint32_t starts[FHIR_WORDS_MAX] = {0};
    size_t n = (v->flags & FHIR_STRING_WORDS) != 0 ? fhir_word_starts(folded, starts) : 1;
    for (size_t i = 0; i < n; i++) {
        KeyBuf k = *head;
        append_string(&k, str_sub(folded, starts[i], SIZE_MAX));
        sink_put(s, &k, 0);
    }
}

/* A set of words: open addressing, in the scratch arena. */
typedef struct WordSet {
    Str *words;
    size_t mask, n;
} WordSet;

/* True when the word is new. The set has room for twice KEY_WORDS_MAX. */
static bool word_is_new(WordSet *set, Str word) {
    size_t i = hash64(word) & set->mask;
    while (set->words[i].len > 0 && !str_eq(set->words[i], word)) {
        i = (i + 1) & set->mask;
    }
    if (set->words[i].len > 0) {
        return false;
    }
    set->words[i] = word;
    set->n++;
    return true;
}

static void put_words(KeySink *s, const KeyBuf *head, const FhirIndexValue *v) {
    enum { SET_SIZE = 2048 };
    static_assert((int)SET_SIZE > (int)KEY_WORDS_MAX + (int)KEY_WORDS_MAX / 2, "room");
    bool unread = (v->flags & FHIR_WORDS_UNREAD) != 0;
    WordSet set = {.mask = SET_SIZE - 1};
    if (!unread) {
        set.words = arena_new_array(s->scratch, Str, SET_SIZE);
    }
    Str word;
    for (size_t at = 0; set.words != NULL && fhir_next_word(v->words.text, &at, &word);) {
        if (set.n == KEY_WORDS_MAX) {
            unread = true;
            break;
        }
        if (word_is_new(&set, word)) {
            KeyBuf k = *head;
            key_text(&k, word, KEY_TEXT_MAX);
            sink_put(s, &k, 0);
        }
    }
    if (unread) {
        KeyBuf k = *head;
        key_byte(&k, KEY_UNREAD);
        sink_put(s, &k, 0);
    }
}

/* Which type of resource is contained and referred to: what it says is read when a chain asks. */
static void put_contained(KeySink *s, const FhirIndexValue *v) {
    KeyBuf k;
    FhirType type = FHIR_T_NONE;
    if (s->contained == NULL) {
        s->contained = fhir_contained_new(s->scratch, s->root);
    }
    if (s->contained == NULL) {
        s->err = s->err == ERR_OK ? ERR_NOMEM : s->err;
        return;
    }
    (void)fhir_contained_find(s->contained, v->contained.id, &type); /* not there: FHIR_T_NONE */
    if (v->contained.type == FHIR_T_NONE || v->contained.type == type) {
        key_contained(&k, s->subject->type, v->param, type);
        sink_put(s, &k, 0);
    }
}

/* Values that only modifiers look at: keys of their own flavour; words and places. */
static void put_side(KeySink *s, const FhirIndexValue *v) {
    KeyBuf k;
    if (v->kind == FHIR_INDEX_CONTAINED) {
        put_contained(s, v);
        return;
    }
    key_head(&k, INDEX_VALUE, (unsigned)s->subject->type, v->param);
    if (v->kind == FHIR_INDEX_WORDS) {
        put_words(s, &k, v);
        return;
    }
    if (v->kind == FHIR_INDEX_POSITION) {
        key_u64(&k, key_cell(v->position.latitude, v->position.longitude));
        sink_put(s, &k, 0);
        return;
    }
    unsigned flavour = v->kind == FHIR_INDEX_TEXT      ? KEY_TEXT
                       : v->kind == FHIR_INDEX_OF_TYPE ? KEY_OF_TYPE
                                                       : KEY_IDENTIFIER;
    key_head(&k, INDEX_VALUE, (unsigned)s->subject->type, v->param | flavour);
    if (v->kind == FHIR_INDEX_TEXT) {
        append_string(&k, fhir_fold_string(s->scratch, v->string.text));
    } else if (v->kind == FHIR_INDEX_OF_TYPE) {
        key_of_type(&k, v->of_type.code, v->of_type.system, v->of_type.value);
    } else {
        key_token(&k, v->token.code, v->token.system, false);
    }
    sink_put(s, &k, 0);
}

bool key_value(KeyBuf *k, Arena *scratch, const FhirIndexValue *v) {
    switch ((FhirIndexKind)v->kind) {
    case FHIR_INDEX_TOKEN:
        append_token(k, v);
        return (v->flags & FHIR_TOKEN_TEXT) == 0;
    case FHIR_INDEX_STRING:
        append_string(k, fhir_fold_string(scratch, v->string.text));
        return true;
    case FHIR_INDEX_DATE:
        append_date(k, v->date.lo, v->date.hi);
        return true;
    case FHIR_INDEX_NUMBER:
        append_number(k, v->number.text, v->number.is_range);
        return true;
    case FHIR_INDEX_QUANTITY:
        append_quantity_number(k, &v->quantity);
        append_units(k, &v->quantity);
        return true;
    case FHIR_INDEX_URI:
        key_byte(k, KEY_URL);
        key_text(k, v->uri.text, KEY_URL_MAX);
        return true;
    case FHIR_INDEX_REFERENCE:
    case FHIR_INDEX_COMPOSITE:
    case FHIR_INDEX_TEXT:
    case FHIR_INDEX_OF_TYPE:
    case FHIR_INDEX_IDENTIFIER:
    case FHIR_INDEX_WORDS:
    case FHIR_INDEX_POSITION:
    case FHIR_INDEX_CONTAINED:
        break;
    }
    return false;
}

static void put_value(FhirIndexSink *sink, const FhirIndexValue *v) {
    KeySink *s = (KeySink *)sink;
    KeyBuf k;
    key_head(&k, INDEX_VALUE, (unsigned)s->subject->type, v->param);
    if (fhir_index_is_side(v->kind)) {
        put_side(s, v);
    } else if (v->kind == FHIR_INDEX_STRING) {
        put_text(s, &k, v);
    } else if (v->kind == FHIR_INDEX_REFERENCE) {
        key_head(&k, INDEX_VALUE, (unsigned)s->subject->type, v->param | KEY_REFERENCE);
        put_reference(s, &k, &v->reference);
    } else if (v->kind == FHIR_INDEX_COMPOSITE) {
        put_composite(s, &k, v);
    } else {
        (void)key_value(&k, s->scratch, v); /* of tokens of text the mark alone */
        sink_put(s, &k, 0);
    }
}

/* ---- pairs of parameters of one resource ---- */

static bool is_value_of(const IndexEntry *e, unsigned param) {
    return e->key.ptr[0] == INDEX_VALUE && (uint8_t)e->key.ptr[3] == param >> 8 &&
           (uint8_t)e->key.ptr[4] == (param & 0xFF);
}

static Str value_of(const IndexEntry *e) {
    return str_sub(e->key, INDEX_PREFIX_LEN, SIZE_MAX);
}

/* Every token with every date among the entries from..n that this resource just got. */
static void put_pair(KeySink *s, const KeyPair *pair, size_t from) {
    size_t upto = s->batch->n;
    for (size_t t = from; t < upto; t++) {
        if (!is_value_of(&s->batch->entries[t], pair->token) ||
            value_of(&s->batch->entries[t]).ptr[0] == 0) {
            continue; /* another parameter, or a token without a code */
        }
        for (size_t d = from; d < upto; d++) {
            if (is_value_of(&s->batch->entries[d], pair->date)) {
                KeyBuf k;
                key_head(&k, INDEX_VALUE, (unsigned)pair->type, pair->param);
                key_bytes(&k, value_of(&s->batch->entries[t]));
                key_byte(&k, 0);
                key_bytes(&k, value_of(&s->batch->entries[d]));
                sink_put(s, &k, 0);
            }
        }
    }
}

static KeySink key_sink(IndexBatch *batch, Arena *scratch, const IndexSubject *subject) {
    return (KeySink){.sink = {put_value, true, true},
                     .batch = batch,
                     .scratch = scratch,
                     .subject = subject,
                     .root = subject->root};
}

static ErrCode put_values(IndexBatch *batch, Arena *scratch, const IndexSubject *subject) {
    KeySink s = key_sink(batch, scratch, subject);
    size_t from = batch->n;
    TRY(fhir_extract(scratch, subject->type, subject->root, &s.sink));
    for (size_t i = 0; key_pair(i) != NULL; i++) {
        if (key_pair(i)->type == subject->type) {
            put_pair(&s, key_pair(i), from);
        }
    }
    return s.err != ERR_OK ? s.err : arena_failed(scratch) ? ERR_NOMEM : ERR_OK;
}

ErrCode index_custom_keys(IndexBatch *batch, Arena *scratch, const IndexSubject *subject,
                          const IndexCustom *custom) {
    KeySink s = key_sink(batch, scratch, subject);
    s.root = custom->root;
    TRY(custom_extract(custom->param, scratch, custom->row, custom->root, &s.sink));
    return s.err != ERR_OK ? s.err : arena_failed(scratch) ? ERR_NOMEM : ERR_OK;
}

/* ---- one resource version ---- */

static ErrCode put_version(IndexBatch *batch, const IndexSubject *subject) {
    KeyBuf k;
    if (subject->first != 0) {
        assert(subject->prev >= subject->first);
        key_head(&k, INDEX_VERSION, 0, 0);
        key_u64(&k, subject->first);
        TRY(batch_put(batch, &k, subject->offset, 0));
        key_head(&k, INDEX_SUPERSEDED, (unsigned)subject->type, 0);
        key_u64(&k, subject->prev);
        TRY(batch_put(batch, &k, subject->offset, 0));
    } else if (subject->client_id.len > 0) {
        key_head(&k, INDEX_CLIENT_ID, (unsigned)subject->type, 0);
        key_bytes(&k, str_sub(subject->client_id, 0, INDEX_KEY_MAX - k.len));
        TRY(batch_put(batch, &k, subject->offset, 0));
    }
    if (subject->root == NULL) {
        key_head(&k, INDEX_DELETED, (unsigned)subject->type, 0);
        TRY(batch_put(batch, &k, subject->offset, 0));
    }
    key_head(&k, INDEX_TYPE, (unsigned)subject->type, 0);
    return batch_put(batch, &k, subject->offset, 0);
}

ErrCode index_keys(IndexBatch *batch, Arena *scratch, const IndexSubject *subject) {
    assert((subject->first == 0) == (subject->prev == 0));
    assert(subject->first != 0 || subject->root != NULL);
    TRY(put_version(batch, subject));
    return subject->root == NULL ? ERR_OK : put_values(batch, scratch, subject);
}

ErrCode index_patient_key(IndexBatch *batch, const IndexSubject *subject) {
    assert(subject->patient != 0 || subject->patient_offset >= 0);
    KeyBuf k;
    key_head(&k, INDEX_PATIENT, 0, 0);
    unsigned relocate = subject->patient == 0 ? (unsigned)k.len : 0;
    key_u64(&k, relocate == 0 ? subject->patient : (uint64_t)subject->patient_offset);
    /* The record stands for itself: its first slot. */
    return batch_put(batch, &k, subject->offset & ~(uint32_t)(STORE_RECORD_SLOTS - 1), relocate);
}

ErrCode index_token_key(Buf *out, const StoreExpect *token, bool is_bound) {
    KeyBuf k;
    key_head(&k, INDEX_VALUE, (unsigned)token->type, token->param);
    key_token(&k, token->value, token->system, is_bound);
    buf_put_str(out, key_str(&k));
    return buf_ok(out);
}
