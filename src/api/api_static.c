#include "api/api_int.h"

/* The table that tools/embed.sh writes: ended by a row of zeros. */
typedef struct WebAsset {
    const char *path; /* "/index.html" */
    uint64_t path_len;
    const char *bytes;
    uint64_t len;
} WebAsset;
/* Weak: unit tests and programs without the screens link without them. */
extern const WebAsset web_assets[] __attribute__((weak));

static const char *type_of(Str path) {
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".woff2", "font/woff2"},
        {".json", "application/json; charset=utf-8"},
        {".png", "image/png"},
        {".txt", "text/plain; charset=utf-8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_ends(path, str_from(types[i][0]))) {
            return types[i][1];
        }
    }
    return "application/octet-stream";
}

static const WebAsset *find(Str path) {
    for (const WebAsset *a = web_assets; a != NULL && a->path != NULL; a++) {
        if (str_eq(path, (Str){a->path, a->path_len})) {
            return a;
        }
    }
    return NULL;
}

/* A screen's address has no dot in its last part: every one of them is index.html. */
static bool is_screen(Str path) {
    size_t slash = path.len;
    while (slash > 0 && path.ptr[slash - 1] != '/') {
        slash--;
    }
    return str_find_char(path, '.', slash) == SIZE_MAX;
}

static void serve_asset(RestCall *call) {
    Str path = http_path(call->request);
    bool screen = is_screen(path);
    const WebAsset *a = find(screen ? STR("/index.html") : path);
    if (a == NULL) {
        rest_reply_err(call, ERR_NOT_FOUND, NULL);
        return;
    }
    /* Names of scripts, styles and fonts carry a hash of their content: they may be kept for ever.
     */
    Str headers[] = {
        STR("Cache-Control"),
        screen ? STR("no-cache") : STR("public, max-age=31536000, immutable"),
        STR("Content-Security-Policy"),
        STR("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
            "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
            "frame-ancestors 'none'; manifest-src 'self'"),
        STR("X-Content-Type-Options"),
        STR("nosniff"),
        STR("Referrer-Policy"),
        STR("no-referrer"),
    };
    http_reply(call->request, &(HttpReply){
                                  .status = 200,
                                  .type = str_from(type_of(screen ? STR(".html") : path)),
                                  .body = {a->bytes, a->len},
                                  .body_static = true,
                                  .headers = headers,
                                  .n_headers = ARRAY_LEN(headers) / 2,
                              });
}

ROUTES(api_static_routes, {"", "/api/*", NULL, false, "nothing else"},
       {"GET", "/*", serve_asset, false, "the screens (embedded)"});
