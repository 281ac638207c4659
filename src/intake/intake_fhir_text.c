/* References of one resource rewritten by the definitions of its type: Reference.reference and
 * members of the uri types that name another entry of the bundle, references to our own base, and
 * conditional references. http://hl7.org/fhir/R4/http.html#trules */
#include "intake/intake_fhir_int.h"

#include "core/random.h"
#include "fhir/fhir_reference.h"

typedef struct Rewriter {
    IntakeTx *tx;
    Buf out;
    Arena *scratch;
    Str base; /* of the resource's own full URL, with its last slash; empty when it has none */
    ErrCode err;
    ErrInfo *info;
} Rewriter;

static void put_value(Rewriter *r, const JsonNode *n, FhirShape shape);

static void put_quoted(Rewriter *r, FhirType type, const char *mark, uint64_t number) {
    buf_printf(&r->out, "\"%s/%s%llu\"", fhir_type_name(type), mark, (unsigned long long)number);
}

/* The entry that the text names, directly or relative to the resource's full URL. */
static size_t find_entry(Rewriter *r, Str text) {
    size_t at = tx_find(r->tx, text);
    if (at == SIZE_MAX && r->base.len > 0 && r->tx->keys != NULL) {
        at = tx_find(r->tx,
                     arena_printf(r->scratch, STR_FMT STR_FMT, STR_ARG(r->base), STR_ARG(text)));
    }
    return at;
}

static void put_condition(Rewriter *r, const FhirReference *reference) {
    IntakeTx *tx = r->tx;
    size_t at = 0;
    while (at < tx->n_conditions && !(tx->conditions[at].type == reference->type &&
                                      str_eq(tx->conditions[at].query, reference->id))) {
        at++;
    }
    if (at == tx->n_conditions) {
        if (at == tx->cap_conditions) {
            size_t cap = at == 0 ? 8 : at * 2;
            TxCondition *grown = arena_new_array(tx->arena, TxCondition, cap);
            if (grown == NULL) {
                r->err = ERR_NOMEM;
                return;
            }
            if (at > 0) {
                memcpy(grown, tx->conditions, at * sizeof(*grown));
            }
            tx->conditions = grown;
            tx->cap_conditions = cap;
        }
        tx->conditions[tx->n_conditions++] =
            (TxCondition){.type = reference->type, .query = arena_str(tx->arena, reference->id)};
    }
    put_quoted(r, reference->type, "~", tx->n_items + at);
}

static void give_id(Rewriter *r, size_t at) {
    TxItem *item = &r->tx->items[at];
    char uuid[RANDOM_UUID_LEN + 1];
    r->err = random_uuid(uuid);
    if (r->err == ERR_OK) {
        item->client_id = arena_str(r->tx->arena, (Str){uuid, RANDOM_UUID_LEN});
        r->err = tx_name(r->tx, at);
    }
}

/* "URL/_history/N" where URL names an entry (bundle.html#references). The version that the entry
 * becomes is known beforehand only of what is created: its first one. Versions of ours that are
 * named by Type/id stay as they are. False: it names no entry. */
static bool put_versioned(Rewriter *r, Str text, bool is_own) {
    IntakeTx *tx = r->tx;
    size_t cut = str_find(text, STR("/_history/"));
    size_t at = cut == SIZE_MAX ? SIZE_MAX : find_entry(r, str_sub(text, 0, cut));
    if (at == SIZE_MAX) {
        return false;
    }
    TxItem *item = &tx->items[at];
    Str version = str_sub(text, cut + 10, text.len);
    const JsonNode *meta = json_get_lit(item->ask.root, "meta");
    Str said = json_str(r->scratch, json_get_lit(meta, "versionId"));
    bool is_another = said.len > 0 && !str_eq(said, version);
    bool by_id = is_own || !str_starts(item->ask.full_url, str_sub(text, 0, cut));
    if (is_another || item->ask.verb == INTAKE_DELETE ||
        (by_id && item->ask.verb == INTAKE_UPDATE)) {
        return false;
    }
    if (item->ask.verb != INTAKE_CREATE || item->ask.condition.len > 0) {
        r->err =
            err_set(r->info, ERR_INVALID, "bundle-reference-version",
                    "'" STR_FMT "' names the version that an entry of the bundle becomes, which "
                    "is not known beforehand: refer to it without a version",
                    "'" STR_FMT "' chỉ phiên bản mà một mục trong gói sẽ trở thành, chưa biết "
                    "trước được: hãy tham chiếu không kèm phiên bản",
                    (int)MIN(text.len, (size_t)120), text.ptr);
        return true;
    }
    if (item->client_id.len == 0) {
        give_id(r, at);
    }
    buf_printf(&r->out, "\"%s/" STR_FMT "/_history/1\"", fhir_type_name(item->ask.type),
               STR_ARG(item->client_id));
    return true;
}

