#include "fhir/fhir_print.h"

#include "core/limits.h"

#define SUBSETTED                                                                                  \
    "{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ObservationValue\","                   \
    "\"code\":\"SUBSETTED\"}"

/* ---- filtering */

static bool is_named(const FhirPrintOptions *o, Str base) {
    for (unsigned i = 0; i < o->n_elements; i++) {
        if (str_eq(o->elements[i], base)) {
            return true;
        }
    }
    return false;
}

static bool is_one_of(Str name, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (str_eq(name, str_from(list[i]))) {
            return true;
        }
    }
    return false;
}

/* Does a top-level element stand in the filtered resource? */
static bool keeps_top(const FhirPrintOptions *o, const FhirElement *e) {
    static const char *const always[] = {"id", "meta", "implicitRules"};
    Str name = {e->name, e->base_len};
    if (is_one_of(name, always, ARRAY_LEN(always))) {
        return true;
    }
    if (o->n_elements > 0) {
        return e->required != 0 || is_named(o, name) || (e->flags & FHIR_E_MODIFIER) != 0;
    }
    switch (o->summary) {
    case FHIR_SUMMARY_TRUE:
        return e->required != 0 || (e->flags & FHIR_E_SUMMARY) != 0;
    case FHIR_SUMMARY_TEXT:
        return e->required != 0 || str_eq(name, STR("text"));
    case FHIR_SUMMARY_DATA:
        return !str_eq(name, STR("text"));
    case FHIR_SUMMARY_COUNT:
    case FHIR_SUMMARY_FALSE:
        break;
    }
    return true;
}

/* The element of a member name, `_name` included; NULL for resourceType and what is unknown. */
static const FhirElement *element_of(FhirShape shape, Str name) {
    bool is_sibling = name.len > 1 && name.ptr[0] == '_';
    return fhir_element(shape, is_sibling ? str_sub(name, 1, SIZE_MAX) : name);
}

static void put_summary_object(JsonWriter *w, const JsonNode *object, FhirShape shape);

static void put_summary_value(JsonWriter *w, const JsonNode *value, const FhirElement *e) {
    if (json_is(value, JSON_OBJECT) && e->kind != FHIR_KIND_PRIMITIVE &&
        e->kind != FHIR_KIND_RESOURCE) {
        put_summary_object(w, value, e->shape);
    } else {
        json_put_node(w, value);
    }
}

static void put_summary_member(JsonWriter *w, const JsonNode *member, const FhirElement *e) {
    const JsonNode *value = json_value(member);
    json_put_name(w, json_raw_str(member));
    if (!json_is(value, JSON_ARRAY)) {
        put_summary_value(w, value, e);
        return;
    }
    json_open_array(w);
    for (const JsonNode *v = json_first(value); v != NULL; v = json_next(value, v)) {
        put_summary_value(w, v, e);
    }
    json_close_array(w);
}

/* Below the top: what is marked as summary or required. */
static void put_summary_object(JsonWriter *w, const JsonNode *object, FhirShape shape) {
    json_open_object(w);
    for (const JsonNode *m = json_first(object); m != NULL; m = json_next(object, m)) {
        const FhirElement *e = element_of(shape, json_raw_str(m));
        if (e != NULL && ((e->flags & FHIR_E_SUMMARY) != 0 || e->required != 0)) {
            put_summary_member(w, m, e);
        }
    }
    json_close_object(w);
}

/* meta with the tag SUBSETTED behind its own tags; meta may be NULL. */
static void put_meta(JsonWriter *w, const JsonNode *meta) {
    bool done = false;
    json_open_object(w);
    for (const JsonNode *m = json_first(meta); m != NULL; m = json_next(meta, m)) {
        json_put_name(w, json_raw_str(m));
        const JsonNode *value = json_value(m);
        if (!str_eq(json_raw_str(m), STR("tag")) || !json_is(value, JSON_ARRAY)) {
            json_put_node(w, value);
            continue;
        }
        done = true;
        json_open_array(w);
        for (const JsonNode *t = json_first(value); t != NULL; t = json_next(value, t)) {
            json_put_node(w, t);
        }
        json_put_raw(w, STR(SUBSETTED));
        json_close_array(w);
    }
    if (!done) {
        json_name(w, "tag");
        json_put_raw(w, STR("[" SUBSETTED "]"));
    }
    json_close_object(w);
}

