#include "fhir/fhir_query_int.h"

/* Characters that may stand in a query value as they are (RFC 3986 without those that we split at).
 */
static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~:/,$@!*()", c) != NULL);
}

void fhir_query_put_encoded(Buf *out, Str text) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (is_plain(text.ptr[i])) {
            buf_put_char(out, text.ptr[i]);
        } else {
            char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
            buf_put(out, escaped, sizeof escaped);
        }
    }
}

/* Encoded, with backslashes before the characters that separate values. */
static void put_value_text(Buf *out, Str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(",|$\\", text.ptr[i]) != NULL && text.ptr[i] != '\0') {
            buf_put_lit(out, "%5C");
        }
        fhir_query_put_encoded(out, str_sub(text, i, 1));
    }
}

static void put_bar(Buf *out) {
    buf_put_lit(out, "%7C");
}

static void put_prefixed(Buf *out, uint8_t prefix, Str text) {
    assert(prefix <= FHIR_PREFIX_AP);
    if (prefix != FHIR_PREFIX_EQ) {
        buf_put_str(out, str_from(query_prefix_names[prefix]));
    }
    put_value_text(out, text);
}

static void put_token(Buf *out, const FhirQueryValue *v) {
    put_value_text(out, v->token.system);
    if (v->token.has_bar) {
        put_bar(out);
    }
    put_value_text(out, v->token.code);
}

static void put_quantity(Buf *out, const FhirQueryValue *v) {
    put_prefixed(out, v->prefix, v->quantity.number.text);
    if (v->quantity.has_unit) {
        put_bar(out);
        put_value_text(out, v->quantity.system);
        put_bar(out);
        put_value_text(out, v->quantity.code);
    }
}

static void put_reference(Buf *out, const FhirIndexReference *r) {
    if (r->url.len == 0 && r->type != FHIR_T_NONE) {
        buf_printf(out, "%s/", fhir_type_name(r->type));
    }
    put_value_text(out, r->url.len > 0 ? r->url : r->id);
    if (r->version.len > 0) {
        buf_put_lit(out, "/_history/");
        put_value_text(out, r->version);
    }
}

static void put_value(Buf *out, const FhirQueryValue *v) {
    switch ((FhirIndexKind)v->kind) {
    case FHIR_INDEX_TOKEN:
        put_token(out, v);
        break;
    case FHIR_INDEX_STRING:
        put_value_text(out, v->string.text);
        break;
    case FHIR_INDEX_DATE:
        put_prefixed(out, v->prefix, v->date.text);
        break;
    case FHIR_INDEX_NUMBER:
        put_prefixed(out, v->prefix, v->number.text);
        break;
    case FHIR_INDEX_QUANTITY:
        put_quantity(out, v);
        break;
    case FHIR_INDEX_URI:
        put_value_text(out, v->uri.text);
        break;
    case FHIR_INDEX_TEXT:
        put_value_text(out, v->string.text);
        break;
    case FHIR_INDEX_IDENTIFIER:
        put_token(out, v);
        break;
    case FHIR_INDEX_OF_TYPE:
        put_value_text(out, v->of_type.system);
        put_bar(out);
        put_value_text(out, v->of_type.code);
        put_bar(out);
        put_value_text(out, v->of_type.value);
        break;
    case FHIR_INDEX_WORDS:
        put_value_text(out, v->words.text);
        break;
    case FHIR_INDEX_POSITION:
        fhir_query_put_encoded(out, v->near.text);
        break;
    case FHIR_INDEX_CONTAINED: /* never asked for */
        break;
    case FHIR_INDEX_REFERENCE:
        put_reference(out, &v->reference);
        break;
    case FHIR_INDEX_COMPOSITE:
        for (unsigned i = 0; i < v->composite.n_parts; i++) {
            buf_put(out, "$", i > 0 ? 1 : 0);
            put_value(out, &v->composite.parts[i]);
        }
        break;
    }
}

static void put_name(Buf *out, bool *first, Str name) {
    buf_put(out, "&", *first ? 0 : 1);
    *first = false;
    fhir_query_put_encoded(out, name);
}

static void put_member(Buf *out, bool *first, const char *name, Str value) {
    if (value.len > 0) {
        put_name(out, first, str_from(name));
        buf_put_char(out, '=');
        fhir_query_put_encoded(out, value);
    }
}

