#include "book/book_state.h"

#define TEXT(literal)                                                                              \
    { "" literal, sizeof(literal) - 1 }

static const struct {
    Str code, en, vi;
} states[BOOK_STATES] = {
#define X(name, code, en, vi) [BOOK_##name] = {TEXT(code), TEXT(en), TEXT(vi)},
    BOOK_STATE_LIST(X)
#undef X
};

Str book_state_code(BookState state) {
    return states[state].code;
}

Str book_state_name(BookState state, bool vietnamese) {
    return vietnamese ? states[state].vi : states[state].en;
}

BookState book_state_by_code(Str code) {
    BookState s = 0;
    while (s < BOOK_STATES && !str_eq(states[s].code, code)) {
        s++;
    }
    return s;
}
