/* subs.h — Subscriptions: who wants to be told about which changes, and telling them.
 *
 * R4's criteria (http://hl7.org/fhir/R4/subscription.html) and the topic-based backport
 * (http://hl7.org/fhir/uv/subscriptions-backport/, R4 form). A subscription is an ordinary
 * resource; the server takes it up when it is committed (requested → active, or error with the
 * reason). Channels: rest-hook (HTTP with retries, signed by RFC 9421 with the server's Ed25519
 * key), and websocket, whose Bundles go to SubsPush.
 *
 * Topics: https://nhip.vn/fhir/SubscriptionTopic/TYPE (any change of that resource type; filters:
 * its search parameters without chains).
 *
 * At least once, in order: what was delivered is noted durably; after a crash an event may come
 * twice under the same number, none is lost. Cost for who subscribes to nothing: a few bits a
 * record. Ownership: as said. Errors: as the store's. Threads: any; one thread looks at records,
 * two deliver. */
#ifndef NHIP_SUBS_SUBS_H
#define NHIP_SUBS_SUBS_H

#include "store/store.h"

/* What the canonical of a topic begins with; the resource type follows. */
#define SUBS_TOPIC "https://nhip.vn/fhir/SubscriptionTopic/"

typedef struct Subs Subs;

enum { SUBS_RECENT = 1024 }; /* events of a subscription that can be asked for again */

/* An event of a websocket subscription: a notification Bundle; number 0: a heartbeat. On the
 * watching thread; short. */
typedef void (*SubsPush)(void *ctx, Str id, uint64_t number, Str bundle);

typedef struct SubsOptions {
    Store *store;
    const Clock *clock; /* NULL: the real one */
    Str dir;            /* subscriptions.state and subscriptions.key stand there */
    Str base_url;       /* of the FHIR interface, without a slash at the end */
    Str hosts;          /* names that rest-hooks may call, comma-separated; loopback always */
    SubsPush push;      /* may be NULL */
    void *push_ctx;
    unsigned retry_ms;  /* pause after the first failure, doubled up to 5 minutes; 0: 1,000 */
    unsigned give_up_s; /* failing for so long makes it an error; 0: a day */
} SubsOptions;

/* The view that the store feeds goes into StoreOptions.views before the store is opened. */
MUST_USE ErrCode subs_new(Subs **ret_subs);
StoreView subs_view(Subs *subs);
/* Takes up all subscriptions and starts the threads. Texts are copied. */
MUST_USE ErrCode subs_start(Subs *subs, const SubsOptions *options, ErrInfo *info);
/* Ends the threads, notes what was delivered. Before store_close. May be called again. */
void subs_stop(Subs *subs);
void subs_free(Subs *subs); /* after store_close; NULL is fine */

/* The status as R4's backport has it: Parameters, one resource; also of a Subscription that is not
 * served (off, error), as its resource says. *ret_status: "active", "error" … ERR_NOT_FOUND,
 * ERR_GONE: there is no such resource. */
MUST_USE ErrCode subs_put_status(Subs *subs, Str id, const char **ret_status, Buf *out);
typedef struct SubsRange {
    uint64_t first, last; /* event numbers, both included */
    Str content;          /* "empty", "id-only", "full-resource"; empty: as subscribed */
} SubsRange;
/* A notification Bundle (type query-event) of those that are still known. ERR_NOT_FOUND: none that
 * is served; ERR_PARAM: no such content. */
MUST_USE ErrCode subs_put_events(Subs *subs, Str id, const SubsRange *range, Buf *out);
/* A notification Bundle (type handshake) of one that is served. */
MUST_USE ErrCode subs_put_handshake(Subs *subs, Str id, Buf *out);
/* Is it one whose events go to SubsPush? */
bool subs_is_pushed(Subs *subs, Str id);
/* The public key of the signatures as a JWK (RFC 8037). */
void subs_put_key(Subs *subs, Buf *out);

#endif
