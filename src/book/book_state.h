/* book_state.h — where a claim stands on its way to the fund's money. entered and checked follow
 * from what the rules find; the states behind them are facts: the newest version of the visit's
 * settlement Task says them. corrected: the visit has changed since it was signed; it is to be
 * checked, signed and sent again. Everything is constant: any thread. */
#ifndef NHIP_BOOK_BOOK_STATE_H
#define NHIP_BOOK_BOOK_STATE_H

#include "core/str.h"

/* The settlement Task of a visit: its identifier (value FACILITY|MA_LK, as the visit's own), the
 * system of Task.code ("settlement"), of businessStatus and of the types of Task.output. */
#define BOOK_SYSTEM_SETTLEMENT "https://nhip.vn/fhir/sid/settlement"
#define BOOK_SYSTEM_STATE "https://nhip.vn/fhir/CodeSystem/settlement"

/* X(NAME, code, English, Vietnamese), in the order of the way. The numbers stand in book.db. */
#define BOOK_STATE_LIST(X)                                                                         \
    X(ENTERED, "entered", "To repair", "Cần sửa")                                                  \
    X(CHECKED, "checked", "Clean", "Hợp lệ")                                                       \
    X(CORRECTED, "corrected", "Changed since signed", "Đã sửa sau khi ký")                         \
    X(SIGNED, "signed", "Signed", "Đã ký")                                                         \
    X(SENT, "sent", "Sent", "Đã gửi")                                                              \
    X(RECEIVED, "received", "Received by the fund", "Quỹ đã nhận")                                 \
    X(ASSESSED, "assessed", "Assessed", "Đã giám định")                                            \
    X(ACCEPTED, "accepted", "Accepted", "Chấp nhận toàn bộ")                                       \
    X(REDUCED, "reduced", "Reduced", "Giảm trừ")                                                   \
    X(REFUSED, "refused", "Refused", "Từ chối")                                                    \
    X(PAID, "paid", "Paid", "Đã thanh toán")

typedef enum BookState {
#define X(name, code, en, vi) BOOK_##name,
    BOOK_STATE_LIST(X)
#undef X
        BOOK_STATES
} BookState;

#define BOOK_BIT(state) (1U << (state))
enum { BOOK_ALL_STATES = (1 << BOOK_STATES) - 1 };

Str book_state_code(BookState state);
Str book_state_name(BookState state, bool vietnamese);
/* BOOK_STATES: no such code. */
BookState book_state_by_code(Str code);
/* Said by a Task (signed and behind it), not derived? */
static inline bool book_state_is_fact(BookState state) {
    return state >= BOOK_SIGNED && state < BOOK_STATES;
}

#endif
