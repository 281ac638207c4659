#include "api/api_account.h"

#include "core/arena.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/random.h"
#include "core/thread.h"
#include "core/tsv.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { SESSIONS = 8, SALT = 16, ITERATIONS_MIN = 10000, ITERATIONS_MAX = 10000000, PREFIX = 8 };
#define TABLE_BYTES (16 * LIMIT_MIB)

typedef struct Secret {
    uint8_t salt[SALT];
    Sha256 digest;
    int iterations;
} Secret;

typedef struct Session {
    Sha256 access, id, md5;
    TimeMs until; /* 0: free */
} Session;

/* So many a minute, refilled steadily. */
typedef struct Bucket {
    double left;
    int64_t at_ns;
} Bucket;

struct Account {
    Str username, facility;
    Secret secret;
    Session sessions[SESSIONS];
    Bucket calls, wrong;
};

struct Accounts {
    AccountsOptions o;
    Arena *arena;
    Account *list; /* by username */
    size_t n;
    Mutex lock; /* sessions and buckets */
    Bucket strangers;
};

Str account_facility(const Account *account) {
    return account->facility;
}

static ErrCode derive(Str md5, const Secret *s, Sha256 *ret) {
    return PKCS5_PBKDF2_HMAC(md5.ptr, (int)MIN(md5.len, (size_t)LIMIT_KIB), s->salt, SALT,
                             s->iterations, EVP_sha256(), sizeof(ret->b), ret->b) == 1
               ? ERR_OK
               : ERR_NOMEM;
}

ErrCode account_line(Buf *out, Str username, Str facility, Str md5) {
    Secret s = {.iterations = ACCOUNT_ITERATIONS};
    TRY(random_secret(s.salt, SALT));
    TRY(derive(md5, &s, &s.digest));
    buf_printf(out, STR_FMT "\t" STR_FMT "\tpbkdf2-sha256$%d$", STR_ARG(username),
               STR_ARG(facility), s.iterations);
    hex_put(out, s.salt, SALT);
    buf_put_lit(out, "$");
    hex_put(out, s.digest.b, sizeof(s.digest.b));
    buf_put_lit(out, "\n");
    return buf_ok(out);
}

/* ---- the table ---- */

static bool read_secret(Str text, Secret *ret) {
    Str part;
    uint64_t iterations = 0;
    bool good = str_cut(&text, '$', &part) && str_eq(part, STR("pbkdf2-sha256")) &&
                str_cut(&text, '$', &part) && str_to_u64(part, &iterations) == ERR_OK &&
                iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX &&
                str_cut(&text, '$', &part) && hex_parse(part, ret->salt, SALT) == ERR_OK &&
                hex_parse(text, ret->digest.b, sizeof(ret->digest.b)) == ERR_OK;
    ret->iterations = (int)iterations;
    return good;
}

static int by_name(const void *a, const void *b) {
    return str_cmp(((const Account *)a)->username, ((const Account *)b)->username);
}

static ErrCode read_row(Accounts *all, const TsvReader *r, const int columns[3], ErrInfo *info) {
    Account *a = &all->list[all->n];
    *a = (Account){.username = arena_str(all->arena, tsv_get(r, columns[0])),
                   .facility = arena_str(all->arena, tsv_get(r, columns[1]))};
    if (a->username.len == 0 || a->facility.len == 0 ||
        !read_secret(tsv_get(r, columns[2]), &a->secret)) {
        return err_set(info, ERR_SYNTAX, "gateway-accounts",
                       "line %zu of the accounts: username, facility or password cannot be read",
                       "dòng %zu của bảng tài khoản: không đọc được username, facility hoặc "
                       "password",
                       r->line);
    }
    all->n++;
    return ERR_OK;
}

