/* TerminologyCapabilities (metadata?mode=terminology), made from the catalogue that is served and
 * the table that $expand is read by. */
#include "rest/rest_term.h"

static void put_flag(JsonWriter *w, const char *name, bool value) {
    json_put_name(w, str_from(name));
    json_put_bool(w, value);
}

static void open_list(JsonWriter *w, const char *name) {
    json_put_name(w, str_from(name));
    json_open_array(w);
}

/* All versions of one system; they stand together, the one that is meant without a version first.
 * Returns where the next system begins. */
static size_t put_system(JsonWriter *w, const TermView *view, size_t at) {
    TermAbout first;
    TermAbout about;
    size_t i = at;
    (void)term_system_nth(view, at, &first);
    json_open_object(w);
    json_member(w, "uri", first.url);
    open_list(w, "version");
    for (; term_system_nth(view, i, &about) && str_eq(about.url, first.url); i++) {
        json_open_object(w);
        json_member_str(w, STR("code"), about.version);
        put_flag(w, "isDefault", i == at);
        json_close_object(w);
    }
    json_close_array(w);
    put_flag(w, "subsumption", true);
    json_close_object(w);
    return i;
}

static void put_systems(JsonWriter *w, const TermView *view) {
    TermAbout about;
    open_list(w, "codeSystem");
    for (size_t i = 0; term_system_nth(view, i, &about);) {
        if (strcmp(about.content, "not-present") == 0) {
            i++;
        } else {
            i = put_system(w, view, i);
        }
    }
    json_close_array(w);
}

static void put_expansion(JsonWriter *w) {
    const RestTermOp *op = rest_term_expand_op();
    json_name(w, "expansion");
    json_open_object(w);
    put_flag(w, "hierarchical", true);
    put_flag(w, "paging", true);
    put_flag(w, "incomplete", false);
    open_list(w, "parameter");
    for (size_t i = 0; i < op->n_params; i++) {
        if (op->params[i].use == REST_IN) {
            json_open_object(w);
            json_member(w, "name", str_from(op->params[i].name));
            json_member(w, "documentation", str_from(op->params[i].what));
            json_close_object(w);
        }
    }
    json_close_array(w);
    json_member(w, "textFilter",
                STR("Words or the beginning of a code; accents and case do not matter."));
    json_close_object(w);
}

static void put_of(JsonWriter *w, const char *name, const char *member, bool value) {
    json_put_name(w, str_from(name));
    json_open_object(w);
    put_flag(w, member, value);
    json_close_object(w);
}

static void end_view(const TermView **view) {
    term_view_end(*view);
}

void rest_term_put_capabilities(Rest *rest, JsonWriter *w, Str date) {
    CLEANUP(end_view) const TermView *view = rest_term_view(rest);
    json_open_object(w);
    json_member(w, "resourceType", STR("TerminologyCapabilities"));
    json_member(w, "status", STR("active"));
    json_member(w, "date", date);
    json_member(w, "kind", STR("instance"));
    json_name(w, "software");
    json_open_object(w);
    json_member(w, "name", STR("Nhịp"));
    json_close_object(w);
    json_name(w, "implementation");
    json_open_object(w);
    json_member(w, "description", STR("Nhịp"));
    json_member(w, "url", rest_base_url(rest));
    json_close_object(w);
    put_systems(w, view);
    put_expansion(w);
    json_member(w, "codeSearch", STR("all"));
    put_of(w, "validateCode", "translations", true);
    put_of(w, "translation", "needsMap", false);
    json_close_object(w);
}
