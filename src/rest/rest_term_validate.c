/* $validate-code of CodeSystem and ValueSet. */
#include "rest/rest_term.h"
#include "core/fold.h"

/* One code on trial. */
typedef struct Trial {
    Str system, version, code, display;
} Trial;

typedef struct Verdict {
    TermVerdict is_in;
    bool has_concept;
    TermConcept concept;
    const TermSystem *system;
    Str message;
} Verdict;

static bool vietnamese(const RestTermCall *t) {
    return t->language == FHIR_LANG_VI;
}

/* ---- the code's own state ---- */

static bool same_text(Arena *arena, Str a, Str b) {
    return str_eq(a, b) || str_eq(fold_case(arena, str_trim(a)), fold_case(arena, str_trim(b)));
}

/* Is it one of the concept's names, in any language? */
static bool is_name(const RestTermCall *t, const TermConcept *c, Str display) {
    const JsonNode *extra = NULL;
    Str text = term_extra(c);
    if (same_text(t->arena, display, c->display) || same_text(t->arena, display, c->display_vi)) {
        return true;
    }
    if (text.len == 0 || json_parse(t->arena, text, &extra, NULL) != ERR_OK) {
        return false;
    }
    const JsonNode *list = json_get_lit(extra, "designation");
    for (const JsonNode *d = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; d != NULL;
         d = json_next(list, d)) {
        if (same_text(t->arena, display, rest_term_text(t, d, "value"))) {
            return true;
        }
    }
    return false;
}

/* What speaks against a code that is there; empty: nothing. */
static Str objection(const RestTermCall *t, const Verdict *v, const Trial *trial) {
    const TermConcept *c = &v->concept;
    if (t->has_day && (t->day < c->from || t->day > c->to)) {
        return vietnamese(t) ? STR("mã không còn (hoặc chưa) có hiệu lực vào ngày này")
                             : STR("the code does not hold on this day");
    }
    if (c->is_abstract && !rest_term_arg_bool(t, "abstract", true)) {
        return vietnamese(t) ? STR("mã chỉ dùng để phân nhóm") : STR("the code is abstract");
    }
    if (trial->display.len > 0 && !is_name(t, c, trial->display)) {
        return arena_printf(t->arena,
                            vietnamese(t) ? "tên đúng của mã là '" STR_FMT "'"
                                          : "the code's name is '" STR_FMT "'",
                            STR_ARG(term_display(c, t->language)));
    }
    return STR_EMPTY;
}

static Str not_in(const RestTermCall *t, TermVerdict verdict, const Trial *trial, Str of) {
    const char *text =
        verdict == TERM_UNKNOWN
            ? (vietnamese(t) ? "chưa có danh mục để kiểm tra mã '" STR_FMT "' (" STR_FMT ")"
                             : "what is needed to check the code '" STR_FMT
                               "' is not held here (" STR_FMT ")")
            : (vietnamese(t) ? "không có mã '" STR_FMT "' trong " STR_FMT
                             : "the code '" STR_FMT "' is not in " STR_FMT);
    return arena_printf(t->arena, text, STR_ARG(trial->code), STR_ARG(of));
}

/* ---- trials ---- */

static const TermSystem *system_of(const RestTermCall *t, const Trial *trial) {
    Str canonical = rest_term_canonical(t, trial->system, trial->version);
    return term_system_on(t->view, canonical, t->has_day ? &t->day : NULL);
}

static void judge(const RestTermCall *t, const Trial *trial, Verdict *v, Str of) {
    v->has_concept = v->system != NULL && term_concept(v->system, trial->code, &v->concept);
    if (v->is_in != TERM_YES) {
        v->message = not_in(t, v->is_in, trial, of);
    } else if (v->has_concept) {
        v->message = objection(t, v, trial);
        v->is_in = v->message.len > 0 ? TERM_NO : TERM_YES;
    }
}

