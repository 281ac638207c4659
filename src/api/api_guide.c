/* Implementation guides while the server runs: /api/guides. */
#include "api/api_int.h"
#include "rest/rest_guide.h"

static void put_guide(JsonWriter *w, const RestGuide *g) {
    json_member(w, "name", g->name);
    json_member(w, "version", g->version);
    json_name(w, "resources");
    json_put_i64(w, (int64_t)g->n_resources);
}

static ErrCode put_list(RestCall *call, Buf *out, ErrInfo *info) {
    RestGuide *guides = NULL;
    size_t n = 0;
    TRY(rest_guide_list(api_of(call)->store, call->arena, &guides, &n, info));
    JsonWriter w = json_writer(out);
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_open_object(&w);
        put_guide(&w, &guides[i]);
        json_close_object(&w);
    }
    json_close_array(&w);
    return ERR_OK;
}

static ErrCode put_installed(RestCall *call, Buf *out, ErrInfo *info) {
    RestGuideReport r;
    TRY(rest_guide_install(api_of(call)->intake, call->arena, http_body(call->request), &r, info));
    bool vi = call->language == FHIR_LANG_VI;
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    put_guide(&w, &r.guide);
    json_name(&w, "passed_over");
    json_put_i64(&w, (int64_t)r.n_passed_over);
    json_name(&w, "refused");
    json_put_i64(&w, (int64_t)r.n_refused);
    json_member_str(&w, STR("first_refused"), vi ? r.first_refused_vi : r.first_refused);
    json_close_object(&w);
    return ERR_OK;
}

static ErrCode put_removed(RestCall *call, Buf *out, ErrInfo *info) {
    size_t n = 0;
    TRY(rest_guide_remove(api_of(call)->intake, call->arena, call->parts[2], &n, info));
    buf_printf(out, "{\"removed\":%zu}", n);
    return ERR_OK;
}

static const char *const no_names[] = {NULL};

static void get_guides(RestCall *call) {
    rest_answer(call, no_names, put_list);
}

static void post_guide(RestCall *call) {
    rest_answer(call, no_names, put_installed);
}

static void delete_guide(RestCall *call) {
    rest_answer(call, no_names, put_removed);
}

ROUTES(api_guide_routes,
       {"GET", "/api/guides", get_guides, true, "the implementation guides that are installed"},
       {"POST", "/api/guides", post_guide, true, "install a guide: a package archive (.tgz)"},
       {"DELETE", "/api/guides/:guide", delete_guide, true, "remove a guide: NAME#VERSION"});
