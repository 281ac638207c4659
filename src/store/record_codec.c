/* The bytes of a record: its columns, its link in the chain, its directory of slots. */
#include "store/record_int.h"

#include "core/limits.h"

void origin_digest(Str actor, Str source, Sha256 *ret) {
    Sha256 parts[2];
    sha256(actor, &parts[0]);
    sha256(source, &parts[1]);
    sha256((Str){(const char *)parts, sizeof(parts)}, ret);
}

void chain_genesis(const uint8_t id_secret[16], Sha256 *ret) {
    char bytes[32] = "NHIP-LANE-0000";
    memcpy(bytes + 16, id_secret, 16);
    sha256((Str){bytes, sizeof(bytes)}, ret);
}

static char *put_le64(char *at, uint64_t value) {
    for (unsigned i = 0; i < 8; i++) {
        at[i] = (char)(value >> (8 * i));
    }
    return at + 8;
}

void chain_next(const Sha256 *previous, const RecordRow *row, const Sha256 *origin, Sha256 *ret) {
    char head[32 + 8 + 9 * 8 + 32];
    memcpy(head, previous->b, 32);
    memcpy(head + 32, "NHIPREC1", 8);
    char *at = head + 40;
    const uint64_t numbers[] = {row->number,         row->number - row->commit_first,
                                (uint64_t)row->time, row->patient,
                                row->origin,         row->kind,
                                row->dict,           row->key_id,
                                row->flags};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        at = put_le64(at, numbers[i]);
    }
    memcpy(at, origin->b, 32);
    assert(at + 32 == head + sizeof(head));
    sha256_pair((Str){head, sizeof(head)}, row->body, ret);
}

void row_bind(sqlite3_stmt *stmt, const RecordRow *row) {
    assert(row->number >= row->commit_first && row->commit_first > 0);
    const uint64_t numbers[] = {row->number,         row->number - row->commit_first,
                                (uint64_t)row->time, row->patient,
                                row->origin,         row->kind,
                                row->dict,           row->key_id,
                                row->flags};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        db_bind_u64(stmt, (int)i + 1, numbers[i]);
    }
    db_bind_blob(stmt, 10, (Str){(const char *)row->chain.b, RECORD_CHAIN_LEN});
    db_bind_blob(stmt, 11, row->body);
}

ErrCode row_read(sqlite3_stmt *stmt, RecordRow *ret_row) {
    RecordRow row = {.number = db_u64(stmt, 0),
                     .time = (TimeMs)db_u64(stmt, 2),
                     .patient = db_u64(stmt, 3),
                     .origin = (uint32_t)db_u64(stmt, 4),
                     .kind = (uint32_t)db_u64(stmt, 5),
                     .dict = (uint32_t)db_u64(stmt, 6),
                     .key_id = (uint32_t)db_u64(stmt, 7),
                     .flags = (uint32_t)db_u64(stmt, 8)};
    uint64_t rel = db_u64(stmt, 1);
    Str chain = db_blob(stmt, 9);
    row.body = db_blob(stmt, 10);
    if (row.number == 0 || rel >= row.number || chain.len != RECORD_CHAIN_LEN ||
        row.body.len == 0) {
        return ERR_CORRUPT;
    }
    row.commit_first = row.number - rel;
    memcpy(row.chain.b, chain.ptr, RECORD_CHAIN_LEN);
    *ret_row = row;
    return ERR_OK;
}

void codec_put_varint(Buf *out, uint64_t value) {
    while (value >= 0x80) {
        buf_put_char(out, (char)(value | 0x80));
        value >>= 7;
    }
    buf_put_char(out, (char)value);
}

