#include "api/api_int.h"
#include "core/io.h"

enum {
    LIVE_EVERY_MS = 500,
    LIVE_SILENCE_MS =
        15000, /* an unchanged state is told again, so that the client sees us alive */
    DEFAULT_DAYS = 28,
    DEFAULT_TOP = 12,
};

/* ---- facility names ---- */

Str api_facility_name(void *ctx, Arena *arena, Str facility) {
    Api *api = ctx;
    StoreVersion v;
    Str id = arena_printf(arena, "cskcb-" STR_FMT, STR_ARG(facility));
    const JsonNode *root = NULL;
    if (store_get(api->store, arena, FHIR_T_ORGANIZATION, id, &v) != ERR_OK ||
        json_parse(arena, v.json, &root, NULL) != ERR_OK) {
        return STR_EMPTY;
    }
    return json_str(arena, json_get_lit(root, "name"));
}

/* ---- GET /api/ops ---- */

static ErrCode read_day(RestCall *call, const char *name, int32_t *day, ErrInfo *info) {
    Str text = rest_query(call, name);
    TimeMs lo = 0;
    TimeMs hi = 0;
    if (text.len == 0) {
        return ERR_OK;
    }
    if (text.len != 10 || time_parse_fhir(text, &lo, &hi) != ERR_OK) {
        return err_set(info, ERR_PARAM, "date", "%s is no date YYYY-MM-DD",
                       "%s không phải ngày dạng YYYY-MM-DD", name);
    }
    *day = (int32_t)time_vn_day(lo);
    return ERR_OK;
}

static ErrCode read_age(RestCall *call, IocQuery *q, ErrInfo *info) {
    Str band = rest_query(call, "age");
    Str from;
    uint64_t lo = 0;
    uint64_t hi = 254;
    if (band.len == 0) {
        return ERR_OK;
    }
    Str rest = band;
    bool open_end = str_ends(band, STR("+"));
    (void)str_cut(&rest, open_end ? '+' : '-', &from);
    if (str_to_u64(from, &lo) != ERR_OK ||
        (!open_end && (rest.ptr == NULL || str_to_u64(rest, &hi) != ERR_OK)) || lo > hi ||
        hi > 254) {
        return err_set(info, ERR_PARAM, "age", "age is a band such as 15-19 or 85+",
                       "tuổi là một khoảng như 15-19 hoặc 85+");
    }
    q->age_from = (int)lo;
    q->age_to = (int)hi;
    return ERR_OK;
}

/* The last 28 days that have visits, none of them in the future. */
static void default_period(Api *api, IocQuery *q) {
    int32_t first = 0;
    int32_t last = 0;
    int32_t today = (int32_t)time_vn_day(clock_now_ms(api->clock));
    q->to_day = ioc_days(api->ioc, &first, &last) ? MIN(last, today) : today;
    q->from_day = q->to_day - DEFAULT_DAYS + 1;
}

static ErrCode read_ops_query(RestCall *call, IocQuery *q, ErrInfo *info) {
    *q = (IocQuery){
        .facility = rest_query(call, "facility"),
        .ward = rest_query(call, "ward"),
        .icd = rest_query(call, "icd"),
        .sex = IOC_ANY,
        .age_from = IOC_ANY,
        .age_to = IOC_ANY,
        .top = DEFAULT_TOP,
    };
    default_period(api_of(call), q);
    int32_t days = q->to_day - q->from_day;
    TRY(read_day(call, "to", &q->to_day, info));
    q->from_day = q->to_day - days;
    TRY(read_day(call, "from", &q->from_day, info));
    TRY(read_age(call, q, info));
    Str sex = rest_query(call, "sex");
    if (sex.len > 0) {
        q->sex = sex.ptr[0] - '0';
        if (sex.len != 1 || q->sex < 1 || q->sex > 3) {
            return err_set(info, ERR_PARAM, "sex", "sex is 1 (male), 2 (female) or 3 (not known)",
                           "giới tính là 1 (nam), 2 (nữ) hoặc 3 (chưa rõ)");
        }
    }
    uint64_t top = DEFAULT_TOP;
    Str text = rest_query(call, "top");
    if (text.len > 0 && (str_to_u64(text, &top) != ERR_OK || top == 0 || top > 1000)) {
        return err_set(info, ERR_PARAM, "top", "top is a number from 1 to 1000",
                       "top là số từ 1 đến 1000");
    }
    q->top = (unsigned)top;
    if (q->from_day > q->to_day) {
        return err_set(info, ERR_PARAM, "period", "the period ends before it begins",
                       "kỳ báo cáo kết thúc trước khi bắt đầu");
    }
    return ERR_OK;
}

