/* eav.h — the conventional layout of FHIR servers on SQLite, as the peer of bench/import: a row a
 * resource version (JSON text), a row a search value, the usual indexes, WAL, synchronous=FULL, 64
 * visits a transaction, one prepared statement each. Static functions; included by import.c. */
#ifndef NHIP_BENCH_EAV_H
#define NHIP_BENCH_EAV_H

#include "province.h"

#include "core/fold.h"
#include "fhir/fhir_extract.h"

#include <sqlite3.h>

enum { EAV_COMMIT_VISITS = 64 };

typedef struct Eav {
    sqlite3 *db;
    sqlite3_stmt *put_resource, *put_value;
    Arena *arena;
    uint64_t visits, visits_max, in_commit;
    uint64_t resources, values;
    double seconds; /* parsing, extraction, inserting, committing; not the reading of the source */
    Slot rid;
    FhirType type;
    FhirIndexSink sink;
} Eav;

static const char EAV_SCHEMA[] =
    "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    "PRAGMA cache_size=-131072;"
    "CREATE TABLE resource (rid INTEGER PRIMARY KEY, type INTEGER NOT NULL, id TEXT NOT NULL,"
    " version INTEGER NOT NULL, updated INTEGER NOT NULL, patient INTEGER, body TEXT NOT NULL);"
    "CREATE UNIQUE INDEX resource_id ON resource (type, id, version);"
    "CREATE INDEX resource_patient ON resource (patient);"
    "CREATE TABLE value (type INTEGER NOT NULL, param INTEGER NOT NULL, value BLOB NOT NULL,"
    " rid INTEGER NOT NULL);"
    "CREATE INDEX value_find ON value (type, param, value, rid);"
    "CREATE INDEX value_rid ON value (rid);";

static inline void eav_check(Eav *e, int code) {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
        (void)fprintf(stderr, "bench eav: %s\n", sqlite3_errmsg(e->db));
        exit(1);
    }
}

static inline void eav_sql(Eav *e, const char *sql) {
    eav_check(e, sqlite3_exec(e->db, sql, NULL, NULL, NULL));
}

static inline void eav_put_value(Eav *e, FhirParamId param, Str value) {
    sqlite3_bind_int(e->put_value, 1, (int)e->type);
    sqlite3_bind_int(e->put_value, 2, param);
    sqlite3_bind_blob(e->put_value, 3, value.ptr, (int)value.len, SQLITE_STATIC);
    sqlite3_bind_int64(e->put_value, 4, (sqlite3_int64)e->rid);
    eav_check(e, sqlite3_step(e->put_value));
    eav_check(e, sqlite3_reset(e->put_value));
    e->values++;
}

static inline Str eav_join(Arena *arena, Str a, Str b) {
    return arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(a), STR_ARG(b));
}

/* The searchable form of one value; composites are joined from their parts by such servers. */
static inline void eav_take(FhirIndexSink *sink, const FhirIndexValue *v) {
    Eav *e = (Eav *)((char *)sink - offsetof(Eav, sink));
    Arena *a = e->arena;
    switch ((FhirIndexKind)v->kind) {
    case FHIR_INDEX_TOKEN:
        eav_put_value(e, v->param, eav_join(a, v->token.code, v->token.system));
        break;
    case FHIR_INDEX_STRING:
        eav_put_value(e, v->param, fhir_fold_string(a, v->string.text));
        break;
    case FHIR_INDEX_DATE:
        eav_put_value(e, v->param, (Str){(const char *)&v->date.lo, sizeof(v->date.lo)});
        break;
    case FHIR_INDEX_NUMBER:
        eav_put_value(e, v->param, v->number.text);
        break;
    case FHIR_INDEX_QUANTITY:
        eav_put_value(e, v->param, eav_join(a, v->quantity.value, v->quantity.unit));
        break;
    case FHIR_INDEX_URI:
        eav_put_value(e, v->param, v->uri.text);
        break;
    case FHIR_INDEX_REFERENCE:
        eav_put_value(e, v->param, v->reference.id.len > 0 ? v->reference.id : v->reference.url);
        break;
    case FHIR_INDEX_COMPOSITE:
    case FHIR_INDEX_TEXT:
    case FHIR_INDEX_OF_TYPE:
    case FHIR_INDEX_IDENTIFIER:
    case FHIR_INDEX_WORDS:
    case FHIR_INDEX_POSITION:
    case FHIR_INDEX_CONTAINED:
    default:
        break;
    }
}

static inline void eav_open(Eav *e, const char *dir, uint64_t visits) {
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/eav.db", dir);
    *e = (Eav){.visits_max = visits, .arena = arena_new(256 * LIMIT_MIB)};
    e->sink.put = eav_take;
    eav_check(e, sqlite3_open(path, &e->db));
    eav_sql(e, EAV_SCHEMA);
    eav_check(e, sqlite3_prepare_v2(e->db, "INSERT INTO resource VALUES (?1,?2,?3,?4,?5,?6,?7)", -1,
                                    &e->put_resource, NULL));
    eav_check(e, sqlite3_prepare_v2(e->db, "INSERT INTO value VALUES (?1,?2,?3,?4)", -1,
                                    &e->put_value, NULL));
    eav_sql(e, "BEGIN");
}

static inline void eav_put(Eav *e, const StoreVersion *v) {
    const JsonNode *root = NULL;
    arena_reset(e->arena);
    e->rid = v->slot;
    e->type = v->type;
    sqlite3_bind_int64(e->put_resource, 1, (sqlite3_int64)v->slot);
    sqlite3_bind_int(e->put_resource, 2, (int)v->type);
    sqlite3_bind_text(e->put_resource, 3, v->id.ptr, (int)v->id.len, SQLITE_STATIC);
    sqlite3_bind_int(e->put_resource, 4, (int)v->version);
    sqlite3_bind_int64(e->put_resource, 5, v->time);
    sqlite3_bind_int64(e->put_resource, 6, (sqlite3_int64)v->patient);
    sqlite3_bind_text(e->put_resource, 7, v->json.ptr, (int)v->json.len, SQLITE_STATIC);
    eav_check(e, sqlite3_step(e->put_resource));
    eav_check(e, sqlite3_reset(e->put_resource));
    bench_need("parse", json_parse(e->arena, v->json, &root, NULL));
    bench_need("extract", fhir_extract(e->arena, v->type, root, &e->sink));
    e->resources++;
}

/* For store_feed: ERR_STOPPED ends it when there are enough visits. */
static inline ErrCode eav_each(void *ctx, const StoreVersion *v) {
    Eav *e = ctx;
    double start = bench_now();
    if (v->type == FHIR_T_ENCOUNTER) {
        if (e->visits == e->visits_max) {
            return ERR_STOPPED;
        }
        e->visits++;
        if (++e->in_commit > EAV_COMMIT_VISITS) {
            e->in_commit = 1;
            eav_sql(e, "COMMIT; BEGIN");
        }
    }
    if (!v->deleted) {
        eav_put(e, v);
    }
    e->seconds += bench_now() - start;
    return ERR_OK;
}

static inline void eav_close(Eav *e) {
    double start = bench_now();
    eav_sql(e, "COMMIT");
    e->seconds += bench_now() - start;
    (void)sqlite3_finalize(e->put_resource);
    (void)sqlite3_finalize(e->put_value);
    (void)sqlite3_close(e->db);
    arena_free(e->arena);
}

#endif
