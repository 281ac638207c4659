/* The catalogues of the province as the generator uses them: with them the claim rules about
 * catalogues and prices are really asked. Headers as the fund's own tables have them. */
#include "core/limits.h"
#include "core/time.h"
#include "synth/synth_row_int.h"

typedef struct Tables {
    const World *w;
    SynthFileFn on_file;
    void *ctx;
    char since[16]; /* the first day of all rows, as in the tables */
    Buf out;
} Tables;

static void put_row(Tables *t, const Str *cells, size_t n) {
    for (size_t i = 0; i < n; i++) {
        buf_put_str(&t->out, i > 0 ? STR("\t") : STR_EMPTY);
        buf_put_str(&t->out, cells[i]);
    }
    buf_put_char(&t->out, '\n');
}
#define ROW(t, ...)                                                                                \
    put_row((t), (const Str[]){__VA_ARGS__}, sizeof((const Str[]){__VA_ARGS__}) / sizeof(Str))

static Str number_text(char room[32], uint64_t n) {
    return (Str){room, (size_t)snprintf(room, 32, "%llu", (unsigned long long)n)};
}

/* Thousandths as "42100" or "1270.5". */
static Str price_text(char room[32], int64_t milli) {
    int n = snprintf(room, 32, "%lld.%03d", (long long)(milli / 1000), (int)(milli % 1000));
    size_t len = (size_t)n;
    while (room[len - 1] == '0') {
        len--;
    }
    len -= room[len - 1] == '.';
    return (Str){room, len};
}

static ErrCode end_table(Tables *t, const char *name) {
    char path[64];
    int n = snprintf(path, sizeof(path), "catalogues/%s.tsv", name);
    TRY(buf_ok(&t->out));
    ErrCode err = t->on_file(t->ctx, (Str){path, (size_t)n}, buf_str(&t->out));
    buf_clear(&t->out);
    return err;
}

/* ---- each table ---- */

static ErrCode facilities(Tables *t) {
    int year;
    int month;
    int day;
    char until[16];
    time_civil_from_days(t->w->to, &year, &month, &day);
    (void)snprintf(until, sizeof(until), "%04d1231", year + 1);
    ROW(t, STR("MA_CSKCB"), STR("TEN_CSKCB"), STR("TUYEN"), STR("HD_DEN"), STR("NOI_TRU"),
        STR("TU_NGAY"));
    for (size_t i = 0; i < t->w->n_facilities; i++) {
        const Facility *f = &t->w->facilities[i];
        const char level[2] = {f->level, '\0'};
        ROW(t, str_from(f->code), f->name, f->level == 's' ? STR("tram") : str_from(level),
            str_from(until), f->beds > 0 ? STR("1") : STR("0"), str_from(t->since));
    }
    return end_table(t, "co-so");
}

/* Prices differ by the facility's level. */
static ErrCode services(Tables *t) {
    const Content *c = t->w->content;
    char group[32];
    char price[32];
    ROW(t, STR("MA_DVKT"), STR("TEN_DVKT"), STR("DON_GIA"), STR("MA_NHOM"), STR("DON_VI_TINH"),
        STR("MA_CSKCB"), STR("TU_NGAY"));
    for (size_t i = 0; i < t->w->n_facilities; i++) {
        const Facility *f = &t->w->facilities[i];
        for (size_t k = 0; k < c->n_services; k++) {
            const Service *s = &c->services[k];
            if (s->group != 10) {
                ROW(t, s->code, s->name, price_text(price, service_price(f, s)),
                    number_text(group, (uint64_t)s->group), s->unit, str_from(f->code),
                    str_from(t->since));
            }
        }
    }
    return end_table(t, "dich-vu");
}

static ErrCode drugs(Tables *t) {
    const Content *c = t->w->content;
    char price[32];
    ROW(t, STR("MA_THUOC"), STR("TEN_THUOC"), STR("HAM_LUONG"), STR("DON_VI_TINH"),
        STR("DUONG_DUNG"), STR("SO_DANG_KY"), STR("DON_GIA"), STR("TU_NGAY"));
    for (size_t i = 0; i < c->n_drugs; i++) {
        const Drug *d = &c->drugs[i];
        ROW(t, d->code, d->name, d->strength, d->unit, d->route, d->registration,
            price_text(price, d->price_milli), str_from(t->since));
    }
    return end_table(t, "thuoc");
}

static ErrCode supplies(Tables *t) {
    const Content *c = t->w->content;
    char price[32];
    ROW(t, STR("MA_VAT_TU"), STR("TEN_VAT_TU"), STR("DON_VI_TINH"), STR("DON_GIA"), STR("TU_NGAY"));
    for (size_t i = 0; i < c->n_services; i++) {
        const Service *s = &c->services[i];
        if (s->group == 10) {
            int64_t price_milli = service_price(&t->w->facilities[0], s);
            ROW(t, s->code, s->name, s->unit, price_text(price, price_milli), str_from(t->since));
        }
    }
    return end_table(t, "vat-tu");
}

/* A machine of each kind in each facility. */
static ErrCode machines(Tables *t) {
    const Content *c = t->w->content;
    ROW(t, STR("MA_MAY"), STR("TEN_TB"), STR("MA_CSKCB"), STR("TU_NGAY"));
    for (size_t i = 0; i < t->w->n_facilities; i++) {
        const Facility *f = &t->w->facilities[i];
        for (size_t k = 0; k < c->n_services; k++) {
            Str kind = c->services[k].machine;
            bool known = kind.len == 0;
            for (size_t j = 0; j < k && !known; j++) {
                known = str_eq(c->services[j].machine, kind);
            }
            if (!known) {
                char code[64];
                int n = snprintf(code, sizeof(code), STR_FMT ".1.%s.MP01", STR_ARG(kind), f->code);
                ROW(t, ((Str){code, (size_t)n}), STR("Máy (mô phỏng)"), str_from(f->code),
                    str_from(t->since));
            }
        }
    }
    return end_table(t, "may");
}

static ErrCode staff(Tables *t) {
    PlanVisit plan = {0};
    CLEANUP_FREE Row *row = calloc(1, sizeof(*row));
    if (row == NULL) {
        return ERR_NOMEM;
    }
    ROW(t, STR("MACCHN"), STR("HO_TEN"), STR("MA_CSKCB"), STR("TU_NGAY"));
    for (size_t i = 0; i < t->w->n_facilities; i++) {
        const Facility *f = &t->w->facilities[i];
        Visit visit = {.w = t->w, .plan = &plan, .facility = f};
        plan.facility = (uint16_t)i;
        for (uint32_t k = 0; k < f->doctors; k++) {
            row->at = row->scratch;
            Str code = row_doctor(row, &visit, (int)k);
            ROW(t, code, row_doctor_name(row, &visit, (int)k), str_from(f->code),
                str_from(t->since));
        }
    }
    return end_table(t, "nhan-vien");
}

ErrCode catalogues_write(const World *w, SynthFileFn on_file, void *ctx) {
    Tables t = {.w = w, .on_file = on_file, .ctx = ctx};
    int year;
    int month;
    int day;
    time_civil_from_days(w->from, &year, &month, &day);
    (void)snprintf(t.since, sizeof(t.since), "01/01/%04d", year);
    buf_init(&t.out, 256 * LIMIT_MIB);
    static ErrCode (*const tables[])(Tables *) = {facilities, services, drugs,
                                                  supplies,   machines, staff};
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(tables) && err == ERR_OK; i++) {
        err = tables[i](&t);
    }
    buf_release(&t.out);
    return err;
}
