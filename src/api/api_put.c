#include "api/api_int.h"

void api_put_number(JsonWriter *w, const char *name, uint64_t n) {
    json_put_name(w, str_from(name));
    json_put_i64(w, (int64_t)n);
}

void api_put_time(JsonWriter *w, const char *name, TimeMs time) {
    CLEANUP_BUF Buf text;
    buf_init(&text, 64);
    if (time > 0) {
        time_put_vn(&text, time);
    }
    json_put_name(w, str_from(name));
    json_put_str(w, buf_str(&text));
}

void api_put_day(JsonWriter *w, const char *name, int64_t day) {
    CLEANUP_BUF Buf text;
    buf_init(&text, 64);
    json_put_name(w, str_from(name));
    if (day == INT64_MIN || day == INT64_MAX) {
        json_put_null(w);
        return;
    }
    time_put_days(&text, day);
    json_put_str(w, buf_str(&text));
}