static Verdict try_in_system(const RestTermCall *t, const Trial *trial) {
    Verdict v = {.is_in = TERM_UNKNOWN, .message = STR_EMPTY, .system = system_of(t, trial)};
    TermConcept c;
    if (v.system != NULL) {
        v.is_in = term_concept(v.system, trial->code, &c) ? TERM_YES
                  : term_about(v.system).is_complete      ? TERM_NO
                                                          : TERM_UNKNOWN;
    }
    judge(t, trial, &v, trial->system);
    return v;
}

static Verdict try_in_set(const RestTermCall *t, const TermSet *set, const Trial *trial, Str of) {
    Verdict v = {.is_in = term_set_has(set, trial->system, trial->code), .message = STR_EMPTY};
    Str system = trial->system.len > 0 ? trial->system : term_set_system(set, trial->code);
    Trial whole = *trial;
    whole.system = system;
    v.system = system.len == 0 ? NULL : system_of(t, &whole);
    judge(t, trial, &v, of);
    return v;
}

/* The code, the coding, or the codings of the concept: fn judges each until one is in. */
typedef struct Trials {
    Trial all[32];
    size_t n;
} Trials;

static void add_coding(const RestTermCall *t, Trials *trials, const JsonNode *coding) {
    if (trials->n < ARRAY_LEN(trials->all)) {
        trials->all[trials->n++] =
            (Trial){rest_term_text(t, coding, "system"), rest_term_text(t, coding, "version"),
                    rest_term_text(t, coding, "code"), rest_term_text(t, coding, "display")};
    }
}

static ErrCode read_trials(const RestTermCall *t, Str system, Trials *ret, ErrInfo *info) {
    const JsonNode *coding = rest_term_arg_node(t, "coding");
    const JsonNode *concept = rest_term_arg_node(t, "codeableConcept");
    const JsonNode *list = json_get_lit(concept, "coding");
    Str code = rest_term_arg(t, "code");
    ret->n = 0;
    if ((coding != NULL) + (concept != NULL) + (code.len > 0) != 1) {
        return err_set(info, ERR_PARAM, "term-one-code",
                       "give exactly one of code, coding and codeableConcept",
                       "hãy gửi đúng một trong code, coding, codeableConcept");
    }
    if (code.len > 0) {
        bool of_set = t->type == FHIR_T_VALUE_SET;
        ret->all[ret->n++] = (Trial){system, rest_term_arg(t, of_set ? "systemVersion" : "version"),
                                     code, rest_term_arg(t, "display")};
    } else if (coding != NULL) {
        add_coding(t, ret, coding);
    }
    for (const JsonNode *c = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; c != NULL;
         c = json_next(list, c)) {
        add_coding(t, ret, c);
    }
    return ERR_OK;
}

static void put_verdict(RestTermCall *t, const Trial *trial, const Verdict *v) {
    bool yes = v->is_in == TERM_YES;
    rest_term_open(t);
    rest_term_put_bool(t, "result", yes);
    rest_term_put_str(t, "message", "valueString", v->message);
    if (v->has_concept) {
        rest_term_put_str(t, "display", "valueString", term_display(&v->concept, t->language));
    }
    if (trial != NULL) {
        rest_term_put_str(t, "code", "valueCode", trial->code);
        rest_term_put_str(t, "system", "valueUri",
                          v->system != NULL ? term_about(v->system).url : trial->system);
        rest_term_put_str(t, "version", "valueString",
                          v->system != NULL ? term_about(v->system).version : STR_EMPTY);
    }
    rest_term_close(t);
}

static void put_nothing(RestTermCall *t) {
    Verdict v = {.message = vietnamese(t) ? STR("không có mã nào để kiểm tra")
                                          : STR("there is no coding to be checked")};
    put_verdict(t, NULL, &v);
}