static void put_filtered(JsonWriter *w, const FhirResource *r, const FhirPrintOptions *o) {
    bool summary = o->n_elements == 0 && o->summary == FHIR_SUMMARY_TRUE;
    const JsonNode *meta = json_get_lit(r->root, "meta");
    json_open_object(w);
    json_member(w, "resourceType", str_from(fhir_type_name(r->type)));
    const JsonNode *id = json_get_lit(r->root, "id");
    if (id != NULL) {
        json_name(w, "id");
        json_put_node(w, id);
    }
    json_name(w, "meta");
    put_meta(w, json_is(meta, JSON_OBJECT) ? meta : NULL);
    for (const JsonNode *m = json_first(r->root); m != NULL; m = json_next(r->root, m)) {
        Str name = json_raw_str(m);
        const FhirElement *e = element_of((FhirShape)r->type, name);
        if (e == NULL || !keeps_top(o, e) || str_eq(name, STR("id")) || str_eq(name, STR("meta"))) {
            continue;
        }
        if (summary) {
            put_summary_member(w, m, e);
        } else {
            json_put_name(w, name);
            json_put_node(w, json_value(m));
        }
    }
    json_close_object(w);
}

void fhir_print(Buf *out, const FhirResource *resource, const FhirPrintOptions *options) {
    JsonWriter w = json_writer(out);
    if (options != NULL && (options->summary != FHIR_SUMMARY_FALSE || options->n_elements > 0)) {
        put_filtered(&w, resource, options);
    } else if (options != NULL && options->pretty) {
        json_print_pretty(out, resource->root);
    } else {
        json_put_node(&w, resource->root);
    }
}

/* ---- OperationOutcome */

FhirLanguage fhir_language(Str accept_language) {
    unsigned best = 0;
    FhirLanguage language = FHIR_LANG_VI;
    Str part;
    while (str_cut(&accept_language, ',', &part)) {
        Str weight = part;
        Str tag;
        (void)str_cut(&weight, ';', &tag);
        tag = str_trim(tag);
        weight = str_trim(weight);
        unsigned q = 1000;
        if (weight.len >= 3 && weight.ptr[0] == 'q' && weight.ptr[1] == '=') {
            q = weight.ptr[2] == '1' ? 1000 : 0;
            unsigned unit = 100;
            for (size_t i = 4; i < weight.len && unit > 0; i++, unit /= 10) {
                q += q < 1000 && weight.ptr[i] >= '0' && weight.ptr[i] <= '9'
                         ? (unsigned)(weight.ptr[i] - '0') * unit
                         : 0;
            }
        }
        bool vi = str_eq_nocase((Str){tag.ptr, MIN(tag.len, 2)}, STR("vi"));
        bool en = str_eq_nocase((Str){tag.ptr, MIN(tag.len, 2)}, STR("en"));
        if ((vi || en) && q > best) {
            best = q;
            language = en ? FHIR_LANG_EN : FHIR_LANG_VI;
        }
    }
    return language;
}

typedef struct OutcomeItem {
    Str severity, issue, rule, text, where;
} OutcomeItem;

static void open_outcome(JsonWriter *w, FhirLanguage language) {
    json_open_object(w);
    json_member(w, "resourceType", STR("OperationOutcome"));
    json_member(w, "language", language == FHIR_LANG_VI ? STR("vi") : STR("en"));
    json_name(w, "issue");
    json_open_array(w);
}

/* Elements are named by expression, a parameter by location "http.name"
 * (http://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.location), any
 * other place, such as a line, by location as it is. */
