/* book_link_help.h — citizens merged and parted in tests: Patient.link written as the master index
 * and other clients write it (chains and rings, too), and read naively. */
#ifndef NHIP_TESTS_UNIT_BOOK_LINK_HELP_H
#define NHIP_TESTS_UNIT_BOOK_LINK_HELP_H

#include "unit/intake/intake_help.h"

#include "store/store_scan.h"

/* By whom the Patient is replaced now, or 0. */
static UNUSED Slot link_now(Home *h, Slot patient) {
    StoreVersion v;
    StoreVersion now;
    assert_ok(store_get_slot(h->store, h->arena, patient, &v));
    if (store_get(h->store, h->arena, FHIR_T_PATIENT, v.id, &now) != ERR_OK) {
        return 0;
    }
    const JsonNode *list = json_get_lit(parsed(h, now.json), "link");
    for (const JsonNode *l = list == NULL ? NULL : json_first(list); l != NULL;
         l = json_next(list, l)) {
        if (json_str_is(json_get_lit(l, "type"), STR("replaced-by"))) {
            Str text = json_str(h->arena, json_path(l, "other.reference"));
            size_t head = sizeof("Patient/") - 1;
            return store_first(h->store, FHIR_T_PATIENT, str_sub(text, head, text.len));
        }
    }
    return 0;
}

/* The last of those that replace each other; of a ring the first one that came. */
static UNUSED Slot naive_person(Home *h, Slot patient) {
    enum { FAR = 40 }; /* more than there are Patients: who is there is in the ring */
    Slot at = patient;
    Slot least = 0;
    for (int i = 0; i < 2 * FAR; i++) {
        Slot next = link_now(h, at);
        if (next == 0) {
            return at;
        }
        least = i == FAR ? next : i > FAR ? MIN(least, next) : 0;
        at = next;
    }
    return least;
}

static UNUSED void put_member_link(Home *h, JsonWriter *w, Slot to, const char *type) {
    StoreVersion v;
    assert_ok(store_get_slot(h->store, h->arena, to, &v));
    json_open_object(w);
    json_name(w, "other");
    json_open_object(w);
    json_member(w, "reference", arena_printf(h->arena, "Patient/" STR_FMT, STR_ARG(v.id)));
    json_close_object(w);
    json_member(w, "type", str_from(type));
    json_close_object(w);
}

/* The Patient with these links and no others. */
static UNUSED void put_link(Home *h, Slot patient, Slot replaced_by, Slot replaces) {
    StoreVersion first;
    assert_ok(store_get_slot(h->store, h->arena, patient, &first));
    StoreVersion now = current(h, FHIR_T_PATIENT, first.id);
    const JsonNode *root = parsed(h, now.json);
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    for (const JsonNode *m = json_first(root); m != NULL; m = json_next(root, m)) {
        if (!json_str_is(m, STR("link"))) {
            json_put_name(&w, json_str(h->arena, m));
            json_put_node(&w, json_value(m));
        }
    }
    if (replaced_by != 0 || replaces != 0) {
        json_name(&w, "link");
        json_open_array(&w);
        if (replaces != 0) {
            put_member_link(h, &w, replaces, "replaces");
        }
        if (replaced_by != 0) {
            put_member_link(h, &w, replaced_by, "replaced-by");
        }
        json_close_array(&w);
    }
    json_close_object(&w);
    assert_ok(buf_ok(&out));
    StoreChange change = {.op = STORE_UPDATE,
                          .type = FHIR_T_PATIENT,
                          .id = now.id,
                          .prev = now.slot,
                          .json = buf_str(&out)};
    StoreGroup group = {
        .changes = &change, .n_changes = 1, .patient_change = -1, .patient = patient};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .snapshot = store_snapshot(h->store),
                          .actor = STR("test"),
                          .source = STR("unit")};
    assert_ok(store_commit(h->store, &commit, NULL, NULL, NULL));
}

#endif
