#include "core/json.h"
#include "core/time.h"
#include "synth/synth_desk_int.h"
#include "synth/synth_row_int.h"

static void put_days(JsonWriter *j, Str name, int64_t days) {
    Buf text;
    buf_init(&text, 32);
    time_put_days(&text, days);
    json_put_name(j, name);
    json_put_str(j, buf_str(&text));
    buf_release(&text);
}

static void put_number(JsonWriter *j, Str name, uint64_t value) {
    json_put_name(j, name);
    json_put_i64(j, (int64_t)value);
}

static void put_xu(JsonWriter *j, Str name, uint64_t xu) {
    char text[32];
    int n = snprintf(text, sizeof text, "%llu.%02llu", (unsigned long long)(xu / 100),
                     (unsigned long long)(xu % 100));
    json_put_name(j, name);
    json_put_raw(j, (Str){text, (size_t)n});
}

static void put_options(JsonWriter *j, const World *w) {
    json_name(j, "options");
    json_open_object(j);
    put_number(j, STR("seed"), w->o.seed & INT64_MAX);
    put_number(j, STR("citizens"), w->o.citizens);
    put_number(j, STR("visits"), w->o.visits);
    put_number(j, STR("facilities"), w->o.facilities);
    put_number(j, STR("years"), w->o.years);
    put_number(j, STR("errors_per_mille"), w->o.errors_per_mille);
    put_number(j, STR("resends_per_mille"), w->o.resends_per_mille);
    put_number(j, STR("desks_percent"), w->o.desks_percent);
    put_days(j, STR("from"), w->from);
    put_days(j, STR("to"), w->to);
    json_close_object(j);
}

static void put_totals(JsonWriter *j, const SynthReport *r) {
    json_name(j, "totals");
    json_open_object(j);
    put_number(j, STR("visits"), r->visits);
    put_number(j, STR("claims"), r->claims);
    put_number(j, STR("resends"), r->resends);
    put_number(j, STR("defects"), r->defects);
    put_number(j, STR("mistakes"), r->mistakes);
    put_number(j, STR("files"), r->files);
    put_number(j, STR("visits_without_defects"), r->visits - r->defects);
    put_xu(j, STR("t_bhtt_without_defects"), r->bhtt_xu);
    json_close_object(j);
}

/* Visits by facility, and how many of all were stays and births. */
static void put_places(JsonWriter *j, const World *w) {
    CLEANUP_FREE uint64_t *visits = calloc(w->n_facilities, sizeof *visits);
    uint64_t stays = 0;
    uint64_t births = 0;
    for (size_t i = 0; visits != NULL && i < w->n_visits; i++) {
        const PlanVisit *v = &w->visits[i];
        visits[v->facility]++;
        stays += (v->flags & PLAN_ADMITTED) != 0;
        births += v->kind == VISIT_BIRTH;
    }
    put_number(j, STR("stays"), stays);
    put_number(j, STR("births"), births);
    json_name(j, "facilities");
    json_open_object(j);
    for (size_t i = 0; visits != NULL && i < w->n_facilities; i++) {
        put_number(j, str_from(w->facilities[i].code), visits[i]);
    }
    json_close_object(j);
}

/* Cases by ISO week (Monday to Sunday) of arrival, of all visits with the disease as main
 * diagnosis. Weeks without cases are left out. */
static void put_disease(JsonWriter *j, const World *w, int disease) {
    size_t n_weeks = (size_t)(w->to - w->from) / 7 + 2;
    CLEANUP_FREE uint32_t *weeks = calloc(n_weeks, sizeof *weeks);
    int32_t monday = w->from - (time_weekday(w->from) - 1);
    uint64_t total = 0;
    for (size_t i = 0; weeks != NULL && i < w->n_visits; i++) {
        const PlanVisit *v = &w->visits[i];
        if (w->content->conditions[v->condition].disease == disease) {
            weeks[(size_t)(v->day - monday) / 7]++;
            total++;
        }
    }
    json_put_name(j, str_from(diseases[disease].key));
    json_open_object(j);
    json_member(j, "icd10", str_from(diseases[disease].pattern));
    put_number(j, STR("visits"), total);
    json_name(j, "weeks");
    json_open_object(j);
    for (size_t i = 0; weeks != NULL && i < n_weeks; i++) {
        if (weeks[i] > 0) {
            int year;
            int week;
            time_iso_week(monday + (int64_t)i * 7, &year, &week);
            char name[16];
            int len = snprintf(name, sizeof name, "%04d-W%02d", year, week);
            put_number(j, (Str){name, (size_t)len}, weeks[i]);
        }
    }
    json_close_object(j);
    json_close_object(j);
}

