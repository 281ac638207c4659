/* rest_subs.h — who is told about the events of a subscription: streams of server-sent events
 * and WebSockets, in one list of the Rest (guarded by subs_lock). */
#ifndef NHIP_REST_REST_SUBS_H
#define NHIP_REST_REST_SUBS_H

#include "rest/rest_operation.h"
#include "http/http_ws.h"
#include "subs/subs.h"

enum { SUBS_ID_MAX = 64 };

typedef struct SubsClient {
    struct SubsClient *next;
    HttpStream *stream; /* or */
    HttpWs *ws;         /* one may be bound to several subscriptions: a client each */
    bool pings;         /* ws: "ping ID" as R4 has it, not the notification Bundle */
    char id[SUBS_ID_MAX + 1];
} SubsClient;

/* ERR_NOT_FOUND with a sentence. */
ErrCode rest_subs_unknown(Str id, ErrInfo *info);
/* False when nothing more will arrive there. */
bool rest_subs_tell_ws(const SubsClient *client, uint64_t number, Str bundle);
/* The address of the WebSockets: "ws://host/fhir/websocket". */
Str rest_subs_ws_url(const Rest *rest, Arena *arena);

#endif
