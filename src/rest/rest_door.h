/* rest_door.h — the address of the server, open from the first moment: as long as no Rest stands
 * behind it (the index is made anew, which takes minutes on a large province), /health answers,
 * /ready says how far it is (503), and everything else is asked to come again (503, Retry-After, an
 * OperationOutcome; a page that loads itself again for browsers).
 * Ownership: the door borrows settings and clock; it outlives the Rest that it is given to
 * (RestOptions.door), whose rest_stop closes the address. Threads: progress and stop from any
 * thread; opening, giving to a Rest and freeing from one. */
#ifndef NHIP_REST_REST_DOOR_H
#define NHIP_REST_REST_DOOR_H

#include "core/clock.h"
#include "core/setting.h"
#include "http/http.h"

typedef struct Rest Rest;
typedef struct RestDoor RestDoor;

/* Until sign-in exists only loopback addresses are accepted (ERR_PARAM). clock NULL: the real one.
 */
MUST_USE ErrCode rest_door_open(const Settings *settings, const Clock *clock, RestDoor **ret_door,
                                ErrInfo *info);
/* So many of total records are indexed. */
void rest_door_progress(RestDoor *door, uint64_t done, uint64_t total);
/* From now on the Rest answers, until the door is closed. */
void rest_door_give(RestDoor *door, Rest *rest);
/* NULL when it is closed. */
HttpServer *rest_door_http(const RestDoor *door);
/* Lets requests under way finish, closes the address; may be called again. NULL is fine. */
void rest_door_close(RestDoor *door);
void rest_door_free(RestDoor *door); /* closes it, too; NULL is fine */

#endif