static void put_outbreak(JsonWriter *j, const World *w, int number) {
    const Outbreak *o = &w->outbreaks[number];
    uint32_t cases[SYNTH_OUTBREAK_WARDS] = {0};
    uint64_t total = 0;
    for (size_t i = 0; i < w->n_visits; i++) {
        const PlanVisit *v = &w->visits[i];
        for (int k = 0; v->outbreak == number && k < o->n_wards; k++) {
            cases[k] += o->wards[k] == w->people[v->person].ward;
            total += o->wards[k] == w->people[v->person].ward;
        }
    }
    json_open_object(j);
    json_member(j, "disease", str_from(diseases[o->disease].key));
    put_days(j, STR("from"), o->from);
    put_days(j, STR("to"), o->to);
    put_number(j, STR("planted"), total);
    json_name(j, "wards");
    json_open_object(j);
    for (int k = 0; k < o->n_wards; k++) {
        put_number(j, w->content->communes[o->wards[k]].ward->code, cases[k]);
    }
    json_close_object(j);
    json_close_object(j);
}

static void put_claim(JsonWriter *j, const World *w, const PlanFile *f, const PlanClaim *c) {
    static const char *const corrections[CORRECTION_KINDS] = {
        [CORRECTION_IDENTICAL] = "identical",
        [CORRECTION_RESULT] = "result",
        [CORRECTION_DRUG] = "drug",
        [CORRECTION_OUTCOME] = "outcome",
    };
    char name[64];
    char link[32];
    json_open_object(j);
    json_member(j, "file", ((Str){name, file_name(w, f, name)}));
    json_member(j, "ma_lk", ((Str){link, visit_link(w, &w->visits[c->visit], link)}));
    json_member(
        j, "kind",
        str_from(c->defect != DEFECT_NONE ? defect_names[c->defect] : corrections[c->correction]));
    json_close_object(j);
}

/* All claims with a defect, or all that are sent again. */
static void put_claims(JsonWriter *j, const World *w, bool defects) {
    json_open_array(j);
    for (size_t i = 0; i < w->n_files; i++) {
        const PlanFile *f = &w->files[i];
        for (uint32_t k = 0; k < f->count; k++) {
            const PlanClaim *c = &w->claims[f->first + k];
            if (defects ? c->defect != DEFECT_NONE : c->correction != CORRECTION_NONE) {
                put_claim(j, w, f, c);
            }
        }
    }
    json_close_array(j);
}

/* Whether a visit can have its mistake is known when its content is made. */
static ErrCode put_mistakes(JsonWriter *j, const World *w) {
    CLEANUP_FREE Visit *v = malloc(sizeof *v);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    json_open_array(j);
    for (size_t i = 0; i < w->n_files; i++) {
        const PlanFile *f = &w->files[i];
        for (uint32_t k = 0; k < f->count; k++) {
            const PlanClaim *c = &w->claims[f->first + k];
            if (c->mistake == 0) {
                continue;
            }
            visit_make(w, &w->visits[c->visit], v);
            if (!mistake_fits(c->mistake, v)) {
                continue;
            }
            char name[64];
            char link[32];
            json_open_object(j);
            json_member(j, "file", ((Str){name, file_name(w, f, name)}));
            json_member(j, "ma_lk", ((Str){link, visit_link(w, &w->visits[c->visit], link)}));
            json_member(j, "family", synth_mistake_family(c->mistake));
            json_member(j, "rule", synth_mistake_rule(c->mistake));
            json_close_object(j);
        }
    }
    json_close_array(j);
    return ERR_OK;
}

static void put_identity(JsonWriter *j, const World *w, const PlanVisit *v, const Desk *d,
                         const SynthRecord *record) {
    static const char *const names[] = {"name",  "birth",  "sex",  "commune",
                                        "phone", "number", "card", "newborn"};
    char local[16];
    int n = snprintf(local, sizeof local, "MP%08llu",
                     (unsigned long long)local_number(v->person, v->facility));
    json_open_object(j);
    json_member(j, "facility", str_from(w->facilities[v->facility].code));
    json_member(j, "ma_bn", ((Str){local, (size_t)n}));
    put_number(j, STR("citizen"), v->person);
    json_name(j, "twin");
    json_put_bool(j, record->twin);
    json_name(j, "wrong");
    json_open_array(j);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if ((desk_errors(d) >> i & 1) != 0) {
            json_put_str(j, str_from(names[i]));
        }
    }
    json_close_array(j);
    json_close_object(j);
}

