/* CodeSystem/$lookup, CodeSystem/$subsumes, ConceptMap/$translate. */
#include "rest/rest_term.h"

static ErrCode lacks(const char *what, ErrInfo *info) {
    return err_set(info, ERR_PARAM, "parameter-missing", "the parameter %s is missing",
                   "thiếu tham số %s", what);
}

/* ---- $lookup ---- */

typedef struct Asked {
    Str system, version, code;
} Asked;

static ErrCode need_coding(const RestTermCall *t, Asked *ret, ErrInfo *info) {
    const JsonNode *coding = rest_term_arg_node(t, "coding");
    *ret =
        (Asked){rest_term_arg(t, "system"), rest_term_arg(t, "version"), rest_term_arg(t, "code")};
    if (coding != NULL) {
        *ret = (Asked){rest_term_text(t, coding, "system"), rest_term_text(t, coding, "version"),
                       rest_term_text(t, coding, "code")};
    }
    return ret->code.len == 0     ? lacks("code", info)
           : ret->system.len == 0 ? lacks("system", info)
                                  : ERR_OK;
}

/* The system that a caller names, on the day that is asked. */
static ErrCode need_system(RestTermCall *t, Str canonical, const TermSystem **ret, ErrInfo *info) {
    const TermSystem *s = term_system_on(t->view, canonical, t->has_day ? &t->day : NULL);
    if (s == NULL) {
        return err_set(info, ERR_NOT_FOUND, "term-system-unknown",
                       "the code system '" STR_FMT "' is not known here",
                       "không có danh mục mã '" STR_FMT "' ở đây", STR_ARG(canonical));
    }
    *ret = s;
    return ERR_OK;
}

static void put_designation(RestTermCall *t, const char *language, Str value) {
    rest_term_open_parts(t, "designation");
    rest_term_put_str(t, "language", "valueCode", str_from(language));
    rest_term_put_str(t, "value", "valueString", value);
    rest_term_close_parts(t);
}

static void put_designations(RestTermCall *t, const TermConcept *c, const JsonNode *extra) {
    const JsonNode *list = json_get_lit(extra, "designation");
    if (!json_is(list, JSON_ARRAY)) {
        if (c->display_vi.len > 0) {
            put_designation(t, "vi", c->display_vi);
        }
        if (c->display.len > 0 && c->display_vi.len > 0) {
            put_designation(t, "en", c->display);
        }
        return;
    }
    for (const JsonNode *d = json_first(list); d != NULL; d = json_next(list, d)) {
        const JsonNode *use = json_get_lit(d, "use");
        rest_term_open_parts(t, "designation");
        rest_term_put_str(t, "language", "valueCode", rest_term_text(t, d, "language"));
        if (use != NULL) {
            json_open_object(&t->w);
            json_member(&t->w, "name", STR("use"));
            json_name(&t->w, "valueCoding");
            json_put_node(&t->w, use);
            json_close_object(&t->w);
        }
        rest_term_put_str(t, "value", "valueString", rest_term_text(t, d, "value"));
        rest_term_close_parts(t);
    }
}

/* Is the property asked for? All are when none is named. */
static bool is_asked(const RestTermCall *t, Str code) {
    bool any = false;
    for (size_t i = 0; i < t->n_args; i++) {
        bool named = strcmp(t->args[i].param->name, "property") == 0;
        if (named && str_eq(t->args[i].text, code)) {
            return true;
        }
        any = any || named;
    }
    return !any;
}

static void put_property(RestTermCall *t, Str code, const char *type, Str value) {
    if (value.len > 0 && is_asked(t, code)) {
        rest_term_open_parts(t, "property");
        rest_term_put_str(t, "code", "valueCode", code);
        rest_term_put_str(t, "value", type, value);
        rest_term_close_parts(t);
    }
}

static void put_flag(RestTermCall *t, const char *code, bool value) {
    if (value && is_asked(t, str_from(code))) {
        rest_term_open_parts(t, "property");
        rest_term_put_str(t, "code", "valueCode", str_from(code));
        rest_term_put_bool(t, "value", true);
        rest_term_close_parts(t);
    }
}

