/* sign_pin.h — which keys a facility signs with: a table of text, read whole at the start.
 *
 *   facility <tab> sha256 <tab> of <tab> from <tab> until
 *   46001    <tab> 9f86…  <tab> certificate|key <tab> 2026-01-01 <tab> 2027-12-31
 *
 * `certificate`: of the DER certificate; `key`: of its SubjectPublicKeyInfo, which outlives a
 * renewal with the same key. from and until may be empty; `until` counts to the day's end in
 * Vietnam. A facility may have any number of lines. A key that was stolen is taken out of the
 * table: times only say when a signature may have been made.
 * Errors: ERR_SYNTAX, ERR_LIMIT with the line. Threads: immutable. */
#ifndef NHIP_SIGN_SIGN_PIN_H
#define NHIP_SIGN_SIGN_PIN_H

#include "core/hash.h"
#include "core/time.h"

typedef struct SignPins SignPins;

MUST_USE ErrCode sign_pins_parse(Str text, SignPins **ret_pins, ErrInfo *info);
/* ERR_NOT_FOUND and the like as io_read_file. */
MUST_USE ErrCode sign_pins_load(const char *path, SignPins **ret_pins, ErrInfo *info);
void sign_pins_free(SignPins *pins); /* NULL is fine */

typedef struct SignPinAsk {
    Str facility;
    Sha256 certificate, key;
    TimeMs at;
} SignPinAsk;

typedef enum SignPinAnswer {
    SIGN_PIN_UNKNOWN, /* the facility has no line */
    SIGN_PIN_OTHER,   /* it has, for other keys */
    SIGN_PIN_TIME,    /* the key's line does not hold at that time */
    SIGN_PIN_OK,
} SignPinAnswer;
/* pins may be NULL: nobody is known. */
SignPinAnswer sign_pins_ask(const SignPins *pins, const SignPinAsk *ask);

#endif
