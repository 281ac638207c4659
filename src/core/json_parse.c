/* The parser: one pass over the text, which writes the tape's nodes in the order of the text. The
 * nesting is a stack of frames, not of C calls. Strings are searched 16 bytes at a time; only those
 * with escapes, bytes from 0x80 or an end within the last 16 bytes of the text take the slow path.
 *
 * Duplicate names: each open object keeps a 64-bit Bloom filter over (first byte, last byte,
 * length). A new bit proves the name to be new. Otherwise a small object is walked, and a large one
 * gets a hash set of tape indices, seeded at random so that nobody can aim collisions at it. */
#include "core/json.h"

#include "core/hash.h"
#include "core/json_int.h"
#include "core/limits.h"
#include "core/random.h"
#include "core/utf8.h"

/* X(name, code, rule, English, Vietnamese): %zu is the byte offset. */
#define FAULT_LIST(X)                                                                              \
    X(EMPTY, SYNTAX, "json-empty", "there is no JSON value; a value was expected at byte %zu",     \
      "không có giá trị JSON; cần một giá trị tại byte %zu")                                       \
    X(END, SYNTAX, "json-end", "the JSON text ends too early, at byte %zu; was it cut off?",       \
      "nội dung JSON kết thúc quá sớm, tại byte %zu; có phải bị cắt mất?")                         \
    X(VALUE, SYNTAX, "json-value", "no JSON value begins at byte %zu",                             \
      "không có giá trị JSON hợp lệ bắt đầu tại byte %zu")                                         \
    X(NUMBER, SYNTAX, "json-number", "the number is not written as JSON demands at byte %zu",      \
      "số không viết đúng quy tắc JSON tại byte %zu")                                              \
    X(ESCAPE, SYNTAX, "json-escape", "the escape after the backslash at byte %zu is unknown",      \
      "ký hiệu thoát sau dấu gạch chéo ngược tại byte %zu không hợp lệ")                           \
    X(SURROGATE, SYNTAX, "json-surrogate",                                                         \
      "the escape at byte %zu is half of a surrogate pair without the other half",                 \
      "ký hiệu thoát tại byte %zu chỉ là một nửa của cặp surrogate, thiếu nửa kia")                \
    X(CONTROL, SYNTAX, "json-control",                                                             \
      "a control character stands in a string at byte %zu; write it as an escape",                 \
      "có ký tự điều khiển trong chuỗi tại byte %zu; hãy viết bằng ký hiệu thoát")                 \
    X(UTF8, SYNTAX, "json-utf8", "the bytes at offset %zu are not UTF-8",                          \
      "các byte tại vị trí %zu không phải UTF-8")                                                  \
    X(NAME, SYNTAX, "json-name", "a member name in quotes was expected at byte %zu",               \
      "cần tên thành phần trong dấu ngoặc kép tại byte %zu")                                       \
    X(COLON, SYNTAX, "json-colon", "a colon was expected at byte %zu",                             \
      "cần dấu hai chấm tại byte %zu")                                                             \
    X(COMMA, SYNTAX, "json-comma", "a comma or the closing bracket was expected at byte %zu",      \
      "cần dấu phẩy hoặc dấu đóng ngoặc tại byte %zu")                                             \
    X(TRAILING, SYNTAX, "json-trailing", "something follows the JSON value at byte %zu",           \
      "còn nội dung thừa sau giá trị JSON tại byte %zu")                                           \
    X(DUPLICATE, SYNTAX, "json-duplicate",                                                         \
      "the member name at byte %zu appears twice in the same object",                              \
      "tên thành phần tại byte %zu xuất hiện hai lần trong cùng một đối tượng")                    \
    X(DEPTH, LIMIT, "json-depth", "objects and arrays are nested too deep at byte %zu",            \
      "đối tượng và mảng lồng nhau quá sâu tại byte %zu")                                          \
    X(SIZE, LIMIT, "json-size", "the JSON value is larger than the limit of %zu bytes",            \
      "giá trị JSON lớn hơn giới hạn %zu byte")                                                    \
    X(NODES, LIMIT, "json-nodes", "the JSON value has more than 20 million values, at byte %zu",   \
      "giá trị JSON có hơn 20 triệu giá trị, tại byte %zu")                                        \
    X(ITEMS, LIMIT, "json-items", "a list has more than 100,000 values, at byte %zu",              \
      "một danh sách có hơn 100.000 giá trị, tại byte %zu")                                        \
    X(MEMORY, NOMEM, "json-memory", "no memory for the JSON value at byte %zu",                    \
      "không đủ bộ nhớ cho giá trị JSON tại byte %zu")

