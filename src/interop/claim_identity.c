#include "interop/claim_identity.h"

#include "core/fold.h"
#include "core/time.h"
#include "interop/claim_person_int.h"

ClaimPerson claim_person(const Claim *claim) {
    const ClaimPart *p = claim_part(claim, 1);
    bool check_in = p == NULL;
    p = check_in ? claim_part(claim, 0) : p;
    if (p == NULL || p->n_records == 0) {
        return (ClaimPerson){.facility = claim->facility};
    }
    const Str *v = p->records[0].values;
    if (check_in) {
        return (ClaimPerson){
            claim->facility,   v[XML0_MA_BN],     v[XML0_HO_TEN],      v[XML0_SO_CCCD],
            v[XML0_NGAY_SINH], v[XML0_GIOI_TINH], v[XML0_MA_THE_BHYT], true};
    }
    return (ClaimPerson){claim->facility,   v[XML1_MA_BN],     v[XML1_HO_TEN],      v[XML1_SO_CCCD],
                         v[XML1_NGAY_SINH], v[XML1_GIOI_TINH], v[XML1_MA_THE_BHYT], false};
}

static bool are_digits(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

Str claim_paper_system(Str paper) {
    if (paper.len == 12 && are_digits(paper)) {
        return STR(CLAIM_SYSTEM_CCCD);
    }
    if (paper.len == 9 && are_digits(paper)) {
        return STR(CLAIM_SYSTEM_CMND);
    }
    bool passport = paper.len == 8 && paper.ptr[0] >= 'A' && paper.ptr[0] <= 'Z' &&
                    are_digits(str_sub(paper, 1, 7));
    return passport ? STR(CLAIM_SYSTEM_PASSPORT) : STR(CLAIM_SYSTEM_PAPER);
}

bool claim_put_birth(Buf *out, Str ngay_sinh) {
    Civil c;
    if (time_parse_claim(ngay_sinh, &c) != ERR_OK) {
        return false;
    }
    time_put_civil_date(out, &c);
    return true;
}

Str claim_sex(Str gioi_tinh) {
    return str_eq(gioi_tinh, STR("1"))   ? STR("male")
           : str_eq(gioi_tinh, STR("2")) ? STR("female")
                                         : STR("unknown");
}

Str claim_bhxh(Str card) {
    Str number = card.len == 15 ? str_sub(card, 5, 10) : card;
    return number.len == 10 && are_digits(number) ? number : STR_EMPTY;
}

/* "0000000000" and the like stand for "none" in many exports. */
static bool says_something(Str s) {
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] != s.ptr[0]) {
            return true;
        }
    }
    return false;
}

bool claim_identifies(Str system, Str value) {
    if (str_eq(system, STR(CLAIM_SYSTEM_MA_BN))) {
        size_t bar = str_find_char(value, '|', 0);
        Str number = bar == SIZE_MAX ? value : str_sub(value, bar + 1, value.len);
        return number.len > 0 && (number.ptr[0] != '0' || says_something(number));
    }
    bool is_national = str_eq(system, STR(CLAIM_SYSTEM_CCCD));
    return says_something(is_national ? str_sub(value, MIN(value.len, (size_t)3), value.len)
                                      : value);
}

int claim_cccd_year(Str number) {
    if (number.len != 12 || !are_digits(number) || number.ptr[3] > '3') {
        return 0;
    }
    int century = 19 + (number.ptr[3] - '0') / 2;
    return century * 100 + (number.ptr[4] - '0') * 10 + (number.ptr[5] - '0');
}

static void add(ClaimIdentity *id, const ClaimToken *token) {
    for (size_t i = 0; i < id->n_tokens; i++) {
        ClaimToken *t = &id->tokens[i];
        if (str_eq(t->value, token->value) && str_eq(t->system, token->system)) {
            t->is_adults = t->is_adults && token->is_adults;
            return;
        }
    }
    if (id->n_tokens < CLAIM_TOKENS_MAX) {
        id->tokens[id->n_tokens++] = *token;
    }
}

static void add_cards(Arena *arena, ClaimIdentity *id, Str cards) {
    Str card;
    int n = 0;
    while (n++ < CLAIM_CARDS_MAX && str_cut(&cards, ';', &card)) {
        card = str_trim(card);
        Str number = claim_bhxh(card);
        if (says_something(number)) {
            add(id, &(ClaimToken){.system = STR(CLAIM_SYSTEM_BHXH),
                                  .value = arena_str(arena, number),
                                  .is_adults = card.len == 15 && !str_starts(card, STR("TE"))});
        }
    }
}

static Str birth_text(Arena *arena, Str ngay_sinh) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 64);
    return claim_put_birth(&b, ngay_sinh) ? arena_str(arena, buf_str(&b)) : STR_EMPTY;
}

ErrCode claim_identity(Arena *arena, const Claim *claim, ClaimIdentity *ret_identity) {
    ClaimPerson p = claim_person(claim);
    ClaimIdentity id = {
        .name = fold(arena, p.name),
        .birth = birth_text(arena, p.birth),
        .sex = claim_sex(p.sex),
    };
    Str paper = str_trim(p.paper);
    Str system = claim_paper_system(paper);
    if (claim_identifies(system, paper)) {
        add(&id, &(ClaimToken){.system = system,
                               .value = arena_str(arena, paper),
                               .is_national = str_eq(system, STR(CLAIM_SYSTEM_CCCD))});
    }
    add_cards(arena, &id, p.cards);
    if (p.ma_bn.len > 0 && p.facility.len > 0) {
        Str value = arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(p.facility), STR_ARG(p.ma_bn));
        if (claim_identifies(STR(CLAIM_SYSTEM_MA_BN), value)) {
            add(&id, &(ClaimToken){.system = STR(CLAIM_SYSTEM_MA_BN), .value = value});
        }
    }
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    *ret_identity = id;
    return ERR_OK;
}
