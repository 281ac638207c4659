/* Newborns and their mothers: a case side by side, and what a person says of it. The list is that
 * of pairs (api_mpi.c, kind=newborns). */
#include "api/api_reading.h"
#include "core/fold.h"
#include "interop/claim_identity.h"
#include "mpi/mpi_birth.h"
#include "mpi/mpi_patient.h"

/* ---- side by side ---- */

typedef struct Seen {
    RestCall *call;
    JsonWriter *w;
    MpiBirthSeen birth;
    const JsonNode *mother; /* her Patient; NULL: it is gone */
} Seen;

static ErrCode read_patient(RestCall *call, Str id, const JsonNode **ret) {
    StoreVersion v;
    *ret = NULL;
    ErrCode err = store_get(api_of(call)->store, call->arena, FHIR_T_PATIENT, id, &v);
    if (err == ERR_GONE || err == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(err);
    return json_parse(call->arena, v.json, ret, NULL);
}

/* Of a Patient or a RelatedPerson. */
static Str text_of(Arena *arena, const JsonNode *person, const char *member) {
    return json_str(arena, json_get(person, str_from(member)));
}

static void put_level(Seen *s, const char *field, const Str values[2], Str level) {
    json_open_object(s->w);
    json_member(s->w, "field", str_from(field));
    json_member_str(s->w, STR("a"), values[0]);
    json_member_str(s->w, STR("b"), values[1]);
    json_member(s->w, "level", level);
    json_close_object(s->w);
}

static void put_field(Seen *s, const char *field, Str a, Str b) {
    bool same = str_eq(fold(s->call->arena, a), fold(s->call->arena, b));
    put_level(s, field, (Str[]){a, b},
              a.len == 0 || b.len == 0 ? STR("missing")
              : same                   ? STR("same")
                                       : STR("other"));
}

/* "CON BÀ …" is no name: it is not another one. */
static void put_name(Seen *s, Str a, Str b) {
    MpiPerson person;
    mpi_person_make(&(MpiFields){.name = b}, &person);
    if ((person.flags & MPI_UNNAMED) != 0) {
        put_level(s, "name", (Str[]){a, b}, STR("missing"));
    } else {
        put_field(s, "name", a, b);
    }
}

/* The card, when the child has it among others; else empty. */
static Str shared_card(const JsonNode *child, Str card) {
    const JsonNode *list = json_get_lit(child, "identifier");
    for (const JsonNode *i = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
         i != NULL && card.len > 0; i = json_next(list, i)) {
        if (json_str_is(json_get_lit(i, "system"), STR(CLAIM_SYSTEM_CARD)) &&
            json_str_is(json_get_lit(i, "value"), card)) {
            return card;
        }
    }
    return STR_EMPTY;
}

/* The certificate beside one child. */
static void put_fields(Seen *s, const JsonNode *child) {
    static const char *const plain[] = {"birthDate", "gender"};
    static const char *const names[] = {"birth", "sex"};
    Arena *arena = s->call->arena;
    const JsonNode *c = s->birth.certificate;
    Str hers = citizen_identifier(arena, s->mother, STR(CLAIM_SYSTEM_CARD));
    put_name(s, citizen_name(arena, c), citizen_name(arena, child));
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        put_field(s, names[i], text_of(arena, c, plain[i]), text_of(arena, child, plain[i]));
    }
    Str card = citizen_identifier(arena, c, STR(CLAIM_SYSTEM_CARD));
    Str has = shared_card(child, card);
    put_field(s, "card", card,
              has.len > 0 ? has : citizen_identifier(arena, child, STR(CLAIM_SYSTEM_CARD)));
    put_field(s, "mothers_cccd", citizen_identifier(arena, s->mother, STR(CLAIM_SYSTEM_CCCD)),
              citizen_identifier(arena, child, STR(CLAIM_SYSTEM_RELATIVE)));
    put_field(s, "mothers_card", hers, shared_card(child, hers));
}

static ErrCode put_child(Seen *s, size_t at) {
    const JsonNode *child = NULL;
    Str id = s->birth.children[at];
    TRY(read_patient(s->call, id, &child));
    json_open_object(s->w);
    json_member(s->w, "id", id);
    put_member_or_null(s->w, STR("name"),
                       child == NULL ? STR_EMPTY : citizen_name(s->call->arena, child));
    json_name(s->w, "agrees");
    json_put_bool(s->w, at < s->birth.n_agree);
    json_name(s->w, "fields");
    json_open_array(s->w);
    put_fields(s, child);
    json_close_array(s->w);
    json_close_object(s->w);
    return ERR_OK;
}