static void put_or_null(JsonWriter *w, Str value) {
    if (value.len == 0) {
        json_put_null(w);
    } else {
        json_put_str(w, value);
    }
}

static void put_head(RestCall *call, JsonWriter *w, const IocQuery *q) {
    IocLive live = ioc_live(api_of(call)->ioc);
    CLEANUP_BUF Buf text;
    buf_init(&text, 64);
    time_put_vn(&text, live.time);
    json_member(w, "as_of", live.time == 0 ? STR_EMPTY : buf_str(&text));
    buf_clear(&text);
    time_put_days(&text, q->from_day);
    json_member(w, "from", buf_str(&text));
    buf_clear(&text);
    time_put_days(&text, q->to_day);
    json_member(w, "to", buf_str(&text));
    json_name(w, "filters");
    json_open_object(w);
    static const char *const names[] = {"facility", "ward", "icd", "sex", "age"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_put_name(w, str_from(names[i]));
        put_or_null(w, rest_query(call, names[i]));
    }
    json_close_object(w);
    json_name(w, "totals");
    json_open_object(w);
    json_name(w, "visits");
    json_put_i64(w, (int64_t)live.visits);
    json_name(w, "records");
    json_put_i64(w, (int64_t)store_snapshot(api_of(call)->store));
    json_close_object(w);
}

static ErrCode put_ops(RestCall *call, Buf *out, ErrInfo *info) {
    IocQuery q;
    JsonWriter w = json_writer(out);
    TRY(read_ops_query(call, &q, info));
    json_open_object(&w);
    put_head(call, &w, &q);
    buf_put_char(out, ',');
    ErrCode err = ioc_ops(api_of(call)->ioc, call->arena, &q, api_facility_name, api_of(call), out);
    json_close_object(&w);
    return err != ERR_PARAM ? err
                            : err_set(info, err, "period", "figures are there from 2000-01-01 on",
                                      "số liệu chỉ có từ ngày 2000-01-01");
}

static void get_ops(RestCall *call) {
    static const char *const names[] = {"from", "to",  "facility", "ward", "icd",
                                        "sex",  "age", "top",      NULL};
    rest_answer(call, names, put_ops);
}

/* ---- GET /api/live ---- */

typedef struct LiveClient {
    struct LiveClient *next;
    HttpStream *stream;
} LiveClient;

static void put_live(Api *api, Buf *out, double rate) {
    IocLive live = ioc_live(api->ioc);
    uint64_t open = 0;
    uint64_t settled = 0;
    if (store_reject_count(api->store, &open, &settled) != ERR_OK) {
        open = 0;
    }
    buf_put_lit(out, "event: live\ndata: {\"time\":\"");
    if (live.time != 0) {
        time_put_vn(out, live.time);
    }
    buf_printf(out,
               "\",\"visits\":%llu,\"records\":%llu,\"visits_today\":%llu,\"rejects_open\":%llu,"
               "\"visits_per_s\":%.1f}\n\n",
               (unsigned long long)live.visits, (unsigned long long)store_snapshot(api->store),
               (unsigned long long)live.visits_today, (unsigned long long)open, rate);
}

/* Sends to all clients and forgets those who went away. */
static void send_all(Api *api, Str event) {
    MUTEX_GUARD(&api->live_lock);
    LiveClient **link = &api->live_clients;
    while (*link != NULL) {
        LiveClient *c = *link;
        if (http_stream_send(c->stream, event)) {
            link = &c->next;
        } else {
            *link = c->next;
            http_stream_close(c->stream);
            free(c);
        }
    }
}

/* False when the server stops. */
static bool live_nap(Api *api) {
    int64_t until = clock_monotonic_ns(clock_real()) / 1000000 + LIVE_EVERY_MS;
    int64_t left = LIVE_EVERY_MS;
    MUTEX_GUARD(&api->live_lock);
    while (!api->stopping && left > 0) {
        (void)cond_wait_ms(&api->live_wake, &api->live_lock, left);
        left = until - clock_monotonic_ns(clock_real()) / 1000000;
    }
    return !api->stopping;
}