/* As the resource has them: code and value[x]. */
static void put_own_properties(RestTermCall *t, const JsonNode *extra) {
    const JsonNode *list = json_get_lit(extra, "property");
    for (const JsonNode *p = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; p != NULL;
         p = json_next(list, p)) {
        Str code = rest_term_text(t, p, "code");
        bool said = str_eq(code, STR("parent")) || str_eq(code, STR("child")) ||
                    str_eq(code, STR("inactive")) || str_eq(code, STR("notSelectable"));
        if (said || !is_asked(t, code)) {
            continue;
        }
        rest_term_open_parts(t, "property");
        rest_term_put_str(t, "code", "valueCode", code);
        json_open_object(&t->w);
        json_member(&t->w, "name", STR("value"));
        for (const JsonNode *m = json_first(p); m != NULL; m = json_next(p, m)) {
            if (str_starts(json_raw_str(m), STR("value"))) {
                json_put_name(&t->w, json_raw_str(m));
                json_put_node(&t->w, json_value(m));
            }
        }
        json_close_object(&t->w);
        rest_term_close_parts(t);
    }
}

static ErrCode put_links(RestTermCall *t, const TermConcept *c, bool above) {
    TermConcept *all;
    size_t n;
    TRY(term_links(c, t->arena, above, &all, &n));
    for (size_t i = 0; i < n; i++) {
        put_property(t, above ? STR("parent") : STR("child"), "valueCode", all[i].code);
    }
    return ERR_OK;
}

ErrCode rest_term_lookup(RestTermCall *t, ErrInfo *info) {
    Asked asked;
    const TermSystem *s;
    TermConcept c;
    TRY(need_coding(t, &asked, info));
    TRY(need_system(t, rest_term_canonical(t, asked.system, asked.version), &s, info));
    if (!term_concept(s, asked.code, &c) || (t->has_day && (t->day < c.from || t->day > c.to))) {
        return err_set(
            info, ERR_NOT_FOUND, "term-code-unknown", "the code '" STR_FMT "' is not in " STR_FMT,
            "không có mã '" STR_FMT "' trong " STR_FMT, STR_ARG(asked.code), STR_ARG(asked.system));
    }
    const JsonNode *extra = NULL;
    Str text = term_extra(&c);
    if (text.len > 0) {
        TRY(json_parse(t->arena, text, &extra, info));
    }
    TermAbout about = term_about(s);
    Str display = term_display(&c, t->language);
    rest_term_open(t);
    rest_term_put_str(t, "name", "valueString", about.title.len > 0 ? about.title : about.name);
    rest_term_put_str(t, "version", "valueString", about.version);
    rest_term_put_str(t, "display", "valueString", display.len > 0 ? display : c.code);
    put_designations(t, &c, extra);
    put_property(t, STR("definition"), "valueString", c.definition);
    put_flag(t, "inactive", c.is_inactive);
    put_flag(t, "notSelectable", c.is_abstract);
    put_own_properties(t, extra);
    TRY(put_links(t, &c, true));
    TRY(put_links(t, &c, false));
    rest_term_close(t);
    return ERR_OK;
}

/* ---- $subsumes ---- */

ErrCode rest_term_subsumption(RestTermCall *t, ErrInfo *info) {
    const JsonNode *codings[] = {rest_term_arg_node(t, "codingA"),
                                 rest_term_arg_node(t, "codingB")};
    Str codes[] = {rest_term_arg(t, "codeA"), rest_term_arg(t, "codeB")};
    Str system = rest_term_arg(t, "system");
    const JsonNode *root;
    if (t->id.len > 0) {
        TRY(rest_term_need_canonical(t, &system, &root, info));
    } else {
        system = rest_term_canonical(t, system, rest_term_arg(t, "version"));
    }
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        Str own = rest_term_text(t, codings[i], "system");
        codes[i] = codings[i] == NULL ? codes[i] : rest_term_text(t, codings[i], "code");
        system = system.len > 0 ? system : own;
        if (codes[i].len == 0) {
            return lacks(i == 0 ? "codeA" : "codeB", info);
        }
        Str url = system;
        Str rest = system;
        (void)str_cut(&rest, '|', &url);
        if (own.len > 0 && !str_eq(own, url)) {
            return err_set(info, ERR_PARAM, "term-two-systems",
                           "the two codes are of different systems", "hai mã thuộc hai danh mục");
        }
    }
    if (system.len == 0) {
        return lacks("system", info);
    }
    const char *outcome;
    TRY(term_subsumes(t->view, t->arena, &(TermSubsumes){system, codes[0], codes[1]}, &outcome,
                      info));
    rest_term_open(t);
    rest_term_put_str(t, "outcome", "valueCode", str_from(outcome));
    rest_term_close(t);
    return ERR_OK;
}