static void put_where(JsonWriter *w, Str where) {
    bool element =
        (where.ptr[0] >= 'A' && where.ptr[0] <= 'Z') || str_find_char(where, '[', 0) != SIZE_MAX;
    bool parameter = !element && where.ptr[0] != '/' && str_find_char(where, ' ', 0) == SIZE_MAX;
    char name[ERR_WHERE_MAX + sizeof("http.")];
    int n = snprintf(name, sizeof(name), "%s" STR_FMT, parameter ? "http." : "", STR_ARG(where));
    bool fits = n > 0 && (size_t)n < sizeof(name);
    json_put_name(w, element ? STR("expression") : STR("location"));
    json_open_array(w);
    json_put_str(w, fits ? (Str){name, (size_t)n} : where);
    json_close_array(w);
}

static void put_item(JsonWriter *w, const OutcomeItem *item) {
    json_open_object(w);
    json_member(w, "severity", item->severity);
    json_member(w, "code", item->issue);
    json_name(w, "details");
    json_open_object(w);
    if (item->rule.len > 0) {
        json_name(w, "coding");
        json_open_array(w);
        json_open_object(w);
        json_member(w, "system", STR(FHIR_RULE_SYSTEM));
        json_member(w, "code", item->rule);
        json_close_object(w);
        json_close_array(w);
    }
    json_member(w, "text", item->text);
    json_close_object(w);
    if (item->where.len > 0) {
        put_where(w, item->where);
    }
    json_close_object(w);
}

static void close_outcome(JsonWriter *w) {
    json_close_array(w);
    json_close_object(w);
}

void fhir_print_outcome(Buf *out, const FhirIssues *issues, FhirLanguage language) {
    JsonWriter w = json_writer(out);
    bool vi = language == FHIR_LANG_VI;
    open_outcome(&w, language);
    for (unsigned i = 0; i < issues->n; i++) {
        const FhirIssue *it = &issues->items[i];
        put_item(&w, &(OutcomeItem){str_from(fhir_severity_code(it->severity)), str_from(it->issue),
                                    str_from(it->id), vi ? it->vi : it->en, it->where});
    }
    if (issues->n_dropped > 0) {
        char text[120];
        int len = snprintf(text, sizeof(text), vi ? "và %u vấn đề khác" : "and %u more issues",
                           issues->n_dropped);
        Str severity = issues->n_errors > 0 ? STR("error") : STR("warning");
        put_item(&w, &(OutcomeItem){severity, STR("too-costly"), STR("fhir-more"),
                                    (Str){text, (size_t)len}, STR_EMPTY});
    } else if (issues->n == 0) {
        put_item(&w, &(OutcomeItem){STR("information"), STR("informational"), STR_EMPTY,
                                    str_from(err_text(ERR_OK, vi)), STR_EMPTY});
    }
    close_outcome(&w);
}

static OutcomeItem item_of(const ErrInfo *info, Str severity, FhirLanguage language) {
    bool vi = language == FHIR_LANG_VI;
    const char *what = vi ? info->what_vi : info->what_en;
    return (OutcomeItem){.severity = severity,
                         .issue = str_from(err_issue(info->code)),
                         .rule = str_from(info->rule),
                         .text = str_from(what[0] != '\0' ? what : err_text(info->code, vi)),
                         .where = str_from(info->where)};
}

void fhir_print_outcome_err(Buf *out, const ErrInfo *info, FhirLanguage language) {
    JsonWriter w = json_writer(out);
    Str severity = info->code == ERR_OK                                  ? STR("information")
                   : info->code == ERR_CORRUPT || info->code == ERR_FULL ? STR("fatal")
                                                                         : STR("error");
    OutcomeItem item = item_of(info, severity, language);
    open_outcome(&w, language);
    put_item(&w, &item);
    close_outcome(&w);
}

void fhir_print_warnings(Buf *out, const ErrInfo *infos, size_t n, FhirLanguage language) {
    JsonWriter w = json_writer(out);
    open_outcome(&w, language);
    for (size_t i = 0; i < n; i++) {
        OutcomeItem item = item_of(&infos[i], STR("warning"), language);
        item.issue = infos[i].code == ERR_LIMIT ? STR("incomplete") : item.issue;
        put_item(&w, &item);
    }
    close_outcome(&w);
}