typedef enum Fault {
#define X(name, code, rule, en, vi) FAULT_##name,
    FAULT_LIST(X)
#undef X
} Fault;
static_assert(LIMIT_JSON_ITEMS == 100000, "as FAULT_ITEMS says");

/* Objects with more members get a hash set on the first doubt. */
enum { WALK_MEMBERS = 16, SET_FIRST = 64 };
/* Bytes that a value among many is first expected to have. */
#define FIRST_OF_MANY ((size_t)4096)

typedef struct Frame {
    uint32_t node;  /* tape index of the bracket */
    uint32_t count; /* names, or commas of a list, so far */
    uint64_t bloom; /* over the names so far; all ones: look at every name */
    char close;     /* the bracket that ends it */
    bool has_set;
} Frame;

/* Open addressing. A slot has a name's tape index below and the upper half of its hash above, so
 * that names are compared only when they are equal or nearly so; 0 is free (index 0 is never a
 * name). */
typedef struct NameSet {
    uint64_t *slots;
    size_t capacity; /* allocated; the part in use is mask + 1 */
    size_t mask;
} NameSet;

typedef struct Parser {
    JsonNode *next;  /* where the next node goes */
    JsonNode *limit; /* room for a name and its value ends here */
    JsonNode *tape;
    const char *begin;
    const char *end;
    Frame *top; /* innermost open container; stack[0] is none */
    Arena *arena;
    ErrInfo *info;
    ErrCode err;
    bool clipped;      /* the text goes on behind `end`, which is the size limit */
    bool many;         /* more values follow in the text: its length says nothing about this one */
    uint64_t set_seed; /* 0: not drawn yet */
    NameSet *sets;     /* one a level, once an object needed one */
    Buf scratch;       /* decoded names */
    Frame stack[LIMIT_JSON_DEPTH + 1];
} Parser;

/* Notes the fault at `at` and returns NULL, which every step passes up. */
__attribute__((noinline, cold)) static const char *fail(Parser *p, const char *at, Fault fault) {
    static const struct {
        ErrCode code;
        const char *rule, *en, *vi;
    } rows[] = {
#define X(name, code, rule, en, vi) {ERR_##code, rule, en, vi},
        FAULT_LIST(X)
#undef X
    };
    assert(at >= p->begin && at <= p->end);
    if (at == p->end && fault != FAULT_MEMORY && fault != FAULT_NODES) {
        /* Whatever was missing, the reason is that the text ended. */
        fault = p->clipped ? FAULT_SIZE : fault == FAULT_EMPTY ? FAULT_EMPTY : FAULT_END;
    }
    size_t offset = (size_t)(at - p->begin);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    p->err = err_set(p->info, rows[fault].code, rows[fault].rule, rows[fault].en, rows[fault].vi,
                     offset);
#pragma GCC diagnostic pop
    if (p->info != NULL) {
        p->info->offset = offset;
    }
    return NULL;
}

/* Behind white space; the long case is indentation: a line end and many blanks. */
__attribute__((noinline)) static const char *skip_blanks(const char *at, const char *end) {
#if defined(__SSE2__)
    while (end - at >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i blank = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
                                     _mm_cmpeq_epi8(v, _mm_set1_epi8('\n')));
        unsigned other = ~(unsigned)_mm_movemask_epi8(blank) & 0xFFFF;
        at += other == 0 ? 16 : __builtin_ctz(other);
        if (other != 0 && *at != '\r' && *at != '\t') {
            return at;
        }
        at += other != 0;
    }
#endif
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

static inline const char *skip_space(const char *at, const char *end) {
    return LIKELY(at < end && (unsigned char)*at > ' ') ? at : skip_blanks(at, end);
}

