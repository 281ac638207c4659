#include "sign/sign_pin.h"

#include "core/arena.h"
#include "core/io.h"
#include "core/limits.h"
#include "core/tsv.h"

enum { PINS_MAX = 100000 };
#define PINS_BYTES (16 * LIMIT_MIB)

typedef struct Pin {
    Str facility;
    Sha256 digest;
    bool is_key;
    TimeMs from, until; /* half-open */
} Pin;

struct SignPins {
    Arena *arena;
    Pin *pins; /* by facility */
    size_t n;
};

typedef struct Columns {
    int facility, sha256, of, from, until;
} Columns;

static ErrCode bad(const TsvReader *r, const char *column, ErrInfo *info) {
    return err_set(info, ERR_SYNTAX, "sign-pins", "line %zu: the column %s cannot be read",
                   "dòng %zu: không đọc được cột %s", r->line, column);
}

static ErrCode read_pin(Arena *arena, const TsvReader *r, const Columns *c, Pin *ret,
                        ErrInfo *info) {
    Pin pin = {.facility = arena_str(arena, tsv_get(r, c->facility)),
               .from = INT64_MIN,
               .until = INT64_MAX};
    Str of = tsv_get(r, c->of);
    Str from = tsv_get(r, c->from);
    Str until = tsv_get(r, c->until);
    TimeMs unused = 0;
    if (pin.facility.len == 0) {
        return bad(r, "facility", info);
    }
    if (hex_parse(tsv_get(r, c->sha256), pin.digest.b, sizeof(pin.digest.b)) != ERR_OK) {
        return bad(r, "sha256", info);
    }
    pin.is_key = str_eq(of, STR("key"));
    if (!pin.is_key && !str_eq(of, STR("certificate"))) {
        return bad(r, "of", info);
    }
    if (from.len > 0 && time_parse_fhir(from, &pin.from, &unused) != ERR_OK) {
        return bad(r, "from", info);
    }
    if (until.len > 0 && time_parse_fhir(until, &unused, &pin.until) != ERR_OK) {
        return bad(r, "until", info);
    }
    *ret = pin;
    return ERR_OK;
}

static int by_facility(const void *a, const void *b) {
    return str_cmp(((const Pin *)a)->facility, ((const Pin *)b)->facility);
}

static ErrCode read_all(SignPins *p, Str text, ErrInfo *info) {
    TsvReader r;
    Columns c = {.from = -1, .until = -1};
    TRY(tsv_init(&r, text, info));
    TRY(tsv_need(&r, "facility", &c.facility, info));
    TRY(tsv_need(&r, "sha256", &c.sha256, info));
    TRY(tsv_need(&r, "of", &c.of, info));
    c.from = tsv_column(&r, STR("from"));
    c.until = tsv_column(&r, STR("until"));
    size_t capacity = 0;
    while (tsv_next(&r)) {
        if (p->n == capacity) {
            capacity = capacity == 0 ? 64 : 2 * capacity;
            Pin *grown = capacity > PINS_MAX ? NULL : realloc(p->pins, capacity * sizeof(*grown));
            if (grown == NULL) {
                return capacity > PINS_MAX ? err_plain(info, ERR_LIMIT, "sign-pins") : ERR_NOMEM;
            }
            p->pins = grown;
        }
        TRY(read_pin(p->arena, &r, &c, &p->pins[p->n], info));
        p->n++;
    }
    TRY(tsv_ok(&r, info));
    if (p->n > 0) {
        qsort(p->pins, p->n, sizeof(*p->pins), by_facility);
    }
    return arena_failed(p->arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode sign_pins_parse(Str text, SignPins **ret_pins, ErrInfo *info) {
    SignPins *p = calloc(1, sizeof(*p));
    Arena *arena = arena_new(PINS_BYTES);
    if (p == NULL || arena == NULL) {
        free(p);
        arena_free(arena);
        return ERR_NOMEM;
    }
    p->arena = arena;
    ErrCode err = read_all(p, text, info);
    if (err != ERR_OK) {
        sign_pins_free(p);
        return err;
    }
    *ret_pins = p;
    return ERR_OK;
}

ErrCode sign_pins_load(const char *path, SignPins **ret_pins, ErrInfo *info) {
    CLEANUP_BUF Buf text;
    buf_init(&text, PINS_BYTES);
    ErrCode err = io_read_file(path, PINS_BYTES, &text);
    if (err != ERR_OK) {
        return err_set(info, err, "sign-pins", "the table of signing keys %s: %s",
                       "bảng khoá ký số %s: %s", path, err_text(err, 0));
    }
    return sign_pins_parse(buf_str(&text), ret_pins, info);
}

void sign_pins_free(SignPins *pins) {
    if (pins != NULL) {
        arena_free(pins->arena);
        free(pins->pins);
        free(pins);
    }
}

/* The first line of the facility. */
static size_t first_of(const SignPins *pins, Str facility) {
    size_t lo = 0;
    size_t hi = pins->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(pins->pins[mid].facility, facility) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

SignPinAnswer sign_pins_ask(const SignPins *pins, const SignPinAsk *ask) {
    SignPinAnswer best = SIGN_PIN_UNKNOWN;
    if (pins == NULL) {
        return best;
    }
    for (size_t i = first_of(pins, ask->facility);
         i < pins->n && str_eq(pins->pins[i].facility, ask->facility); i++) {
        const Pin *p = &pins->pins[i];
        bool same = sha256_eq(&p->digest, p->is_key ? &ask->key : &ask->certificate);
        bool in_time = ask->at >= p->from && ask->at < p->until;
        SignPinAnswer now = !same ? SIGN_PIN_OTHER : in_time ? SIGN_PIN_OK : SIGN_PIN_TIME;
        best = MAX(best, now);
    }
    return best;
}
