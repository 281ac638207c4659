/* subs_int.h — what the files of the module share. All fields are guarded by Subs.lock unless
 * stated. */
#ifndef NHIP_SUBS_SUBS_INT_H
#define NHIP_SUBS_SUBS_INT_H

#include "core/limits.h"
#include "core/log.h"
#include "core/thread.h"
#include "http/http_client.h"
#include "subs/subs.h"

#include <stdatomic.h>

enum {
    SUBS_TODO_MAX = 65536, /* records waiting to be looked at; more: they are found by reading on */
    SUBS_SENDERS = 2,
    SUBS_HEADERS = 8,
    SUBS_PROBLEM = 256,
    SUBS_NOTE_EVERY = 100000, /* records after which seen is noted although nothing happened */
};

typedef enum SubStatus { SUB_REQUESTED, SUB_ACTIVE, SUB_ERROR, SUB_OFF } SubStatus;
typedef enum SubContent { SUB_EMPTY, SUB_ID_ONLY, SUB_FULL } SubContent;

typedef struct SubEvent {
    Slot slot;
    TimeMs time;
} SubEvent;

/* What the resource says; immutable, in its own arena. */
typedef struct SubWish {
    _Atomic unsigned users;
    Arena *arena;
    Str id;
    Slot version; /* that it was read from */
    SubStatus status;
    bool is_hook;  /* else pushed */
    bool is_topic; /* backport; else R4's criteria */
    Str topic;
    FhirType type;
    FhirQuery query;
    Str endpoint, payload; /* payload: a media type or "" */
    Str headers[SUBS_HEADERS];
    size_t n_headers;
    SubContent content;
    unsigned heartbeat_s, timeout_s, max_count;
    TimeMs end; /* 0: never */
} SubWish;

typedef struct Sub {
    struct Sub *next;
    unsigned users; /* the list and senders: freed with the last */
    bool busy;      /* a sender has it */
    SubWish *wish;  /* replaced whole; a sender keeps the one that it began with */
    _Atomic SubStatus status;
    bool lags;       /* must read on from `seen` itself */
    Slot seen;       /* versions up to this one were looked at */
    uint64_t events; /* so far; event number n stands at recent[n % SUBS_RECENT] */
    uint64_t delivered;
    uint64_t known; /* events below are not in recent: they were delivered before the start */
    SubEvent recent[SUBS_RECENT];
    unsigned failures;
    int64_t next_try_ns;
    TimeMs failing_since, last_sent;
    char problem[SUBS_PROBLEM];
} Sub;

typedef struct SubsKey {
    void *pkey; /* EVP_PKEY */
    Str id;     /* kid: base64url of the public key's SHA-256 */
    uint8_t public_key[32];
} SubsKey;

struct Subs {
    SubsOptions o;
    const Clock *clock;
    Arena *arena; /* texts of o, the key */
    SubsKey key;
    Mutex lock;
    Cond wake; /* records to look at, or stopping */
    Cond send; /* something to deliver, or stopping */
    bool started;
    StopFlag stop;
    Sub *list;
    bool dirty; /* the state file is older than what is here */
    RecordNo *todo;
    size_t n_todo;
    bool overflowed;  /* todo was full: everybody lags */
    RecordNo applied; /* the last record that the view was given */
    RecordNo noted;   /* up to where the state file saves reading again */
    /* Which types are wanted, for prepare on any thread. A record that was prepared under an older
     * generation is looked at whatever it says. */
    _Atomic uint32_t generation;
    _Atomic uint64_t wanted[FHIR_RESOURCE_COUNT / 64 + 1];
    Thread watcher, senders[SUBS_SENDERS];
};

/* ---- subs_wish.c */
/* The Subscription as a wish in an arena of its own. ERR_PARAM with info: it cannot be served. */
MUST_USE ErrCode wish_read(const Subs *subs, const StoreVersion *version, SubWish **ret_wish,
                           ErrInfo *info);
static inline SubWish *wish_keep(SubWish *wish) {
    atomic_fetch_add(&wish->users, 1);
    return wish;
}
void wish_drop(SubWish *wish); /* freed with the last user; NULL is fine */
/* Writes a new version of the resource with this status and reason (may be empty). */
MUST_USE ErrCode wish_set_status(Subs *subs, const SubWish *wish, const char *status, Str reason);

/* ---- subs_notify.c */
typedef struct SubsNotice {
    const char *type; /* "handshake", "heartbeat", "event-notification", "query-event" */
    uint64_t first;   /* number of events[0] */
    const SubEvent *events;
    size_t n_events;
    uint64_t total; /* events since the start */
    const char *status;
    Str error;                 /* what is wrong; empty: nothing */
    const SubContent *content; /* NULL: the wish's */
} SubsNotice;
/* A notification Bundle. */
MUST_USE ErrCode notice_put(Subs *subs, const SubWish *wish, const SubsNotice *notice, Buf *out);
/* Its first resource alone: Parameters. */
void notice_put_status(const SubWish *wish, Str base_url, const SubsNotice *notice, JsonWriter *w);

/* ---- subs_send.c */
typedef struct SubsPost {
    const char *method;
    Str url, type, body; /* type: Content-Type; empty: no body */
    const SubWish *wish;
    HttpClient *client;
} SubsPost;
/* ERR_OK: answered with 2xx. Else problem says what happened. */
MUST_USE ErrCode send_post(Subs *subs, const SubsPost *post, char problem[SUBS_PROBLEM]);
void send_main(void *subs); /* a sender's thread */

/* ---- subs_key.c */
MUST_USE ErrCode key_open(Subs *subs, ErrInfo *info);
void key_close(Subs *subs);
/* RFC 9421 headers of a request: Content-Digest, Signature-Input, Signature, as "Name: value"
 * lines in the arena. */
MUST_USE ErrCode key_sign(const Subs *subs, Arena *arena, const SubsPost *post, Str ret_lines[3]);

/* ---- subs_state.c */
/* Puts seen, events and delivered of those that the file knows. */
MUST_USE ErrCode state_load(Subs *subs);
MUST_USE ErrCode state_save(Subs *subs); /* takes the lock itself; only when dirty */

/* ---- subs.c */
Sub *subs_find(Subs *subs, Str id); /* with the lock held */
static inline const SubEvent *sub_event(const Sub *sub, uint64_t number) {
    return &sub->recent[number % SUBS_RECENT];
}
const char *sub_status_name(SubStatus status);
void sub_drop(Sub *sub); /* with the lock held: one user less */

#endif
