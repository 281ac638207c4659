/* Server-made ids: the slot of the first version, permuted by SPECK64/128 (Beaulieu, Shors, Smith,
 * Treatman-Clark, Weeks, Wingers, "The SIMON and SPECK Families", 2013) under a key of the data
 * folder and written in 13 letters of 5 bits. The permutation hides counts and neighbours; it is no
 * secret that guards anything. A text decodes to a slot of a lane and sequence that may exist with
 * probability 2^-19, so ids chosen by clients are never taken for ours by accident. */
#include "store/record_int.h"

static const char LETTERS[] = "0123456789abcdefghjkmnpqrstvwxyz";

static uint32_t rotate_right(uint32_t x, unsigned n) {
    return x >> n | x << (32 - n);
}

static uint32_t rotate_left(uint32_t x, unsigned n) {
    return x << n | x >> (32 - n);
}

void id_key_init(IdKey *key, const uint8_t secret[16]) {
    uint32_t word[4];
    for (unsigned i = 0; i < 4; i++) {
        word[i] = (uint32_t)secret[4 * i] | (uint32_t)secret[4 * i + 1] << 8 |
                  (uint32_t)secret[4 * i + 2] << 16 | (uint32_t)secret[4 * i + 3] << 24;
    }
    uint32_t k = word[0];
    uint32_t l[3] = {word[1], word[2], word[3]};
    for (uint32_t i = 0; i < ARRAY_LEN(key->round); i++) {
        key->round[i] = k;
        uint32_t *next = &l[i % 3];
        *next = (k + rotate_right(*next, 8)) ^ i;
        k = rotate_left(k, 3) ^ *next;
    }
}

uint64_t id_encrypt(const IdKey *key, uint64_t plain) {
    uint32_t x = (uint32_t)(plain >> 32);
    uint32_t y = (uint32_t)plain;
    for (unsigned i = 0; i < ARRAY_LEN(key->round); i++) {
        x = (rotate_right(x, 8) + y) ^ key->round[i];
        y = rotate_left(y, 3) ^ x;
    }
    return (uint64_t)x << 32 | y;
}

uint64_t id_decrypt(const IdKey *key, uint64_t cipher) {
    uint32_t x = (uint32_t)(cipher >> 32);
    uint32_t y = (uint32_t)cipher;
    for (unsigned i = ARRAY_LEN(key->round); i-- > 0;) {
        y = rotate_right(y ^ x, 3);
        x = rotate_left((x ^ key->round[i]) - y, 8);
    }
    return (uint64_t)x << 32 | y;
}

void id_put(const IdKey *key, Slot first, char ret_letters[ID_LETTERS]) {
    uint64_t value = id_encrypt(key, first);
    for (unsigned i = ID_LETTERS; i-- > 0;) {
        ret_letters[i] = LETTERS[value & 31];
        value >>= 5;
    }
}

static int letter_value(char c) {
    const char *at = c == 0 ? NULL : memchr(LETTERS, c, sizeof(LETTERS) - 1);
    return at == NULL ? -1 : (int)(at - LETTERS);
}

Slot id_parse(const IdKey *key, Str id) {
    if (id.len != ID_LETTERS) {
        return 0;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < ID_LETTERS; i++) {
        int v = letter_value(id.ptr[i]);
        if (v < 0 || (i == 0 && v > 15)) {
            return 0;
        }
        value = value << 5 | (uint64_t)v;
    }
    Slot slot = id_decrypt(key, value);
    RecordNo number = SLOT_RECORD(slot);
    uint64_t sequence = number & ((UINT64_C(1) << STORE_LANE_SHIFT) - 1);
    bool possible =
        number >> STORE_LANE_SHIFT == STORE_LANE && sequence >= 1 && sequence < STORE_SEQUENCE_MAX;
    return possible ? slot : 0;
}

bool id_is_valid(Str id) {
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '-' || c == '.';
        if (!good) {
            return false;
        }
    }
    return id.len >= 1 && id.len <= 64;
}

Slot store_id_parse(const Store *store, Str id) {
    return id_parse(&store->id_key, id);
}

Str store_id(Store *store, Arena *arena, Slot first) {
    char letters[ID_LETTERS];
    id_put(&store->id_key, first, letters);
    return arena_str(arena, (Str){letters, ID_LETTERS});
}
