/* gateway_wire.h — the insurance gateway's calls from the client's side (its documents of QĐ 4750
 * and 3176): sign-in with tokens that end, check-in and claim files in base64, the card look-up;
 * what an answer means is one table of codes, which can be set.
 *
 * A GatewayLine is one account's way to its destination: its token is taken when it is needed,
 * again shortly before it ends and when the gateway calls it wrong. Ownership: a line borrows
 * target, account, codes and clock; the answer is the caller's. Errors: none: every outcome is an
 * answer, `reached` says whether the file may have been acted upon. Threads: any number may use a
 * line, each with its own HttpClient. */
#ifndef NHIP_GATEWAY_GATEWAY_WIRE_H
#define NHIP_GATEWAY_GATEWAY_WIRE_H

#include "core/clock.h"
#include "core/thread.h"
#include "gateway/gateway_target.h"
#include "http/http_client.h"

/* X(NAME, word): what is to be done behind an answer. */
#define GATEWAY_OUTCOME_LIST(X)                                                                    \
    X(DONE, "done")       /* taken, under a transaction number */                                  \
    X(REFUSED, "refused") /* this file will never be taken: a person must look */                  \
    X(RETRY, "retry")     /* this call failed; whether the file was taken is not known */          \
    X(AWAY, "away")       /* the destination, or the account there, does not work now */           \
    X(LATER, "later")     /* too many calls: the destination wants a pause */                      \
    X(TOKEN, "token")     /* the token is over: once more with a new one */                        \
    X(STOPPED, "stopped") /* this program is stopping */

typedef enum GatewayOutcome {
#define X(name, word) GATEWAY_##name,
    GATEWAY_OUTCOME_LIST(X)
#undef X
        GATEWAY_OUTCOMES
} GatewayOutcome;
const char *gateway_outcome_word(GatewayOutcome outcome);

enum {
    GATEWAY_CODE = 16,
    GATEWAY_TRANSACTION = 128,
    GATEWAY_MESSAGE = 256,
    GATEWAY_CODES_MAX = 64
};

/* Codes of maKetQua, or the HTTP status where an answer has none. What is not named is RETRY. */
typedef struct GatewayCodes {
    struct {
        char code[GATEWAY_CODE];
        GatewayOutcome outcome;
    } list[GATEWAY_CODES_MAX];
    size_t n;
} GatewayCodes;
/* "200=done 401=token …"; ERR_PARAM names the word. */
MUST_USE ErrCode gateway_codes_read(Str text, GatewayCodes *ret, ErrInfo *info);
GatewayOutcome gateway_codes_outcome(const GatewayCodes *codes, Str code);

typedef struct GatewayLine {
    const GatewayTarget *target;
    const GatewayAccount *account;
    const GatewayCodes *codes;
    const Clock *clock;
    const StopFlag *stop;
    unsigned timeout_s;
    Mutex lock; /* token; held while one is taken, so that it is taken once */
    char access[4096], id[4096];
    TimeMs until; /* 0: no token */
} GatewayLine;
void gateway_line_init(GatewayLine *line); /* the borrowed members are set by the caller */
void gateway_line_release(GatewayLine *line);

typedef struct GatewayAnswer {
    GatewayOutcome outcome;
    bool reached;
    unsigned retry_after_s;
    char code[GATEWAY_CODE];               /* as answered; empty: none came */
    char transaction[GATEWAY_TRANSACTION]; /* maGiaoDich */
    char message[GATEWAY_MESSAGE];         /* thongDiep, or what went wrong; valid UTF-8 */
} GatewayAnswer;

/* Makes sure that there is a token: DONE, or why not. */
void gateway_sign_in(GatewayLine *line, HttpClient *client, GatewayAnswer *ret);

typedef struct GatewayFile {
    bool is_checkin; /* XML0; else a claim file */
    Str facility, xml;
} GatewayFile;
void gateway_send(GatewayLine *line, HttpClient *client, const GatewayFile *file,
                  GatewayAnswer *ret);

/* The card look-up; out gets the answer's JSON when outcome is DONE (code: the card's). */
typedef struct GatewayCardAsk {
    Str card, name, birth; /* birth: dd/MM/yyyy, or a year */
} GatewayCardAsk;
void gateway_ask_card(GatewayLine *line, HttpClient *client, const GatewayCardAsk *ask, Buf *out,
                      GatewayAnswer *ret);

#endif
