#include "api/api_async_int.h"
#include "api/api_profile.h"
#include "core/log.h"
#include "flow/flow_table.h"

enum { JOBS_MAX = 256, API_ARENA_MAX = 16 << 20 };

static const ApiRoutes *const tables[] = {
    &api_async_routes,    &api_bulk_routes,       &api_bulk_import_routes, &api_view_routes,
    &api_view_run_routes, &api_view_table_routes, &api_view_export_routes, &api_guide_routes,
    &api_validate_routes, &api_graphql_routes,    &api_term_routes,        &api_subs_routes,
    &api_meta_routes,     &api_document_routes,   &api_lastn_routes,       &api_search_param_routes,
    &api_fhir_routes,     &api_ops_routes,        &api_citizen_routes,     &api_import_routes,
    &api_health_routes,   &api_static_routes,
};

/* ---- routing ---- */

const ApiRoute *api_route_at(size_t i) {
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        if (i < tables[t]->n) {
            return &tables[t]->routes[i];
        }
        i -= tables[t]->n;
    }
    return NULL;
}

bool api_cut_path(Arena *arena, Str path, Str parts[API_PARTS_MAX], size_t *ret_n) {
    Str rest = path;
    Str part;
    size_t n = 0;
    while (str_cut(&rest, '/', &part)) {
        if (part.len == 0) {
            continue;
        }
        if (n == API_PARTS_MAX || http_decode(arena, part, false, &parts[n]) != ERR_OK) {
            return false;
        }
        n++;
    }
    *ret_n = n;
    return true;
}

/* "_search", "$everything": names of interactions, never ids. */
static bool is_reserved(Str part) {
    return str_starts(part, STR("_")) || str_starts(part, STR("$"));
}

/* The pattern of the screens holds nothing that a program asks for. */
static bool is_screen(const Str *parts, size_t n_parts) {
    return n_parts == 0 || (!str_eq(parts[0], STR("fhir")) && !str_eq(parts[0], STR("api")));
}

static bool path_matches(const Str *parts, size_t n_parts, const char *pattern) {
    Str rest = str_from(pattern);
    Str part;
    size_t i = 0;
    while (str_cut(&rest, '/', &part)) {
        if (part.len == 0) {
            continue;
        }
        if (part.ptr[0] == '*') {
            return is_screen(parts, n_parts);
        }
        if (i == n_parts) {
            return false;
        }
        bool any = part.ptr[0] == ':' && !is_reserved(parts[i]);
        if (!any && !str_eq(part, parts[i])) {
            return false;
        }
        i++;
    }
    return i == n_parts;
}

static bool method_matches(Str method, const char *wanted) {
    return str_eq(method, str_from(wanted)) ||
           (str_eq(method, STR("HEAD")) && strcmp(wanted, "GET") == 0);
}

/* The path of the first route that matches owns the address: "/fhir/metadata" is no type. */
static const char *find_path(const Str *parts, size_t n_parts) {
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            if (path_matches(parts, n_parts, tables[t]->routes[i].path)) {
                return tables[t]->routes[i].path;
            }
        }
    }
    return NULL;
}

