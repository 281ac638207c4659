/* Bytes from outside through the packing of received files: whatever packs comes back unchanged; and
 * noise in the place of a packed file, a record's payload or an id is refused without harm. */
#include "core/limits.h"
#include "store/record_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void pack(Str bytes) {
    CLEANUP_BUF Buf packed;
    CLEANUP_BUF Buf again;
    buf_init(&packed, 16 * LIMIT_MIB);
    buf_init(&again, 16 * LIMIT_MIB);
    ErrCode err = pack_base64(&packed, bytes);
    must(err == ERR_OK || err == ERR_UNSUPPORTED);
    if (err == ERR_OK) {
        must(unpack_base64(&again, buf_str(&packed)) == ERR_OK);
        must(str_eq(buf_str(&again), bytes));
    }
    buf_clear(&again);
    err = unpack_base64(&again, bytes);
    must(err == ERR_OK || err == ERR_CORRUPT || err == ERR_LIMIT);
}

static void decode(Str bytes) {
    static StoredRecord record;
    CLEANUP_BUF Buf again;
    buf_init(&again, 16 * LIMIT_MIB);
    memset(&record, 0, offsetof(StoredRecord, slots));
    record.number = 1000;
    if (record_decode(bytes, &record) != ERR_OK) {
        return;
    }
    for (unsigned i = 0; i < record.n_slots; i++) {
        const StoredSlot *slot = &record.slots[i];
        IdKey key = {{1}};
        TextExpand how = {.key = &key, .text = slot->text, .id = STR("x"), .version = slot->version,
                          .commit_slot = SLOT_OF(1000, 0), .patient_id = STR("p")};
        if (!slot->deleted) {
            text_expand(&again, &how);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str bytes = {(const char *)data, size};
    IdKey key = {{7}};
    pack(bytes);
    decode(bytes);
    (void)id_parse(&key, bytes);
    (void)id_is_valid(bytes);
    return 0;
}
