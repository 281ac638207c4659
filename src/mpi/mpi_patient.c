#include "mpi/mpi_patient.h"

#include "core/limits.h"
#include "interop/claim_identity.h"

/* ---- reading ---- */

static void put_identifier(MpiFields *f, Str system, Str value) {
    if (str_eq(system, STR(CLAIM_SYSTEM_CCCD))) {
        f->cccd = f->cccd.len == 0 ? value : f->cccd;
    } else if (str_eq(system, STR(CLAIM_SYSTEM_CMND)) ||
               str_eq(system, STR(CLAIM_SYSTEM_PASSPORT)) ||
               str_eq(system, STR(CLAIM_SYSTEM_PAPER))) {
        f->paper = f->paper.len == 0 ? value : f->paper;
    } else if (str_eq(system, STR(CLAIM_SYSTEM_MA_BN))) {
        for (size_t i = 0; i < MPI_LOCALS_MAX; i++) {
            if (f->locals[i].len == 0) {
                f->locals[i] = value;
                return;
            }
        }
    } else if (str_eq(system, STR(CLAIM_SYSTEM_CARD)) || str_eq(system, STR(CLAIM_SYSTEM_BHXH))) {
        /* A card says more than its number: cards come first in what we write. */
        for (size_t i = 0; i < MPI_BHXH_MAX; i++) {
            if (f->cards[i].len == 0 || str_ends(f->cards[i], value)) {
                f->cards[i] = f->cards[i].len == 0 ? value : f->cards[i];
                return;
            }
        }
    }
}

static const JsonNode *first_of(const JsonNode *list) {
    return json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
}

/* The commune's code in the address, as claims carry it. */
static Str commune_of(Arena *arena, const JsonNode *patient) {
    const JsonNode *address = first_of(json_get_lit(patient, "address"));
    const JsonNode *list = json_get_lit(address, "extension");
    for (const JsonNode *e = first_of(list); e != NULL; e = json_next(list, e)) {
        const JsonNode *inner = json_get_lit(e, "extension");
        for (const JsonNode *i = first_of(inner); i != NULL; i = json_next(inner, i)) {
            if (json_str_is(json_get_lit(i, "url"), STR("MAXA_CU_TRU"))) {
                return json_str(arena, json_get_lit(i, "valueString"));
            }
        }
    }
    return STR_EMPTY;
}

/* The name as it was written, else its parts in the Vietnamese order. */
static Str name_of(Arena *arena, const JsonNode *patient) {
    const JsonNode *name = first_of(json_get_lit(patient, "name"));
    Str text = json_str(arena, json_get_lit(name, "text"));
    if (text.len > 0) {
        return text;
    }
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    buf_put_str(&b, json_str(arena, json_get_lit(name, "family")));
    const JsonNode *given = json_get_lit(name, "given");
    for (const JsonNode *g = first_of(given); g != NULL; g = json_next(given, g)) {
        buf_put_char(&b, ' ');
        buf_put_str(&b, json_str(arena, g));
    }
    return arena_str(arena, buf_str(&b));
}

void mpi_patient_fields(Arena *arena, const JsonNode *p, MpiFields *ret_fields) {
    MpiFields f = {
        .name = name_of(arena, p),
        .birth = json_str(arena, json_get_lit(p, "birthDate")),
        .sex = json_str(arena, json_get_lit(p, "gender")),
        .commune = commune_of(arena, p),
    };
    const JsonNode *list = json_get_lit(p, "identifier");
    for (const JsonNode *i = first_of(list); i != NULL; i = json_next(list, i)) {
        put_identifier(&f, json_str(arena, json_get_lit(i, "system")),
                       json_str(arena, json_get_lit(i, "value")));
    }
    list = json_get_lit(p, "telecom");
    size_t n = 0;
    for (const JsonNode *t = first_of(list); t != NULL; t = json_next(list, t)) {
        if (n < MPI_PHONES_MAX && json_str_is(json_get_lit(t, "system"), STR("phone"))) {
            f.phones[n++] = json_str(arena, json_get_lit(t, "value"));
        }
    }
    *ret_fields = f;
}

