/* Signing: the claim as it stands is checked, written, signed and kept. */
#include "intake/intake_claim.h"
#include "settle/settle_sign_int.h"

Str settle_month_of(Arena *arena, const Claim *claim) {
    uint64_t year = 0;
    uint64_t month = 0;
    Civil c;
    static const int days[] = {XML1_NGAY_RA, XML1_NGAY_VAO};
    if (str_to_u64(str_trim(claim_value(claim, 1, XML1_NAM_QT)), &year) == ERR_OK &&
        str_to_u64(str_trim(claim_value(claim, 1, XML1_THANG_QT)), &month) == ERR_OK &&
        year >= 1900 && year <= 9999 && month >= 1 && month <= 12) {
        return arena_printf(arena, "%04u-%02u", (unsigned)year, (unsigned)month);
    }
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        if (time_parse_claim(claim_value(claim, 1, days[i]), &c) == ERR_OK && c.month > 0) {
            return arena_printf(arena, "%04d-%02d", c.year, c.month);
        }
    }
    return STR_EMPTY;
}

ErrCode settle_may_sign(const SettleCase *c, const char *what) {
    bool corrected = c->now_is.state == BOOK_CORRECTED;
    unsigned bits =
        corrected ? (unsigned)BOOK_ALL_STATES & ~BOOK_BIT(BOOK_SENT) : BOOK_BIT(BOOK_ENTERED);
    return settle_case_need(c, bits, corrected, what);
}

static ErrCode check(const SettleCase *c, const Claim *claim) {
    SettleCheck found = {.rule = STR("settle-not-checked"),
                         .en = STR("no rules are loaded"),
                         .vi = STR("chưa nạp quy tắc giám định")};
    const SettleOptions *o = &c->settle->o;
    if (o->check != NULL) {
        SettleDraft draft = {claim, SLOT_RECORD(MAX(c->claim.slot, c->visit.slot))};
        TRY(o->check(o->check_ctx, c->arena, &draft, &found));
    }
    if (!found.checked) {
        return settle_refuse(
            c->info, ERR_PRECONDITION, "settle-not-checked",
            arena_printf(c->arena,
                         "visit " STR_FMT " is not checked yet: " STR_FMT "; sign it afterwards",
                         STR_ARG(c->key), STR_ARG(found.en)),
            arena_printf(c->arena,
                         "hồ sơ " STR_FMT " chưa được kiểm tra: " STR_FMT "; hãy ký sau đó",
                         STR_ARG(c->key), STR_ARG(found.vi)));
    }
    if (found.n_blocks == 0) {
        return ERR_OK;
    }
    return settle_refuse(
        c->info, ERR_PRECONDITION, "settle-blocked",
        arena_printf(c->arena,
                     "visit " STR_FMT " has %zu findings that block it: repair them, then sign; "
                     "the first (" STR_FMT "): " STR_FMT,
                     STR_ARG(c->key), found.n_blocks, STR_ARG(found.rule), STR_ARG(found.en)),
        arena_printf(c->arena,
                     "hồ sơ " STR_FMT " có %zu lỗi chặn: hãy sửa rồi ký; lỗi đầu tiên (" STR_FMT
                     "): " STR_FMT,
                     STR_ARG(c->key), found.n_blocks, STR_ARG(found.rule), STR_ARG(found.vi)));
}

/* Whoever signs for a facility has one of its pinned keys. */
static ErrCode check_key(const SettleCase *c, const SignKey *key) {
    SignPinAsk ask = {.facility = c->act->facility, .at = c->now};
    if (c->settle->o.pins == NULL) {
        return ERR_OK;
    }
    sign_key_digests(key, &ask.certificate, &ask.key);
    if (sign_pins_ask(c->settle->o.pins, &ask) == SIGN_PIN_OK) {
        return ERR_OK;
    }
    return err_set(c->info, ERR_FORBIDDEN, "settle-key",
                   "visit " STR_FMT ": the key is not one of the facility's (signature_pins)",
                   "hồ sơ " STR_FMT ": khoá ký không thuộc cơ sở (signature_pins)",
                   STR_ARG(c->key));
}

