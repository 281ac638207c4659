/* mpi_birth_help.h — what the tests of newborns share: a mother, a child, a certificate, and how
 * they must be linked. All data invented. */
#ifndef NHIP_TESTS_UNIT_MPI_BIRTH_HELP_H
#define NHIP_TESTS_UNIT_MPI_BIRTH_HELP_H

#include "unit/store/store_help.h"

#include "core/json.h"
#include "fhir/fhir_validate.h"
#include "interop/claim_identity.h"
#include "mpi/mpi_birth.h"
#include "mpi/mpi_case.h"

#define CARD "TE1460000000123"

/* ---- what there is ---- */

static UNUSED Str person_json(Home *h, const char *card, const char *birth, const char *sex) {
    return home_text(h,
                     "{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"" //
                     CLAIM_SYSTEM_CARD "\",\"value\":\"%s\"}],\"name\":[{\"text\":"
                     "\"LÊ THỊ MẪU\"}],\"gender\":\"%s\",\"birthDate\":\"%s\"}",
                     card, sex, birth);
}

static UNUSED Str add_person(Home *h, const char *card, const char *birth, const char *sex) {
    return home_add_patient(h, person_json(h, card, birth, sex));
}

static UNUSED Str add_mother(Home *h) {
    return add_person(h, "DN4460000000777", "1995-01-01", "female");
}

static UNUSED StoreVersion now(Home *h, FhirType type, Str id) {
    StoreVersion v;
    assert_ok(store_get(h->store, h->arena, type, id, &v));
    return v;
}

/* Whatever is asked is R4. */
static UNUSED const JsonNode *valid(Home *h, Str json) {
    FhirIssues issues = {.arena = h->arena};
    FhirResource resource;
    ErrCode err = fhir_parse(h->arena, json, &resource, &issues);
    err = err == ERR_OK ? fhir_validate(&resource, NULL, &issues) : err;
    if (err != ERR_OK) {
        print_error(STR_FMT ": " STR_FMT "\n", STR_ARG(issues.items[0].where),
                    STR_ARG(issues.items[0].en));
    }
    assert_ok(err);
    return resource.root;
}

static UNUSED const JsonNode *root_of(Home *h, FhirType type, Str id) {
    return valid(h, now(h, type, id).json);
}

static UNUSED void change_one(Home *h, const StoreChange *change, Slot patient) {
    StoreGroup group = {
        .changes = change, .n_changes = 1, .patient_change = -1, .patient = patient};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .snapshot = store_snapshot(h->store),
                          .actor = STR("test"),
                          .source = STR("unit")};
    assert_ok(store_commit(h->store, &commit, NULL, NULL, &h->info));
}

static UNUSED void rewrite(Home *h, FhirType type, Str id, Str json) {
    StoreVersion v = now(h, type, id);
    change_one(h, &(StoreChange){STORE_UPDATE, type, v.id, v.slot, json, false}, v.patient);
}

static UNUSED Str related_json(Home *h, Str mother, const char *role, const char *card) {
    bool child = strcmp(role, "con") == 0;
    return home_text(
        h,
        "{\"resourceType\":\"RelatedPerson\",\"meta\":{\"source\":\"https://nhip.vn/fhir/"
        "claim#xml9/1/%s\"},\"identifier\":[{\"system\":\"" CLAIM_SYSTEM_CARD
        "\",\"value\":\"%s\"}],\"patient\":{\"reference\":\"Patient/" STR_FMT
        "\"},\"relationship\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/"
        "v3-RoleCode\",\"code\":\"%s\"}]}],\"gender\":\"female\",\"birthDate\":\"2026-09-10\"}",
        role, card, STR_ARG(mother), child ? "CHILD" : "GUARD");
}

/* What XML9 makes of the child, or of who cares for it. */
static UNUSED Str add_related(Home *h, Str mother, const char *role, const char *card) {
    StoreChange change = create(FHIR_T_RELATED_PERSON, related_json(h, mother, role, card));
    Slot slot = 0;
    StoreGroup group = {.changes = &change,
                        .n_changes = 1,
                        .patient_change = -1,
                        .patient = now(h, FHIR_T_PATIENT, mother).first};
    StoreCommit commit = {
        .groups = &group, .n_groups = 1, .actor = STR("test"), .source = STR("test")};
    assert_ok(store_commit(h->store, &commit, NULL, &slot, &h->info));
    return home_get_slot(h, slot).id;
}

static UNUSED Str link_of(Home *h, Str patient) {
    const JsonNode *root = root_of(h, FHIR_T_PATIENT, patient);
    assert_true(json_count(json_get_lit(root, "link")) <= 1);
    if (json_get_lit(root, "link") != NULL) {
        assert_str(json_raw_str(json_path(root, "link.type")), STR("seealso"));
    }
    return json_str(h->arena, json_path(root, "link.other.reference"));
}

static UNUSED void assert_case(Home *h, Str birth, const char *status) {
    StoreExpect token = {FHIR_T_TASK, FHIR_P_IDENTIFIER, STR(MPI_BIRTH_SYSTEM), birth};
    StoreVersion *v = NULL;
    const JsonNode *root = NULL;
    size_t n = 0;
    assert_ok(store_find(h->store, h->arena, &token, 2, &v, &n));
    assert_int_equal(n, 1);
    root = valid(h, v[0].json);
    assert_str(json_raw_str(json_get_lit(root, "status")), str_from(status));
}

static UNUSED void assert_linked(Home *h, Str birth, Str child, Str mother) {
    Str head = STR("RelatedPerson/");
    Str to = link_of(h, mother);
    assert_str(link_of(h, child), arena_printf(h->arena, "RelatedPerson/" STR_FMT, STR_ARG(birth)));
    assert_true(str_starts(to, head));
    StoreVersion v = now(h, FHIR_T_RELATED_PERSON, str_sub(to, head.len, to.len));
    const JsonNode *root = root_of(h, FHIR_T_RELATED_PERSON, v.id);
    assert_str(json_raw_str(json_path(root, "patient.reference")),
               arena_printf(h->arena, "Patient/" STR_FMT, STR_ARG(child)));
    assert_str(json_raw_str(json_path(root, "relationship.coding.code")), STR("MTH"));
    assert_str(json_raw_str(json_path(root, "name.text")), STR("LÊ THỊ MẪU"));
    assert_str(json_raw_str(json_get_lit(root, "birthDate")), STR("1995-01-01"));
    assert_int_equal(v.patient, now(h, FHIR_T_PATIENT, child).first);
    assert_case(h, birth, "completed");
}

static UNUSED void assert_parted(Home *h, Str child, Str mother) {
    assert_int_equal(link_of(h, child).len, 0);
    assert_int_equal(link_of(h, mother).len, 0);
}

#endif
