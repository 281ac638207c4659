#include "intake/intake_int.h"

/* Repairs of what was refused for another reason carry no signature any more: the piece was cut out
 * of its file, or a person changed it. */
static ErrCode is_due(const SignedDocument *d, bool *ret_due) {
    *ret_due =
        feeder_intake_options(d->feeder)->signature != INTAKE_SIGNATURE_OFF && !d->file->by_hand;
    if (!*ret_due || d->file->retry_of == 0) {
        return ERR_OK;
    }
    StoreRejectRow row;
    CLEANUP_ARENA Arena *arena = arena_new(2 * LIMIT_CLAIM_FILE_BYTES);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(store_reject_get(feeder_store(d->feeder), arena, d->file->retry_of, &row));
    *ret_due = str_starts(row.reject.rule, STR("signature-"));
    return ERR_OK;
}

static ClaimRule rule_of(SignVerdict verdict) {
    static const ClaimRule rules[SIGN_VERDICTS] = {
        [SIGN_VALID] = CLAIM_RULE_COUNT,
        [SIGN_UNSIGNED] = CLAIM_RULE_SIGNATURE_UNSIGNED,
        [SIGN_ALTERED] = CLAIM_RULE_SIGNATURE_ALTERED,
        [SIGN_FORM] = CLAIM_RULE_SIGNATURE_FORM,
        [SIGN_WRONG_KEY] = CLAIM_RULE_SIGNATURE_KEY,
        [SIGN_EXPIRED] = CLAIM_RULE_SIGNATURE_EXPIRED,
        [SIGN_UNKNOWN] = CLAIM_RULE_SIGNATURE_FACILITY,
        [SIGN_UNCHECKED] = CLAIM_RULE_SIGNATURE_UNCHECKED,
    };
    return rules[verdict];
}

static ErrCode refuse(const SignedDocument *d, const ClaimIssue *issue) {
    return feeder_reject(d->feeder, &(StoreReject){.file_name = d->name,
                                                   .field = issue->field,
                                                   .rule = issue->rule_id,
                                                   .en = issue->en,
                                                   .vi = issue->vi,
                                                   .bytes = d->xml});
}

static ErrCode say(const SignedDocument *d, const SignResult *r, bool *ret_refused) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    bool required = feeder_intake_options(d->feeder)->signature == INTAKE_SIGNATURE_REQUIRE;
    ClaimRule rule = rule_of(r->verdict);
    bool form = r->verdict == SIGN_FORM;
    ClaimIssue issue = {.rule = rule,
                        .severity = required ? CLAIM_ERROR : claim_rule_severity(rule),
                        .rule_id = claim_rule_id(rule),
                        .file = d->name,
                        .field = STR("CHUKYDONVI")};
    Str en = str_from(form ? sign_form_text(r->form, false) : r->facility);
    Str vi = str_from(form ? sign_form_text(r->form, true) : r->facility);
    issue.en = claim_rule_say(arena, rule, false, en);
    issue.vi = claim_rule_say(arena, rule, true, vi);
    feeder_issue(d->feeder, d->name, &issue);
    *ret_refused = required;
    return required ? refuse(d, &issue) : ERR_OK;
}

ErrCode intake_signature(const SignedDocument *d, bool *ret_refused, SignResult *ret_result) {
    bool due = false;
    *ret_refused = false;
    *ret_result = (SignResult){.verdict = SIGN_UNCHECKED};
    TRY(is_due(d, &due));
    if (!due) {
        return ERR_OK;
    }
    *ret_result = sign_check(feeder_intake_options(d->feeder)->sign, d->xml);
    if (ret_result->verdict != SIGN_VALID) {
        return d->file->receipts_only ? ERR_OK : say(d, ret_result, ret_refused);
    }
    mutex_lock(d->report_lock);
    d->report->files_signed++;
    mutex_unlock(d->report_lock);
    return ERR_OK;
}
