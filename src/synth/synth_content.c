#include "synth/synth_int.h"

#include <pthread.h>

#include "core/embed.h"
#include "core/limits.h"
#include "core/time.h"
#include "core/tsv.h"

EMBED(synth_drugs, "data/synth/drugs.tsv")
EMBED(synth_services, "data/synth/services.tsv")
EMBED(synth_supplies, "data/synth/supplies.tsv")
EMBED(synth_results, "data/synth/results.tsv")
EMBED(synth_conditions, "data/synth/conditions.tsv")
EMBED(synth_communes, "data/synth/communes.tsv")
EMBED(synth_facilities, "data/synth/facilities.tsv")
EMBED(synth_lunar, "data/synth/lunar.tsv")
EMBED(synth_seasons, "data/synth/seasons.tsv")

static Content content;
static pthread_once_t content_once = PTHREAD_ONCE_INIT;

const Disease diseases[DISEASE_COUNT] = {
    [DISEASE_DENGUE] = {"dengue", "A90|A91|A97"},
    [DISEASE_HFMD] = {"hand-foot-mouth", "B08.4"},
    [DISEASE_FLU] = {"influenza", "J09|J10|J11"},
    [DISEASE_DIARRHOEA] = {"diarrhoea", "A09"},
};

int disease_of(Str icd10) {
    for (int i = 0; i < DISEASE_COUNT; i++) {
        Str rest = str_from(diseases[i].pattern);
        Str pattern;
        while (str_cut(&rest, '|', &pattern)) {
            if (str_starts(icd10, pattern)) {
                return i;
            }
        }
    }
    return -1;
}

/* "12.5" with that many digits behind the point as an integer (scale 3: 12500); '-' in front. */
static int64_t scaled(Str s, int scale) {
    bool negative = str_starts(s, STR("-"));
    int64_t value = 0;
    int digits = -1;
    for (size_t i = negative; i < s.len; i++) {
        if (s.ptr[i] == '.') {
            digits = 0;
        } else if (digits < scale) {
            value = value * 10 + (s.ptr[i] - '0');
            digits += digits >= 0;
        }
    }
    for (int i = MAX(digits, 0); i < scale; i++) {
        value *= 10;
    }
    return negative ? -value : value;
}

static int whole(Str s) {
    return (int)scaled(s, 0);
}

static double real(Str s) {
    return (double)scaled(s, 6) / 1e6;
}

/* Counts the rows below the header, for arrays of the right size. */
static size_t rows(Str text) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        n += text.ptr[i] == '\n';
    }
    return n;
}

static ErrCode read_drugs(Content *c) {
    TsvReader r;
    TRY(tsv_init(&r, embed_synth_drugs(), NULL));
    c->drugs = arena_new_array(c->arena, Drug, rows(embed_synth_drugs()));
    while (c->drugs != NULL && tsv_next(&r)) {
        const Str *f = r.fields;
        size_t i = c->n_drugs++;
        c->drugs[i] = (Drug){
            .key = f[0],
            .code = arena_printf(c->arena, "99.%03zu", i + 1),
            .name = f[1],
            .strength = f[2],
            .unit = f[3],
            .form = f[4],
            .route = f[5],
            .price_milli = scaled(f[6], 3),
            .dose = f[7],
            .dose_milli = scaled(f[7], 3),
            .times = whole(f[8]),
            .group = whole(f[9]),
            .ratio = whole(f[10]),
            .how = f[11],
            .registration = arena_printf(c->arena, "MP-%05zu-24", 90001 + i),
        };
    }
    return tsv_ok(&r, NULL);
}

