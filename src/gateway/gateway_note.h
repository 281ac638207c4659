/* gateway_note.h — what the queue writes down, as Tasks in the store, each step a new version with
 * who, when and why. A visit that went out without trouble needs none: its settlement Task says
 * all.
 *  - a delivery: of a visit that failed, was put aside or refused (identifier FACILITY|MA_LK);
 *  - a check-in: each one that goes on, from its coming (intake_checkin.h writes the first version;
 *    several of a visit have the same identifier);
 *  - a copy: of a visit's claim for each destination beside the fund's, from its signature
 *    (gateway_copy.h; those of a visit have the same identifier);
 *  - a destination's door: once somebody paused it.
 * Task.status: in-progress (is to be sent), on-hold (put aside; paused), rejected (refused by the
 * destination), cancelled (not to be sent any more), completed (went through). Task.input: file
 * (SHA-256 of the bytes), failures, not-before, code, transaction. Task.code: delivery, check-in,
 * destination; of whatever goes to a destination beside the fund's: copy.
 * Ownership: results live in the caller's arena. Errors: ERR_NOT_FOUND; ERR_CONFLICT when somebody
 * was faster (acts of people try several times); ERR_PARAM (nobody named, no reason);
 * ERR_PRECONDITION (nothing to release); those of the store. Threads: any. */
#ifndef NHIP_GATEWAY_GATEWAY_NOTE_H
#define NHIP_GATEWAY_GATEWAY_NOTE_H

#include "store/store.h"

#define GATEWAY_CODE_SYSTEM "https://nhip.vn/fhir/CodeSystem/gateway" /* delivery, destination */
#define GATEWAY_DELIVERY_SYSTEM "https://nhip.vn/fhir/sid/delivery"   /* FACILITY|MA_LK */
#define GATEWAY_COPY_SYSTEM "https://nhip.vn/fhir/sid/copy"           /* the same */
#define GATEWAY_TARGET_SYSTEM "https://nhip.vn/fhir/sid/destination"  /* its name */

/* X(NAME, Task.status) */
#define GATEWAY_NOTE_LIST(X)                                                                       \
    X(WAITING, "in-progress")                                                                      \
    X(HELD, "on-hold")                                                                             \
    X(REFUSED, "rejected")                                                                         \
    X(DROPPED, "cancelled")                                                                        \
    X(DONE, "completed")

typedef enum GatewayNoteState {
#define X(name, status) GATEWAY_NOTE_##name,
    GATEWAY_NOTE_LIST(X)
#undef X
        GATEWAY_NOTE_STATES
} GatewayNoteState;

typedef struct GatewayNote {
    Str id;
    Slot slot;       /* of this version; 0: not written yet */
    Slot first;      /* of the first one: what came earlier has a smaller one */
    bool is_checkin; /* else a claim */
    bool is_copy;    /* goes to a destination beside the fund's */
    uint32_t version;
    GatewayNoteState state;
    Str target, facility, ma_lk;
    Str patient, visit; /* ids */
    Str file;           /* SHA-256, hexadecimal */
    unsigned failures;
    TimeMs not_before, time;
    Str code, transaction; /* of the destination's last answer */
    Str who, why;          /* why: what went wrong, or a person's reason */
    RecordNo snapshot;     /* first version of a copy: when it was seen that there is none yet */
} GatewayNote;
/* Does its own Task say how it stands? Else the visit's settlement Task does. */
static inline bool gateway_note_is_own(const GatewayNote *note) {
    return note->is_checkin || note->is_copy;
}

typedef struct GatewayAct {
    Str who, why;
    Str target; /* of a release: only what goes there; empty: everything of the visit */
    TimeMs now;
} GatewayAct;

/* ---- deliveries ---- */
MUST_USE ErrCode gateway_note_get(Store *store, Arena *arena, Str facility, Str ma_lk,
                                  GatewayNote *ret);
/* The next version of note (slot 0: the first one). */
MUST_USE ErrCode gateway_note_put(Store *store, const GatewayNote *note, ErrInfo *info);

typedef struct GatewayNoteAsk {
    GatewayNoteState state;
    Str target;  /* empty: all */
    bool copies; /* nothing else */
    RecordNo snapshot;
    Slot after;
    size_t max;
} GatewayNoteAsk;
typedef struct GatewayNotePage {
    const GatewayNote *notes;
    size_t n;
    uint64_t total;
    RecordNo snapshot;
    Slot next; /* 0: this was the last page */
} GatewayNotePage;
/* Newest first. */
MUST_USE ErrCode gateway_note_list(Store *store, Arena *arena, const GatewayNoteAsk *ask,
                                   GatewayNotePage *ret);
/* Every version of a visit's delivery, newest first, at most max. */
MUST_USE ErrCode gateway_note_history(Store *store, Arena *arena, const GatewayNote *note,
                                      size_t max, GatewayNotePage *ret);
/* Put aside or refused → tried again from the start: the visit's claim, its check-ins and copies.
 */
MUST_USE ErrCode gateway_note_release(Store *store, Str facility, Str ma_lk, const GatewayAct *act,
                                      ErrInfo *info);

/* ---- visits on their way: settlement Tasks (src/settle) ---- */
typedef struct GatewayVisitAsk {
    const char *state; /* "signed"; "sent": no answer came yet */
    RecordNo snapshot;
    Slot after;
    size_t max;
    bool want_total;
} GatewayVisitAsk;
/* Oldest first; they say facility, ma_lk, patient, visit, file, time. */
MUST_USE ErrCode gateway_visit_list(Store *store, Arena *arena, const GatewayVisitAsk *ask,
                                    GatewayNotePage *ret);
/* Those whose signature, or way to the fund, is newer than that record (0: all that are signed or
 * sent), in any order; state and want_total are not looked at. */
MUST_USE ErrCode gateway_visit_news(Store *store, Arena *arena, const GatewayVisitAsk *ask,
                                    RecordNo since, GatewayNotePage *ret);

/* ---- check-ins, copies ---- */
/* By the Task's id; ERR_NOT_FOUND: it is none of these. */
MUST_USE ErrCode gateway_own_get(Store *store, Arena *arena, Str id, GatewayNote *ret);
/* All of a visit, as they stand now, newest first: check-ins wherever they go, or copies of the
 * claim. */
MUST_USE ErrCode gateway_checkins(Store *store, Arena *arena, Str facility, Str ma_lk,
                                  GatewayNotePage *ret);
MUST_USE ErrCode gateway_copies(Store *store, Arena *arena, Str facility, Str ma_lk,
                                GatewayNotePage *ret);
/* Those that have to go, whatever their time, oldest first: to that destination beside the fund's;
 * without one, the fund's check-ins. State and copies are not looked at. */
MUST_USE ErrCode gateway_own_list(Store *store, Arena *arena, const GatewayNoteAsk *ask,
                                  GatewayNotePage *ret);

/* ---- destinations ---- */
typedef struct GatewayDoor {
    bool paused;
    Str who, why; /* of the last change */
    TimeMs time;  /* 0: it was never paused */
} GatewayDoor;
MUST_USE ErrCode gateway_door_get(Store *store, Arena *arena, Str target, GatewayDoor *ret);
/* ERR_PRECONDITION: it is so already. */
MUST_USE ErrCode gateway_door_set(Store *store, Str target, bool paused, const GatewayAct *act,
                                  ErrInfo *info);

#endif