void api_live_run(void *ctx) {
    Api *api = ctx;
    IocLive before = ioc_live(api->ioc);
    int64_t silent_ms = 0;
    while (live_nap(api)) {
        IocLive now = ioc_live(api->ioc);
        silent_ms += LIVE_EVERY_MS;
        if (now.record == before.record && silent_ms < LIVE_SILENCE_MS) {
            continue;
        }
        double rate = (double)(now.applied - before.applied) * 1000.0 / (double)MAX(silent_ms, 1);
        CLEANUP_BUF Buf b;
        buf_init(&b, 4096);
        put_live(api, &b, rate);
        send_all(api, buf_str(&b));
        before = now;
        silent_ms = 0;
    }
}

void api_live_stop(void *ctx) {
    Api *api = ctx;
    mutex_lock(&api->live_lock);
    api->stopping = true;
    cond_broadcast(&api->live_wake);
    mutex_unlock(&api->live_lock);
    thread_join(&api->live_thread);
    MUTEX_GUARD(&api->live_lock);
    while (api->live_clients != NULL) {
        LiveClient *c = api->live_clients;
        api->live_clients = c->next;
        http_stream_close(c->stream);
        free(c);
    }
}

static void get_live(RestCall *call) {
    Api *api = api_of(call);
    LiveClient *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        rest_reply_err(call, ERR_NOMEM, NULL);
        return;
    }
    c->stream = http_reply_stream(call->request);
    if (c->stream == NULL) {
        free(c);
        return;
    }
    CLEANUP_BUF Buf b;
    buf_init(&b, 4096);
    buf_put_lit(&b, "retry: 2000\n\n");
    put_live(api, &b, 0);
    (void)http_stream_send(c->stream, buf_str(&b));
    MUTEX_GUARD(&api->live_lock);
    c->next = api->live_clients;
    api->live_clients = c;
}

/* ---- facilities, map ---- */

typedef struct FacilityList {
    Arena *arena;
    Str *codes;
    size_t n, capacity;
} FacilityList;

static void take_facility(void *ctx, Str code) {
    FacilityList *l = ctx;
    if (l->n == l->capacity) {
        size_t capacity = l->capacity == 0 ? 256 : l->capacity * 2;
        Str *grown = arena_new_array(l->arena, Str, capacity);
        if (grown == NULL) {
            return; /* the arena says so */
        }
        if (l->n > 0) {
            memcpy(grown, l->codes, l->n * sizeof(*grown));
        }
        l->codes = grown;
        l->capacity = capacity;
    }
    l->codes[l->n++] = arena_str(l->arena, code);
}

static ErrCode put_facilities(RestCall *call, Buf *out, ErrInfo *info) {
    FacilityList l = {.arena = call->arena};
    JsonWriter w = json_writer(out);
    (void)info;
    ioc_facilities(api_of(call)->ioc, take_facility, &l);
    json_open_array(&w);
    for (size_t i = 0; i < l.n; i++) {
        Str name = api_facility_name(api_of(call), call->arena, l.codes[i]);
        json_open_object(&w);
        json_member(&w, "code", l.codes[i]);
        json_member(&w, "name", name.len == 0 ? l.codes[i] : name);
        json_close_object(&w);
    }
    json_close_array(&w);
    return arena_failed(call->arena) ? ERR_NOMEM : ERR_OK;
}

static void get_facilities(RestCall *call) {
    static const char *const names[] = {NULL};
    rest_answer(call, names, put_facilities);
}

static void get_map(RestCall *call) {
    const char *path = api_of(call)->o.settings->geojson;
    CLEANUP_BUF Buf b;
    buf_init(&b, 16 * LIMIT_MIB);
    ErrCode err = path[0] == '\0' ? ERR_NOT_FOUND : io_read_file(path, 16 * LIMIT_MIB, &b);
    if (err != ERR_OK) {
        rest_reply_err(call, err, NULL);
        return;
    }
    http_reply(
        call->request,
        &(HttpReply){.status = 200, .type = STR("application/geo+json"), .body = buf_str(&b)});
}

ROUTES(api_ops_routes, {"GET", "/api/ops", get_ops, false, "the operations page in one answer"},
       {"GET", "/api/live", get_live, false, "server-sent events: live counters"},
       {"GET", "/api/facilities", get_facilities, false, "facilities that have visits"},
       {"GET", "/api/map", get_map, false, "the configured boundaries (GeoJSON)"});