/* Services and supplies share one array; supplies have no machine, minutes and reports. */
static ErrCode read_services(Content *c) {
    TsvReader r;
    TRY(tsv_init(&r, embed_synth_services(), NULL));
    size_t room = rows(embed_synth_services()) + rows(embed_synth_supplies());
    c->services = arena_new_array(c->arena, Service, room);
    while (c->services != NULL && tsv_next(&r)) {
        const Str *f = r.fields;
        size_t i = c->n_services++;
        c->services[i] = (Service){.key = f[0],
                                   .code = arena_printf(c->arena, "99.%04zu.0000", i + 1),
                                   .group = whole(f[1]),
                                   .name = f[2],
                                   .unit = f[3],
                                   .price_milli = scaled(f[4], 3),
                                   .machine = f[5],
                                   .minutes = whole(f[6]),
                                   .normal = f[7],
                                   .abnormal = f[8],
                                   .icd9 = f[9],
                                   .ratio = 100};
    }
    TRY(tsv_ok(&r, NULL));
    TRY(tsv_init(&r, embed_synth_supplies(), NULL));
    while (c->services != NULL && tsv_next(&r)) {
        const Str *f = r.fields;
        size_t i = c->n_services++;
        c->services[i] = (Service){.key = f[0],
                                   .code = arena_printf(c->arena, "MP.%04zu", i + 1),
                                   .group = whole(f[1]),
                                   .name = f[2],
                                   .unit = f[3],
                                   .price_milli = scaled(f[4], 3),
                                   .ratio = whole(f[5])};
    }
    return tsv_ok(&r, NULL);
}

int content_service(const Content *c, Str key) {
    for (size_t i = 0; i < c->n_services; i++) {
        if (str_eq(c->services[i].key, key)) {
            return (int)i;
        }
    }
    return -1;
}

int content_condition(const Content *c, Str code, char kind) {
    for (size_t i = 0; i < c->n_conditions; i++) {
        if (str_eq(c->conditions[i].code, code) && (kind == 0 || c->conditions[i].kind == kind)) {
            return (int)i;
        }
    }
    return -1;
}

/* Results stand in the file service by service, so that a service has a run of them. */
static ErrCode read_results(Content *c) {
    TsvReader r;
    TRY(tsv_init(&r, embed_synth_results(), NULL));
    c->results = arena_new_array(c->arena, Result, rows(embed_synth_results()));
    while (c->results != NULL && tsv_next(&r)) {
        const Str *f = r.fields;
        int i = (int)c->n_results++;
        Result *result = &c->results[i];
        int s = content_service(c, f[1]);
        if (s < 0 || (c->services[s].n_results > 0 &&
                      c->services[s].first_result + c->services[s].n_results != i)) {
            return ERR_CORRUPT;
        }
        *result = (Result){.key = f[0],
                           .code = arena_printf(c->arena, "MP%05d", i + 1),
                           .service = s,
                           .name = f[2],
                           .unit = f[3],
                           .mean = real(f[4]),
                           .deviation = real(f[5]),
                           .decimals = whole(f[6]),
                           .by_sex = str_eq(f[0], STR("HGB")) || str_eq(f[0], STR("HCT")) ||
                                     str_eq(f[0], STR("CRE"))};
        Str texts = f[7];
        while (texts.len > 0 && result->n_texts < 4 &&
               str_cut(&texts, ';', &result->texts[result->n_texts])) {
            result->n_texts++;
        }
        c->services[s].first_result =
            c->services[s].n_results == 0 ? i : c->services[s].first_result;
        c->services[s].n_results++;
    }
    return tsv_ok(&r, NULL);
}

static int find_drug(const Content *c, Str key) {
    for (size_t i = 0; i < c->n_drugs; i++) {
        if (str_eq(c->drugs[i].key, key)) {
            return (int)i;
        }
    }
    return -1;
}

/* "a/b? c d??": alternatives, taken always, half of the time or one time in five. */
static ErrCode read_choices(const Content *c, Str text, int (*find)(const Content *, Str),
                            Choice *ret_choices, int *ret_n) {
    Str token;
    while (str_cut(&text, ' ', &token)) {
        if (token.len == 0) {
            continue;
        }
        if (*ret_n == SYNTH_CHOICES) {
            return ERR_LIMIT;
        }
        Choice *choice = &ret_choices[(*ret_n)++];
        choice->percent = 100;
        if (str_ends(token, STR("??"))) {
            choice->percent = 18;
            token.len -= 2;
        } else if (str_ends(token, STR("?"))) {
            choice->percent = 55;
            token.len--;
        }
        Str key;
        while (str_cut(&token, '/', &key)) {
            while (str_ends(key, STR("?"))) {
                key.len--;
            }
            int at = find(c, key);
            if (at < 0 || choice->n == SYNTH_ALTERNATIVES) {
                return ERR_CORRUPT;
            }
            choice->items[choice->n++] = (uint16_t)at;
        }
    }
    return ERR_OK;
}

