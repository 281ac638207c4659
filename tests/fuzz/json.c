/* Any bytes into the parser. What it accepts is walked, printed in canonical spacing and pretty,
 * and read again: the same tape shape and the same canonical text must come back. */
#include "core/json.h"

#include "core/limits.h"
#include "core/utf8.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every node is reached exactly once by walking; names are new; strings decode to UTF-8. */
static size_t walk(Arena *arena, const JsonNode *n) {
    size_t nodes = 1;
    ENSURE(n->type < JSON_ARRAY || n->text[0] == (n->type == JSON_OBJECT ? '{' : '['));
    for (const JsonNode *at = json_first(n); at != NULL; at = json_next(n, at)) {
        if (n->type == JSON_OBJECT) {
            Str name = json_str(arena, at);
            ENSURE(json_str_is(at, name) && json_get(n, name) == json_value(at));
            nodes++;
        }
        nodes += walk(arena, n->type == JSON_OBJECT ? json_value(at) : at);
    }
    if (json_is(n, JSON_STRING)) {
        Str value = json_str(arena, n);
        ENSURE(utf8_valid(value) && json_str_is(n, value));
    }
    int64_t number;
    ENSURE(json_to_i64(n, &number) != ERR_OK || json_is(n, JSON_NUMBER));
    ENSURE(nodes == n->skip);
    return nodes;
}

static void round_trip(Arena *arena, const JsonNode *root) {
    CLEANUP_BUF Buf first;
    CLEANUP_BUF Buf pretty;
    CLEANUP_BUF Buf second;
    buf_init(&first, LIMIT_JSON_BYTES);
    buf_init(&pretty, LIMIT_JSON_BYTES);
    buf_init(&second, LIMIT_JSON_BYTES);
    JsonWriter w = json_writer(&first);
    json_put_node(&w, root);
    json_print_pretty(&pretty, root);
    const JsonNode *again = NULL;
    ENSURE(json_parse(arena, buf_str(&pretty), &again, NULL) == ERR_OK);
    ENSURE(again->skip == root->skip);
    w = json_writer(&second);
    json_put_node(&w, again);
    ENSURE(buf_ok(&first) == ERR_OK && str_eq(buf_str(&first), buf_str(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_new(64 * LIMIT_MIB);
    Str text = {(const char *)data, size};
    const JsonNode *root = NULL;
    ErrInfo info;
    if (json_parse(arena, text, &root, &info) == ERR_OK) {
        walk(arena, root);
        round_trip(arena, root);
    } else {
        ENSURE(root == NULL && info.offset <= size && info.rule[0] != '\0');
    }
    while (text.len > 0 && json_parse_next(arena, &text, &root, &info) == ERR_OK) {
        ENSURE(root->skip > 0);
    }
    arena_free(arena);
    return 0;
}