/* "subject:Patient.name:exact" */
static void put_term_name(Buf *out, const FhirQueryTerm *t) {
    static const char *const modifiers[] = {
        "",    ":exact",  ":contains", ":missing", ":not",     ":",          ":text",
        ":in", ":not-in", ":above",    ":below",   ":of-type", ":identifier"};
    assert(t->modifier < ARRAY_LEN(modifiers));
    if (t->kind == FHIR_TERM_LIST) {
        buf_put_lit(out, "_list");
        return;
    }
    if (t->kind == FHIR_TERM_HAS) {
        buf_printf(out, "_has:%s:" STR_FMT ":", fhir_type_name(t->links[0].type),
                   STR_ARG(t->param->code));
        put_term_name(out, t->links[0].term);
        return;
    }
    fhir_query_put_encoded(out, t->param->code);
    if (t->kind == FHIR_TERM_CHAIN) {
        bool said = t->n_links == 1 && t->param->n_targets != 1;
        buf_printf(out, "%s%s.", said ? ":" : "", said ? fhir_type_name(t->links[0].type) : "");
        put_term_name(out, t->links[0].term);
        return;
    }
    buf_put_str(out, str_from(modifiers[t->modifier]));
    if (t->modifier == FHIR_MOD_TYPE) {
        buf_put_str(out, str_from(fhir_type_name(t->ref_type)));
    }
}

void fhir_query_print_term(Buf *out, const FhirQueryTerm *t) {
    if (t->kind == FHIR_TERM_ANY) { /* for reading only: no URL says it */
        for (size_t i = 0; i < t->n_links; i++) {
            buf_put(out, "|", i > 0 ? 1 : 0);
            fhir_query_print_term(out, t->links[i].term);
        }
        return;
    }
    put_term_name(out, t);
    buf_put_char(out, '=');
    if (t->asked.len > 0) {
        fhir_query_put_encoded(out, t->asked);
        return;
    }
    assert(t->n_values > 0 || t->modifier == FHIR_MOD_MISSING);
    if (t->modifier == FHIR_MOD_MISSING) {
        buf_put_str(out, t->missing ? STR("true") : STR("false"));
    }
    for (size_t i = 0; i < t->n_values; i++) {
        buf_put(out, ",", i > 0 ? 1 : 0);
        put_value(out, &t->values[i]);
    }
}

static void put_term(Buf *out, bool *first, const FhirQueryTerm *t) {
    if (!t->is_implied) {
        put_name(out, first, STR_EMPTY);
        fhir_query_print_term(out, t);
    }
}

static void put_include(Buf *out, bool *first, const FhirInclude *in) {
    put_name(out, first, in->is_reverse ? STR("_revinclude") : STR("_include"));
    buf_put_str(out, in->is_iterate ? STR(":iterate=") : STR("="));
    if (in->source != FHIR_T_NONE) {
        buf_printf(out, "%s:", fhir_type_name(in->source));
    }
    buf_put_str(out, in->param == NULL ? STR("*") : in->param->code);
    if (in->target != FHIR_T_NONE) {
        buf_printf(out, ":%s", fhir_type_name(in->target));
    }
}

static void put_sorts(Buf *out, bool *first, const FhirQuery *q) {
    for (size_t i = 0; i < q->n_sorts; i++) {
        if (i == 0) {
            put_name(out, first, STR("_sort"));
        }
        buf_put_char(out, i == 0 ? '=' : ',');
        buf_put(out, "-", q->sorts[i].is_descending ? 1 : 0);
        fhir_query_put_encoded(out, q->sorts[i].param->code);
    }
}

static void put_elements(Buf *out, bool *first, const FhirQuery *q) {
    for (size_t i = 0; i < q->n_elements; i++) {
        if (i == 0) {
            put_name(out, first, STR("_elements"));
        }
        buf_put_char(out, i == 0 ? '=' : ',');
        fhir_query_put_encoded(out, q->elements[i]);
    }
}

void fhir_query_print(Buf *out, const FhirQuery *q) {
    assert(q->n_sorts <= FHIR_QUERY_SORTS && q->summary <= FHIR_SUMMARY_COUNT);
    bool first = true;
    put_member(out, &first, "_type", q->type_text);
    for (size_t i = 0; i < q->n_terms; i++) {
        put_term(out, &first, &q->terms[i]);
    }
    for (size_t i = 0; i < q->n_includes; i++) {
        put_include(out, &first, &q->includes[i]);
    }
    put_sorts(out, &first, q);
    if (q->has_count) {
        put_name(out, &first, STR("_count"));
        buf_put_char(out, '=');
        buf_put_u64(out, q->count);
    }
    if (q->summary != FHIR_SUMMARY_FALSE && !(q->has_count && q->count == 0)) {
        put_member(out, &first, "_summary", str_from(query_summary_names[q->summary]));
    }
    put_member(out, &first, "_total", str_from(query_total_names[q->total]));
    put_elements(out, &first, q);
    put_member(out, &first, "_format", q->format);
    if (q->pretty) {
        put_member(out, &first, "_pretty", STR("true"));
    }
    if (q->explain) {
        put_member(out, &first, "__explain", STR("true"));
    }
}
