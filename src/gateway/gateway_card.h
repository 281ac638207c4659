/* gateway_card.h — is a health-insurance card valid, and where was its holder treated lately? Asked
 * of the fund's gateway (KQNhanLichSuKCB), kept for a while, never more often than the rate. When
 * the fund cannot be asked the answer is "not checked", with why, and the last known answer when
 * there is one: nobody is told that a card is good or bad by guessing.
 *
 * What is kept lives in memory only (bounded, found by a digest of card, name and birth); a restart
 * forgets it. Ownership: a GatewayCards borrows lines and clock; results live in the caller's
 * arena. Errors: ERR_PARAM (no card, no name, no birth that a gateway would take), ERR_NOMEM.
 * Threads: safe from all; a call takes up to a quarter of a minute. */
#ifndef NHIP_GATEWAY_GATEWAY_CARD_H
#define NHIP_GATEWAY_GATEWAY_CARD_H

#include "gateway/gateway_wire.h"

typedef enum CardState { CARD_VALID, CARD_INVALID, CARD_NOT_CHECKED } CardState;
const char *card_state_code(CardState state); /* "valid", "invalid", "not_checked" */

typedef struct CardCode { /* of the fund's answers */
    const char *code;
    CardState state;
    const char *en, *vi;
} CardCode;
/* NULL: a code that is not known here (it counts as not checked). */
const CardCode *card_code_find(Str code);

typedef struct CardAnswer {
    Str code;        /* maKetQua; empty: none */
    Str json;        /* the gateway's answer as it came: names, dates, the list of visits */
    TimeMs asked_at; /* 0: never */
} CardAnswer;

typedef struct CardResult {
    CardState state;
    CardAnswer answer;  /* behind state; of not_checked: the last known one, may be empty */
    bool kept;          /* answered from what was kept */
    Str why_en, why_vi; /* of not_checked: why */
} CardResult;

typedef struct GatewayCards GatewayCards;

typedef struct GatewayCardsOptions {
    const GatewayTargets *targets;
    GatewayLine *lines; /* by account */
    const Clock *clock;
    int64_t keep_ms, keep_bad_ms; /* valid answers, invalid ones */
    unsigned calls_a_minute;
} GatewayCardsOptions;
MUST_USE ErrCode gateway_cards_new(const GatewayCardsOptions *options, GatewayCards **ret);
void gateway_cards_free(GatewayCards *cards); /* NULL is fine */

typedef struct CardQuestion {
    Str facility; /* whose account asks; empty: any */
    Str card;     /* 10 or 12 digits, or 15 characters */
    Str name;
    Str birth;  /* yyyy, yyyy-MM-dd, or dd/MM/yyyy */
    bool fresh; /* asks although an answer is kept */
} CardQuestion;
MUST_USE ErrCode gateway_card(GatewayCards *cards, Arena *arena, const CardQuestion *question,
                              CardResult *ret, ErrInfo *info);

typedef struct CardCounters {
    uint64_t asked, answered, kept, not_checked;
} CardCounters;
CardCounters gateway_card_counters(GatewayCards *cards);

#endif