/* ---- links ---- */

static Str other_of(Arena *arena, const JsonNode *link) {
    Str reference = json_str(arena, json_path(link, "other.reference"));
    Str head = STR("Patient/");
    return str_starts(reference, head) ? str_sub(reference, head.len, reference.len) : STR_EMPTY;
}

Str mpi_patient_link(Arena *arena, const JsonNode *patient, Str type, size_t nth) {
    const JsonNode *list = json_get_lit(patient, "link");
    for (const JsonNode *l = first_of(list); l != NULL; l = json_next(list, l)) {
        if (json_str_is(json_get_lit(l, "type"), type) && nth-- == 0) {
            return other_of(arena, l);
        }
    }
    return STR_EMPTY;
}

Str mpi_patient_active(const JsonNode *patient) {
    const JsonNode *active = json_get_lit(patient, "active");
    return json_is(active, JSON_TRUE)    ? STR("true")
           : json_is(active, JSON_FALSE) ? STR("false")
                                         : STR("none");
}

static Str reference_of(Arena *arena, const MpiLink *link) {
    bool whole = str_find_char(link->other, '/', 0) != SIZE_MAX;
    return whole ? link->other : arena_printf(arena, "Patient/" STR_FMT, STR_ARG(link->other));
}

static void put_link(Arena *arena, JsonWriter *w, const MpiLink *link) {
    json_open_object(w);
    json_name(w, "other");
    json_open_object(w);
    json_member(w, "reference", reference_of(arena, link));
    json_close_object(w);
    json_member(w, "type", link->type);
    json_close_object(w);
}

static void put_active(JsonWriter *w, Str active) {
    if (!str_eq(active, STR("none"))) {
        json_name(w, "active");
        json_put_raw(w, active);
    }
}

/* The links without the one that is taken away, with the one that is added. */
static void put_links(Arena *arena, JsonWriter *w, const JsonNode *list, const MpiLink *link,
                      bool joins) {
    size_t kept = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (const JsonNode *l = first_of(list); l != NULL; l = json_next(list, l)) {
            bool is_it = json_str_is(json_get_lit(l, "type"), link->type) &&
                         json_str_is(json_path(l, "other.reference"), reference_of(arena, link));
            if (pass == 0) {
                kept += !is_it;
            } else if (!is_it) {
                json_put_node(w, l);
            }
        }
        if (pass == 0) {
            if (kept == 0 && !joins) {
                return;
            }
            json_name(w, "link");
            json_open_array(w);
        }
    }
    if (joins) {
        put_link(arena, w, link);
    }
    json_close_array(w);
}

static ErrCode rewrite(Arena *arena, const JsonNode *patient, const MpiLink *link, bool joins,
                       Str *ret_json) {
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&out);
    bool linked = false;
    bool active = link->active.len == 0;
    json_open_object(&w);
    for (const JsonNode *m = json_first(patient); m != NULL; m = json_next(patient, m)) {
        if (json_str_is(m, STR("link"))) {
            put_links(arena, &w, json_value(m), link, joins);
            linked = true;
        } else if (!active && json_str_is(m, STR("active"))) {
            put_active(&w, link->active);
            active = true;
        } else {
            json_put_name(&w, json_str(arena, m));
            json_put_node(&w, json_value(m));
        }
    }
    if (!linked) {
        put_links(arena, &w, NULL, link, joins);
    }
    if (!active) {
        put_active(&w, link->active);
    }
    json_close_object(&w);
    TRY(buf_ok(&out));
    *ret_json = arena_str(arena, buf_str(&out));
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode mpi_patient_join(Arena *arena, const JsonNode *patient, const MpiLink *link,
                         Str *ret_json) {
    return rewrite(arena, patient, link, true, ret_json);
}

ErrCode mpi_patient_part(Arena *arena, const JsonNode *patient, const MpiLink *link,
                         Str *ret_json) {
    return rewrite(arena, patient, link, false, ret_json);
}
