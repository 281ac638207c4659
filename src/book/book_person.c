/* Whose visit it is: citizens that the master index has merged (Patient.link replaced-by) are one
 * person, named by the first slot of the one that stays. The links are kept as rows of a table of
 * their own, Patient → Patient, and change with the rows of the visits in one transaction: a row
 * always stands by the links beside it. */
#include "book/book_int.h"

#include "core/json.h"
#include "store/store_scan.h"

enum { CHAIN_MAX = 1000 }; /* merges one behind the other; what is farther is another person */

/* ---- what a Patient says ---- */

/* The first replaced-by; 0: none, or a Patient that is not there. */
ErrCode book_link_of(Book *b, Arena *arena, const StoreVersion *patient, Slot *ret_to) {
    const JsonNode *root = NULL;
    Str head = STR("Patient/");
    *ret_to = 0;
    if (patient->deleted || str_find(patient->json, STR("\"replaced-by\"")) == SIZE_MAX) {
        return ERR_OK;
    }
    TRY(json_parse(arena, patient->json, &root, NULL));
    const JsonNode *list = json_get_lit(root, "link");
    for (const JsonNode *l = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; l != NULL;
         l = json_next(list, l)) {
        if (json_str_is(json_get_lit(l, "type"), STR("replaced-by"))) {
            Str reference = json_str(arena, json_path(l, "other.reference"));
            if (str_starts(reference, head)) {
                *ret_to = store_first(b->o.store, FHIR_T_PATIENT,
                                      str_sub(reference, head.len, reference.len));
            }
            return ERR_OK;
        }
    }
    return ERR_OK;
}

/* ---- the links ---- */

/* The Patient that replaces this one; 0: none. */
static ErrCode link_from(const BookAround *around, Slot patient, Slot *ret) {
    Str body;
    TableCell cell = {.id = around->book->links.id, .first = patient};
    ErrCode err = tables_get(around->book->tables, around->side, around->arena, &cell, &body);
    *ret = 0;
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    BookBytes b = {.arena = around->arena, .rest = body};
    *ret = book_take_varint(&b);
    return b.bad || b.rest.len > 0 ? ERR_CORRUPT : ERR_OK;
}

/* Of Patients that replace each other in a ring: the one that came first. */
static ErrCode least_of_ring(const BookAround *around, Slot start, Slot *ret) {
    Slot least = start;
    Slot at = start;
    TRY(link_from(around, start, &at));
    while (at != start) {
        least = MIN(least, at);
        TRY(link_from(around, at, &at));
    }
    *ret = least;
    return ERR_OK;
}

ErrCode book_person(const BookAround *around, Slot patient, Slot *ret_person) {
    Slot at = patient;
    Slot mark = patient;
    for (unsigned n = 1; patient != 0 && n <= CHAIN_MAX; n++) {
        Slot next = 0;
        TRY(link_from(around, at, &next));
        if (next == 0) {
            break;
        }
        if (next == mark) {
            return least_of_ring(around, next, ret_person);
        }
        mark = (n & (n - 1)) == 0 ? next : mark; /* moves on ever more seldom: no ring escapes */
        at = next;
    }
    *ret_person = at;
    return ERR_OK;
}

ErrCode book_link_set(const BookAround *around, Slot patient, Slot to, bool *ret_changed) {
    Book *b = around->book;
    Slot old = 0;
    uint64_t removed = 0;
    TRY(link_from(around, patient, &old));
    *ret_changed = old != to;
    if (old == to) {
        return ERR_OK;
    }
    TRY(tables_clear(b->tables, b->links.id, patient, &removed));
    if (to == 0) {
        return ERR_OK;
    }
    char bytes[16];
    Buf body = {.ptr = bytes, .capacity = sizeof(bytes), .max = sizeof(bytes)};
    book_put_varint(&body, to);
    TRY(buf_ok(&body));
    return tables_add(b->tables,
                      &(TableCell){.id = b->links.id, .first = patient, .body = buf_str(&body)});
}
