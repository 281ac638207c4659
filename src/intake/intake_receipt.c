#include "intake/intake_receipt.h"

#include "core/json.h"
#include "core/limits.h"
#include "fhir/fhir_task.h"

static const char *const statuses[] = {
#define X(name, status) [INTAKE_RECEIPT_##name] = (status),
    INTAKE_RECEIPT_LIST(X)
#undef X
};

Str intake_receipt_status(IntakeReceiptState state) {
    return str_from(statuses[state]);
}

/* ---- writing ---- */

ErrCode intake_receipt_put(Buf *out, const IntakeReceipt *receipt) {
    char version[16];
    JsonWriter w = json_writer(out);
    (void)snprintf(version, sizeof(version), "%u", (unsigned)receipt->claim_version);
    FhirTask task = {.system = INTAKE_RECEIPT_SYSTEM,
                     .key = receipt->key,
                     .status = statuses[receipt->state],
                     .intent = "order",
                     .codes = INTAKE_RECEIPT_CODES,
                     .code = INTAKE_RECEIPT_CODE,
                     .why = receipt->why,
                     .now = receipt->time,
                     .before = receipt->before};
    fhir_task_put_what(&w, &task);
    fhir_put_part(&w, "for", "reference", receipt->patient);
    fhir_put_part(&w, "encounter", "reference", receipt->visit);
    fhir_task_put_when(&w, &task);
    json_name(&w, "input");
    json_open_array(&w);
    fhir_task_put_fact(&w, STR("file"), receipt->file);
    fhir_task_put_fact(&w, STR("certificate"), receipt->certificate);
    fhir_task_put_fact(&w, STR("signed-at"), receipt->signed_at);
    fhir_task_put_fact(&w, STR("claim-version"), str_from(version));
    json_close_array(&w);
    json_close_object(&w);
    return buf_ok(out);
}

/* ---- reading ---- */

static TimeMs time_of(Str text) {
    TimeMs lo = 0;
    TimeMs hi = 0;
    return time_parse_fhir(text, &lo, &hi) == ERR_OK ? lo : 0;
}

/* What is none of the words waits for a person. */
static IntakeReceiptState state_of(Str status) {
    for (IntakeReceiptState s = 0; s < INTAKE_RECEIPT_STATES; s++) {
        if (str_eq(status, intake_receipt_status(s))) {
            return s;
        }
    }
    return INTAKE_RECEIPT_HELD;
}

ErrCode intake_receipt_read(Arena *arena, const StoreVersion *task, IntakeReceipt *ret) {
    const JsonNode *t = NULL;
    uint64_t version = 0;
    TRY(json_parse(arena, task->json, &t, NULL));
    IntakeReceipt r = {.version = *task,
                       .before = t,
                       .key = json_str(arena, json_path(t, "identifier.value")),
                       .state = state_of(json_str(arena, json_get_lit(t, "status"))),
                       .patient = json_str(arena, json_path(t, "for.reference")),
                       .visit = json_str(arena, json_path(t, "encounter.reference")),
                       .file = fhir_task_input(arena, t, "file"),
                       .certificate = fhir_task_input(arena, t, "certificate"),
                       .signed_at = fhir_task_input(arena, t, "signed-at"),
                       .why = json_str(arena, json_path(t, "statusReason.text")),
                       .time = time_of(json_str(arena, json_get_lit(t, "lastModified")))};
    if (str_to_u64(fhir_task_input(arena, t, "claim-version"), &version) == ERR_OK &&
        version <= UINT32_MAX) {
        r.claim_version = (uint32_t)version;
    }
    *ret = r;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode intake_receipt_get(Store *store, Arena *arena, Str key, IntakeReceipt *ret) {
    StoreVersion *found = NULL;
    size_t n = 0;
    StoreExpect token = {.type = FHIR_T_TASK,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(INTAKE_RECEIPT_SYSTEM),
                         .value = key};
    TRY(store_find(store, arena, &token, 1, &found, &n));
    return n == 0 ? ERR_NOT_FOUND : intake_receipt_read(arena, &found[0], ret);
}
