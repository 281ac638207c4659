/* intake_int.h — what the files of this module share: a claim on its way (Work), a batch of them.
 *
 * A batch gathers claims of one or several files, resolves them against one snapshot of the store
 * and commits them together; three may be under way per feeder. A commit that meets another's
 * (ERR_CONFLICT, ERR_EXISTS) is resolved again on a new snapshot; one that keeps losing (many
 * citizens under one number, sent by many) takes the turn: the others wait for it. Claims that one
 * commit cannot hold — another claim's citizen came out, or too many changes — go into the batch's
 * next one. Everything of a batch lives in its arena. Threads: a feeder belongs to one thread;
 * `done` comes from the store's writer thread. */
#ifndef NHIP_INTAKE_INTAKE_INT_H
#define NHIP_INTAKE_INTAKE_INT_H

#include "core/limits.h"
#include "core/thread.h"
#include "intake/intake.h"
#include "intake/intake_receipt.h"
#include "interop/claim_map.h"

enum {
    BATCH_CLAIMS = 64,
    BATCH_FILES = 64,
    BATCH_UNDER_WAY = 3,
    BATCH_ATTEMPTS = 50,
    BATCH_PATIENCE = 3,    /* attempts lost before it takes the turn */
    BATCH_CHANGES = 8192,  /* of one commit: then the rest goes into the next */
    CLAIM_CHANGES = 12000, /* resources of one claim: as many may have to be deleted with them */
};
#define CLAIM_TEXT_BYTES (64 * LIMIT_MIB) /* of one claim's resources; one of them: */
#define CLAIM_RESOURCE_BYTES (LIMIT_RESOURCE_BYTES - LIMIT_MIB) /* references grow to ids */
#define BATCH_BYTES (16 * LIMIT_MIB)     /* of files and mapped claims: then it is committed */
#define BATCH_BYTES_MAX (64 * LIMIT_MIB) /* also in the middle of a file */
#define BATCH_ARENA_MAX                                                                            \
    (3 * LIMIT_CLAIM_FILE_BYTES) /* a file, as a reject once more, and claims                      \
                                  */

typedef enum WorkOutcome { WORK_NEW, WORK_CHANGED, WORK_SAME } WorkOutcome;

/* A document of one claim, validly signed by its facility. */
typedef struct SignedFile {
    Sha256 file, certificate;
    TimeMs at;
    bool take; /* it is taken in as signed by itself */
} SignedFile;

/* One mapped claim; `map` does not depend on the store, the rest is made anew at each attempt. */
typedef struct Work {
    ClaimGroup map;
    Str doc_key;    /* "FACILITY|MA_LK" */
    TimeMs as_of;   /* end of the care: which demographics are newer */
    Str made;       /* NGAYLAP, yyyyMMdd: an older sending never replaces a newer one; or empty */
    Str file;       /* its name, for the report */
    Slot expect;    /* IntakeFile.expect */
    bool stale;     /* older than what is known: nothing of the visit is written */
    bool torn;      /* its numbers point to different citizens; the strongest one took the visit */
    bool relatives; /* its CCCD is a relative's: a parent's, given for a child */
    WorkOutcome outcome;
    Slot patient; /* the citizen whom it was found to be about; 0: a new one */
    bool is_signed;
    bool receipt_only; /* IntakeFile.receipts_only */
    SignedFile as_signed;
    bool noted;                                  /* its receipt is in the group */
    IntakeForward forwards[INTAKE_FORWARDS_MAX]; /* of a check-in; the bytes: */
    size_t n_forwards;
    Sha256 forward_file;
    StoreGroup group;
} Work;

/* Grows in an arena: the parts of a StoreCommit under construction. */
typedef struct Plan {
    Arena *arena;
    StoreGroup *groups;
    size_t n_groups;
    StoreExpect *expects; /* what the look-ups relied on */
    size_t n_expects, cap_expects;
    size_t n_changes; /* over all groups so far: the next flattened index */
    StoreChange *actors;
    size_t n_actors, cap_actors;
} Plan;

/* Set of 64-bit hashes with its own lock: actors that exist or are being created. */
typedef struct HashSet HashSet;
HashSet *hash_set_new(void);
void hash_set_free(HashSet *s);
bool hash_set_add(HashSet *s, uint64_t hash); /* false when it was there already */
bool hash_set_has(HashSet *s, uint64_t hash);
void hash_set_remove(HashSet *s, uint64_t hash);

