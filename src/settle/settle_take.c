/* Taking in what the facility signed itself: the very bytes that came are what is signed, and what
 * goes out later. */
#include "settle/settle_sign_int.h"

#include "intake/intake_receipt.h"

static ErrCode no_receipt(const SettleCase *c) {
    return err_set(c->info, ERR_PRECONDITION, "settle-no-receipt",
                   "visit " STR_FMT ": no file of this visit alone with a valid signature of the "
                   "facility has come; sign it here, or let the facility send one",
                   "hồ sơ " STR_FMT ": chưa nhận được tệp riêng của hồ sơ này có chữ ký hợp lệ của "
                   "cơ sở; hãy ký tại đây, hoặc để cơ sở gửi tệp đã ký",
                   STR_ARG(c->key));
}

/* The receipt says the visit as it stands? What was changed here since is not what they signed. */
static ErrCode load_receipt(SettleCase *c, IntakeReceipt *ret) {
    ErrCode err = intake_receipt_get(c->settle->o.store, c->arena, c->key, ret);
    if (err == ERR_NOT_FOUND) {
        return no_receipt(c);
    }
    TRY(err);
    if (ret->claim_version == c->claim.version) {
        return ERR_OK;
    }
    return err_set(c->info, ERR_PRECONDITION, "settle-receipt-older",
                   "visit " STR_FMT " was changed since the signed file came: the facility's "
                   "signature does not cover it; sign it here, or let the facility send a newly "
                   "signed file",
                   "hồ sơ " STR_FMT
                   " đã sửa sau khi nhận tệp đã ký: chữ ký của cơ sở không bao gồm "
                   "nội dung mới; hãy ký tại đây, hoặc để cơ sở gửi tệp ký lại",
                   STR_ARG(c->key));
}

static ErrCode load_bytes(const SettleCase *c, const IntakeReceipt *r, Str *ret) {
    Sha256 hash;
    StoreReceived file;
    if (hex_parse(r->file, hash.b, sizeof(hash.b)) != ERR_OK) {
        return no_receipt(c);
    }
    ErrCode err = store_received_get(c->settle->o.store, c->arena, &hash, &file);
    if (err == ERR_GONE || err == ERR_NOT_FOUND) {
        return err_set(c->info, ERR_GONE, "settle-file-gone",
                       "the signed file of visit " STR_FMT
                       " is not kept any more: sign it here, or let the facility send it again",
                       "tệp đã ký của hồ sơ " STR_FMT
                       " không còn được lưu: hãy ký tại đây, hoặc để cơ sở gửi lại",
                       STR_ARG(c->key));
    }
    *ret = file.bytes;
    return err;
}

/* Signed by a key that is pinned now: one that was taken out of the table since signs nothing. */
static ErrCode check_signature(const SettleCase *c, Str xml) {
    static const char *const why[SIGN_VERDICTS] = {
        [SIGN_UNSIGNED] = "unsigned", [SIGN_ALTERED] = "altered",    [SIGN_FORM] = "form",
        [SIGN_WRONG_KEY] = "key",     [SIGN_EXPIRED] = "expired",    [SIGN_UNKNOWN] = "facility",
        [SIGN_VALID] = "facility",    [SIGN_UNCHECKED] = "unchecked"};
    if (c->settle->o.sign == NULL) {
        return err_set(c->info, ERR_PRECONDITION, "settle-no-pins",
                       "visit " STR_FMT ": signatures are not looked at here (settings signature, "
                       "signature_pins)",
                       "hồ sơ " STR_FMT ": máy chủ không kiểm tra chữ ký (cài đặt signature, "
                       "signature_pins)",
                       STR_ARG(c->key));
    }
    SignResult r = sign_check(c->settle->o.sign, xml);
    if (r.verdict == SIGN_VALID && str_eq(str_from(r.facility), c->act->facility)) {
        return ERR_OK;
    }
    return err_set(c->info, ERR_FORBIDDEN, "settle-signature",
                   "visit " STR_FMT ": the facility's signature does not hold now (signature-%s)",
                   "hồ sơ " STR_FMT ": chữ ký của cơ sở hiện không hợp lệ (signature-%s)",
                   STR_ARG(c->key), why[r.verdict]);
}

typedef struct Look {
    const SettleAct *act;
    size_t n, n_own;
} Look;

static ErrCode look(void *ctx, const Claim *claim) {
    Look *l = ctx;
    l->n++;
    l->n_own += str_eq(claim->facility, l->act->facility) && str_eq(claim->ma_lk, l->act->ma_lk);
    return ERR_OK;
}

/* This visit's and nobody else's: a signature over several cannot go out for one. */
static ErrCode check_own(const SettleCase *c, Str xml) {
    Look l = {.act = c->act};
    ClaimReadSummary sum = {.n_hoso = 0};
    TRY(claim_read(xml, &(ClaimReadOptions){.ctx = &l, .on_claim = look}, &sum));
    return sum.n_hoso == 1 && l.n == 1 && l.n_own == 1 ? ERR_OK : no_receipt(c);
}

static ErrCode plan_taken(SettleCase *c, IntakeReceipt *r) {
    StoreExpect token = {.type = FHIR_T_TASK,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(INTAKE_RECEIPT_SYSTEM),
                         .value = c->key};
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    r->state = INTAKE_RECEIPT_TAKEN;
    r->why = STR_EMPTY;
    r->time = c->now;
    TRY(intake_receipt_put(&out, r));
    return settle_plan_next(c->plan, &token, &r->version, r->version.patient, &out);
}

ErrCode settle_step_take(SettleCase *c, const void *what) {
    Str xml;
    SettleSigned as = {.step = "take"};
    IntakeReceipt receipt;
    (void)what;
    TRY(settle_case_who(c, false));
    TRY(settle_may_sign(c, "take"));
    TRY(load_receipt(c, &receipt));
    TRY(load_bytes(c, &receipt, &xml));
    TRY(check_signature(c, xml));
    TRY(check_own(c, xml));
    TRY(settle_sign_begin(c, &as));
    sha256(xml, &as.file);
    as.certificate = receipt.certificate;
    TRY(settle_sign_end(c, &as));
    return plan_taken(c, &receipt);
}

ErrCode settle_take(Settle *settle, const SettleAct *act, ErrInfo *info) {
    return settle_run(settle, act, settle_step_take, NULL, info);
}
