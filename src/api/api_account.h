/* api_account.h — who may send claims as a facility: accounts of a table of text, tokens, rates.
 *
 *   username <tab> facility <tab> password
 *   46001_BV <tab> 46001    <tab> pbkdf2-sha256$100000$<salt, hex>$<digest, hex>
 *
 * What is digested is what the insurance gateway's clients send: the password's MD5 in upper-case
 * hex; api_account_line makes a line. Tokens live in memory only, as SHA-256, for
 * ACCOUNT_TOKEN_MS; a restart ends them, and clients take new ones as they do when they expire.
 * Ownership: an Accounts owns everything; Account pointers live as long. Threads: safe from all.
 * Errors: ERR_SYNTAX, ERR_LIMIT with the line. */
#ifndef NHIP_API_API_ACCOUNT_H
#define NHIP_API_API_ACCOUNT_H

#include "core/clock.h"
#include "core/str.h"

#define ACCOUNT_TOKEN_MS (20 * TIME_MINUTE_MS)
enum {
    ACCOUNT_TOKEN_LEN = 48,     /* hex digits of a token */
    ACCOUNT_SIGN_INS = 20,      /* wrong passwords a minute, of one account; then it is locked */
    ACCOUNT_STRANGERS = 60,     /* tries a minute with names that nobody has */
    ACCOUNT_ITERATIONS = 100000 /* of PBKDF2 in new lines */
};

typedef struct Accounts Accounts;
typedef struct Account Account;

typedef struct AccountsOptions {
    Str table;
    unsigned calls_a_minute; /* of one account */
    const Clock *clock;
} AccountsOptions;
MUST_USE ErrCode accounts_new(const AccountsOptions *options, Accounts **ret, ErrInfo *info);
void accounts_free(Accounts *accounts); /* NULL is fine */
Str account_facility(const Account *account);
/* A line of the table for that password as clients send it (MD5, upper-case hex). */
MUST_USE ErrCode account_line(Buf *out, Str username, Str facility, Str md5);

typedef struct AccountToken {
    char access[ACCOUNT_TOKEN_LEN + 1], id[ACCOUNT_TOKEN_LEN + 1];
    TimeMs until;
} AccountToken;
/* ERR_FORBIDDEN: wrong name or password; ERR_BUSY: too many wrong ones, locked for a minute. Costs
 * the key derivation whether the name is known or not. */
MUST_USE ErrCode accounts_sign_in(Accounts *accounts, Str username, Str md5, AccountToken *ret);

typedef struct AccountCall {
    Str username, access, id, md5;
} AccountCall;
/* Whose call it is. ERR_FORBIDDEN: no such token, or it is over; ERR_BUSY: too many calls. */
MUST_USE ErrCode accounts_enter(Accounts *accounts, const AccountCall *call, const Account **ret);

#endif
