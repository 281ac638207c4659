#include "core/limits.h"
#include "intake/intake_fhir.h"
#include "intake/intake_int.h"
#include "interop/claim_write.h"
#include "interop/claim_file.h"

typedef struct Feed {
    Feeder *feeder;
    const IntakeFile *file;
    Str member; /* name inside an archive, or the file's own */
    IntakeReport *report;
    Mutex *report_lock;
} Feed;

static ErrCode on_refused(void *ctx, const ClaimRefused *refused) {
    Feed *feed = ctx;
    for (int i = 0; i < refused->n_issues; i++) {
        feeder_issue(feed->feeder, feed->member, &refused->issues[i]);
    }
    feeder_more(feed->feeder, refused->more);
    const ClaimIssue *first = refused->issues; /* the first error says why it was refused */
    for (int i = 0; i < refused->n_issues; i++) {
        if (refused->issues[i].severity == CLAIM_ERROR) {
            first = &refused->issues[i];
            break;
        }
    }
    CLEANUP_BUF Buf wrapped;
    buf_init(&wrapped, LIMIT_CLAIM_FILE_BYTES + LIMIT_MIB); /* and its envelope */
    claim_wrap_hoso(&wrapped, refused->facility, refused->made, refused->bytes);
    TRY(buf_ok(&wrapped));
    StoreReject reject = {
        .file_name = feed->member,
        .ma_lk = refused->ma_lk,
        .bytes = buf_str(&wrapped),
    };
    if (refused->n_issues > 0) {
        reject.table = first->table;
        reject.field = first->field;
        reject.rule = first->rule_id;
        reject.en = first->en;
        reject.vi = first->vi;
        reject.line = (unsigned)MAX(first->line, 0);
    }
    return feeder_reject(feed->feeder, &reject);
}

/* Refuses a claim that the reader took; what the sentence is about, in English and Vietnamese. */
static ErrCode refuse_read(Feed *feed, const Claim *claim, ClaimRule rule, const Str detail[2]) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    ClaimIssue issue = {.rule = rule,
                        .severity = CLAIM_ERROR,
                        .rule_id = claim_rule_id(rule),
                        .file = feed->member,
                        .ma_lk = claim->ma_lk,
                        .hoso = claim->hoso,
                        .line = claim->line,
                        .en = claim_rule_say(arena, rule, false, detail[0]),
                        .vi = claim_rule_say(arena, rule, true, detail[1])};
    return on_refused(feed, &(ClaimRefused){.facility = claim->facility,
                                            .made = claim->made,
                                            .ma_lk = claim->ma_lk,
                                            .bytes = claim->bytes,
                                            .issues = &issue,
                                            .n_issues = 1,
                                            .hoso = claim->hoso,
                                            .line = claim->line});
}

static ErrCode on_claim(void *ctx, const Claim *claim) {
    Feed *feed = ctx;
    bool large = false;
    if (feed->file->facility.len > 0 && !str_eq(feed->file->facility, claim->facility)) {
        return refuse_read(feed, claim, CLAIM_RULE_CLAIM_SENDER,
                           (Str[]){claim->facility, claim->facility});
    }
    for (int i = 0; i < claim->n_issues; i++) {
        feeder_issue(feed->feeder, feed->member, &claim->issues[i]);
    }
    feeder_more(feed->feeder, claim->more);
    TRY(feeder_claim(feed->feeder, claim, &large));
    if (!large) {
        return ERR_OK;
    }
    /* what the reader could take in but one commit cannot */
    return refuse_read(
        feed, claim, CLAIM_RULE_CLAIM_LARGE,
        (Str[]){STR("about 12000 lines in all, 11 MiB in a table that is kept whole"),
                STR("tổng cộng khoảng 12000 dòng, 11 MiB với bảng được giữ nguyên")});
}

static ErrCode on_file_issue(void *ctx, const ClaimIssue *issue) {
    Feed *feed = ctx;
    feeder_issue(feed->feeder, feed->member, issue);
    return ERR_OK;
}

/* ---- documents whose bytes go on ---- */

typedef struct Single {
    size_t n;
    char facility[CLAIM_FACILITY_MAX];
} Single;

static ErrCode count_claim(void *ctx, const Claim *claim) {
    Single *s = ctx;
    s->n++;
    (void)snprintf(s->facility, sizeof(s->facility), STR_FMT, STR_ARG(claim->facility));
    return ERR_OK;
}

/* By its root, which stands near the beginning. */
static bool is_check_in(Str xml) {
    return str_find(str_sub(xml, 0, LIMIT_KIB), STR("<CHI_TIEU_TRANG_THAI_KCB")) != SIZE_MAX;
}

/* Known for its bytes are documents of one visit alone: a signature over several cannot go out for
 * one of them. */
static ErrCode note_document(Feed *feed, Str xml, const SignResult *result) {
    Single single = {.n = 0};
    ClaimReadSummary sum = {.n_hoso = 0};
    feeder_document(feed->feeder, NULL);
    if (result->verdict != SIGN_VALID && !(feeder_forwards(feed->feeder) && is_check_in(xml))) {
        return ERR_OK;
    }
    TRY(claim_read(xml, &(ClaimReadOptions){.ctx = &single, .on_claim = count_claim}, &sum));
    FeederDocument d = {.name = feed->member,
                        .xml = xml,
                        .facility = str_from(single.facility),
                        .is_single = sum.n_hoso == 1 && single.n == 1,
                        .as = {.certificate = result->certificate, .at = result->signed_at}};
    d.is_signed = d.is_single && result->verdict == SIGN_VALID &&
                  str_eq(str_from(result->facility), d.facility);
    sha256(xml, &d.hash);
    d.as.file = d.hash;
    feeder_document(feed->feeder, &d);
    return ERR_OK;
}