static void allow(char methods[API_ALLOW_MAX], const char *method) {
    size_t at = strlen(methods);
    (void)snprintf(methods + at, API_ALLOW_MAX - at, "%s%s%s", at > 0 ? ", " : "", method,
                   strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

const ApiRoute *api_find_route(Str method, const Str *parts, size_t n_parts,
                               char ret_allow[API_ALLOW_MAX]) {
    const char *path = find_path(parts, n_parts);
    ret_allow[0] = '\0';
    for (size_t t = 0; path != NULL && t < ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            const ApiRoute *r = &tables[t]->routes[i];
            if (strcmp(r->path, path) != 0) {
                continue;
            }
            if (method_matches(method, r->method)) {
                return r;
            }
            allow(ret_allow, r->method);
        }
    }
    return NULL;
}

typedef struct Job {
    void (*fn)(void *arg);
    void *arg;
    ApiHandler run; /* of a call; NULL with fn: the job is its own and freed */
} Job;

static void run_jobs(void *ctx) {
    Api *api = ctx;
    Job *job = NULL;
    while ((job = queue_get(api->jobs)) != NULL) {
        if (job->run != NULL) {
            job->run(job->arg);
        } else {
            Job own = *job;
            free(job);
            own.fn(own.arg);
        }
    }
}

bool api_post(Api *api, void (*fn)(void *arg), void *arg) {
    Job *job = malloc(sizeof(*job));
    if (job == NULL) {
        return false;
    }
    *job = (Job){.fn = fn, .arg = arg};
    if (!queue_try_put(api->jobs, job)) {
        free(job);
        return false;
    }
    return true;
}

void api_job(ApiCall *call, ApiHandler fn) {
    Job *job = arena_new_array(call->arena, Job, 1);
    if (job == NULL) {
        api_reply_err(call, ERR_NOMEM, NULL);
        return;
    }
    *job = (Job){.run = fn, .arg = call};
    if (!queue_try_put(call->api->jobs, job)) {
        api_reply_err(call, ERR_BUSY, NULL);
    }
}

ApiCall *api_call_new(Api *api, HttpRequest *request) {
    Arena *arena = http_arena(request);
    ApiCall *call = arena_new_array(arena, ApiCall, 1);
    if (call == NULL) {
        http_reply(request, &(HttpReply){.status = 503});
        return NULL;
    }
    Str asked = http_header_all(request, "accept-language");
    *call = (ApiCall){.api = api,
                      .request = request,
                      .arena = arena,
                      .language = asked.len == 0 ? api->language : fhir_language(asked)};
    api_guess_format(call);
    return call;
}

/* 405 with the methods that the address knows (RFC 9110, 15.5.6); 404 when it knows none. */
static void refuse_method(ApiCall *call, const char *methods) {
    ErrInfo info = {0};
    if (methods[0] == '\0') {
        (void)err_set(&info, ERR_NOT_FOUND, "address-unknown", "there is nothing at this address",
                      "không có gì ở địa chỉ này");
        api_reply_err(call, ERR_NOT_FOUND, &info);
        return;
    }
    (void)err_set(&info, ERR_METHOD, "method", "only %s can be used here", "ở đây chỉ dùng được %s",
                  methods);
    Str headers[] = {STR("Allow"), arena_str(call->arena, str_from(methods))};
    api_reply_outcome(call, err_http(ERR_METHOD), &info, headers);
}

/* What the protocol refuses before a route is looked for: too long, too large, stopping. */
static void on_refused(void *ctx, HttpRequest *request, int status) {
    ApiCall *call = api_call_new(ctx, request);
    ErrInfo info = {0};
    if (call == NULL) {
        return;
    }
    if (status == 413) {
        (void)err_set(&info, ERR_LIMIT, "body-size", "the body is larger than this server takes",
                      "nội dung lớn hơn mức máy chủ nhận");
    } else if (status == 414) {
        (void)err_set(&info, ERR_LIMIT, "url-size",
                      "the address is too long: send the search as a form to Type/_search",
                      "địa chỉ quá dài: hãy gửi câu tìm kiếm dạng biểu mẫu đến Type/_search");
    } else if (status == 415) {
        (void)err_set(&info, ERR_MEDIA, "body-encoding",
                      "send the body as it is or with Content-Encoding: gzip",
                      "hãy gửi nội dung nguyên dạng hoặc với Content-Encoding: gzip");
    } else if (status == 400) {
        (void)err_set(&info, ERR_SYNTAX, "body-gzip", "the gzip body cannot be unpacked",
                      "không giải nén được nội dung gzip");
    } else {
        (void)err_plain(&info, status == 503 ? ERR_STOPPED : ERR_INTERNAL, "error");
    }
    api_reply_outcome(call, status, &info, NULL);
}

static void on_request(void *ctx, HttpRequest *request) {
    Api *api = ctx;
    ApiCall *call = api_call_new(api, request);
    if (call == NULL || !api_guard(call)) {
        return;
    }
    Arena *arena = call->arena;
    if (!api_cut_path(arena, http_path(request), call->parts, &call->n_parts)) {
        api_reply_err(call, ERR_NOT_FOUND, NULL);
        return;
    }
    char methods[API_ALLOW_MAX];
    const ApiRoute *route =
        api_find_route(http_method(request), call->parts, call->n_parts, methods);
    if (route == NULL) {
        refuse_method(call, methods);
        return;
    }
    if (async_wanted(call, route)) {
        async_route(call, route);
    } else if (route->as_job) {
        api_job(call, route->run);
    } else {
        route->run(call);
    }
}

/* ---- starting and stopping ---- */

static bool is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static ErrCode start_threads(Api *api) {
    api->jobs = queue_new(JOBS_MAX);
    if (api->jobs == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < ARRAY_LEN(api->job_threads); i++) {
        TRY(thread_start(&api->job_threads[i], "nhip-job", run_jobs, api));
    }
    TRY(async_start(api));
    return thread_start(&api->live_thread, "nhip-live", api_live_run, api);
}

/* Without a slash at the end. An IPv6 address stands in brackets (RFC 3986, 3.2.2). */
static Str base_url_of(Arena *arena, const Settings *s) {
    Str url = str_from(s->base_url);
    bool v6 = strchr(s->listen, ':') != NULL;
    if (url.len == 0) {
        return arena_printf(arena, "%s://%s%s%s:%d/fhir", s->tls_cert[0] == '\0' ? "http" : "https",
                            v6 ? "[" : "", s->listen, v6 ? "]" : "", (int)s->port);
    }
    while (str_ends(url, STR("/"))) {
        url = str_sub(url, 0, url.len - 1);
    }
    return url;
}

static ErrCode start_http(Api *api, ErrInfo *info) {
    const Settings *s = api->o.settings;
    HttpOptions o = {
        .address = s->listen,
        .port = (uint16_t)s->port,
        .threads = (unsigned)s->threads,
        .connections_max = (unsigned)s->connections_max,
        .connections_per_address = (unsigned)s->connections_per_address,
        .no_gzip = !s->gzip,
        .idle_timeout_s = (unsigned)s->request_timeout_s,
        .body_max_bytes = (size_t)s->request_max_mib * LIMIT_MIB,
        .tls_cert_file = s->tls_cert[0] == '\0' ? NULL : s->tls_cert,
        .tls_key_file = s->tls_key[0] == '\0' ? NULL : s->tls_key,
        .handler = {.on_head = api_upload_begin,
                    .on_refused = on_refused,
                    .on_request = on_request,
                    .ctx = api},
    };
    api->base_url = base_url_of(api->arena, s);
    return http_start(&o, &api->http, info);
}

static ErrCode start_subs(Api *api, ErrInfo *info) {
    SubsOptions o = {.store = api->store,
                     .clock = api->clock,
                     .dir = str_from(api->o.settings->data),
                     .base_url = api->base_url,
                     .hosts = str_from(api->o.settings->hook_hosts),
                     .push = api_subs_push,
                     .push_ctx = api};
    return subs_start(api->o.subs, &o, info);
}

ErrCode api_start(const ApiOptions *options, Api **ret_api, ErrInfo *info) {
    if (!is_loopback(options->settings->listen)) {
        return err_set(
            info, ERR_PARAM, "listen-loopback",
            "there is no sign-in yet: the server listens on this machine only (127.0.0.1 "
            "or ::1), not on %s",
            "chưa có đăng nhập: máy chủ chỉ lắng nghe trên chính máy này (127.0.0.1 hoặc "
            "::1), không phải %s",
            options->settings->listen);
    }
    Api *api = calloc(1, sizeof(*api));
    if (api == NULL) {
        return ERR_NOMEM;
    }
    api->o = *options;
    api->store = options->store;
    api->intake = options->intake;
    api->ioc = options->ioc;
    api->term = options->term;
    api->clock = options->clock == NULL ? clock_real() : options->clock;
    api->started = clock_now_ms(api->clock);
    api->language = fhir_language(str_from(options->settings->language));
    api->arena = arena_new(API_ARENA_MAX);
    mutex_init(&api->live_lock);
    cond_init(&api->live_wake);
    mutex_init(&api->metadata_lock);
    ErrCode err = api->arena == NULL ? ERR_NOMEM : ERR_OK;
    if (err == ERR_OK && api->term == NULL) {
        err = term_new(&api->term);
        api->owns_term = err == ERR_OK;
    }
    api->codes = api_term_codes(api);
    if (err == ERR_OK) {
        err = api_profiles_new(api, &api->profiles, info);
    }
    if (err == ERR_OK) {
        err = start_threads(api);
    }
    if (err == ERR_OK) {
        err = flow_tables_start(api->store, &api->tables, info);
    }
    if (err == ERR_OK) {
        err = start_http(api, info);
    }
    if (err == ERR_OK) {
        err = start_subs(api, info);
    }
    if (err != ERR_OK) {
        api_stop(api);
        return err;
    }
    *ret_api = api;
    return ERR_OK;
}

uint16_t api_port(const Api *api) {
    return http_port(api->http);
}

void api_stop(Api *api) {
    if (api == NULL) {
        return;
    }
    subs_stop(api->o.subs);
    api_live_stop(api);
    api_subs_close(api);
    async_stop(api);
    if (api->http != NULL) {
        http_stop(api->http, (unsigned)api->o.settings->stop_timeout_s * 1000);
    }
    api_live_stop(api); /* those that came meanwhile */
    api_subs_close(api);
    if (api->jobs != NULL) {
        queue_close(api->jobs);
        for (size_t i = 0; i < ARRAY_LEN(api->job_threads); i++) {
            thread_join(&api->job_threads[i]);
        }
        queue_free(api->jobs);
    }
    flow_tables_stop(api->tables);
    async_free(api);
    arena_free(api->made_arena);
    api_profiles_free(api->profiles);
    buf_release(&api->metadata);
    arena_free(api->arena);
    if (api->owns_term) {
        term_free(api->term);
    }
    mutex_release(&api->live_lock);
    cond_release(&api->live_wake);
    mutex_release(&api->metadata_lock);
    free(api);
}

void api_print_routes(Buf *out) {
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            const ApiRoute *r = &tables[t]->routes[i];
            buf_printf(out, "%-7s %-44s %s\n", r->method, r->path, r->what);
        }
    }
}
