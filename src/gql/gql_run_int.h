/* gql_run_int.h — one answer on its way: what the files that carry a document out share. Nothing
 * outlives the request's arena. Threads: one a run. */
#ifndef NHIP_GQL_GQL_RUN_INT_H
#define NHIP_GQL_GQL_RUN_INT_H

#include "gql/gql_int.h"

/* Where a value stands, for errors. */
typedef struct GqlPath {
    const struct GqlPath *up;
    Str key;
    int64_t index; /* -1: a name */
} GqlPath;

typedef struct GqlFailure {
    struct GqlFailure *next;
    Str path; /* JSON array */
    ErrInfo info;
} GqlFailure;

/* What a selection set is applied to. */
typedef struct GqlNode {
    unsigned shape; /* of the value as the document knows it */
    const JsonNode *value;
    const JsonNode *sibling;  /* `_name` of a primitive */
    const JsonNode *resource; /* that it is part of: #contained is looked up there */
    const GqlPage *page;      /* a connection */
    uint64_t offset;          /* of the page, when known */
} GqlNode;

typedef struct GqlSets { /* selection sets that belong to one answer key */
    struct GqlSets *next;
    const GqlSelection *set;
} GqlSets;

typedef struct GqlGroup {
    struct GqlGroup *next;
    const GqlSelection *field;
    GqlSets *inner;
} GqlGroup;

/* How values go into the answer: @flatten turns what is below into lists, @slice names it. */
typedef struct GqlInto {
    Out *object;
    bool gathers;
    Str suffix;
    const GqlPath *path;
} GqlInto;

/* One field on its way into the answer. */
typedef struct GqlPut {
    const GqlInto *into;
    const GqlGroup *group;
    const GqlNode *node;
    const GqlField *field;
    bool is_list, is_flat;
    Str suffix;
} GqlPut;

typedef struct GqlRun {
    Arena *arena;
    const GqlRequest *request;
    const GqlOperation *operation;
    ErrInfo *info;
    GqlFailure *failures;
    GqlFailure **failures_end;
    unsigned values, reads, searches;
} GqlRun;

/* ---- values of the document, fields of a set (gql_collect.c) ---- */
/* A variable's value, or the value itself. */
GqlValue gql_resolve(const GqlRun *r, const GqlValue *v);
/* Of the argument; GQL_NULL when there is none. */
GqlValue gql_arg_value(const GqlRun *r, const GqlArg *args, const char *name);
bool gql_is_true(const GqlValue *v);
/* Adds the fields of s that a value of this shape answers, those of fragments too. */
MUST_USE ErrCode gql_collect(GqlRun *r, unsigned shape, const GqlSelection *s, GqlGroup **groups);

/* ---- the answer (gql_put.c) ---- */
/* ERR_LIMIT: more than max of what. */
ErrCode gql_over(GqlRun *r, const char *what, unsigned max);
MUST_USE ErrCode gql_out_new(GqlRun *r, OutKind kind, Out **ret);
Str gql_quoted(Arena *arena, Str text); /* as JSON */
/* The field at path is null, the rest goes on. */
MUST_USE ErrCode gql_fail(GqlRun *r, const GqlPath *path, const ErrInfo *info);
/* The member `key` of the answer's object, made when it is not there. */
MUST_USE ErrCode gql_member_of(GqlRun *r, const GqlInto *into, Str key, Out **ret);
/* One value of a field into the answer. */
MUST_USE ErrCode gql_put_value(GqlRun *r, const GqlPut *p, const GqlNode *value, size_t index);
/* JSON, or nothing when it is empty. */
MUST_USE ErrCode gql_put_text(GqlRun *r, GqlPut *p, Str json);
/* A field without a value: null, unless it is gathered. */
MUST_USE ErrCode gql_put_nothing(GqlRun *r, const GqlInto *into, const GqlGroup *g);

/* ---- elements (gql_element.c) ---- */
/* @slice(path): the text behind the names of what is below. */
MUST_USE ErrCode gql_slice(GqlRun *r, const GqlSelection *s, const GqlNode *value, size_t index,
                           Str *ret);
MUST_USE ErrCode gql_put_elements(GqlRun *r, GqlPut *p);

/* ---- resources from the host (gql_reference.c) ---- */
MUST_USE ErrCode gql_put_resource(GqlRun *r, GqlPut *p, const JsonNode *resource, size_t index);
MUST_USE ErrCode gql_put_read(GqlRun *r, GqlPut *p);
MUST_USE ErrCode gql_put_target(GqlRun *r, GqlPut *p);

/* ---- searches (gql_search.c) ---- */
MUST_USE ErrCode gql_put_list(GqlRun *r, GqlPut *p);
MUST_USE ErrCode gql_put_connection(GqlRun *r, GqlPut *p);
MUST_USE ErrCode gql_put_edges(GqlRun *r, GqlPut *p);
/* count, pagesize, next; where a page begins is not known, nor are the other pages' cursors. */
Str gql_page_value(GqlRun *r, const GqlPage *page, Str name);

/* ---- one set (gql_run.c) ---- */
MUST_USE ErrCode gql_run_sets(GqlRun *r, const GqlNode *node, const GqlSets *sets,
                              const GqlInto *into);

#endif