static void put_mother(Seen *s) {
    Arena *arena = s->call->arena;
    json_name(s->w, "mother");
    json_open_object(s->w);
    json_member(s->w, "id", s->birth.mother);
    put_member_or_null(s->w, STR("name"),
                       s->mother == NULL ? STR_EMPTY : citizen_name(arena, s->mother));
    json_member_str(s->w, STR("birth"), text_of(arena, s->mother, "birthDate"));
    json_member_str(s->w, STR("sex"), text_of(arena, s->mother, "gender"));
    json_close_object(s->w);
}

/* What is doubtful, named as the Task's evidence. */
static void put_doubts(Seen *s) {
    const struct {
        const char *name;
        bool fits;
    } facts[] = {{"card", s->birth.by_card},
                 {"certificates", s->birth.one_certificate},
                 {"persons", s->birth.one_person},
                 {"birth-and-sex", s->birth.n_agree > 0},
                 {"mother", s->birth.mother_fits}};
    json_name(s->w, "doubts");
    json_open_array(s->w);
    for (size_t i = 0; i < ARRAY_LEN(facts) && s->birth.n > 0; i++) {
        if (!facts[i].fits) {
            json_put_str(s->w, str_from(facts[i].name));
        }
    }
    json_close_array(s->w);
}

static ErrCode put_birth(RestCall *call, Buf *out, ErrInfo *info) {
    JsonWriter w = json_writer(out);
    Seen s = {.call = call, .w = &w};
    TRY(mpi_birth_see(api_of(call)->store, call->arena, call->parts[3], &s.birth, info));
    TRY(read_patient(call, s.birth.mother, &s.mother));
    json_open_object(&w);
    json_member(&w, "certificate", call->parts[3]);
    json_name(&w, "there");
    json_put_bool(&w, s.birth.certificate != NULL);
    json_member_str(&w, STR("status"), s.birth.status);
    json_member_str(&w, STR("who"), s.birth.who);
    json_member_str(&w, STR("why"), s.birth.why);
    json_member_str(&w, STR("time"), s.birth.time);
    json_name(&w, "by_person");
    json_put_bool(&w, s.birth.by_person);
    json_member(&w, "linked", s.birth.linked);
    put_mother(&s);
    put_doubts(&s);
    json_name(&w, "children");
    json_open_array(&w);
    for (size_t i = 0; i < s.birth.n; i++) {
        TRY(put_child(&s, i));
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static void get_birth(RestCall *call) {
    static const char *const names[] = {NULL};
    rest_answer(call, names, put_birth);
}

/* ---- decisions ---- */

typedef ErrCode (*SayFn)(Store *store, const MpiBirthAct *act, ErrInfo *info);

/* The body {"who":"…","why":"…"}, of a link also {"child":"ID"}; the answer is the case. */
static ErrCode act_on_birth(RestCall *call, Buf *out, ErrInfo *info) {
    static const struct {
        const char *name;
        SayFn run;
    } acts[] = {
        {"link", mpi_birth_link}, {"reject", mpi_birth_reject}, {"reopen", mpi_birth_reopen}};
    const JsonNode *body = NULL;
    TRY(json_parse(call->arena, http_body(call->request), &body, info));
    MpiBirthAct act = {.birth = call->parts[3],
                       .child = json_str(call->arena, json_get_lit(body, "child")),
                       .who = json_str(call->arena, json_get_lit(body, "who")),
                       .why = json_str(call->arena, json_get_lit(body, "why")),
                       .now = clock_now_ms(api_of(call)->clock)};
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        if (str_eq(call->parts[4], str_from(acts[i].name))) {
            TRY(acts[i].run(api_of(call)->store, &act, info));
            return put_birth(call, out, info);
        }
    }
    return ERR_NOT_FOUND;
}

static void post_birth(RestCall *call) {
    static const char *const names[] = {NULL};
    rest_answer(call, names, act_on_birth);
}

ROUTES(api_newborn_routes,
       {"GET", "/api/mpi/newborns/:id", get_birth, false,
        "a birth certificate beside the children whom it may mean"},
       {"POST", "/api/mpi/newborns/:id/:act", post_birth, true,
        "link, reject, reopen (takes either back): {\"who\", \"why\", \"child\"}"});
