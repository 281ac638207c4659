#include "gateway/gateway_target.h"

#include "core/hash.h"
#include "core/io.h"
#include "core/limits.h"
#include "core/tsv.h"
#include "http/http_client.h"

#include <sys/stat.h>

#define TABLE_BYTES (4 * LIMIT_MIB)

enum {
    TARGET,
    URL,
    FACILITY,
    USERNAME,
    PASSWORD,
    RELEASE,
    OFFICER,
    OFFICER_ID,
    CA,
    CHECKINS,
    COPY,
    COLUMNS
};
static const char *const names[COLUMNS] = {"target",   "url",      "facility", "username",
                                           "password", "release",  "officer",  "officer_id",
                                           "ca",       "checkins", "copy"};

static ErrCode bad(const TsvReader *r, const char *column, ErrInfo *info) {
    return err_set(info, ERR_SYNTAX, "gateway-targets",
                   "line %zu of the destinations: %s is missing or wrong",
                   "dòng %zu của bảng nơi nhận: thiếu hoặc sai %s", r->line, column);
}

static bool is_name(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!good) {
            return false;
        }
    }
    return s.len > 0 && s.len <= 32;
}

static bool is_md5(Str s) {
    uint8_t bytes[16];
    return hex_parse(s, bytes, sizeof(bytes)) == ERR_OK;
}

static size_t count_copies(const GatewayTargets *t) {
    size_t n = 0;
    for (size_t i = 0; i < t->n_targets; i++) {
        n += t->targets[i].copy;
    }
    return n;
}

/* The destination of the row: a known one must be the same in every row. */
static ErrCode find_target(GatewayTargets *t, const TsvReader *r, GatewayTarget row, size_t *ret,
                           ErrInfo *info) {
    while (str_ends(row.url, STR("/"))) {
        row.url.len--;
    }
    size_t i = gateway_target_find(t, row.name);
    if (i != SIZE_MAX) {
        const GatewayTarget *known = &t->targets[i];
        *ret = i;
        return !str_eq(known->url, row.url) || !str_eq(known->ca, row.ca) ? bad(r, names[URL], info)
               : known->copy != row.copy ? bad(r, names[COPY], info)
                                         : ERR_OK;
    }
    if (!is_name(row.name) || t->n_targets == GATEWAY_TARGETS_MAX) {
        return bad(r, names[TARGET], info);
    }
    if (!http_client_private(row.url) || str_find_char(row.url, '?', 0) != SIZE_MAX) {
        return bad(r, names[URL], info);
    }
    if (row.copy && count_copies(t) == GATEWAY_COPIES_MAX) {
        return bad(r, names[COPY], info);
    }
    *ret = t->n_targets++;
    t->targets[*ret] = row;
    return ERR_OK;
}