static void put_reference(Rewriter *r, const JsonNode *n) {
    Str text = json_str(r->scratch, n);
    Str own = r->tx->o.base_url;
    FhirReference reference;
    bool is_own =
        own.len > 0 && str_starts(text, own) && text.len > own.len && text.ptr[own.len] == '/';
    Str relative = is_own ? str_sub(text, own.len + 1, text.len) : text;
    if (fhir_reference_parse(relative, &reference) == ERR_OK &&
        reference.kind == FHIR_REF_CONDITIONAL) {
        put_condition(r, &reference); /* never by an entry's condition: that says what was before */
        return;
    }
    size_t entry = find_entry(r, text);
    if (entry == SIZE_MAX && is_own) {
        entry = find_entry(r, relative);
    }
    if (entry != SIZE_MAX) {
        put_quoted(r, r->tx->items[entry].ask.type, "~", entry);
    } else if (r->tx->keys != NULL && put_versioned(r, relative, is_own)) {
        return;
    } else if (is_own) {
        buf_put_char(&r->out, '"');
        buf_put_str(&r->out, relative);
        buf_put_char(&r->out, '"');
    } else {
        buf_put_str(&r->out, json_raw(n));
    }
}

/* ---- uri members: they need an id that is known before the commit ---- */

/* The id of the entry that a urn names; empty when it names none, or one whose id is not known
 * before the commit (a conditional create). */
static Str urn_id(Rewriter *r, Str urn, FhirType *ret_type) {
    size_t at = str_starts(urn, STR("urn:")) ? tx_find(r->tx, urn) : SIZE_MAX;
    if (at == SIZE_MAX) {
        return STR_EMPTY;
    }
    TxItem *item = &r->tx->items[at];
    *ret_type = item->ask.type;
    if (item->ask.verb == INTAKE_CREATE && item->ask.condition.len == 0 &&
        item->client_id.len == 0) {
        give_id(r, at);
    }
    return item->ask.id.len > 0 ? item->ask.id : item->client_id;
}

static void put_uri(Rewriter *r, const JsonNode *n) {
    FhirType type = FHIR_T_NONE;
    Str id = urn_id(r, json_raw_str(n), &type);
    if (id.len == 0) {
        buf_put_str(&r->out, json_raw(n));
    } else {
        buf_printf(&r->out, "\"%s/" STR_FMT "\"", fhir_type_name(type), STR_ARG(id));
    }
}

/* href="urn:uuid:…" and src="urn:uuid:…" of the narrative. */
static void put_narrative(Rewriter *r, const JsonNode *n) {
    enum { URN_LEN = 45 };
    Str raw = json_raw(n);
    size_t at = 0;
    while ((at = str_find(raw, STR("urn:uuid:"))) != SIZE_MAX) {
        FhirType type = FHIR_T_NONE;
        Str id = urn_id(r, str_sub(raw, at, URN_LEN), &type);
        buf_put_str(&r->out, str_sub(raw, 0, at));
        if (id.len > 0) {
            buf_printf(&r->out, "%s/" STR_FMT, fhir_type_name(type), STR_ARG(id));
        } else {
            buf_put_str(&r->out, str_sub(raw, at, URN_LEN));
        }
        size_t end = MIN(at + URN_LEN, raw.len);
        raw = str_sub(raw, end, raw.len - end);
    }
    buf_put_str(&r->out, raw);
}