/* Whom which facility has written down with errors, and twins. Visits stand citizen by citizen; a
 * facility is named once of each. */
static ErrCode put_identities(JsonWriter *j, const World *w) {
    Desk *d = w->twins == NULL ? NULL : desk_new(w, w->o.desks_percent);
    ErrCode err = w->twins != NULL && d == NULL ? ERR_NOMEM : ERR_OK;
    size_t first = 0;
    json_open_array(j);
    for (size_t i = 0; d != NULL && i < w->n_visits && err == ERR_OK; i++) {
        const PlanVisit *v = &w->visits[i];
        first = w->visits[first].person == v->person ? first : i;
        size_t k = first;
        while (w->visits[k].facility != v->facility) {
            k++;
        }
        if (k != i) {
            continue;
        }
        const SynthRecord *record = desk_claim(d, v->person, v->facility, v->day);
        err = record == NULL ? ERR_NOMEM : ERR_OK;
        if (err == ERR_OK && (desk_errors(d) != 0 || record->twin)) {
            put_identity(j, w, v, d, record);
        }
    }
    json_close_array(j);
    desk_free(d);
    return err;
}

ErrCode truth_write(const World *w, const SynthReport *report, Buf *out) {
    JsonWriter j = json_writer(out);
    json_open_object(&j);
    json_member(&j, "what", STR("synthetic province; every name and number is invented"));
    put_options(&j, w);
    put_totals(&j, report);
    put_places(&j, w);
    json_name(&j, "diseases");
    json_open_object(&j);
    for (int i = 0; i < DISEASE_COUNT; i++) {
        put_disease(&j, w, i);
    }
    json_close_object(&j);
    json_name(&j, "outbreaks");
    json_open_array(&j);
    for (int i = 0; i < SYNTH_OUTBREAKS; i++) {
        put_outbreak(&j, w, i);
    }
    json_close_array(&j);
    json_name(&j, "defects");
    put_claims(&j, w, true);
    json_name(&j, "resends");
    put_claims(&j, w, false);
    json_name(&j, "mistakes");
    TRY(put_mistakes(&j, w));
    json_name(&j, "identities");
    TRY(put_identities(&j, w));
    json_close_object(&j);
    buf_put_char(out, '\n');
    return buf_ok(out);
}

static const char *level_name(char level) {
    switch (level) {
    case 'c':
        return "central";
    case 'p':
        return "provincial";
    case 'd':
        return "district";
    case 's':
        return "station";
    default:
        return "private";
    }
}

/* One entry: PUT under the id that claims refer to. */
static void put_facility(JsonWriter *j, const Facility *f) {
    char id[32];
    int n = snprintf(id, sizeof id, "cskcb-%s", f->code);
    char url[48];
    int m = snprintf(url, sizeof url, "Organization/%s", id);
    json_open_object(j);
    json_name(j, "resource");
    json_open_object(j);
    json_member(j, "resourceType", STR("Organization"));
    json_member(j, "id", ((Str){id, (size_t)n}));
    json_name(j, "identifier");
    json_open_array(j);
    json_open_object(j);
    json_member(j, "system", STR("https://nhip.vn/fhir/sid/cskcb"));
    json_member(j, "value", str_from(f->code));
    json_close_object(j);
    json_close_array(j);
    json_name(j, "active");
    json_put_bool(j, true);
    json_name(j, "type");
    json_open_array(j);
    json_open_object(j);
    json_member(j, "text", str_from(level_name(f->level)));
    json_close_object(j);
    json_close_array(j);
    json_member(j, "name", f->name);
    json_name(j, "address");
    json_open_array(j);
    json_open_object(j);
    json_member(j, "text", f->commune->ward->full_name);
    json_member(j, "country", STR("VN"));
    json_close_object(j);
    json_close_array(j);
    json_close_object(j);
    json_name(j, "request");
    json_open_object(j);
    json_member(j, "method", STR("PUT"));
    json_member(j, "url", ((Str){url, (size_t)m}));
    json_close_object(j);
    json_close_object(j);
}

void facilities_write(const World *w, Buf *out) {
    JsonWriter j = json_writer(out);
    json_open_object(&j);
    json_member(&j, "resourceType", STR("Bundle"));
    json_member(&j, "type", STR("transaction"));
    json_name(&j, "entry");
    json_open_array(&j);
    for (size_t i = 0; i < w->n_facilities; i++) {
        put_facility(&j, &w->facilities[i]);
    }
    json_close_array(&j);
    json_close_object(&j);
}
