/* index_key.h — the bytes of search values behind class, type and param, for the writing side
 * (index_keys) and the reading side (the search). memcmp order is value order:
 *   token      code 00 [01] system; 01 marks a system that the data do not say but the definition
 *              binds. A token of text only: 00 00 (found by :missing alone)
 *   string     folded text, cut at KEY_STRING_MAX, 00, KEY_WHOLE or KEY_CUT; names and addresses
 *              the same from each word on (fhir_word_starts)
 *   date       Vietnam day of the first millisecond, of the last one: 4 bytes each, biased
 *   number     KEY_POINT, order-preserving binary64 (8), or KEY_SPAN (ranges, comparators, more
 *              digits than binary64 tells apart), or KEY_NONE (no number); the number of a span is
 *              not to be compared
 *   quantity   as number, then code 00 system 00 unit (unit empty when it is the code)
 *   uri        KEY_URL, text
 *   reference  KEY_SLOT, first slot (8) for ids that the server makes, type (2); KEY_ID, id 00 type
 *              (2) for ids that clients choose; KEY_URL, text; KEY_CONTAINED, type (2) of what is
 *              contained. The param of reference keys has KEY_REFERENCE set: the Bloom filters
 *              know them
 *   words      of _text and _content: each word once; KEY_UNREAD for a resource whose words are not
 *              all there
 *   position   cell number: the bits of latitude and longitude in turn (8)
 *   composite  its parts, 00 between them; also of code + date where KEY_PAIRS says so. A quantity
 *              as second part has its units first: code 00 system 00 unit 00, then the number
 * Texts end at a byte 00 and long ones are cut and get 16 digits of their hash: equal texts give
 * equal keys. Ids are never resolved here: a replay of the log gives the same keys.
 * Threads: no state. */
#ifndef NHIP_STORE_INDEX_KEY_H
#define NHIP_STORE_INDEX_KEY_H

#include "fhir/fhir_extract.h"
#include "store/index_core_int.h"

enum {
    KEY_TEXT_MAX = 96, /* longest code, system, id */
    KEY_URL_MAX = 200,
    KEY_UNIT_MAX = 40,
    KEY_STRING_MAX = 64,
    KEY_WHOLE = 1,
    KEY_CUT = 2, /* the text went on */
    KEY_BOUND_SYSTEM = 1,
    KEY_POINT = 1,
    KEY_SPAN = 2,
    KEY_NONE = 3,
    KEY_SLOT = 1,
    KEY_ID = 2,
    KEY_URL = 3,
    KEY_CONTAINED = 4,
    /* Flavours of a parameter's keys, in the upper bits of its id (which is below 0x1000). */
    KEY_OF_TYPE = 0x1000,    /* code 00 system 00 value, of an identifier's type */
    KEY_TEXT = 0x2000,       /* string: texts and displays for :text */
    KEY_IDENTIFIER = 0x3000, /* token: Reference.identifier */
    KEY_REFERENCE = 0x8000,
    KEY_UNREAD = 0,
    KEY_WORDS_MAX = 1000, /* words of a resource; of one with more the others are not there */
    KEY_DATE_LEN = 8,
    KEY_EXACT_DIGITS = 15, /* decimal digits that binary64 always tells apart */
};

/* A key being made. */
typedef struct KeyBuf {
    size_t len;
    char bytes[INDEX_KEY_MAX];
} KeyBuf;
static inline Str key_str(const KeyBuf *k) {
    return (Str){k->bytes, k->len};
}
void key_byte(KeyBuf *k, unsigned byte);
void key_u16(KeyBuf *k, unsigned v);
void key_u64(KeyBuf *k, uint64_t v);
/* Up to the first byte 00; over max bytes: cut, with the hash of the whole. */
void key_text(KeyBuf *k, Str text, size_t max);
void key_head(KeyBuf *k, IndexClass class, unsigned type, unsigned param);

void key_token(KeyBuf *k, Str code, Str system, bool is_bound);
void key_of_type(KeyBuf *k, Str code, Str system, Str value);
/* A referenced resource without its type, which follows: first slot, or the id when first is 0. */
void key_target(KeyBuf *k, Slot first, Str id);
/* The key of resources of `type` whose reference leads to a contained one of type `inner`. */
void key_contained(KeyBuf *k, FhirType type, unsigned param, FhirType inner);
/* The cell of a place: 32 bits each of latitude and longitude, the first one highest. */
uint64_t key_cell(double latitude, double longitude);
/* The same of their shares of the globe, 0 … 2^32 - 1. */
uint64_t key_cell_of(uint32_t north, uint32_t east);
uint32_t key_day(TimeMs t);
/* The folded text and how it stands in the key; ret_more: it was cut. */
Str key_string_cut(Str folded, bool *ret_cut);
/* Order-preserving number; false when digits beyond KEY_EXACT_DIGITS make it inexact. */
bool key_number(Str decimal, uint64_t *ret_key);

/* The value as index_keys appends it behind the head; texts of names from their first word. False
 * for what has no order (references, composites, tokens of text only). */
bool key_value(KeyBuf *k, Arena *scratch, const FhirIndexValue *value);

/* Pairs of parameters that have composite keys of our own: (type, token, date). */
typedef struct KeyPair {
    FhirType type;
    FhirParamId token, date;
    uint16_t param; /* stands in the key; above all FhirParamIds */
} KeyPair;
/* The number-th pair, NULL at the end. */
const KeyPair *key_pair(size_t number);
/* Is the key, at least a head, one of a pair or of code-value-quantity? */
bool key_is_pair(Str key);
/* How many bytes of a value's key name its group: of a pair class to the 00 behind the system (the
 * keys of one token), else the head, with the 00 of a token of text only. 0: no group. A segment
 * notes under which heads a slot comes twice in a group; of the others slots can be counted by key.
 */
size_t key_group(Str key);

#endif
