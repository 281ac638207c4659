/* A GraphQL document: parsed, checked, run on a resource without a host's data. What comes out is
 * JSON. */
#include "core/limits.h"
#include "gql/gql.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char resource[] =
    "{\"resourceType\":\"Patient\",\"id\":\"1\",\"name\":[{\"use\":\"usual\",\"given\":[\"a\","
    "null],\"_given\":[null,{\"id\":\"x\"}]}],\"contained\":[{\"resourceType\":\"Patient\",\"id\":"
    "\"c\"}],\"link\":[{\"other\":{\"reference\":\"#c\"},\"type\":\"seealso\"}],\"birthDate\":"
    "\"2026\",\"managingOrganization\":{\"reference\":\"Organization/9\"}}";

static ErrCode no_read(void *ctx, FhirType type, Str id, const JsonNode **ret) {
    (void)type, (void)id;
    *ret = *(const JsonNode **)ctx;
    return ERR_OK;
}

static ErrCode no_search(void *ctx, FhirType type, Str query, GqlPage *ret, ErrInfo *info) {
    (void)type, (void)query, (void)info;
    ret->matches = (const JsonNode **)ctx;
    ret->n_matches = 1;
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    CLEANUP_BUF Buf out;
    const JsonNode *root = NULL;
    const JsonNode *answer;
    buf_init(&out, 64 * LIMIT_MIB);
    ENSURE(json_parse(arena, str_from(resource), &root, NULL) == ERR_OK);
    GqlHost host = {&root, no_read, no_search};
    GqlRequest request = {.resource = size % 2 == 0 ? root : NULL, .host = &host};
    if (gql_parse(arena, (Str){(const char *)data, size}, &request.document, NULL) == ERR_OK &&
        gql_run(arena, &request, &out, NULL) == ERR_OK) {
        ENSURE(json_parse(arena, buf_str(&out), &answer, NULL) == ERR_OK);
    }
    return 0;
}