/* ---- $translate ---- */

static bool counts(const TermMatch *m) {
    return !str_eq(m->equivalence, STR("unmatched")) && !str_eq(m->equivalence, STR("disjoint")) &&
           m->code.len > 0;
}

static void put_match(RestTermCall *t, const TermMatch *m) {
    rest_term_open_parts(t, "match");
    rest_term_put_str(t, "equivalence", "valueCode", m->equivalence);
    if (m->code.len > 0) {
        rest_term_put_coding(t, m);
    }
    rest_term_put_str(t, "source", "valueUri", m->map);
    if (m->comment.len > 0) {
        rest_term_put_str(t, "comment", "valueString", m->comment);
    }
    rest_term_close_parts(t);
}

typedef struct Matches {
    TermMatch *all;
    size_t n;
} Matches;

static ErrCode translate_one(RestTermCall *t, TermTranslate *ask, const Asked *asked, Matches *ret,
                             ErrInfo *info) {
    ask->system = asked->system;
    ask->version = asked->version;
    ask->code = asked->code;
    return term_translate(t->view, t->arena, ask, &ret->all, &ret->n, info);
}

/* All codings of a CodeableConcept, the first that has matches wins. */
static ErrCode translate_concept(RestTermCall *t, TermTranslate *ask, const JsonNode *concept,
                                 Matches *ret, ErrInfo *info) {
    const JsonNode *list = json_get_lit(concept, "coding");
    for (const JsonNode *c = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
         c != NULL && ret->n == 0; c = json_next(list, c)) {
        Asked asked = {rest_term_text(t, c, "system"), rest_term_text(t, c, "version"),
                       rest_term_text(t, c, "code")};
        if (asked.code.len > 0 && asked.system.len > 0) {
            TRY(translate_one(t, ask, &asked, ret, info));
        }
    }
    return ERR_OK;
}

ErrCode rest_term_translation(RestTermCall *t, ErrInfo *info) {
    const JsonNode *concept = rest_term_arg_node(t, "codeableConcept");
    TermTranslate ask = {.map = rest_term_canonical(t, rest_term_arg(t, "url"),
                                                    rest_term_arg(t, "conceptMapVersion")),
                         .source_set = rest_term_arg(t, "source"),
                         .target_set = rest_term_arg(t, "target"),
                         .target_system = rest_term_arg(t, "targetsystem"),
                         .reverse = rest_term_arg_bool(t, "reverse", false)};
    Matches found = {NULL, 0};
    const JsonNode *root;
    if (t->id.len > 0 || t->sent.len > 0) {
        TRY(rest_term_need_canonical(t, &ask.map, &root, info));
    }
    if (concept != NULL) {
        TRY(translate_concept(t, &ask, concept, &found, info));
    } else {
        Asked asked;
        TRY(need_coding(t, &asked, info));
        TRY(translate_one(t, &ask, &asked, &found, info));
    }
    bool result = false;
    for (size_t i = 0; i < found.n; i++) {
        result = result || counts(&found.all[i]);
    }
    rest_term_open(t);
    rest_term_put_bool(t, "result", result);
    if (!result) {
        rest_term_put_str(t, "message", "valueString",
                          t->language == FHIR_LANG_VI ? STR("không có mã tương ứng")
                                                      : STR("there is no corresponding code"));
    }
    for (size_t i = 0; i < found.n; i++) {
        put_match(t, &found.all[i]);
    }
    rest_term_close(t);
    return ERR_OK;
}