static ErrCode on_document(void *ctx, Str name, Str xml) {
    Feed *feed = ctx;
    feed->member = name;
    bool refused = false;
    SignResult result;
    TRY(intake_signature(&(SignedDocument){.feeder = feed->feeder,
                                           .file = feed->file,
                                           .name = name,
                                           .xml = xml,
                                           .report = feed->report,
                                           .report_lock = feed->report_lock},
                         &refused, &result));
    if (refused || (feed->file->receipts_only && result.verdict != SIGN_VALID)) {
        return ERR_OK;
    }
    TRY(note_document(feed, xml, &result));
    return claim_read(xml,
                      &(ClaimReadOptions){
                          .file = name,
                          .ctx = feed,
                          .on_claim = on_claim,
                          .on_refused = on_refused,
                          .on_issue = on_file_issue,
                      },
                      NULL);
}

/* What is no claim container at all is kept whole as one reject; of an archive `field` names the
 * member that cannot be read. */
static ErrCode refuse_file(Feed *feed, const ErrInfo *info) {
    Str name = feed->file->name;
    Str where = str_from(info->where);
    bool is_member = where.len > name.len + 1 && str_starts(where, name);
    ClaimIssue issue = {
        .severity = CLAIM_ERROR,
        .rule_id = str_from(info->rule),
        .file = name,
        .field = is_member ? str_sub(where, name.len + 1, where.len) : STR_EMPTY,
        .en = str_from(info->what_en),
        .vi = str_from(info->what_vi),
    };
    feeder_issue(feed->feeder, name, &issue);
    return feeder_reject(feed->feeder, &(StoreReject){
                                           .file_name = name,
                                           .field = issue.field,
                                           .rule = issue.rule_id,
                                           .en = issue.en,
                                           .vi = issue.vi,
                                           .bytes = feed->file->bytes,
                                       });
}

ErrCode intake_feed(Feeder *f, const IntakeFile *file, IntakeReport *report, Mutex *report_lock) {
    Sha256 hash;
    sha256(file->bytes, &hash);
    StoreFileState state = STORE_FILE_NEW;
    TRY(store_file_state(feeder_store(f), &hash, &state));
    bool same =
        state == STORE_FILE_DONE && file->retry_of == 0 && !file->by_hand && !file->receipts_only;
    mutex_lock(report_lock);
    report->files++;
    report->files_same += same;
    report->bytes += file->bytes.len;
    mutex_unlock(report_lock);
    if (same) {
        return ERR_OK;
    }
    Feed feed = {.feeder = f,
                 .file = file,
                 .member = file->name,
                 .report = report,
                 .report_lock = report_lock};
    ErrInfo info = {0};
    TRY(feeder_file_begin(f, &hash, file));
    ErrCode err = claim_file_each(file->bytes, file->name, on_document, &feed, &info);
    if (err == ERR_SYNTAX || err == ERR_LIMIT || err == ERR_UNSUPPORTED || err == ERR_INVALID) {
        err = refuse_file(&feed, &info);
    }
    feeder_document(f, NULL);
    TRY(err);
    return feeder_file_end(f);
}

/* One kept file once more. What cannot be opened any more has nothing to say. */
static ErrCode look_again(Intake *intake, const StoreFile *f, IntakeReport *report, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(2 * LIMIT_CLAIM_FILE_BYTES);
    StoreReceived kept;
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    ErrCode err = store_received_get(intake->store, arena, &f->hash, &kept);
    if (err == ERR_GONE || intake_is_fhir_file(f->name)) {
        return ERR_OK;
    }
    TRY(err);
    return intake_file(
        intake,
        &(IntakeFile){
            .name = f->name, .bytes = kept.bytes, .actor = STR("receipts"), .receipts_only = true},
        report, info);
}

ErrCode intake_receipts(Intake *intake, const StopFlag *stop, IntakeReport *report, ErrInfo *info) {
    enum { PAGE = 200 };
    uint64_t after = 0;
    size_t n = PAGE;
    while (n == PAGE) {
        StoreFile *files = NULL;
        CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
        if (arena == NULL) {
            return ERR_NOMEM;
        }
        TRY(store_received_list(intake->store, arena, after, PAGE, &files, &n));
        for (size_t i = 0; i < n; i++) {
            after = files[i].id;
            if (stop != NULL && stop_asked(stop)) {
                return ERR_STOPPED;
            }
            if (files[i].state == STORE_FILE_DONE && files[i].dropped == STORE_KEPT) {
                TRY(look_again(intake, &files[i], report, info));
            }
        }
    }
    return ERR_OK;
}

ErrCode intake_file(Intake *intake, const IntakeFile *file, IntakeReport *report, ErrInfo *info) {
    Mutex lock;
    mutex_init(&lock);
    if (intake_is_fhir_file(file->name)) {
        IntakeFeed feed = {.report = report, .lock = &lock};
        ErrCode taken = intake_fhir_file(intake, file, &feed, info);
        mutex_release(&lock);
        return taken;
    }
    Feeder *f = feeder_new(&(FeederOptions){
        .intake = intake, .report = report, .report_lock = &lock, .actor = file->actor});
    ErrCode err = f == NULL ? ERR_NOMEM : intake_feed(f, file, report, &lock);
    ErrCode finish = f == NULL ? ERR_NOMEM : feeder_finish(f, info);
    feeder_free(f);
    mutex_release(&lock);
    if (err != ERR_OK && finish == ERR_OK) { /* not a commit: the file could not be gone through */
        return err_plain(info, err, "intake-file");
    }
    return err != ERR_OK ? err : finish;
}
