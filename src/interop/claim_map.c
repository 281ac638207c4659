#include "interop/claim_map.h"

#include "core/base64.h"
#include "core/limits.h"
#include "interop/claim_form_int.h"

enum { TEXT_FIRST = 64 * 1024 };
#define TEXT_MAX (256 * LIMIT_MIB)

/* ---- documents with elements that no table has: kept whole beside what is mapped */

static void put_document(Map *m, const ClaimPart *part, int number) {
    (void)map_open(
        m, FHIR_T_DOCUMENT_REFERENCE,
        arena_printf(m->arena, "document/" STR_FMT "/%d", STR_ARG(part->table->name), number));
    json_member(&m->w, "status", STR("current"));
    json_name(&m->w, "type");
    json_open_object(&m->w);
    json_name(&m->w, "coding");
    json_open_array(&m->w);
    map_put_coding(m, STR(MAP_SYSTEM("loai-ho-so")), part->table->name, STR_EMPTY);
    json_close_array(&m->w);
    json_close_object(&m->w);
    map_patient(m, STR("subject"));
    json_name(&m->w, "content");
    json_open_array(&m->w);
    json_open_object(&m->w);
    json_name(&m->w, "attachment");
    json_open_object(&m->w);
    json_member(&m->w, "contentType", STR("application/xml"));
    CLEANUP_BUF Buf data;
    buf_init(&data, TEXT_MAX);
    base64_encode(&data, part->xml);
    json_member(&m->w, "data", buf_str(&data));
    if (data.err != ERR_OK) {
        m->err = data.err;
    }
    json_close_object(&m->w);
    json_close_object(&m->w);
    json_close_array(&m->w);
    json_name(&m->w, "context");
    json_open_object(&m->w);
    json_name(&m->w, "encounter");
    json_open_array(&m->w);
    map_local_element(m, FHIR_T_ENCOUNTER, m->encounter);
    json_close_array(&m->w);
    json_close_object(&m->w);
    map_close(m);
}

/* Tables of which something is not in their records. */
void map_put_documents(Map *m) {
    int counts[CLAIM_TABLES] = {0};
    for (int i = 0; i < m->claim->n_parts; i++) {
        const ClaimPart *p = &m->claim->parts[i];
        if (p->has_unknown) {
            put_document(m, p, ++counts[p->table->number]);
        }
    }
}

/* ---- rows */

/* The key of the whole claim, and a record number that is its place, need not be said again. */
static void keep_obvious(const Map *m, MapRow *r) {
    int table = r->t->number;
    if (table == 1) {
        return;
    }
    if (str_eq(map_peek(r, 0), m->claim->ma_lk)) {
        map_keep(r, 0);
    }
    char place[16];
    int n = snprintf(place, sizeof(place), "%d", r->number);
    if (str_eq(map_peek(r, 1), (Str){place, (size_t)n})) { /* STT is the second field */
        map_keep(r, 1);
    }
}

/* The first document of XML1–XML5, all of the others one behind the other. */
static void load_rows(Map *m, int table) {
    size_t n = 0;
    int n_parts = table <= 5 ? 1 : m->claim->n_parts;
    for (int i = 0; i < m->claim->n_parts; i++) {
        n += m->claim->parts[i].table->number == table ? (size_t)m->claim->parts[i].n_records : 0;
    }
    m->rows[table] = n == 0 ? NULL : arena_new_array(m->arena, MapRow, n);
    if (n > 0 && m->rows[table] == NULL) {
        m->err = ERR_NOMEM;
        return;
    }
    for (int i = 0; i < m->claim->n_parts && n_parts > 0; i++) {
        const ClaimPart *p = &m->claim->parts[i];
        n_parts -= p->table->number == table;
        for (int k = 0; p->table->number == table && k < p->n_records; k++) {
            int number = ++m->n_rows[table];
            MapRow *r = &m->rows[table][number - 1];
            *r = (MapRow){
                .t = p->table, .v = p->records[k].values, .number = number, .resource = -1};
            if (table <= 5) {
                keep_obvious(m, r);
            }
        }
    }
    if (table == 1) {
        m->n_rows[1] = MIN(m->n_rows[1], 1);
    }
}

/* ---- the group */

static TimeMs end_of_care(Map *m, Str *ret_text) {
    int table = m->n_rows[1] > 0 ? 1 : 0;
    Str times[2] = {
        claim_value(m->claim, table, table == 1 ? (int)XML1_NGAY_RA : (int)XML0_NGAY_YL),
        claim_value(m->claim, table, table == 1 ? (int)XML1_NGAY_VAO : (int)XML0_NGAY_VAO)};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        Civil c;
        if (times[i].len == 12 && time_parse_claim(times[i], &c) == ERR_OK) {
            char room[64];
            Buf b = {.ptr = room, .capacity = sizeof(room), .max = sizeof(room)};
            time_put_civil_vn(&b, &c);
            *ret_text = arena_str(m->arena, buf_str(&b));
            return time_from_claim(&c);
        }
    }
    return 0;
}

