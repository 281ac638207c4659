#include "core/log.h"
#include "core/random.h"
#include "flow/flow_table.h"
#include "rest/rest_async.h"
#include "rest/rest_door.h"
#include "rest/rest_profile.h"

enum { JOBS_MAX = 256, REST_ARENA_MAX = 16 << 20 };

static ErrCode start_threads(Rest *rest) {
    const size_t n = ARRAY_LEN(rest->job_threads);
    rest->jobs = queue_new(JOBS_MAX);
    rest->large_jobs = queue_new(JOBS_MAX);
    if (rest->jobs == NULL || rest->large_jobs == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        TRY(thread_start(&rest->job_threads[i], "nhip-job", rest_run_jobs,
                         i + 1 < n ? rest->jobs : rest->large_jobs));
    }
    return async_start(rest);
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

static ErrCode open_door(Rest *rest, ErrInfo *info) {
    return rest->door != NULL ? ERR_OK
                              : rest_door_open(rest->o.settings, rest->clock, &rest->door, info);
}

static ErrCode start_subs(Rest *rest, ErrInfo *info) {
    SubsOptions o = {.store = rest->store,
                     .clock = rest->clock,
                     .dir = str_from(rest->o.settings->data),
                     .base_url = rest->base_url,
                     .hosts = str_from(rest->o.settings->hook_hosts),
                     .push = rest_subs_push,
                     .push_ctx = rest};
    return subs_start(rest->o.subs, &o, info);
}

/* What was begun is ended by rest_stop. */
static ErrCode start_parts(Rest *rest, ErrInfo *info) {
    rest->base_url = base_url_of(rest->arena, rest->o.settings);
    TRY(random_secret(rest->subs_secret, sizeof(rest->subs_secret)));
    TRY(rest_router_new(rest->arena, &rest->o.routes, &rest->router, info));
    if (rest->term == NULL) {
        TRY(term_new(&rest->term));
        rest->owns_term = true;
    }
    rest->codes = rest_term_codes(rest);
    TRY(rest_profiles_new(rest, &rest->profiles, info));
    TRY(start_threads(rest));
    TRY(flow_tables_start(rest->store, &rest->tables, info));
    TRY(open_door(rest, info));
    rest_door_give(rest->door, rest);
    return start_subs(rest, info);
}

ErrCode rest_start(const RestOptions *options, Rest **ret_rest, ErrInfo *info) {
    Rest *rest = calloc(1, sizeof(*rest));
    if (rest == NULL) {
        return ERR_NOMEM;
    }
    rest->o = *options;
    rest->door = options->door;
    rest->store = options->store;
    rest->intake = options->intake;
    rest->term = options->term;
    rest->clock = options->clock == NULL ? clock_real() : options->clock;
    rest->started = clock_now_ms(rest->clock);
    rest->language = fhir_language(str_from(options->settings->language));
    rest->arena = arena_new(REST_ARENA_MAX);
    mutex_init(&rest->subs_lock);
    mutex_init(&rest->metadata_lock);
    ErrCode err = rest->arena == NULL ? ERR_NOMEM : start_parts(rest, info);
    if (err != ERR_OK) {
        rest_stop(rest);
        return err;
    }
    *ret_rest = rest;
    return ERR_OK;
}

uint16_t rest_port(const Rest *rest) {
    return http_port(rest_door_http(rest->door));
}

Str rest_base_url(const Rest *rest) {
    return rest->base_url;
}

static void close_streams(Rest *rest) {
    if (rest->o.on_stop != NULL) {
        rest->o.on_stop(rest->o.app);
    }
    rest_subs_close(rest);
}

static void stop_jobs(Rest *rest) {
    Queue *queues[] = {rest->jobs, rest->large_jobs};
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        if (queues[i] != NULL) {
            queue_close(queues[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(rest->job_threads); i++) {
        thread_join(&rest->job_threads[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        if (queues[i] != NULL) {
            queue_free(queues[i]);
        }
    }
}

void rest_stop(Rest *rest) {
    if (rest == NULL) {
        return;
    }
    subs_stop(rest->o.subs);
    close_streams(rest);
    async_stop(rest);
    rest_door_close(rest->door);
    close_streams(rest); /* those that came meanwhile */
    stop_jobs(rest);
    flow_tables_stop(rest->tables);
    async_free(rest);
    arena_free(rest->made_arena);
    rest_profiles_free(rest->profiles);
    buf_release(&rest->metadata);
    arena_free(rest->arena);
    if (rest->owns_term) {
        term_free(rest->term);
    }
    mutex_release(&rest->subs_lock);
    mutex_release(&rest->metadata_lock);
    if (rest->o.door == NULL) {
        rest_door_free(rest->door);
    }
    free(rest);
}
