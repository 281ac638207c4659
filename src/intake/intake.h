/* intake.h — the way in: claim files become records of the citizens that they are about.
 *
 * A file is read claim by claim (interop), every claim mapped to FHIR, its citizen looked up by
 * CCCD, card and facility number (rules: docs/ig), compared with what is known under the same
 * facility and MA_LK, and committed: new, changed (a new version of the whole visit) or the same
 * (nothing). What cannot be taken goes to the rejects work list in the same commit. A file is
 * marked done in the commit of its last claim: after a kill -9 the next run takes it up again and
 * doubles nothing. Threads: an Intake may be used by any number of threads; each call works on its
 * own. */
#ifndef NHIP_INTAKE_INTAKE_H
#define NHIP_INTAKE_INTAKE_H

#include "core/arena.h"
#include "core/progress.h"
#include "sign/sign.h"
#include "store/store.h"

typedef struct Intake Intake;

/* What becomes of a claim file whose signature is not valid. */
typedef enum IntakeSignature {
    INTAKE_SIGNATURE_OFF,     /* nobody looks */
    INTAKE_SIGNATURE_NOTE,    /* a warning, rule signature-* */
    INTAKE_SIGNATURE_REQUIRE, /* refused whole, with that rule; what is repaired on the rejects work
                                 list is a person's word and counts without one */
} IntakeSignature;

typedef struct IntakeOptions {
    Store *store;       /* outlives the intake */
    bool received_keep; /* keep files unchanged in the store */
    IntakeSignature signature;
    Sign *sign; /* outlives the intake; needed unless signature is off */
    /* Facilities whose signed files are taken in as signed by themselves (intake_receipt.h): codes
     * with commas between, or "*"; the visits of all others wait for a command. */
    Str signed_take;
} IntakeOptions;
MUST_USE ErrCode intake_new(const IntakeOptions *options, Intake **ret_intake);
void intake_free(Intake *intake);
Store *intake_store(Intake *intake);
/* The destinations to which the facility's check-ins go on (intake_checkin.h), and how many. Said
 * before the first file; without it none go on. */
enum { INTAKE_FORWARDS_MAX = 9 };
typedef struct IntakeForward {
    Str target;
    bool is_copy; /* beside the fund's */
} IntakeForward;
typedef size_t (*IntakeForwards)(void *ctx, Str facility, IntakeForward ret[INTAKE_FORWARDS_MAX]);
void intake_forward(Intake *intake, IntakeForwards forwards, void *ctx);
/* Grows with every commit by this Intake that touches a StructureDefinition: whoever keeps them
 * compiled looks again when it has changed. */
uint64_t intake_definitions(Intake *intake);

/* One thing that the sender should know; texts live in the report's arena. */
typedef struct IntakeIssue {
    bool is_error;
    Str file, ma_lk, table, field, rule, en, vi;
    int hoso, record, line;
} IntakeIssue;

enum { INTAKE_ISSUES_MAX = 200, INTAKE_VISITS_MAX = 1000 }; /* kept; more are only counted */

typedef struct IntakeReport {
    uint64_t files, files_same, files_failed;
    uint64_t files_left_out; /* neither claims nor FHIR, and known for what they are */
    uint64_t claims_new, claims_changed, claims_same, claims_rejected;
    uint64_t resources; /* versions written */
    uint64_t bytes;
    uint64_t warnings, errors;
    uint64_t files_signed;    /* documents whose signature is valid */
    uint64_t receipts;        /* of them, noted as signed elsewhere */
    uint64_t rejects_settled; /* refused earlier, for want of a Patient who has come since */
    IntakeIssue *issues;
    size_t n_issues;
    Str *visits; /* "FACILITY|MA_LK" of claims that were taken */
    size_t n_visits;
    Arena *arena; /* NULL: issues and visits are only counted */
} IntakeReport;

typedef struct IntakeFile {
    Str name;          /* as the sender calls it */
    Str bytes;         /* claim file: XML, gzip, zip */
    Str actor;         /* who sends: for the origin row */
    Str facility;      /* only its claims are taken; empty: anybody's */
    uint64_t retry_of; /* id of the reject that this repairs, or 0 */
    /* A person's word (a repair on the screen): counts without a signature, and though the same
     * bytes were taken before. */
    bool by_hand;
    /* The file is one claim, and its visit must still be this version of its Encounter when it is
     * committed, else ERR_PRECONDITION and nothing is changed; 0: whichever. */
    Slot expect;
    /* The file came before: nothing is taken in, but what is signed in it and still stands as it
     * says is noted (intake_receipt.h). */
    bool receipts_only;
} IntakeFile;
/* One file, whole, on the calling thread; returns when it is durable. ERR_OK also when all of it
 * was rejected (see the report); errors are those of the store (ERR_FULL, ERR_IO, ERR_STOPPED). */
MUST_USE ErrCode intake_file(Intake *intake, const IntakeFile *file, IntakeReport *report,
                             ErrInfo *info);

typedef struct IntakeRun {
    const char *const *paths; /* files and folders; folders are walked, sorted by name */
    size_t n_paths;
    unsigned threads;     /* 0: one a core */
    Progress *progress;   /* may be NULL; counters: visits, resources, rejects */
    const StopFlag *stop; /* may be NULL; when asked the run ends after the commits under way */
} IntakeRun;
/* Goes once more through the files that are kept: whose signatures were not looked at when they
 * came have their receipts now. report: counts only. */
MUST_USE ErrCode intake_receipts(Intake *intake, const StopFlag *stop, IntakeReport *report,
                                 ErrInfo *info);
/* Many files in parallel. A file that cannot be read or parsed is counted and reported, never stops
 * the run. Files that are known as done are skipped by their SHA-256. The calling thread works too;
 * like the others it steps back (nice 5) for the rest of its life. */
MUST_USE ErrCode intake_run(Intake *intake, const IntakeRun *run, IntakeReport *report,
                            ErrInfo *info);

#endif