/* More room on the tape: twice as much, or by what the text so far needed a byte. */
__attribute__((noinline, cold)) static bool grow_tape(Parser *p, const char *at) {
    size_t used = (size_t)(p->next - p->tape);
    size_t capacity = (size_t)(p->limit - p->tape) + 2;
    assert(used <= capacity && at <= p->end);
    size_t done = (size_t)(at - p->begin) + 1;
    size_t left = (size_t)(p->end - at);
    size_t want = capacity * 2;
    if (!p->many) {
        size_t rest = (size_t)((double)used / (double)done * (double)left);
        want = MAX(used + rest + used / 8 + 64, capacity + capacity / 2);
    }
    want = MIN(want, used + left + 2); /* a byte begins at most one node */
    if (used + 2 > LIMIT_JSON_NODES) {
        return fail(p, at, FAULT_NODES) != NULL;
    }
    want = MIN(want, (size_t)LIMIT_JSON_NODES + 2);
    JsonNode *tape =
        arena_resize(p->arena, p->tape, capacity * sizeof(JsonNode), want * sizeof(JsonNode));
    if (tape == NULL) {
        return fail(p, at, FAULT_MEMORY) != NULL;
    }
    p->tape = tape;
    p->next = tape + used;
    p->limit = tape + want - 2;
    return true;
}

/* Checks the escape whose backslash stands at s; returns what follows it. */
static const char *check_escape(Parser *p, const char *s) {
    if (p->end - s < 2) {
        return fail(p, p->end, FAULT_END);
    }
    if (s[1] != 'u') {
        bool known = s[1] != '\0' && strchr("\"\\/bfnrt", s[1]) != NULL;
        return known ? s + 2 : fail(p, s, FAULT_ESCAPE);
    }
    if (p->end - s < 6) {
        return fail(p, p->end, FAULT_END);
    }
    int32_t unit = json_hex4(s + 2);
    if (unit < 0) {
        return fail(p, s, FAULT_ESCAPE);
    }
    if (unit < 0xD800 || unit > 0xDFFF) {
        return s + 6;
    }
    size_t left = (size_t)(p->end - s);
    bool pair = unit <= 0xDBFF && (left < 7 || s[6] == '\\') && (left < 8 || s[7] == 'u');
    if (pair && left < 12) {
        return fail(p, p->end, FAULT_END);
    }
    int32_t second = pair ? json_hex4(s + 8) : -1;
    return second >= 0xDC00 && second <= 0xDFFF ? s + 12 : fail(p, s, FAULT_SURROGATE);
}

/* The rest of the string that began at `begin`, from s on: run by run of plain text. */
__attribute__((noinline)) static const char *slow_string(Parser *p, const char *begin,
                                                         const char *s) {
    bool escaped = false;
    for (;;) {
        const char *run = json_run_end(s, p->end);
        size_t len = (size_t)(run - s);
        size_t valid = utf8_valid_len((Str){s, len});
        if (valid < len) {
            return fail(p, s + valid, FAULT_UTF8);
        }
        if (run == p->end) {
            return fail(p, run, FAULT_END);
        }
        if (*run == '"') {
            *p->next++ = (JsonNode){.text = begin,
                                    .len = (uint32_t)(run - begin),
                                    .skip = 1,
                                    .type = JSON_STRING,
                                    .escaped = escaped};
            return run + 1;
        }
        if (*run != '\\') {
            return fail(p, run, FAULT_CONTROL);
        }
        escaped = true;
        s = check_escape(p, run);
        if (s == NULL) {
            return NULL;
        }
    }
}

/* A string whose opening quote stands before `at`; returns what follows the closing one. */
static inline const char *parse_string(Parser *p, const char *at) {
    const char *s = at;
    while (LIKELY(p->end - s >= 16)) {
        unsigned mask = json_mask16(s, true);
        if (mask != 0) {
            s += __builtin_ctz(mask);
            if (UNLIKELY(*s != '"')) {
                break;
            }
            *p->next++ =
                (JsonNode){.text = at, .len = (uint32_t)(s - at), .skip = 1, .type = JSON_STRING};
            return s + 1;
        }
        s += 16;
    }
    return slow_string(p, at, s);
}

static inline const char *digits(const char *s, const char *end) {
    while (s < end && (unsigned char)(*s - '0') <= 9) {
        s++;
    }
    return s;
}