/* intake_report.c: counts the issue and, while there is room, keeps a copy of it. */
void intake_report_issue(IntakeReport *report, Mutex *lock, const IntakeIssue *issue);
/* Keeps the visit's key, while there is room; the caller holds the report's lock. */
void intake_report_visit(IntakeReport *report, Str key);

/* intake_reject.c: numbers the rejects of one file. */
typedef struct RejectCount RejectCount;
RejectCount *reject_count_new(void); /* NULL without memory */
void reject_count_free(RejectCount *c);
/* How many of the same place and rule it was asked for before. */
MUST_USE ErrCode reject_nth(RejectCount *c, const StoreReject *r, unsigned *ret_nth);

/* intake_visits.c: the ends of visits by record. */
typedef struct Visits Visits;
typedef struct VisitsAsk {
    Visits *visits;
    Store *store;
    Arena *arena;
    Slot patient;
    TimeMs as_of;
} VisitsAsk;
Visits *visits_new(void);
void visits_free(Visits *visits);
/* Remembers what was committed from record `first` on. */
void visits_wrote(Visits *visits, Arena *arena, const StoreGroup *group, RecordNo first);
/* Is there a current visit of the patient that ended after as_of? */
MUST_USE ErrCode visits_later(const VisitsAsk *ask, bool *ret_later);

/* A file that is being gone through; on its thread's stack. */
typedef struct IntakeBusy {
    Sha256 hash;
    struct IntakeBusy *next;
} IntakeBusy;

struct Intake {
    IntakeOptions options;
    IntakeForwards forwards; /* or NULL */
    void *forwards_ctx;
    Store *store;
    HashSet *actors;
    Visits *visits;
    Mutex busy_lock;
    Cond busy_changed;
    IntakeBusy *busy;
    const void *turn; /* the batch that all others wait for, or NULL; by busy_lock */
    atomic_uint_fast64_t definitions; /* commits that touched StructureDefinitions */
};

/* intake.c: waits while another thread goes through the same bytes, so that their resources are
 * made once. Then busy->hash is ours until intake_leave. */
void intake_enter(Intake *intake, IntakeBusy *busy);
void intake_leave(Intake *intake, IntakeBusy *busy);

/* intake_known.c: a visit that was sent before, under its document key: current resources by role.
 */
typedef struct KnownPart {
    Str role;
    StoreVersion version;
    const JsonNode *root; /* of the version; NULL: not parsed */
    bool matched;
} KnownPart;
typedef struct KnownVisit {
    Store *store;
    Arena *arena;
    bool as_written; /* as the claim wrote them, whatever came since */
    KnownPart *items;
    size_t n, capacity;
} KnownVisit;
/* newest: of its Encounter (check-in: its document). Nothing when no claim has written it. */
MUST_USE ErrCode intake_known(KnownVisit *visit, const StoreVersion *newest);

/* Has the visit begun, its claim not come yet? */
bool intake_has_begun(Arena *arena, Str encounter);

/* intake_resolve.c: decides what one claim changes, against the store at `snapshot`. */
MUST_USE ErrCode intake_resolve(Intake *intake, Plan *plan, Work *work);
/* Appends the actors (organisations, practitioners) of the claim that the store does not know. */
MUST_USE ErrCode intake_resolve_actors(Intake *intake, Plan *plan, const Work *work);

/* intake_patient.c: the newest current version with the token (first = 0: none); the commit will be
 * refused when another one with it arrives meanwhile. */
typedef struct IntakeLook {
    StoreExpect token;
    Slot patient; /* only this citizen's; 0: anybody's */
} IntakeLook;
/* Appends to plan->expects. */
MUST_USE ErrCode intake_expect(Plan *plan, const StoreExpect *token);
MUST_USE ErrCode intake_look_up(Intake *intake, Plan *plan, const IntakeLook *look,
                                StoreVersion *ret);
/* Finds the citizen of work->map.identity; ret->first = 0 when unknown. Appends what it relied on
 * to plan->expects; sets work->torn when weaker numbers agree with another citizen, and
 * work->relatives. */
MUST_USE ErrCode intake_find_patient(Intake *intake, Plan *plan, Work *work, StoreVersion *ret);
/* Can the Patient of that text be the claim's citizen? A card or a facility's number may be reused
 * or mistyped: it counts only for the same birth date or the same name, and never joins two
 * national numbers, or a mother and her newborn who goes by her name. */
bool intake_same_person(Arena *arena, Str json, const Work *work);

/* intake_relative.c: a number that claims give for somebody else: a parent's CCCD for a child. */
/* Do the digits of the claim's CCCD say so, for a child, whoever is known? */
bool intake_is_relatives(const Work *work);
/* Are they two people, whatever number they share: born a generation apart, and of another name or
 * sex, or the younger one an infant, who may go by the mother's name? */
