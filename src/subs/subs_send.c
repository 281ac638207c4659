/* Delivery: two threads take subscriptions that have something to tell, one request at a time each
 * subscription, so that events arrive in order. */
#include "subs/subs_int.h"

enum {
    ARENA_MAX = 256 << 20,
    PAUSE_MAX_MS = 300000,
    IDLE_MS = 1000,
};

typedef enum JobKind { JOB_HANDSHAKE, JOB_EVENTS, JOB_HEARTBEAT } JobKind;

typedef struct Job {
    Sub *sub;
    SubWish *wish;
    JobKind kind;
    uint64_t first, total;
    size_t n;
    SubEvent events[256];
    HttpClient *client; /* of the thread */
} Job;

/* ---- one request ---- */

static void put_headers(Arena *arena, const SubsPost *post, const Str signature[3], HttpCall *call,
                        const char **lines) {
    for (size_t i = 0; i < post->wish->n_headers; i++) {
        lines[call->n_headers++] = post->wish->headers[i].ptr;
    }
    for (size_t i = 0; i < 3; i++) {
        lines[call->n_headers++] = signature[i].ptr;
    }
    lines[call->n_headers++] =
        post->type.len == 0
            ? "Content-Type:"
            : arena_printf(arena, "Content-Type: " STR_FMT, STR_ARG(post->type)).ptr;
    call->headers = lines;
}

/* An answer that is too long to be read is one all the same. */
static ErrCode perform(Subs *subs, const SubsPost *post, HttpCall *call,
                       char problem[SUBS_PROBLEM]) {
    HttpAnswer answer;
    call->method = post->method;
    call->url = post->url.ptr;
    call->body = post->body;
    call->timeout_s = post->wish->timeout_s;
    call->stop = &subs->stop;
    ErrCode err = http_client_call(post->client, call, NULL, &answer);
    if (err != ERR_OK && err != ERR_LIMIT) {
        (void)snprintf(problem, SUBS_PROBLEM, "%s", answer.problem);
        return ERR_IO;
    }
    if (answer.status < 200 || answer.status >= 300) {
        (void)snprintf(problem, SUBS_PROBLEM, "the endpoint answered %d", answer.status);
        return ERR_IO;
    }
    return ERR_OK;
}

ErrCode send_post(Subs *subs, const SubsPost *post, char problem[SUBS_PROBLEM]) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    Str signature[3];
    HttpCall call = {0};
    const char *lines[SUBS_HEADERS + 4];
    ErrCode err = arena == NULL ? ERR_NOMEM : key_sign(subs, arena, post, signature);
    if (err == ERR_OK) {
        put_headers(arena, post, signature, &call, lines);
        return perform(subs, post, &call, problem);
    }
    (void)snprintf(problem, SUBS_PROBLEM, "%s", err_text(err, 0));
    return err;
}

/* ---- what there is to send ---- */

static ErrCode post_notice(Subs *subs, const Job *job, const char *type,
                           char problem[SUBS_PROBLEM]) {
    CLEANUP_BUF Buf b;
    buf_init(&b, ARENA_MAX);
    SubsNotice notice = {.type = type,
                         .first = job->first,
                         .events = job->events,
                         .n_events = job->n,
                         .total = job->total,
                         .status = job->kind == JOB_HANDSHAKE ? "requested" : "active"};
    ErrCode err = notice_put(subs, job->wish, &notice, &b);
    if (err != ERR_OK) {
        (void)snprintf(problem, SUBS_PROBLEM, "%s", err_text(err, 0));
        return err;
    }
    SubsPost post = {"POST",      job->wish->endpoint, STR("application/fhir+json"),
                     buf_str(&b), job->wish,           job->client};
    return send_post(subs, &post, problem);
}

/* R4's own form: an empty POST, or with a payload the resource put below the endpoint. */
static ErrCode post_plain(Subs *subs, const Job *job, char problem[SUBS_PROBLEM]) {
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_MAX);
    StoreVersion v;
    SubsPost post = {"POST", job->wish->endpoint, STR_EMPTY, STR_EMPTY, job->wish, job->client};
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    if (job->wish->payload.len > 0) {
        TRY(store_get_slot(subs->o.store, arena, job->events[0].slot, &v));
        post.method = "PUT";
        post.url = arena_printf(arena, STR_FMT "%s%s/" STR_FMT, STR_ARG(job->wish->endpoint),
                                str_ends(job->wish->endpoint, STR("/")) ? "" : "/",
                                fhir_type_name(v.type), STR_ARG(v.id));
        post.type = job->wish->payload;
        post.body = v.json;
    }
    return send_post(subs, &post, problem);
}

static ErrCode run(Subs *subs, const Job *job, char problem[SUBS_PROBLEM]) {
    switch (job->kind) {
    case JOB_HANDSHAKE:
        return job->wish->is_topic ? post_notice(subs, job, "handshake", problem) : ERR_OK;
    case JOB_HEARTBEAT:
        return post_notice(subs, job, "heartbeat", problem);
    case JOB_EVENTS:
        break;
    }
    return job->wish->is_topic ? post_notice(subs, job, "event-notification", problem)
                               : post_plain(subs, job, problem);
}