/* "PLT*0.5 NS1+0.85" */
static ErrCode read_effects(const Content *c, Str text, Condition *condition) {
    Str token;
    while (str_cut(&text, ' ', &token)) {
        size_t at = 0;
        while (at < token.len && strchr("*+-", token.ptr[at]) == NULL) {
            at++;
        }
        size_t result = 0;
        while (result < c->n_results && !str_eq(c->results[result].key, str_sub(token, 0, at))) {
            result++;
        }
        if (at == token.len || result == c->n_results || condition->n_effects == SYNTH_EFFECTS) {
            return ERR_CORRUPT;
        }
        double value = real(str_sub(token, at + 1, token.len));
        condition->effects[condition->n_effects++] =
            (Effect){(uint16_t)result, token.ptr[at] == '*' ? '*' : '+',
                     token.ptr[at] == '-' ? -value : value};
    }
    return ERR_OK;
}

/* The sex that a code is for: m, f, or 0 for both. */
static char only_sex(const VnIcd10 *icd) {
    return str_find_char(icd->flags, 'F', 0) != SIZE_MAX   ? 'f'
           : str_find_char(icd->flags, 'M', 0) != SIZE_MAX ? 'm'
                                                           : '\0';
}

static bool has_rule(const VnIcd10 *icd, Str rule) {
    Str rest = icd->rules;
    Str one;
    while (str_cut(&rest, ',', &one)) {
        if (str_eq(one, rule)) {
            return true;
        }
    }
    return false;
}

static ErrCode read_others(Str text, Condition *condition) {
    Str code;
    while (str_cut(&text, ' ', &code)) {
        if (condition->n_others == SYNTH_OTHERS || vn_icd10(code) == NULL) {
            return ERR_CORRUPT;
        }
        condition->others_sex[condition->n_others] = only_sex(vn_icd10(code));
        condition->others[condition->n_others++] = code;
    }
    return ERR_OK;
}

/* The writer does not escape: nothing in the tables may need it. */
static bool is_plain(Str s) {
    return memchr(s.ptr, '<', s.len) == NULL && memchr(s.ptr, '>', s.len) == NULL &&
           memchr(s.ptr, '&', s.len) == NULL;
}

static ErrCode read_condition(Content *c, const Str *f, Condition *ret_condition) {
    const VnIcd10 *icd = vn_icd10(f[0]);
    if (icd == NULL || !is_plain(icd->name_vi)) {
        return ERR_CORRUPT;
    }
    Condition *d = ret_condition;
    *d = (Condition){.code = f[0], .name = icd->name_vi, .kind = f[1].ptr[0]};
    for (int b = 0; b < SYNTH_BANDS; b++) {
        d->weights[b] = (uint16_t)whole(f[2 + b]);
    }
    d->sex = f[8].ptr[0];
    d->only_sex = only_sex(icd);
    d->newborn_only = has_rule(icd, STR("A3.1"));
    d->not_newborn = has_rule(icd, STR("A3.5"));
    while (d->season < c->n_seasons && !str_eq(c->season_keys[d->season], f[9])) {
        d->season++;
    }
    if (d->season == c->n_seasons) {
        return ERR_CORRUPT;
    }
    d->admit = whole(f[10]);
    d->los = whole(f[11]);
    d->dept = f[12];
    d->level = f[13].ptr[0];
    d->reason = f[14];
    d->disease = disease_of(d->code);
    TRY(read_choices(c, f[15], find_drug, d->drugs, &d->n_drugs));
    TRY(read_choices(c, f[16], content_service, d->services, &d->n_services));
    TRY(read_effects(c, f[17], d));
    return read_others(f[18], d);
}

static ErrCode read_conditions(Content *c) {
    TsvReader r;
    TRY(tsv_init(&r, embed_synth_conditions(), NULL));
    if (r.n_columns != 19) {
        return ERR_CORRUPT;
    }
    c->conditions = arena_new_array(c->arena, Condition, rows(embed_synth_conditions()));
    while (c->conditions != NULL && tsv_next(&r)) {
        TRY(read_condition(c, r.fields, &c->conditions[c->n_conditions++]));
    }
    return tsv_ok(&r, NULL);
}

