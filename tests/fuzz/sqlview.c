/* A ViewDefinition from outside: compiled, and its rows made of a few resources. */
#include "core/limits.h"
#include "sqlview/sqlview.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char patient[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"active\":true,\"gender\":\"female\","
    "\"birthDate\":\"1970-06\",\"name\":[{\"family\":\"F\",\"given\":[\"A\",\"B\"]},{\"text\":"
    "\"T\"}],\"contact\":[{\"telecom\":[{\"system\":\"phone\",\"value\":\"1\"}]}],\"link\":[{"
    "\"other\":{\"reference\":\"Patient/q\"}}]}";

static ErrCode take_row(void *ctx, const SqlCell *cells) {
    Buf *out = ((void **)ctx)[0];
    buf_clear(out);
    sqlview_put_array(out, ((void **)ctx)[1], cells);
    return buf_ok(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    CLEANUP_BUF Buf out;
    const JsonNode *root = NULL;
    const JsonNode *resource = NULL;
    const SqlView *view = NULL;
    ErrInfo info = {0};
    buf_init(&out, LIMIT_MIB);
    if (json_parse(arena, (Str){(const char *)data, size}, &root, NULL) != ERR_OK ||
        sqlview_compile(arena, root, &view, &info) != ERR_OK ||
        json_parse(arena, str_from(patient), &resource, NULL) != ERR_OK) {
        return 0;
    }
    void *ctx[] = {&out, (void *)(uintptr_t)view};
    ErrCode err = sqlview_rows(arena, view, resource, &(SqlSink){take_row, ctx}, &info);
    (void)err;
    return 0;
}
