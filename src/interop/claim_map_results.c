/* XML4 → Observation, one DiagnosticReport for each service and time of result. */
#include "interop/claim_map_int.h"

/* The rows of one report, chained in the order of the table. */
typedef struct Report {
    Str code;
    MapRow *text_row; /* has no index and no value: it is the report's own text */
    int first, last;  /* rows; -1: none */
    int number;       /* of the first row, for the role */
} Report;

typedef struct Results {
    Report *reports;
    int n_reports;
    int *next;      /* row → next row of the same report, -1 at the end */
    int *report_of; /* row → report */
} Results;

static bool is_text_only(const MapRow *r) {
    return !map_has(r, XML4_GIA_TRI) && !map_has(r, XML4_MA_CHI_SO) &&
           !map_has(r, XML4_TEN_CHI_SO) && !map_has(r, XML4_DON_VI_DO);
}

/* Groups the rows by MA_DICH_VU and NGAY_KQ, reports in the order of their first rows. */
static bool group_rows(Map *m, Results *s) {
    int n = m->n_rows[4];
    MapIndex index = {0};
    s->reports = arena_new_array(m->arena, Report, (size_t)n);
    s->next = arena_new_array(m->arena, int, (size_t)n);
    s->report_of = arena_new_array(m->arena, int, (size_t)n);
    if (s->reports == NULL || s->next == NULL || s->report_of == NULL) {
        m->err = ERR_NOMEM;
        return false;
    }
    for (int i = 0; i < n; i++) {
        MapRow *r = &m->rows[4][i];
        Str key =
            arena_printf(m->arena, STR_FMT "\n" STR_FMT, STR_ARG(map_peek(r, XML4_MA_DICH_VU)),
                         STR_ARG(map_peek(r, XML4_NGAY_KQ)));
        int at = map_index_get(&index, key);
        if (at < 0) {
            at = s->n_reports++;
            map_index_put(m, &index, key, at);
            s->reports[at] = (Report){map_peek(r, XML4_MA_DICH_VU), NULL, -1, -1, r->number};
        }
        Report *report = &s->reports[at];
        s->report_of[i] = at;
        s->next[i] = -1;
        if (is_text_only(r) && report->text_row == NULL) {
            report->text_row = r;
        } else if (report->first < 0) {
            report->first = report->last = i;
        } else {
            s->next[report->last] = i;
            report->last = i;
        }
    }
    return m->err == ERR_OK;
}

/* The XML3 line of that service, or NULL. */
static MapRow *service_row(Map *m, Str code) {
    int at = code.len == 0 ? -1 : map_index_get(&m->service_index, code);
    return at < 0 ? NULL : &m->rows[3][at];
}

static void put_category(Map *m, Str system, Str code) {
    json_name(&m->w, "category");
    json_open_array(&m->w);
    json_open_object(&m->w);
    json_name(&m->w, "coding");
    json_open_array(&m->w);
    map_put_coding(m, system, code, STR_EMPTY);
    json_close_array(&m->w);
    json_close_object(&m->w);
    json_close_array(&m->w);
}

static int group_of(Map *m, Str code) {
    const MapRow *r = service_row(m, code);
    return r == NULL ? 1 : map_cost_group(r, XML3_MA_NHOM);
}

static Str observation_category(int group) {
    return group == 2 ? STR("imaging") : group == 3 ? STR("procedure") : STR("laboratory");
}

static Str report_category(int group) {
    return group == 2 ? STR("RAD") : group == 3 ? STR("OTH") : STR("LAB");
}

bool map_read_number(Str s, char room[MAP_NUMBER_MAX], Str *ret_comparator, Str *ret_number) {
    size_t skip = s.len > 0 && (s.ptr[0] == '<' || s.ptr[0] == '>') ? 1 : 0;
    skip += skip == 1 && s.len > 1 && s.ptr[1] == '=' ? 1 : 0;
    *ret_comparator = str_sub(s, 0, skip);
    Str number = str_trim(str_sub(s, skip, s.len));
    size_t comma = str_find_char(number, ',', 0);
    if (comma != SIZE_MAX && number.len < MAP_NUMBER_MAX && number.len - comma - 1 != 3) {
        memcpy(room, number.ptr, number.len);
        room[comma] = '.';
        number.ptr = room;
    }
    *ret_number = number;
    return map_is_json_number(number);
}

static void put_value(Map *m, MapRow *r) {
    char room[MAP_NUMBER_MAX];
    Str raw = map_peek(r, XML4_GIA_TRI);
    Str comparator;
    Str number;
    if (raw.len == 0) {
        return;
    }
    if (!map_read_number(str_trim(raw), room, &comparator, &number)) {
        map_text(m, STR("valueString"), r, XML4_GIA_TRI);
        return;
    }
    json_name(&m->w, "valueQuantity");
    json_open_object(&m->w);
    json_name(&m->w, "value");
    json_put_raw(&m->w, number);
    json_member(&m->w, "comparator", comparator);
    json_member(&m->w, "unit", map_take(r, XML4_DON_VI_DO));
    json_close_object(&m->w);
    if (comparator.len + number.len == raw.len && number.ptr != room) {
        map_keep(r, XML4_GIA_TRI);
    }
}