/* ---- walking ---- */

static bool is_uri(FhirShape shape) {
    return shape == FHIR_T_URI || shape == FHIR_T_URL || shape == FHIR_T_OID ||
           shape == FHIR_T_UUID; /* canonical is not replaced */
}

static void put_member(Rewriter *r, const JsonNode *name, FhirShape shape) {
    Str text = json_raw_str(name);
    const JsonNode *value = json_value(name);
    buf_put_str(&r->out, json_raw(name));
    buf_put_char(&r->out, ':');
    if (shape == FHIR_T_REFERENCE && json_is(value, JSON_STRING) &&
        str_eq(text, STR("reference"))) {
        put_reference(r, value);
        return;
    }
    const FhirElement *element = fhir_element(shape, text);
    bool sibling = element == NULL && text.len > 0 && text.ptr[0] == '_';
    put_value(r, value, element != NULL ? element->shape : sibling ? FHIR_T_ELEMENT : FHIR_T_NONE);
}

static void put_children(Rewriter *r, const JsonNode *n, FhirShape shape) {
    bool object = n->type == JSON_OBJECT;
    bool more = false;
    if (object && shape == FHIR_T_RESOURCE) {
        shape = (FhirShape)fhir_type_of(n);
    }
    buf_put_char(&r->out, object ? '{' : '[');
    for (const JsonNode *at = json_first(n); at != NULL; at = json_next(n, at)) {
        if (more) {
            buf_put_char(&r->out, ',');
        }
        more = true;
        if (object) {
            put_member(r, at, shape);
        } else {
            put_value(r, at, shape);
        }
    }
    buf_put_char(&r->out, object ? '}' : ']');
}

static void put_value(Rewriter *r, const JsonNode *n, FhirShape shape) {
    if (n->type == JSON_OBJECT || n->type == JSON_ARRAY) {
        put_children(r, n, shape);
    } else if (n->type == JSON_STRING && r->tx->keys != NULL && is_uri(shape)) {
        put_uri(r, n);
    } else if (n->type == JSON_STRING && r->tx->keys != NULL && shape == FHIR_T_XHTML) {
        put_narrative(r, n);
    } else {
        buf_put_str(&r->out, json_raw(n));
    }
}

static Str base_of(Str full_url) {
    FhirReference reference;
    return fhir_reference_parse(full_url, &reference) == ERR_OK &&
                   reference.kind == FHIR_REF_ABSOLUTE
               ? reference.base
               : STR_EMPTY;
}

/* Whose record it belongs to, as far as the text says. */
static ErrCode find_patient(IntakeTx *tx, TxItem *item, Arena *scratch) {
    const JsonNode *root = NULL;
    FhirIndexReference patient;
    TRY(json_parse(scratch, item->text, &root, NULL));
    if (item->ask.type != FHIR_T_PATIENT &&
        fhir_patient_of(scratch, item->ask.type, root, &patient)) {
        item->has_patient = true;
        item->patient = patient;
        item->patient.id = arena_str(tx->arena, patient.id);
        item->patient.url = arena_str(tx->arena, patient.url);
    }
    return ERR_OK;
}

ErrCode tx_rewrite(IntakeTx *tx, size_t at, Arena *scratch, ErrInfo *info) {
    TxItem *item = &tx->items[at];
    Rewriter r = {.tx = tx, .scratch = scratch, .base = base_of(item->ask.full_url), .info = info};
    buf_init(&r.out, LIMIT_RESOURCE_BYTES);
    put_value(&r, item->ask.root, (FhirShape)item->ask.type);
    ErrCode err = r.err != ERR_OK ? r.err : buf_ok(&r.out);
    if (err == ERR_OK) {
        item->text = arena_str(tx->arena, buf_str(&r.out));
        err = item->text.len == 0 ? ERR_NOMEM : find_patient(tx, item, scratch);
    }
    buf_release(&r.out);
    return err;
}