ErrCode rest_term_validate_in_system(RestTermCall *t, ErrInfo *info) {
    Trials trials;
    Verdict v = {0};
    Str canonical = STR_EMPTY;
    const JsonNode *root = NULL;
    bool named = t->id.len > 0 || t->sent.len > 0 || rest_term_arg(t, "url").len > 0;
    if (named || rest_term_arg(t, "code").len > 0) {
        TRY(rest_term_need_canonical(t, &canonical, &root, info));
    }
    TRY(read_trials(t, canonical, &trials, info));
    size_t i = 0;
    for (; i < trials.n && (i == 0 || v.is_in != TERM_YES); i++) {
        Trial *trial = &trials.all[i];
        Str url = canonical;
        Str rest = canonical;
        (void)str_cut(&rest, '|', &url);
        trial->system = trial->system.len == 0 ? canonical : trial->system;
        if (named && !str_eq(trial->system, url) && !str_eq(trial->system, canonical)) {
            v = (Verdict){.is_in = TERM_NO, .message = not_in(t, TERM_NO, trial, url)};
        } else {
            v = try_in_system(t, trial);
        }
    }
    if (trials.n == 0) {
        put_nothing(t);
    } else {
        put_verdict(t, &trials.all[i - 1], &v);
    }
    return ERR_OK;
}

/* What the parameters say of versions; all of $expand. */
static ErrCode read_uses(RestTermCall *t, TermSetAsk *ask) {
    static const struct {
        const char *name;
        TermUse use;
    } names[] = {{"exclude-system", TERM_EXCLUDE},
                 {"system-version", TERM_DEFAULT},
                 {"check-system-version", TERM_CHECK},
                 {"force-system-version", TERM_FORCE}};
    TermSystemUse *uses = arena_new_array(t->arena, TermSystemUse, t->n_args + 1);
    if (uses == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n_args; i++) {
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            if (strcmp(t->args[i].param->name, names[k].name) == 0) {
                uses[ask->n_uses++] = (TermSystemUse){names[k].use, t->args[i].text};
            }
        }
    }
    ask->uses = uses;
    return ERR_OK;
}

ErrCode rest_term_need_set(RestTermCall *t, const TermSet **ret_set, const JsonNode **ret_root,
                           Str *ret_canonical, ErrInfo *info) {
    const JsonNode *inline_set = rest_term_arg_node(t, "valueSet");
    TermSetAsk ask = {.canonical = STR_EMPTY, .has_day = t->has_day, .day = t->day};
    *ret_root = inline_set;
    *ret_canonical = STR_EMPTY;
    TRY(read_uses(t, &ask));
    if (inline_set == NULL) {
        TRY(rest_term_need_canonical(t, &ask.canonical, ret_root, info));
        ask.canonical = rest_term_canonical(t, ask.canonical, rest_term_arg(t, "valueSetVersion"));
        *ret_canonical = ask.canonical;
    }
    /* An instance is what is stored under its id, whatever else has the same url. */
    ask.compose = json_get_lit(*ret_root, "compose");
    if (ask.compose == NULL && ask.canonical.len == 0) {
        return err_set(info, ERR_INVALID, "term-set-empty", "the value set has no compose",
                       "danh mục giá trị không có compose");
    }
    return term_set_in(t->view, t->arena, &ask, ret_set, info);
}

ErrCode rest_term_validate_in_set(RestTermCall *t, ErrInfo *info) {
    Trials trials;
    Verdict v = {0};
    const TermSet *set;
    const JsonNode *root;
    Str canonical;
    TRY(rest_term_need_set(t, &set, &root, &canonical, info));
    TRY(read_trials(t, rest_term_arg(t, "system"), &trials, info));
    Str of = canonical.len > 0 ? canonical
             : vietnamese(t)   ? STR("danh mục đã gửi")
                               : STR("the set that was sent");
    size_t i = 0;
    for (; i < trials.n && (i == 0 || v.is_in != TERM_YES); i++) {
        if (trials.all[i].system.len == 0 && rest_term_arg(t, "code").len == 0) {
            v = (Verdict){.message = vietnamese(t) ? STR("coding thiếu system")
                                                   : STR("the coding has no system")};
        } else {
            v = try_in_set(t, set, &trials.all[i], of);
        }
    }
    if (trials.n == 0) {
        put_nothing(t);
    } else {
        put_verdict(t, &trials.all[i - 1], &v);
    }
    return ERR_OK;
}