/* ---- taking and giving back ---- */

static bool has_work(const Subs *subs, const Sub *sub, JobKind *ret_kind) {
    if (sub->busy || !sub->wish->is_hook || clock_monotonic_ns(subs->clock) < sub->next_try_ns) {
        return false;
    }
    if (sub->status == SUB_REQUESTED) {
        *ret_kind = JOB_HANDSHAKE;
        return true;
    }
    if (sub->status != SUB_ACTIVE) {
        return false;
    }
    *ret_kind = sub->delivered < sub->events ? JOB_EVENTS : JOB_HEARTBEAT;
    TimeMs silent = clock_now_ms(subs->clock) - sub->last_sent;
    return sub->delivered < sub->events || (sub->wish->is_topic && sub->wish->heartbeat_s > 0 &&
                                            silent >= (TimeMs)sub->wish->heartbeat_s * 1000);
}

static void fill_job(Job *job, Sub *sub, JobKind kind) {
    *job = (Job){.sub = sub,
                 .kind = kind,
                 .first = sub->delivered,
                 .total = sub->events,
                 .client = job->client};
    job->wish = wish_keep(sub->wish);
    if (kind == JOB_EVENTS) {
        uint64_t most = sub->wish->is_topic ? sub->wish->max_count : 1;
        job->n = (size_t)MIN(sub->events - sub->delivered, most);
    }
    for (size_t i = 0; i < job->n; i++) {
        job->events[i] = *sub_event(sub, job->first + i);
    }
    sub->busy = true;
    sub->users++;
}

/* False when stopping. */
static bool take(Subs *subs, Job *job) {
    MUTEX_GUARD(&subs->lock);
    while (!stop_asked(&subs->stop)) {
        for (Sub *sub = subs->list; sub != NULL; sub = sub->next) {
            JobKind kind;
            if (has_work(subs, sub, &kind)) {
                fill_job(job, sub, kind);
                return true;
            }
        }
        (void)cond_wait_ms(&subs->send, &subs->lock, subs->list == NULL ? 60000 : IDLE_MS / 10);
    }
    return false;
}

/* 1, 2, 4 … seconds, at most five minutes. */
static void count_failure(const Subs *subs, Sub *sub, const char *problem) {
    TimeMs now = clock_now_ms(subs->clock);
    int64_t pause =
        MIN((int64_t)subs->o.retry_ms << MIN(sub->failures, 12U), (int64_t)PAUSE_MAX_MS);
    sub->failing_since = sub->failures == 0 ? now : sub->failing_since;
    sub->failures++;
    sub->next_try_ns = clock_monotonic_ns(subs->clock) + pause * 1000000;
    (void)snprintf(sub->problem, sizeof(sub->problem), "%s", problem);
}

/* Whether it is to be given up. */
static bool give_back(Subs *subs, const Job *job, ErrCode err, const char *problem) {
    Sub *sub = job->sub;
    MUTEX_GUARD(&subs->lock);
    sub->busy = false;
    sub->last_sent = clock_now_ms(subs->clock);
    if (err != ERR_OK) {
        count_failure(subs, sub, problem);
        return sub->last_sent - sub->failing_since >= (TimeMs)subs->o.give_up_s * 1000;
    }
    sub->failures = 0;
    sub->problem[0] = '\0';
    sub->delivered = MAX(sub->delivered, job->first + job->n);
    sub->status =
        job->kind == JOB_HANDSHAKE && sub->status == SUB_REQUESTED ? SUB_OFF : sub->status;
    subs->dirty = subs->dirty || job->n > 0;
    cond_signal(&subs->wake); /* one that was full may read on */
    return false;
}

static void finish(Subs *subs, const Job *job, ErrCode err, const char *problem) {
    bool gives_up = give_back(subs, job, err, problem);
    ErrCode changed = ERR_OK;
    if (gives_up) {
        changed = wish_set_status(subs, job->wish, "error", str_from(problem));
    } else if (err == ERR_OK && job->kind == JOB_HANDSHAKE) {
        changed = wish_set_status(subs, job->wish, "active", STR_EMPTY);
    }
    if (changed != ERR_OK && changed != ERR_CONFLICT) {
        log_error("subscription_status", "id", job->wish->id, "err", err_name(changed));
    }
    wish_drop(job->wish);
    MUTEX_GUARD(&subs->lock);
    if (changed != ERR_OK && job->kind == JOB_HANDSHAKE && job->sub->status == SUB_OFF) {
        job->sub->status = SUB_REQUESTED; /* the commit failed: once more */
        job->sub->next_try_ns = clock_monotonic_ns(subs->clock) + (int64_t)IDLE_MS * 1000000;
    }
    sub_drop(job->sub);
}

void send_main(void *ctx) {
    Subs *subs = ctx;
    Job *job = calloc(1, sizeof(*job));
    HttpClient *client = http_client_new();
    if (job != NULL && client != NULL) {
        job->client = client;
        while (take(subs, job)) {
            char problem[SUBS_PROBLEM] = "";
            ErrCode err = run(subs, job, problem);
            finish(subs, job, err, problem);
        }
    }
    http_client_free(client);
    free(job);
}
