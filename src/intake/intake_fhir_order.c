/* In which order a FHIR import takes things, so that the order in which they were sent does not
 * matter: a resource needs the Patient whose record it belongs to. */
#include "intake/intake_fhir_int.h"

#include "core/hash.h"

/* ---- inside a file of lines ---- */

/* Notes every "Patient/ID" that a string of the line begins with. A false hit later only moves a
 * Patient to the front that could have stayed. */
static void note_named(HashSet *named, Str line) {
    static const Str mark = {"\"Patient/", 9};
    size_t at = 0;
    while ((at = str_find(line, mark)) != SIZE_MAX) {
        size_t end = 0;
        line = str_sub(line, at + mark.len, line.len);
        while (end < line.len && line.ptr[end] != '"' && line.ptr[end] != '/') {
            end++;
        }
        (void)hash_set_add(named, hash64(str_sub(line, 0, end)));
    }
}

typedef struct Finder {
    HashSet *named; /* Patients whom lines so far named */
    HashSet *there; /* Patients whose lines have come */
    Arena *scratch;
    IntakeLate *late;
    size_t capacity;
} Finder;

/* Is the line the first one of a Patient whom an earlier line named? */
static bool is_late(Finder *f, Str line) {
    const JsonNode *root = NULL;
    if (str_find(line, STR("\"Patient\"")) == SIZE_MAX) {
        return false;
    }
    arena_reset(f->scratch);
    if (json_parse(f->scratch, line, &root, NULL) != ERR_OK ||
        fhir_type_of(root) != FHIR_T_PATIENT) {
        return false;
    }
    Str id = json_str(f->scratch, json_get_lit(root, "id"));
    return id.len > 0 && hash_set_add(f->there, hash64(id)) && hash_set_has(f->named, hash64(id));
}

static ErrCode put_late(Finder *f, unsigned number) {
    IntakeLate *late = f->late;
    if (late->n == f->capacity) {
        size_t capacity = f->capacity == 0 ? 256 : f->capacity * 2;
        unsigned *grown = realloc(late->numbers, capacity * sizeof(*grown));
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        late->numbers = grown;
        f->capacity = capacity;
    }
    late->numbers[late->n++] = number;
    return ERR_OK;
}

static ErrCode find_late(Finder *f, IntakeLines *lines, const StopFlag *stop, ErrInfo *why) {
    Str line;
    unsigned number = 0;
    TRY(intake_lines_next(lines, &line, &number, why));
    while (number != 0) {
        if (stop != NULL && stop_asked(stop)) {
            return ERR_STOPPED;
        }
        if (is_late(f, line)) {
            TRY(put_late(f, number));
        }
        note_named(f->named, line);
        TRY(intake_lines_next(lines, &line, &number, why));
    }
    return ERR_OK;
}

ErrCode intake_find_late(IntakeLines *lines, const StopFlag *stop, IntakeLate *ret, ErrInfo *why) {
    CLEANUP_ARENA Arena *scratch = arena_new(64 * LIMIT_MIB);
    Finder f = {hash_set_new(), hash_set_new(), scratch, ret, 0};
    ErrCode err = scratch == NULL || f.named == NULL || f.there == NULL ? ERR_NOMEM : ERR_OK;
    *ret = (IntakeLate){0};
    err = err == ERR_OK ? find_late(&f, lines, stop, why) : err;
    hash_set_free(f.named);
    hash_set_free(f.there);
    intake_lines_rewind(lines);
    return err;
}

/* ---- among files ---- */

bool intake_is_patient_file(Str name) {
    return intake_is_fhir_file(name) && str_find(name, STR("Patient")) != SIZE_MAX;
}

/* ---- what was refused before its Patient came ---- */

/* Was it refused for want of a Patient who is there now? */
static bool is_ready(Intake *intake, Arena *arena, const StoreReject *r) {
    FhirIndexReference patient;
    StoreVersion v;
    const JsonNode *root = NULL;
    if (!str_eq(r->rule, STR(INTAKE_PATIENT_UNKNOWN)) ||
        json_parse(arena, r->bytes, &root, NULL) != ERR_OK) {
        return false;
    }
    FhirType type = fhir_type_of(root);
    return type == FHIR_T_BUNDLE ||
           (fhir_type_is_resource(type) && fhir_patient_of(arena, type, root, &patient) &&
            patient.id.len > 0 &&
            store_get(intake->store, arena, FHIR_T_PATIENT, patient.id, &v) == ERR_OK);
}

static ErrCode retry_one(Intake *intake, Arena *arena, uint64_t id, const IntakeFeed *feed,
                         ErrInfo *info) {
    StoreRejectRow row;
    TRY(store_reject_get(intake->store, arena, id, &row));
    if (!is_ready(intake, arena, &row.reject)) {
        return ERR_OK;
    }
    IntakeFile file = {.name = row.reject.file_name,
                       .bytes = row.reject.bytes,
                       .actor = STR("retry"),
                       .retry_of = id};
    IntakeReport report = {0}; /* the file was counted when it came */
    IntakeFeed own = {.report = &report, .lock = feed->lock, .stop = feed->stop};
    TRY(intake_fhir_file(intake, &file, &own, info));
    MUTEX_GUARD(feed->lock);
    feed->report->resources += report.resources;
    feed->report->rejects_settled += report.errors == 0;
    return ERR_OK;
}

ErrCode intake_retry_waiting(Intake *intake, const IntakeFeed *feed, ErrInfo *info) {
    CLEANUP_ARENA Arena *list = arena_new(64 * LIMIT_MIB);
    CLEANUP_ARENA Arena *arena = arena_new(TX_ARENA_MAX);
    StoreRejectRow *rows = NULL;
    uint64_t after = 0;
    size_t n = 1;
    if (list == NULL || arena == NULL) {
        return ERR_NOMEM;
    }
    while (n > 0) {
        arena_reset(list);
        TRY(store_reject_list(intake->store, list, false, after, 500, &rows, &n));
        for (size_t i = 0; i < n; i++) {
            after = rows[i].id;
            if (feed->stop != NULL && stop_asked(feed->stop)) {
                return ERR_OK;
            }
            if (str_eq(rows[i].reject.rule, STR(INTAKE_PATIENT_UNKNOWN))) {
                arena_reset(arena);
                TRY(retry_one(intake, arena, after, feed, info));
            }
        }
    }
    return ERR_OK;
}
