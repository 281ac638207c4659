/* json.h — JSON (RFC 8259) as FHIR needs it: an immutable tape of 16-byte nodes in an arena over
 * the caller's text, and a writer. Numbers keep their text (1.50 stays 1.50), members their order.
 * Refused: duplicate members, invalid UTF-8, control characters, depth over LIMIT_JSON_DEPTH, text
 * over LIMIT_JSON_BYTES, lists over LIMIT_JSON_ITEMS (json_parse_next, which reads catalogues and
 * other files of the machine's own, takes longer ones), anything after the value.
 * Ownership: nodes live in the arena and point into the text, which must outlive them.
 * Errors: ERR_SYNTAX (rule json-*, info->offset), ERR_LIMIT, ERR_NOMEM. Cost: one pass, about 1 ns
 * a byte. Threads: a document is read-only after parsing and may be shared. */
#ifndef NHIP_CORE_JSON_H
#define NHIP_CORE_JSON_H

#include "core/arena.h"

typedef enum JsonType {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
} JsonType;

/* One value on the tape. A member's name is a JSON_STRING node right before its value. */
typedef struct JsonNode {
    const char *text; /* number: its text; string: after the quote; object, array: the bracket */
    uint32_t len;     /* number, string: raw bytes; object, array: the raw text with its brackets */
    uint32_t skip : 28; /* nodes to the next sibling: 1 for scalars, whole subtree for containers */
    uint32_t type : 3;  /* JsonType */
    uint32_t escaped : 1; /* string: has backslashes */
} JsonNode;
static_assert(sizeof(JsonNode) == 16, "the tape's node");

/* Parses one value. ret_root is the first node of the tape. info may be NULL. */
MUST_USE ErrCode json_parse(Arena *arena, Str text, const JsonNode **ret_root, ErrInfo *info);
/* Parses the value at the start of *text and moves *text behind it and the white space that follows
 * (NDJSON, concatenated JSON): while (text.len > 0). */
MUST_USE ErrCode json_parse_next(Arena *arena, Str *text, const JsonNode **ret_root, ErrInfo *info);

static inline bool json_is(const JsonNode *n, JsonType type) {
    return n != NULL && n->type == (unsigned)type;
}
/* The raw text of any value as it stood in the input (strings with their quotes). */
static inline Str json_raw(const JsonNode *n) {
    return n->type == JSON_STRING ? (Str){n->text - 1, (size_t)n->len + 2} : (Str){n->text, n->len};
}
/* The text between a string's quotes, escapes as written; STR_EMPTY for other types and NULL. */
static inline Str json_raw_str(const JsonNode *n) {
    return json_is(n, JSON_STRING) ? (Str){n->text, n->len} : STR_EMPTY;
}
/* A string's value; decoded into the arena when it has escapes, else pointing into the input. */
Str json_str(Arena *arena, const JsonNode *n);
/* True when n is a string whose value is s (escapes decoded). */
bool json_str_is(const JsonNode *n, Str s);
/* ERR_PARAM when n is no integer in range. */
MUST_USE ErrCode json_to_i64(const JsonNode *n, int64_t *ret_value);

/* Walking. Members: for (m = json_first(o); m; m = json_next(o, m)) { name = m; value = m + 1; }
 * with m stepping over name and value together; elements likewise without a name. NULL at the end.
 * `parent` must be the container that m came from. */
const JsonNode *json_first(const JsonNode *parent);
const JsonNode *json_next(const JsonNode *parent, const JsonNode *at);
static inline const JsonNode *json_value(const JsonNode *member_name) {
    return member_name + 1;
}
/* The member's value, or NULL (also when o is NULL or no object). Linear in the members. */
const JsonNode *json_get(const JsonNode *o, Str name);
#define json_get_lit(o, literal) json_get((o), STR(literal))
/* Descends "a.b.c"; the first element of each array on the way. NULL when absent. */
const JsonNode *json_path(const JsonNode *o, const char *dotted);
/* Elements of an array or members of an object. Linear. */
size_t json_count(const JsonNode *n);

/* Writer: canonical spacing (none). Commas and colons come by themselves. Sticky errors live in the
 * Buf; more than LIMIT_JSON_DEPTH open containers set ERR_LIMIT. */
typedef struct JsonWriter {
    Buf *out;
    uint64_t has_items; /* bit per open level */
    unsigned depth;
    bool after_name;
} JsonWriter;

static inline JsonWriter json_writer(Buf *out) {
    return (JsonWriter){.out = out};
}
void json_open_object(JsonWriter *w);
void json_close_object(JsonWriter *w);
void json_open_array(JsonWriter *w);
void json_close_array(JsonWriter *w);
void json_put_name(JsonWriter *w, Str name); /* escapes as needed */
void json_put_str(JsonWriter *w, Str value); /* escapes as needed; input must be UTF-8 */
void json_put_raw(JsonWriter *w, Str json);  /* one whole value, already JSON */
void json_put_i64(JsonWriter *w, int64_t value);
void json_put_bool(JsonWriter *w, bool value);
void json_put_null(JsonWriter *w);
/* The value with all below it in canonical spacing: string escapes and number texts as written. */
void json_put_node(JsonWriter *w, const JsonNode *n);
/* Does the value stand in its text in canonical spacing already? */
bool json_is_canonical(const JsonNode *n);
/* name and string value; nothing at all when the value is empty (FHIR has no empty strings). */
void json_member_str(JsonWriter *w, Str name, Str value);
/* A name that is known to need no escapes, with its quotes and colon. */
void json_put_name_as_is(JsonWriter *w, Str quoted_with_colon);
void json_member_as_is(JsonWriter *w, Str quoted_with_colon, Str value);
/* Literal names are taken to need no escapes. */
#define json_member(w, literal, value) json_member_as_is((w), STR("\"" literal "\":"), (value))
#define json_name(w, literal) json_put_name_as_is((w), STR("\"" literal "\":"))
/* n printed with two spaces of indentation, one member a line. */
void json_print_pretty(Buf *out, const JsonNode *n);

#endif
