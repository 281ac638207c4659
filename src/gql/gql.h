/* gql.h — GraphQL over FHIR resources (http://hl7.org/fhir/R4/graphql.html; language: GraphQL,
 * October 2021, https://spec.graphql.org/October2021/): queries on one resource and on the whole
 * server; fields, aliases, arguments, variables, fragments, @skip, @include, @flatten, @singleton,
 * @first, @slice; references followed by `resource`, lists and connections by search parameters.
 * Not there: mutations, subscriptions, introspection beyond __typename.
 *
 * A document is checked against R4's types before anything runs. Where resources come from the host
 * says (GqlHost): this module knows neither store nor network. Ownership: everything lives in the
 * arena; a document may be run several times. Errors: ERR_SYNTAX and ERR_PARAM with line and column
 * in info->where; ERR_LIMIT names the limit; ERR_NOMEM. Threads: no state. */
#ifndef NHIP_GQL_GQL_H
#define NHIP_GQL_GQL_H

#include "core/json.h"
#include "core/time.h"
#include "fhir/fhir_type.h"

enum {
    GQL_DEPTH_MAX = 24,      /* selection sets inside each other, fragments followed */
    GQL_TEXT_MAX = 64 << 10, /* bytes of a document */
    GQL_FIELDS_MAX = 4096,   /* fields of a document, fragments followed */
    GQL_VALUES_MAX = 200000, /* values that one answer may hold */
    GQL_READS_MAX = 10000,   /* references that one request may follow */
    GQL_SEARCHES_MAX = 256,  /* searches that one request may start */
};

typedef struct GqlDocument GqlDocument;

MUST_USE ErrCode gql_parse(Arena *arena, Str text, const GqlDocument **ret_document, ErrInfo *info);

typedef struct GqlPage {
    const JsonNode **matches; /* resources, whole */
    size_t n_matches;
    bool has_total;
    uint64_t total;
    Str next; /* cursor of the next page; empty: none */
} GqlPage;

/* Results live in the run's arena. */
typedef struct GqlHost {
    void *ctx;
    /* ERR_NOT_FOUND, ERR_GONE: there is no such resource. */
    ErrCode (*read)(void *ctx, FhirType type, Str id, const JsonNode **ret_resource);
    /* query: what would stand behind '?', percent-encoded. */
    ErrCode (*search)(void *ctx, FhirType type, Str query, GqlPage *ret_page, ErrInfo *info);
} GqlHost;

typedef struct GqlRequest {
    const GqlDocument *document;
    Str operation;             /* operationName; empty: the only one */
    const JsonNode *variables; /* object or NULL */
    const JsonNode *resource;  /* instance level: the resource; NULL: system level */
    TimeMs now;                /* for FHIRPath's now(); 0: the system's clock */
    Str base_url;              /* own base, without a slash at the end */
    const GqlHost *host;
} GqlRequest;

/* Writes {"data":…} and, when fields failed, "errors". An error returned means that nothing ran to
 * its end and nothing was written. */
MUST_USE ErrCode gql_run(Arena *arena, const GqlRequest *request, Buf *out, ErrInfo *info);

#endif
