/* gateway_target.h — where claims go: destinations and the facilities' accounts there, of a table
 * of text (tab-separated, the first line names the columns). A facility has one destination whose
 * answers drive the settlement, the fund's, and any number that get copies: the ministry's gateway,
 * the department's.
 *
 *   target    name of the destination; it is paused and resumed as one
 *   url       https://…, without a path; http only on this machine
 *   facility  code of the facility whose visits go there, or * for all that have no line of their
 *             own: among the fund's destinations, or at this one where copies go
 *   username  of its account there
 *   password  as the calls carry it: the MD5 of the password, 32 hex digits
 *   release   4750 or 3176: the names of the calls
 *   officer, officer_id  (may be left out) who looks up cards: name and citizen number
 *   checkins  (may be left out) yes: check-ins of the facility that come here go there, too
 *   copy      (may be left out) yes: copies go there, beside the facility's own destination; the
 *             same in every line of a destination
 *   ca        (may be left out) trusted certificates (PEM) instead of the system's
 *
 * Ownership: a GatewayTargets owns everything. Errors: ERR_SYNTAX with the line; ERR_FORBIDDEN when
 * others may read the file (it holds passwords). Threads: read-only once loaded. */
#ifndef NHIP_GATEWAY_GATEWAY_TARGET_H
#define NHIP_GATEWAY_GATEWAY_TARGET_H

#include "core/arena.h"

typedef struct GatewayTarget {
    Str name, url, ca;
    bool copy;
} GatewayTarget;

typedef struct GatewayAccount {
    size_t target; /* index */
    Str facility, username, md5, release, officer, officer_id;
    bool checkins;
} GatewayAccount;

typedef struct GatewayTargets {
    Arena *arena;
    GatewayTarget *targets;
    size_t n_targets;
    GatewayAccount *accounts;
    size_t n_accounts;
} GatewayTargets;

enum { GATEWAY_TARGETS_MAX = 64, GATEWAY_ACCOUNTS_MAX = 10000 };
enum { GATEWAY_COPIES_MAX = 8 }; /* destinations of copies */

MUST_USE ErrCode gateway_targets_read(Str table, GatewayTargets **ret, ErrInfo *info);
MUST_USE ErrCode gateway_targets_load(const char *path, GatewayTargets **ret, ErrInfo *info);
void gateway_targets_free(GatewayTargets *targets); /* NULL is fine */
/* Each SIZE_MAX: none. The facility's account at the fund's destinations: its own, else that of
 * `*`. */
size_t gateway_account_of(const GatewayTargets *targets, Str facility);
/* The same at that destination. */
size_t gateway_account_at(const GatewayTargets *targets, Str facility, size_t target);
size_t gateway_target_find(const GatewayTargets *targets, Str name);

#endif