static void put_code(Map *m, MapRow *r) {
    Str index = str_trim(map_peek(r, XML4_MA_CHI_SO));
    json_name(&m->w, "code");
    if (index.len > 0 || map_has(r, XML4_TEN_CHI_SO)) {
        map_concept_element(m, STR(MAP_SYSTEM("ma-chi-so")), r, XML4_MA_CHI_SO,
                            map_take_name(r, XML4_TEN_CHI_SO));
        return;
    }
    Str service = map_code(m, map_peek(r, XML4_MA_DICH_VU));
    json_open_object(&m->w);
    if (service.len > 0) {
        json_name(&m->w, "coding");
        json_open_array(&m->w);
        map_put_coding(m, STR(MAP_SYSTEM("dvkt")), service, STR_EMPTY);
        json_close_array(&m->w);
    } else {
        json_member(&m->w, "text", STR(MAP_NO_NAME));
    }
    json_close_object(&m->w);
}

static void put_one_text(Map *m, Str name, MapRow *r, int field) {
    if (map_has(r, field)) {
        json_put_name(&m->w, name);
        json_open_array(&m->w);
        json_open_object(&m->w);
        map_text(m, STR("text"), r, field);
        json_close_object(&m->w);
        json_close_array(&m->w);
    }
}

static void put_observation(Map *m, MapRow *r) {
    r->resource = map_open(m, FHIR_T_OBSERVATION, map_role(m, STR("xml4/"), r->number, STR("")));
    if (str_eq(map_code(m, map_peek(r, XML4_MA_DICH_VU)), map_peek(r, XML4_MA_DICH_VU))) {
        map_keep(r, XML4_MA_DICH_VU); /* its report says it */
    }
    json_member(&m->w, "status", STR("final"));
    put_category(m, STR(MAP_TERM "observation-category"),
                 observation_category(group_of(m, map_peek(r, XML4_MA_DICH_VU))));
    put_code(m, r);
    map_subject(m);
    map_time(m, STR("effectiveDateTime"), r, XML4_NGAY_KQ);
    map_practitioners(m, STR("performer"), NULL, r, XML4_MA_BS_DOC_KQ);
    put_value(m, r);
    put_one_text(m, STR("interpretation"), r, XML4_KET_LUAN);
    put_one_text(m, STR("note"), r, XML4_MO_TA);
    map_extensions(m, r, NULL, 0);
    map_close(m);
}

static void put_report_code(Map *m, Str code, const MapRow *service) {
    Str clean = map_code(m, code);
    json_name(&m->w, "code");
    json_open_object(&m->w);
    if (clean.len > 0) {
        json_name(&m->w, "coding");
        json_open_array(&m->w);
        map_put_coding(m, STR(MAP_SYSTEM("dvkt")), clean, STR_EMPTY);
        json_close_array(&m->w);
    }
    Str name = service == NULL ? STR_EMPTY : map_peek(service, XML3_TEN_DICH_VU);
    json_member(&m->w, "text", name.len == 0 && clean.len == 0 ? STR("Cận lâm sàng") : name);
    json_close_object(&m->w);
}

static void put_results(Map *m, const Results *s, const Report *report) {
    if (report->first < 0) {
        return;
    }
    json_name(&m->w, "result");
    json_open_array(&m->w);
    for (int i = report->first; i >= 0; i = s->next[i]) {
        map_local_element(m, FHIR_T_OBSERVATION, m->rows[4][i].resource);
    }
    json_close_array(&m->w);
}

static void put_report(Map *m, const Results *s, const Report *report) {
    MapRow *text = report->text_row;
    MapRow *row = text != NULL ? text : &m->rows[4][report->first];
    const MapRow *service = service_row(m, report->code);
    (void)map_open(m, FHIR_T_DIAGNOSTIC_REPORT,
                   arena_printf(m->arena, "xml4/report/" STR_FMT "/" STR_FMT, STR_ARG(report->code),
                                STR_ARG(map_peek(row, XML4_NGAY_KQ))));
    if (service != NULL && service->resource >= 0 && map_service(service) == MAP_SERVICE_ORDER) {
        json_name(&m->w, "basedOn");
        json_open_array(&m->w);
        map_local_element(m, FHIR_T_SERVICE_REQUEST, service->resource);
        json_close_array(&m->w);
    }
    json_member(&m->w, "status", STR("final"));
    put_category(m, STR(MAP_TERM "v2-0074"), report_category(group_of(m, report->code)));
    put_report_code(m, report->code, service);
    map_subject(m);
    if (text == NULL) {
        (void)map_put_time(m, STR("effectiveDateTime"), map_peek(row, XML4_NGAY_KQ));
        put_results(m, s, report);
    } else {
        map_time(m, STR("effectiveDateTime"), text, XML4_NGAY_KQ);
        map_practitioners(m, STR("resultsInterpreter"), NULL, text, XML4_MA_BS_DOC_KQ);
        put_results(m, s, report);
        map_text(m, STR("conclusion"), text, XML4_KET_LUAN);
        if (str_eq(map_code(m, report->code), report->code)) {
            map_keep(text, XML4_MA_DICH_VU);
        }
        text->says_place = true; /* its role does not */
        map_extensions(m, text, NULL, 0);
    }
    map_close(m);
}

void map_put_results(Map *m) {
    Results s = {0};
    if (m->n_rows[4] == 0 || !group_rows(m, &s)) {
        return;
    }
    for (int i = 0; i < m->n_rows[4]; i++) {
        MapRow *r = &m->rows[4][i];
        if (s.reports[s.report_of[i]].text_row != r) {
            put_observation(m, r);
        }
    }
    for (int i = 0; i < s.n_reports; i++) {
        put_report(m, &s, &s.reports[i]);
    }
}