static ErrCode read_table(Accounts *all, Str table, ErrInfo *info) {
    TsvReader r;
    int columns[3];
    size_t lines = 1;
    for (size_t at = 0; (at = str_find_char(table, '\n', at)) != SIZE_MAX; at++) {
        lines++;
    }
    all->list = arena_new_array(all->arena, Account, lines);
    if (all->list == NULL) {
        return ERR_LIMIT;
    }
    TRY(tsv_init(&r, table, info));
    TRY(tsv_need(&r, "username", &columns[0], info));
    TRY(tsv_need(&r, "facility", &columns[1], info));
    TRY(tsv_need(&r, "password", &columns[2], info));
    while (tsv_next(&r)) {
        TRY(read_row(all, &r, columns, info));
    }
    TRY(tsv_ok(&r, info));
    qsort(all->list, all->n, sizeof(*all->list), by_name);
    for (size_t i = 1; i < all->n; i++) {
        if (by_name(&all->list[i - 1], &all->list[i]) == 0) {
            return err_set(info, ERR_SYNTAX, "gateway-accounts", "a username stands twice: %.*s",
                           "tên đăng nhập xuất hiện hai lần: %.*s", STR_ARG(all->list[i].username));
        }
    }
    return arena_failed(all->arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode accounts_new(const AccountsOptions *options, Accounts **ret, ErrInfo *info) {
    Accounts *all = calloc(1, sizeof(*all));
    if (all == NULL) {
        return ERR_NOMEM;
    }
    all->o = *options;
    all->arena = arena_new(TABLE_BYTES);
    mutex_init(&all->lock);
    ErrCode err = all->arena == NULL ? ERR_NOMEM : read_table(all, options->table, info);
    if (err != ERR_OK) {
        accounts_free(all);
        return err;
    }
    all->o.table = STR_EMPTY; /* not ours */
    *ret = all;
    return ERR_OK;
}

void accounts_free(Accounts *accounts) {
    if (accounts != NULL) {
        mutex_release(&accounts->lock);
        arena_free(accounts->arena);
        free(accounts);
    }
}

/* ---- rates ---- */

/* Is one left? It is taken when `take`. */
static bool has_left(const Accounts *all, Bucket *b, unsigned a_minute, bool take) {
    int64_t now = clock_monotonic_ns(all->o.clock);
    double grown = (double)(now - b->at_ns) / 6e10 * a_minute;
    b->left = b->at_ns == 0 ? a_minute : MIN((double)a_minute, b->left + grown);
    b->at_ns = now;
    if (b->left < 1) {
        return false;
    }
    b->left -= take ? 1 : 0;
    return true;
}

/* ---- signing in ---- */

static Account *find(Accounts *all, Str username) {
    const Account key = {.username = username};
    return all->n == 0 ? NULL : bsearch(&key, all->list, all->n, sizeof(key), by_name);
}

static bool same(const Sha256 *a, const Sha256 *b) {
    return CRYPTO_memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* A free place, or that of the session which ends first. */
static Session *place(Account *a) {
    Session *s = &a->sessions[0];
    for (size_t i = 1; i < SESSIONS; i++) {
        s = a->sessions[i].until < s->until ? &a->sessions[i] : s;
    }
    return s;
}

static ErrCode make_token(char ret[ACCOUNT_TOKEN_LEN + 1], Sha256 *ret_digest) {
    uint8_t bytes[ACCOUNT_TOKEN_LEN / 2];
    TRY(random_secret(bytes, sizeof(bytes)));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
    }
    sha256(str_from(ret), ret_digest);
    return ERR_OK;
}

static ErrCode check_password(Accounts *all, Account *a, Str md5) {
    static const Secret nobody = {.iterations = ACCOUNT_ITERATIONS};
    Bucket *wrong = a == NULL ? &all->strangers : &a->wrong;
    unsigned most = a == NULL ? ACCOUNT_STRANGERS : ACCOUNT_SIGN_INS;
    Sha256 digest;
    mutex_lock(&all->lock);
    bool open = has_left(all, wrong, most, true); /* given back below: tries at once count too */
    mutex_unlock(&all->lock);
    if (!open) {
        return ERR_BUSY;
    }
    TRY(derive(md5, a == NULL ? &nobody : &a->secret, &digest));
    if (a == NULL || !same(&digest, &a->secret.digest)) {
        return ERR_FORBIDDEN;
    }
    mutex_lock(&all->lock);
    wrong->left += 1;
    mutex_unlock(&all->lock);
    return ERR_OK;
}

ErrCode accounts_sign_in(Accounts *accounts, Str username, Str md5, AccountToken *ret) {
    Account *a = find(accounts, username);
    AccountToken token;
    Session session;
    TRY(check_password(accounts, a, md5));
    TRY(make_token(token.access, &session.access));
    TRY(make_token(token.id, &session.id));
    sha256(md5, &session.md5);
    session.until = token.until = clock_now_ms(accounts->o.clock) + ACCOUNT_TOKEN_MS;
    mutex_lock(&accounts->lock);
    *place(a) = session;
    mutex_unlock(&accounts->lock);
    *ret = token;
    return ERR_OK;
}

ErrCode accounts_enter(Accounts *accounts, const AccountCall *call, const Account **ret) {
    Account *a = find(accounts, call->username);
    Session asked;
    sha256(call->access, &asked.access);
    sha256(call->id, &asked.id);
    sha256(call->md5, &asked.md5);
    TimeMs now = clock_now_ms(accounts->o.clock);
    MUTEX_GUARD(&accounts->lock);
    bool known = false;
    for (size_t i = 0; a != NULL && i < SESSIONS; i++) {
        const Session *s = &a->sessions[i];
        known = known || (s->until > now && same(&s->access, &asked.access) &&
                          same(&s->id, &asked.id) && same(&s->md5, &asked.md5));
    }
    if (!known) {
        return ERR_FORBIDDEN;
    }
    if (!has_left(accounts, &a->calls, accounts->o.calls_a_minute, true)) {
        return ERR_BUSY;
    }
    *ret = a;
    return ERR_OK;
}