static void put_visit(Map *m, ClaimGroup *g, const ClaimPerson *person) {
    MapRow *summary = &m->rows[1][0];
    map_put_patient(m, person, summary);
    map_put_coverages(m, summary);
    /* The citizen and the cards move on with later visits: what this claim said of them is kept by
     * its bill alone. */
    memset(summary->kept, 0, sizeof(summary->kept));
    map_put_visit(m, summary);
    map_put_drugs(m);
    map_put_services(m);
    map_put_results(m);
    map_put_course(m);
    map_put_forms(m);
    map_put_documents(m);
    map_put_bill(m, summary);
    g->key_type = FHIR_T_ENCOUNTER;
    g->visit_key = arena_printf(m->arena, STR_FMT "|" STR_FMT, STR_ARG(m->claim->facility),
                                STR_ARG(claim_value(m->claim, 1, XML1_MA_LK)));
}

/* The fields of a check-in under the names of XML1, so that the citizen, the cards and the visit
 * are written as a claim writes them; what is of the order alone is the form's. */
static bool check_in_as_visit(Map *m) {
    const ClaimTable *t0 = claim_table(0);
    const ClaimTable *t1 = claim_table(1);
    MapRow *row = arena_new_array(m->arena, MapRow, 1);
    Str *values = arena_new_array(m->arena, Str, (size_t)t1->n_fields);
    if (row == NULL || values == NULL) {
        m->err = ERR_NOMEM;
        return false;
    }
    for (int i = 0; i < t0->n_fields; i++) {
        int to = claim_field_find(t1, t0->fields[i].name);
        if (to >= 0 && i != XML0_STT && i != XML0_DU_PHONG) {
            values[to] = claim_value(m->claim, 0, i);
        }
    }
    *row = (MapRow){.t = t1, .v = values, .number = 1, .resource = -1};
    m->rows[1] = row;
    m->n_rows[1] = 1;
    m->check_in = true;
    return true;
}

static void put_check_in(Map *m, ClaimGroup *g, const ClaimPerson *person) {
    g->check_in = true;
    g->key_type = FHIR_T_ENCOUNTER;
    g->visit_key = arena_printf(m->arena, STR_FMT "|" STR_FMT, STR_ARG(m->claim->facility),
                                STR_ARG(claim_value(m->claim, 0, XML0_MA_LK)));
    if (!check_in_as_visit(m)) {
        return;
    }
    map_put_patient(m, person, &m->rows[1][0]);
    map_put_coverages(m, &m->rows[1][0]);
    memset(m->rows[1][0].kept, 0, sizeof(m->rows[1][0].kept)); /* as of a claim: see put_visit */
    map_put_visit(m, &m->rows[1][0]);
    for (int i = 0; i < m->n_rows[0]; i++) {
        form_put(m, &m->rows[0][i]);
    }
    map_put_documents(m);
}

/* Cuts the shared text into the resources and gives it to the arena. */
static ErrCode finish(Map *m, ClaimGroup *g) {
    TRY(m->err);
    TRY(buf_ok(&m->json));
    char *text = arena_alloc(m->arena, m->json.len + 1);
    if (text == NULL || arena_failed(m->arena)) {
        return ERR_NOMEM;
    }
    memcpy(text, m->json.ptr, m->json.len);
    size_t at = 0;
    for (size_t i = 0; i < m->n_resources; i++) {
        m->resources[i].json.ptr = text + at;
        at += m->resources[i].json.len;
    }
    assert(at == m->json.len);
    g->resources = m->resources;
    g->n_resources = m->n_resources;
    g->actors = m->actors;
    g->n_actors = m->n_actors;
    return ERR_OK;
}

ErrCode claim_map(Arena *arena, const Claim *claim, ClaimGroup *ret_group) {
    Map *m = arena_new_array(arena, Map, 1);
    if (m == NULL) {
        return ERR_NOMEM;
    }
    ClaimGroup g = {0};
    ClaimPerson person = claim_person(claim);
    m->arena = arena;
    m->claim = claim;
    m->encounter = -1;
    buf_init(&m->json, TEXT_MAX);
    buf_init(&m->actor, LIMIT_MIB);
    (void)buf_reserve(&m->json, TEXT_FIRST);
    for (int t = 0; t < CLAIM_TABLES; t++) {
        load_rows(m, t);
    }
    ErrCode err = m->err != ERR_OK ? m->err : claim_identity(arena, claim, &g.identity);
    if (err == ERR_OK) {
        g.as_of = end_of_care(m, &m->as_of);
        if (m->n_rows[1] > 0) {
            put_visit(m, &g, &person);
        } else {
            put_check_in(m, &g, &person);
        }
        err = finish(m, &g);
    }
    buf_release(&m->json);
    buf_release(&m->actor);
    if (err == ERR_OK) {
        *ret_group = g;
    }
    return err;
}

Str claim_map_as_of(Arena *arena, const JsonNode *patient) {
    const JsonNode *list = json_get_lit(patient, "extension");
    if (!json_is(list, JSON_ARRAY)) {
        return STR_EMPTY;
    }
    for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
        if (json_str_is(json_get_lit(e, "url"), STR(CLAIM_BASE "StructureDefinition/as-of"))) {
            return json_str(arena, json_get_lit(e, "valueDateTime"));
        }
    }
    return STR_EMPTY;
}