static ErrCode read_places(Content *c) {
    TsvReader r;
    TRY(tsv_init(&r, embed_synth_communes(), NULL));
    c->communes = arena_new_array(c->arena, Commune, rows(embed_synth_communes()));
    while (c->communes != NULL && tsv_next(&r)) {
        const VnWard *ward = vn_ward(r.fields[0]);
        if (ward == NULL || c->n_communes == SYNTH_WARDS_MAX) {
            return ERR_CORRUPT;
        }
        c->communes[c->n_communes++] = (Commune){ward, r.fields[2], (uint32_t)whole(r.fields[1])};
    }
    TRY(tsv_ok(&r, NULL));
    TRY(tsv_init(&r, embed_synth_facilities(), NULL));
    c->facilities = arena_new_array(c->arena, FacilityRow, rows(embed_synth_facilities()));
    while (c->facilities != NULL && tsv_next(&r)) {
        const Str *f = r.fields;
        c->facilities[c->n_facilities++] = (FacilityRow){.level = f[0].ptr[0],
                                                         .ward = f[1],
                                                         .weight = (uint32_t)whole(f[2]),
                                                         .beds = (uint32_t)whole(f[3]),
                                                         .only = f[4],
                                                         .name = f[5]};
    }
    return tsv_ok(&r, NULL);
}

static ErrCode read_calendar(Content *c) {
    TsvReader r;
    TRY(tsv_init(&r, embed_synth_lunar(), NULL));
    while (tsv_next(&r) && c->n_lunar < SYNTH_LUNAR_MAX) {
        c->lunar[c->n_lunar++] =
            time_days_from_civil(whole(r.fields[0]), whole(r.fields[1]), whole(r.fields[2]));
    }
    TRY(tsv_ok(&r, NULL));
    TRY(tsv_init(&r, embed_synth_seasons(), NULL));
    while (tsv_next(&r) && c->n_seasons < SYNTH_SEASONS_MAX) {
        c->season_keys[c->n_seasons] = r.fields[0];
        for (size_t m = 0; m < 12; m++) {
            c->seasons[c->n_seasons][m] = (uint16_t)whole(r.fields[1 + m]);
        }
        c->n_seasons++;
    }
    return tsv_ok(&r, NULL);
}

/* Looks up once what the code asks for by name. */
static ErrCode find_known(Content *c) {
    static const char *const services[KNOWN_COUNT] = {
#define X(name, key) key,
        KNOWN_SERVICES(X)
#undef X
    };
    static const char *const drugs[COMMON_DRUGS] = {"vitamin_3b", "vitamin_c", "omeprazol",
                                                    "calci_d3", "kem"};
    bool all = true;
    for (int i = 0; i < KNOWN_COUNT; i++) {
        c->known[i] = content_service(c, str_from(services[i]));
        all = all && c->known[i] >= 0;
    }
    for (int i = 0; i < COMMON_DRUGS; i++) {
        c->common_drugs[i] = find_drug(c, str_from(drugs[i]));
        all = all && c->common_drugs[i] >= 0;
    }
    return all ? ERR_OK : ERR_CORRUPT;
}

static ErrCode read_all(Content *c) {
    const Str texts[] = {embed_synth_drugs(),   embed_synth_services(),   embed_synth_supplies(),
                         embed_synth_results(), embed_synth_conditions(), embed_synth_facilities(),
                         embed_synth_communes()};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!is_plain(texts[i])) {
            return ERR_CORRUPT;
        }
    }
    TRY(vn_init());
    c->arena = arena_new(16 * LIMIT_MIB);
    if (c->arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(read_calendar(c));
    TRY(read_drugs(c));
    TRY(read_services(c));
    TRY(read_results(c));
    TRY(read_conditions(c));
    TRY(read_places(c));
    TRY(find_known(c));
    TRY(content_names(c));
    return arena_failed(c->arena) ? ERR_NOMEM : ERR_OK;
}

static void read_once(void) {
    content.err = read_all(&content);
}

ErrCode content_get(const Content **ret_content) {
    (void)pthread_once(&content_once, read_once);
    if (content.err == ERR_OK) {
        *ret_content = &content;
    }
    return content.err;
}