bool intake_is_stranger(Arena *arena, const JsonNode *patient, const Work *work);
/* Of two strangers: is the claim's CCCD the Patient's? The digits say it, else the elder has it. */
bool intake_is_theirs(Arena *arena, const JsonNode *patient, const Work *work);
/* Was the claim's citizen born in the year before its visit? */
bool intake_is_infant(const Work *work);
/* The Patient's text with the claim's CCCD under the system of a relative's. */
Str intake_as_relatives(const Work *work, Arena *arena, Str json);

/* The newer of two Patients with what only the older one knows; *ret is empty when `known` says it
 * all already. Both are JSON texts; the result has no id and no meta. */
MUST_USE ErrCode intake_merge_patient(Arena *arena, Str known, Str claimed, bool claimed_is_newer,
                                      Str *ret_json);

/* intake_text.c: canonical JSON without id and meta, for comparing and for new versions. */
Str intake_strip(Arena *arena, Str json);
/* The role and the date that intake_put_visit had put in, or empty. */
Str intake_role(Arena *arena, const JsonNode *root);
Str intake_made(Arena *arena, Str json);
/* Local references "Type/~N" rewritten: known[N].len > 0: "Type/known[N]"; else, when base >= 0,
 * "Type/~(change[N])". "Patient/~" becomes "Patient/patient" when patient.len > 0. */
typedef struct RefMap {
    const Str *known;
    const int64_t *change;
    size_t n;
    Str patient;
} RefMap;
Str intake_rewrite(Arena *arena, Str json, const RefMap *map);
/* Appends json with its references rewritten, with meta.source = SOURCE#role, the labels of what is
 * restricted, and made (when it is not empty) as a tag. Mapped resources stay in canonical form. */
typedef struct VisitMeta {
    Str role, made;
    bool restricted;
} VisitMeta;
void intake_put_visit(Buf *out, Str json, const VisitMeta *meta, const RefMap *map);

/* intake_batch.c */
typedef struct Feeder Feeder;
typedef struct FeederOptions {
    Intake *intake;
    IntakeReport *report; /* counts are added under report_lock */
    Mutex *report_lock;
    Progress *progress;
    Str actor;
} FeederOptions;
Feeder *feeder_new(const FeederOptions *options);
Store *feeder_store(const Feeder *f);
const IntakeOptions *feeder_intake_options(const Feeder *f);
bool feeder_forwards(const Feeder *f); /* do check-ins of any facility go on? */
/* Waits for what is under way. The first fatal error of any batch, or ERR_OK. */
MUST_USE ErrCode feeder_finish(Feeder *f, ErrInfo *info);
void feeder_free(Feeder *f);
/* Begins, feeds and ends one file. */
MUST_USE ErrCode feeder_file_begin(Feeder *f, const Sha256 *hash, const IntakeFile *file);
/* *ret_large: it is beyond what one commit can hold, the caller has to refuse it. */
MUST_USE ErrCode feeder_claim(Feeder *f, const Claim *claim, bool *ret_large);
/* What is fed from now on stands in this document; NULL: in none that counts. xml lives until the
 * next call. */
typedef struct FeederDocument {
    Str name, xml, facility;
    Sha256 hash;
    bool is_single; /* one claim or check-in, which was read without an error */
    bool is_signed; /* validly, by its facility */
    SignedFile as;
} FeederDocument;
void feeder_document(Feeder *f, const FeederDocument *document);
MUST_USE ErrCode feeder_reject(Feeder *f, const StoreReject *reject);
MUST_USE ErrCode feeder_file_end(Feeder *f);
void feeder_issue(Feeder *f, Str file, const ClaimIssue *issue);
/* A claim's issues that its reader only counted. */
void feeder_more(Feeder *f, ClaimMore more);

/* intake_sign.c: looks at the signature of one document of a file as the policy says: warns, or
 * refuses it whole (*ret_refused). */
typedef struct SignedDocument {
    Feeder *feeder;
    const IntakeFile *file;
    Str name, xml;
    IntakeReport *report;
    Mutex *report_lock;
} SignedDocument;
/* ret_result: SIGN_UNCHECKED when nobody looked. */
MUST_USE ErrCode intake_signature(const SignedDocument *d, bool *ret_refused,
                                  SignResult *ret_result);

/* intake_file.c: one file through a feeder; the caller finishes the feeder. */
MUST_USE ErrCode intake_feed(Feeder *f, const IntakeFile *file, IntakeReport *report,
                             Mutex *report_lock);

#endif