/* -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
static const char *parse_number(Parser *p, const char *at) {
    const char *end = p->end;
    const char *s = at + (*at == '-');
    const char *from = s;
    s = digits(s, end);
    if (s == from) {
        return fail(p, s, FAULT_NUMBER);
    }
    if (*from == '0' && s - from > 1) {
        return fail(p, from + 1, FAULT_NUMBER);
    }
    if (s < end && *s == '.') {
        from = s + 1;
        s = digits(from, end);
        if (s == from) {
            return fail(p, s, FAULT_NUMBER);
        }
    }
    if (s < end && (*s | 0x20) == 'e') {
        s++;
        s += s < end && (*s == '+' || *s == '-');
        from = s;
        s = digits(from, end);
        if (s == from) {
            return fail(p, s, FAULT_NUMBER);
        }
    }
    *p->next++ = (JsonNode){.text = at, .len = (uint32_t)(s - at), .skip = 1, .type = JSON_NUMBER};
    return s;
}

static const char *parse_literal(Parser *p, const char *at, Str word, JsonType type) {
    for (size_t i = 0; i < word.len; i++) {
        if (at + i == p->end || at[i] != word.ptr[i]) {
            return fail(p, at + i, FAULT_VALUE);
        }
    }
    *p->next++ =
        (JsonNode){.text = at, .len = (uint32_t)word.len, .skip = 1, .type = (unsigned)type & 7};
    return at + word.len;
}

static uint64_t name_hash(Parser *p, const JsonNode *name) {
    if (!name->escaped) {
        return hash64_seed(json_raw_str(name), p->set_seed);
    }
    buf_clear(&p->scratch);
    json_decode(&p->scratch, name);
    return hash64_seed(buf_str(&p->scratch), p->set_seed);
}

/* Puts the name at tape index `index` into the set; false when an equal one is there. */
static bool set_add(Parser *p, NameSet *set, uint32_t index) {
    assert(index > p->top->node && set->mask > p->top->count);
    const JsonNode *name = p->tape + index;
    uint64_t hash = name_hash(p, name);
    size_t at = (size_t)hash & set->mask;
    for (; set->slots[at] != 0; at = (at + 1) & set->mask) {
        uint64_t slot = set->slots[at];
        if (slot >> 32 == hash >> 32 && json_same_str(p->tape + (uint32_t)slot, name)) {
            return false;
        }
    }
    set->slots[at] = (hash & ~(uint64_t)UINT32_MAX) | index;
    return true;
}

/* An empty set with room for the names of the top object twice over, then those names. */
static bool set_fill(Parser *p, NameSet *set, uint32_t before) {
    size_t want = SET_FIRST;
    while (want < (size_t)p->top->count * 4) {
        want *= 2;
    }
    if (want > set->capacity) {
        free(set->slots);
        set->slots = calloc(want, sizeof(uint64_t));
        set->capacity = set->slots == NULL ? 0 : want;
        if (set->slots == NULL) {
            return false;
        }
    } else {
        memset(set->slots, 0, want * sizeof(uint64_t));
    }
    set->mask = want - 1;
    for (uint32_t i = p->top->node + 1; i < before; i += 1 + p->tape[i + 1].skip) {
        assert(p->tape[i].type == JSON_STRING && p->tape[i + 1].skip > 0);
        (void)set_add(p, set, i);
    }
    return true;
}

/* The set of the top object, filled with the names before index `before` where it has to be. */
static NameSet *set_need(Parser *p, uint32_t before) {
    if (p->sets == NULL) {
        p->sets = calloc(LIMIT_JSON_DEPTH + 1, sizeof(NameSet));
        if (p->sets == NULL) {
            return NULL;
        }
        if (random_secret(&p->set_seed, sizeof(p->set_seed)) != ERR_OK) {
            p->set_seed = (uint64_t)(uintptr_t)p ^ (uint64_t)(uintptr_t)p->tape << 16;
        }
    }
    NameSet *set = &p->sets[p->top - p->stack];
    bool fits = p->top->has_set && (size_t)p->top->count * 2 <= set->mask;
    if (!fits && !set_fill(p, set, before)) {
        return NULL;
    }
    p->top->has_set = true;
    return set;
}

/* The doubtful case of check_name: true when no earlier member of the top object has this name. */
__attribute__((noinline)) static bool name_is_new(Parser *p, const JsonNode *name,
                                                  bool *ret_memory) {
    Frame *f = p->top;
    assert(f->close == '}' && name->type == JSON_STRING && name == p->next - 1);
    uint32_t index = (uint32_t)(name - p->tape);
    if (name->escaped) {
        f->bloom = UINT64_MAX; /* the filter sees raw bytes only */
    }
    if (f->count > WALK_MEMBERS) {
        f->bloom = UINT64_MAX; /* from now on all names go through the set */
        NameSet *set = set_need(p, index);
        *ret_memory = set != NULL && buf_ok(&p->scratch) == ERR_OK;
        return set == NULL || set_add(p, set, index);
    }
    for (uint32_t i = f->node + 1; i < index; i += 1 + p->tape[i + 1].skip) {
        if (json_same_str(p->tape + i, name)) {
            return false;
        }
    }
    return true;
}