bool codec_get_varint(Str *from, uint64_t *ret_value) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < from->len; i++) {
        uint8_t byte = (uint8_t)from->ptr[i];
        if (i == 9 && byte > 1) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            *from = str_sub(*from, i + 1, from->len);
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static void text_put(Buf *out, Str text) {
    codec_put_varint(out, text.len);
    buf_put_str(out, text);
}

static bool text_get(Str *from, Str *ret_text) {
    uint64_t len = 0;
    if (!codec_get_varint(from, &len) || len > from->len) {
        return false;
    }
    *ret_text = str_sub(*from, 0, (size_t)len);
    *from = str_sub(*from, (size_t)len, from->len);
    return true;
}

enum { OP_MASK = 3, OP_CLIENT = 4 };

static void slot_encode(Buf *out, const StoredSlot *slot) {
    StoreOp op = slot->deleted ? STORE_DELETE : slot->prev != 0 ? STORE_UPDATE : STORE_CREATE;
    buf_put_char(out, (char)((unsigned)op | (slot->client_id.len > 0 ? OP_CLIENT : 0)));
    if (op == STORE_DELETE) {
        text_put(out, str_from(fhir_type_name(slot->type)));
    }
    if (op != STORE_CREATE) {
        assert(slot->first > 0 && slot->prev >= slot->first && slot->version > 1);
        codec_put_varint(out, slot->first);
        codec_put_varint(out, slot->prev);
        codec_put_varint(out, slot->version);
    }
    if (slot->client_id.len > 0) {
        text_put(out, slot->client_id);
    }
    codec_put_varint(out, slot->text.len);
}

ErrCode record_encode(Buf *out, const StoredRecord *record) {
    assert(record->n_slots >= 1 && record->n_slots <= STORE_RECORD_SLOTS);
    codec_put_varint(out, record->n_slots);
    text_put(out, record->patient_id);
    for (unsigned i = 0; i < record->n_slots; i++) {
        slot_encode(out, &record->slots[i]);
    }
    for (unsigned i = 0; i < record->n_slots; i++) {
        buf_put_str(out, record->slots[i].text);
    }
    return buf_ok(out);
}

static bool slot_decode_prior(Str *from, StoredSlot *slot) {
    uint64_t version = 0;
    if (!codec_get_varint(from, &slot->first) || !codec_get_varint(from, &slot->prev) ||
        !codec_get_varint(from, &version)) {
        return false;
    }
    slot->version = (uint32_t)version;
    return slot->first != 0 && slot->prev >= slot->first && version > 1 && version <= UINT32_MAX;
}

/* Text bytes follow later: only the length is known here. */
static bool slot_decode(Str *from, Slot own, StoredSlot *slot) {
    if (from->len == 0) {
        return false;
    }
    unsigned head = (uint8_t)from->ptr[0];
    *from = str_sub(*from, 1, from->len);
    *slot = (StoredSlot){.first = own, .version = 1, .client_id = STR_EMPTY};
    unsigned op = head & OP_MASK;
    if ((head & ~(unsigned)(OP_MASK | OP_CLIENT)) != 0 || op > STORE_DELETE) {
        return false;
    }
    if (op == STORE_DELETE) {
        Str name;
        slot->deleted = true;
        if (!text_get(from, &name)) {
            return false;
        }
        slot->type = fhir_resource_by_name(name);
    }
    if (op != STORE_CREATE && !slot_decode_prior(from, slot)) {
        return false;
    }
    if ((head & OP_CLIENT) != 0 && !text_get(from, &slot->client_id)) {
        return false;
    }
    uint64_t len = 0;
    if (!codec_get_varint(from, &len) || len > RECORD_PAYLOAD_MAX) {
        return false;
    }
    slot->text = (Str){NULL, (size_t)len};
    return slot->deleted == (len == 0);
}

static bool texts_decode(Str from, StoredRecord *record) {
    for (unsigned i = 0; i < record->n_slots; i++) {
        StoredSlot *slot = &record->slots[i];
        if (slot->text.len > from.len) {
            return false;
        }
        slot->text = str_sub(from, 0, slot->text.len);
        from = str_sub(from, slot->text.len, from.len);
        if (!slot->deleted) {
            slot->type = text_type(slot->text);
        }
        if (slot->type == FHIR_T_NONE) {
            return false;
        }
    }
    return from.len == 0;
}

ErrCode record_decode(Str payload, StoredRecord *record) {
    uint64_t n = 0;
    Str rest = payload;
    if (!codec_get_varint(&rest, &n) || n == 0 || n > STORE_RECORD_SLOTS ||
        !text_get(&rest, &record->patient_id)) {
        return ERR_CORRUPT;
    }
    record->n_slots = (unsigned)n;
    for (unsigned i = 0; i < record->n_slots; i++) {
        Slot own = SLOT_OF(record->number, i);
        if (!slot_decode(&rest, own, &record->slots[i]) || record->slots[i].prev >= own) {
            return ERR_CORRUPT;
        }
    }
    return texts_decode(rest, record) ? ERR_OK : ERR_CORRUPT;
}