/* Of the facility alone: at that destination, or (SIZE_MAX) at one of the fund's. */
static size_t find_account(const GatewayTargets *t, Str facility, size_t target) {
    for (size_t i = 0; i < t->n_accounts; i++) {
        const GatewayAccount *a = &t->accounts[i];
        bool there = target == SIZE_MAX ? !t->targets[a->target].copy : a->target == target;
        if (there && str_eq(a->facility, facility)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool is_known(const GatewayTargets *t, const GatewayAccount *a) {
    size_t target = t->targets[a->target].copy ? a->target : SIZE_MAX;
    return find_account(t, a->facility, target) != SIZE_MAX;
}

static bool is_flag(Str text) {
    return text.len == 0 || str_eq(text, STR("yes")) || str_eq(text, STR("no"));
}

static ErrCode read_row(GatewayTargets *t, const TsvReader *r, const int *columns, ErrInfo *info) {
    GatewayAccount *a = &t->accounts[t->n_accounts];
    Str v[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        v[i] = arena_str(t->arena, str_trim(tsv_get(r, columns[i])));
    }
    *a = (GatewayAccount){.facility = v[FACILITY],
                          .username = v[USERNAME],
                          .md5 = v[PASSWORD],
                          .release = v[RELEASE],
                          .officer = v[OFFICER],
                          .officer_id = v[OFFICER_ID],
                          .checkins = str_eq(v[CHECKINS], STR("yes"))};
    GatewayTarget to = {
        .name = v[TARGET], .url = v[URL], .ca = v[CA], .copy = str_eq(v[COPY], STR("yes"))};
    TRY(find_target(t, r, to, &a->target, info));
    int wrong = a->facility.len == 0 || is_known(t, a)                                 ? FACILITY
                : a->username.len == 0                                                 ? USERNAME
                : !is_md5(a->md5)                                                      ? PASSWORD
                : !str_eq(a->release, STR("4750")) && !str_eq(a->release, STR("3176")) ? RELEASE
                : !is_flag(v[CHECKINS])                                                ? CHECKINS
                : !is_flag(v[COPY])                                                    ? COPY
                                                                                       : COLUMNS;
    if (wrong != COLUMNS) {
        return bad(r, names[wrong], info);
    }
    t->n_accounts++;
    return arena_failed(t->arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode read_rows(GatewayTargets *t, Str table, ErrInfo *info) {
    TsvReader r;
    int columns[COLUMNS];
    TRY(tsv_init(&r, table, info));
    for (int i = 0; i < OFFICER; i++) {
        TRY(tsv_need(&r, names[i], &columns[i], info));
    }
    for (int i = OFFICER; i < COLUMNS; i++) {
        columns[i] = tsv_column(&r, str_from(names[i]));
    }
    while (tsv_next(&r)) {
        if (t->n_accounts == GATEWAY_ACCOUNTS_MAX) {
            return bad(&r, "number of accounts", info);
        }
        TRY(read_row(t, &r, columns, info));
    }
    return tsv_ok(&r, info);
}

ErrCode gateway_targets_read(Str table, GatewayTargets **ret, ErrInfo *info) {
    Arena *arena = arena_new(4 * TABLE_BYTES);
    GatewayTargets *t = arena == NULL ? NULL : arena_new_array(arena, GatewayTargets, 1);
    if (t == NULL) {
        arena_free(arena);
        return ERR_NOMEM;
    }
    t->arena = arena;
    t->targets = arena_new_array(arena, GatewayTarget, GATEWAY_TARGETS_MAX);
    t->accounts = arena_new_array(arena, GatewayAccount, GATEWAY_ACCOUNTS_MAX);
    ErrCode err = arena_failed(arena) ? ERR_NOMEM : read_rows(t, table, info);
    if (err != ERR_OK) {
        arena_free(arena);
        return err;
    }
    *ret = t;
    return ERR_OK;
}

ErrCode gateway_targets_load(const char *path, GatewayTargets **ret, ErrInfo *info) {
    struct stat st;
    CLEANUP_BUF Buf table;
    buf_init(&table, TABLE_BYTES);
    ErrCode err = io_read_file(path, TABLE_BYTES, &table);
    if (err != ERR_OK) {
        return err_set(info, err, "gateway-targets", "the table of destinations %s cannot be read",
                       "không đọc được bảng nơi nhận %s", path);
    }
    if (stat(path, &st) != 0 || (st.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
        return err_set(info, ERR_FORBIDDEN, "gateway-targets",
                       "%s holds passwords: nobody else may read it (chmod 600)",
                       "%s chứa mật khẩu: không để người khác đọc được (chmod 600)", path);
    }
    return gateway_targets_read(buf_str(&table), ret, info);
}

void gateway_targets_free(GatewayTargets *targets) {
    if (targets != NULL) {
        arena_free(targets->arena);
    }
}

size_t gateway_account_at(const GatewayTargets *targets, Str facility, size_t target) {
    size_t own = find_account(targets, facility, target);
    return own == SIZE_MAX ? find_account(targets, STR("*"), target) : own;
}

size_t gateway_account_of(const GatewayTargets *targets, Str facility) {
    return gateway_account_at(targets, facility, SIZE_MAX);
}

size_t gateway_target_find(const GatewayTargets *targets, Str name) {
    for (size_t i = 0; i < targets->n_targets; i++) {
        if (str_eq(targets->targets[i].name, name)) {
            return i;
        }
    }
    return SIZE_MAX;
}