/* The file as it will be sent; *ret_hash names it. */
static ErrCode write_file(SettleCase *c, const Claim *claim, SignKey *key, Sha256 *ret_hash) {
    Str plain;
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_CLAIM_FILE_BYTES);
    TRY(intake_claim_text(c->arena, claim, &plain));
    SignDocument document = {.xml = plain, .at = c->now, .scope = c->settle->o.scope};
    TRY(sign_document(key, &document, &out, c->info));
    TRY(buf_ok(&out));
    Str bytes = arena_str(c->arena, buf_str(&out));
    sha256(bytes, ret_hash);
    StoreReceived file = {.hash = *ret_hash,
                          .name = arena_printf(c->arena, STR_FMT "_" STR_FMT "_signed.xml",
                                               STR_ARG(c->act->facility), STR_ARG(c->act->ma_lk)),
                          .bytes = bytes,
                          .size = bytes.len,
                          .hashed = true};
    return settle_plan_file(c->plan, &file);
}

ErrCode settle_sign_begin(SettleCase *c, SettleSigned *as) {
    as->closing_task = STR_EMPTY;
    TRY(intake_claim(c->settle->o.store, c->arena, &c->visit, &as->claim, c->info));
    as->month = settle_month_of(c->arena, &as->claim);
    if (as->month.len == 0) {
        return err_set(c->info, ERR_PRECONDITION, "settle-month",
                       "visit " STR_FMT ": its month of settlement cannot be read (NAM_QT, "
                       "THANG_QT); repair it, then sign",
                       "hồ sơ " STR_FMT ": không đọc được kỳ quyết toán (NAM_QT, THANG_QT); hãy "
                       "sửa rồi ký",
                       STR_ARG(c->key));
    }
    TRY(check(c, &as->claim));
    TRY(settle_case_months(c, as->month, &as->closing_task));
    TRY(settle_plan_still(c->plan, &c->visit));
    return settle_plan_still(c->plan, &c->claim);
}

ErrCode settle_sign_end(SettleCase *c, const SettleSigned *as) {
    char hex[2 * sizeof(as->file.b)];
    Buf text = {.ptr = hex, .capacity = sizeof(hex), .max = sizeof(hex)};
    int64_t asked = 0;
    hex_put(&text, as->file.b, sizeof(as->file.b));
    if (settle_parse_money(claim_value(&as->claim, 1, XML1_T_BHTT), &asked) != ERR_OK) {
        return err_set(c->info, ERR_PRECONDITION, "settle-money",
                       "visit " STR_FMT ": T_BHTT is no amount; repair it, then sign",
                       "hồ sơ " STR_FMT ": T_BHTT không phải số tiền; hãy sửa rồi ký",
                       STR_ARG(c->key));
    }
    return settle_task_move(c, &(SettleMove){.step = as->step,
                                             .to = BOOK_SIGNED,
                                             .new_round = true,
                                             .has_money = true,
                                             .money = asked,
                                             .signed_version = c->claim.version,
                                             .month = as->month,
                                             .closing_task = as->closing_task,
                                             .closing = c->act->closing,
                                             .certificate = as->certificate,
                                             .input_name = STR("file"),
                                             .input = buf_str(&text)});
}

ErrCode settle_step_sign(SettleCase *c, const void *what) {
    SignKey *key = (SignKey *)what;
    SettleSigned as = {.step = "sign"};
    TRY(settle_case_who(c, false));
    TRY(settle_may_sign(c, "sign"));
    TRY(check_key(c, key));
    TRY(settle_sign_begin(c, &as));
    TRY(write_file(c, &as.claim, key, &as.file));
    return settle_sign_end(c, &as);
}

ErrCode settle_sign(Settle *settle, const SettleAct *act, SignKey *key, ErrInfo *info) {
    return settle_run(settle, act, settle_step_sign, key, info);
}
