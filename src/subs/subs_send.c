/* Delivery: two threads take subscriptions that have something to tell, one request at a time each
 * subscription, so that events arrive in order. */
#include "subs/subs_int.h"

#include <curl/curl.h>

enum {
    ARENA_MAX = 256 << 20,
    CONNECT_S = 5,
    ANSWER_MAX = 65536,
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
} Job;

/* ---- one request ---- */

static size_t pass_over(char *bytes, size_t size, size_t n, void *ctx) {
    size_t *had = ctx;
    (void)bytes;
    *had += size * n;
    return *had > ANSWER_MAX ? 0 : size * n;
}

static struct curl_slist *add_line(struct curl_slist *list, const char *line) {
    struct curl_slist *longer = curl_slist_append(list, line);
    return longer == NULL ? list : longer;
}

static struct curl_slist *headers_of(Arena *arena, const SubsPost *post, const Str signature[3]) {
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < post->wish->n_headers; i++) {
        list = add_line(list, post->wish->headers[i].ptr);
    }
    for (size_t i = 0; i < 3; i++) {
        list = add_line(list, signature[i].ptr);
    }
    list = add_line(list,
                    post->type.len == 0
                        ? "Content-Type:"
                        : arena_printf(arena, "Content-Type: " STR_FMT, STR_ARG(post->type)).ptr);
    return add_line(list, "Expect:");
}

static ErrCode perform(CURL *curl, const SubsPost *post, struct curl_slist *headers,
                       char problem[SUBS_PROBLEM]) {
    size_t had = 0;
    long status = 0;
    (void)curl_easy_setopt(curl, CURLOPT_URL, post->url.ptr);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)post->wish->timeout_s);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "nhip");
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, post->method);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post->body.ptr);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.len);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, pass_over);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &had);
    CURLcode code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    bool answered = code == CURLE_OK || code == CURLE_WRITE_ERROR;
    if (answered && status >= 200 && status < 300) {
        return ERR_OK;
    }
    if (answered) {
        (void)snprintf(problem, SUBS_PROBLEM, "the endpoint answered %ld", status);
    } else {
        (void)snprintf(problem, SUBS_PROBLEM, "%s", curl_easy_strerror(code));
    }
    return ERR_IO;
}

ErrCode send_post(Subs *subs, const SubsPost *post, char problem[SUBS_PROBLEM]) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    Str signature[3];
    CURL *curl = curl_easy_init();
    ErrCode err =
        arena == NULL || curl == NULL ? ERR_NOMEM : key_sign(subs, arena, post, signature);
    if (err == ERR_OK) {
        struct curl_slist *headers = headers_of(arena, post, signature);
        err = perform(curl, post, headers, problem);
        curl_slist_free_all(headers);
    } else {
        (void)snprintf(problem, SUBS_PROBLEM, "%s", err_text(err, 0));
    }
    curl_easy_cleanup(curl);
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
    SubsPost post = {"POST", job->wish->endpoint, STR("application/fhir+json"), buf_str(&b),
                     job->wish};
    return send_post(subs, &post, problem);
}

/* R4's own form: an empty POST, or with a payload the resource put below the endpoint. */
static ErrCode post_plain(Subs *subs, const Job *job, char problem[SUBS_PROBLEM]) {
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_MAX);
    StoreVersion v;
    SubsPost post = {"POST", job->wish->endpoint, STR_EMPTY, STR_EMPTY, job->wish};
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
    *job = (Job){.sub = sub, .kind = kind, .first = sub->delivered, .total = sub->events};
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
    while (!subs->stopping) {
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
    Job *job = malloc(sizeof(*job));
    while (job != NULL && take(subs, job)) {
        char problem[SUBS_PROBLEM] = "";
        ErrCode err = run(subs, job, problem);
        finish(subs, job, err, problem);
    }
    free(job);
}