/* The name just put on the tape must be new in the top object. */
static inline bool check_name(Parser *p) {
    const JsonNode *name = p->next - 1;
    Frame *f = p->top;
    /* An empty name reads its own quotes, which are inside the text. */
    uint32_t mix = (uint32_t)(unsigned char)name->text[0] * 0x9E3779B1U ^
                   (uint32_t)(unsigned char)name->text[(int64_t)name->len - 1] * 0x85EBCA77U ^
                   name->len * 0xC2B2AE3DU;
    uint64_t bit = UINT64_C(1) << (mix >> 26);
    f->count++;
    if (LIKELY((f->bloom & bit) == 0 && !name->escaped)) {
        f->bloom |= bit;
        return true;
    }
    bool memory = true;
    if (!name_is_new(p, name, &memory)) {
        return fail(p, name->text - 1, FAULT_DUPLICATE) != NULL;
    }
    f->bloom |= bit;
    return memory || fail(p, name->text - 1, FAULT_MEMORY) != NULL;
}

/* A name and its colon; returns where the value begins. */
static inline const char *parse_name(Parser *p, const char *at) {
    const char *end = p->end;
    at = skip_space(at, end);
    if (UNLIKELY(p->next >= p->limit) && !grow_tape(p, at)) {
        return NULL;
    }
    if (UNLIKELY(at == end || *at != '"')) {
        return fail(p, at, FAULT_NAME);
    }
    at = parse_string(p, at + 1);
    if (UNLIKELY(at == NULL) || !check_name(p)) {
        return NULL;
    }
    if (UNLIKELY(at == end || *at != ':')) {
        at = skip_space(at, end);
        if (at == end || *at != ':') {
            return fail(p, at, FAULT_COLON);
        }
    }
    return at + 1;
}

static inline const char *close_top(Parser *p, const char *at) {
    assert(p->top > p->stack);
    Frame *f = p->top--;
    JsonNode *n = p->tape + f->node;
    assert(n->text < at && n->skip == 0);
    n->len = (uint32_t)(at + 1 - n->text);
    n->skip = (uint32_t)(p->next - n) & 0xFFFFFFF;
    return at + 1;
}

/* The opening bracket at `at`; returns where its first value begins, or, with *ret_whole, what
 * follows an empty container. */
static inline const char *parse_open(Parser *p, const char *at, bool *ret_whole) {
    bool object = *at == '{';
    if (UNLIKELY(p->top == p->stack + LIMIT_JSON_DEPTH)) {
        return fail(p, at, FAULT_DEPTH);
    }
    Frame *f = ++p->top;
    *f = (Frame){.node = (uint32_t)(p->next - p->tape), .close = object ? '}' : ']'};
    *p->next++ = (JsonNode){.text = at, .type = object ? JSON_OBJECT : JSON_ARRAY};
    at = skip_space(at + 1, p->end);
    if (at < p->end && *at == f->close) {
        *ret_whole = true;
        return close_top(p, at);
    }
    return object ? parse_name(p, at) : at;
}

/* One scalar, empty container or opening bracket. */
static inline const char *parse_value(Parser *p, const char *at, bool *ret_whole) {
    at = skip_space(at, p->end);
    if (UNLIKELY(p->next >= p->limit) && !grow_tape(p, at)) {
        return NULL;
    }
    if (UNLIKELY(at == p->end)) {
        return fail(p, at, p->next == p->tape ? FAULT_EMPTY : FAULT_END);
    }
    *ret_whole = true;
    switch (*at) {
    case '"':
        return parse_string(p, at + 1);
    case '{':
    case '[':
        *ret_whole = false;
        return parse_open(p, at, ret_whole);
    case 't':
        return parse_literal(p, at, STR("true"), JSON_TRUE);
    case 'f':
        return parse_literal(p, at, STR("false"), JSON_FALSE);
    case 'n':
        return parse_literal(p, at, STR("null"), JSON_NULL);
    default:
        if (*at == '-' || (unsigned char)(*at - '0') <= 9) {
            return parse_number(p, at);
        }
        return fail(p, at, FAULT_VALUE);
    }
}

/* What follows a whole value: closing brackets, then a comma and where the next value begins. With
 * nothing open any more it returns the end of the document. */
static inline const char *parse_after(Parser *p, const char *at) {
    while (p->top > p->stack) {
        at = skip_space(at, p->end);
        if (UNLIKELY(at == p->end)) {
            return fail(p, at, FAULT_END);
        }
        if (*at == ',') {
            if (p->top->close == '}') {
                return parse_name(p, at + 1);
            }
            return LIKELY(++p->top->count < LIMIT_JSON_ITEMS || p->many) ? at + 1
                                                                         : fail(p, at, FAULT_ITEMS);
        }
        if (UNLIKELY(*at != p->top->close)) {
            return fail(p, at, FAULT_COMMA);
        }
        at = close_top(p, at);
    }
    return at;
}

static const char *parse_document(Parser *p) {
    const char *at = p->begin;
    do {
        bool whole = false;
        at = parse_value(p, at, &whole);
        if (LIKELY(whole && at != NULL)) {
            at = parse_after(p, at);
        }
    } while (LIKELY(at != NULL) && p->top > p->stack);
    return at;
}

static bool parser_init(Parser *p, Arena *arena, Str text, bool many, ErrInfo *info) {
    size_t len = MIN(text.len, LIMIT_JSON_BYTES);
    /* not zeroed as a whole: the stack of frames is large and each is set when it opens */
    p->begin = text.len == 0 ? "" : text.ptr;
    p->end = p->begin + len;
    p->top = p->stack;
    p->arena = arena;
    p->info = info;
    p->err = ERR_OK;
    p->clipped = len < text.len;
    p->many = many;
    p->set_seed = 0;
    p->sets = NULL;
    buf_init(&p->scratch, LIMIT_JSON_BYTES);
    /* FHIR has a node in 12 to 16 bytes; what is not used is given back. */
    size_t capacity =
        MIN((many ? MIN(len, FIRST_OF_MANY) : len) / 12 + 8, (size_t)LIMIT_JSON_NODES);
    if (p->clipped && !many) {
        return fail(p, p->end, FAULT_SIZE) != NULL;
    }
    p->tape = arena_alloc(arena, capacity * sizeof(JsonNode));
    if (p->tape == NULL) {
        return fail(p, p->begin, FAULT_MEMORY) != NULL;
    }
    p->next = p->tape;
    p->limit = p->tape + capacity - 2;
    return true;
}

/* Frees the scratch memory and gives back what the tape does not need; all of it on failure. */
static void parser_release(Parser *p, bool ok) {
    if (p->sets != NULL) {
        for (size_t i = 0; i <= LIMIT_JSON_DEPTH; i++) {
            free(p->sets[i].slots);
        }
        free(p->sets);
    }
    buf_release(&p->scratch);
    size_t used = ok ? (size_t)(p->next - p->tape) : 0;
    size_t capacity = (size_t)(p->limit - p->tape) + 2;
    (void)arena_resize(p->arena, p->tape, capacity * sizeof(JsonNode), used * sizeof(JsonNode));
}

ErrCode json_parse(Arena *arena, Str text, const JsonNode **ret_root, ErrInfo *info) {
    Parser p;
    if (!parser_init(&p, arena, text, false, info)) {
        return p.err;
    }
    const char *at = parse_document(&p);
    if (at != NULL) {
        at = skip_space(at, p.end);
        if (at < p.end) {
            at = fail(&p, at, FAULT_TRAILING);
        }
    }
    parser_release(&p, at != NULL);
    if (at == NULL) {
        return p.err;
    }
    assert(p.tape->skip == p.next - p.tape);
    *ret_root = p.tape;
    return ERR_OK;
}

/* A number or word must not touch what follows: 01 and truefalse are mistakes, not two values. */
static bool stands_apart(const Parser *p, const char *at) {
    bool bare = p->tape->type <= JSON_NUMBER;
    return !bare || at == p->end || memchr(" \t\r\n[{\"", *at, 7) != NULL;
}

ErrCode json_parse_next(Arena *arena, Str *text, const JsonNode **ret_root, ErrInfo *info) {
    Parser p;
    if (!parser_init(&p, arena, *text, true, info)) {
        return p.err;
    }
    const char *at = parse_document(&p);
    if (at != NULL && !stands_apart(&p, at)) {
        at = fail(&p, at, FAULT_TRAILING);
    }
    parser_release(&p, at != NULL);
    if (at == NULL) {
        return p.err;
    }
    assert(p.tape->skip == p.next - p.tape && at <= p.end);
    *ret_root = p.tape;
    at = skip_space(at, p.begin + text->len);
    *text = (Str){at, text->len - (size_t)(at - p.begin)};
    return ERR_OK;
}
