#include "rest/rest_route.h"

#include "http/http.h"
#include "rest/rest_tables.h"

#include <stdlib.h>
#include <string.h>

#define X(name) extern const RestRoutes name;
REST_ROUTE_TABLES(X)
#undef X
#define X(name) &name,
static const RestRoutes *const tables[] = {REST_ROUTE_TABLES(X)};
#undef X
const RestRouteTables rest_route_tables = {tables, ARRAY_LEN(tables)};

static const RestRoute *route_at(const RestRouteTables *all, size_t i) {
    for (size_t t = 0; t < all->n; t++) {
        if (i < all->tables[t]->n) {
            return &all->tables[t]->routes[i];
        }
        i -= all->tables[t]->n;
    }
    return NULL;
}

const RestRoute *rest_route_at(size_t i) {
    return route_at(&rest_route_tables, i);
}

bool rest_cut_path(Arena *arena, Str path, Str parts[REST_PARTS_MAX], size_t *ret_n) {
    Str rest = path;
    Str part;
    size_t n = 0;
    while (str_cut(&rest, '/', &part)) {
        if (part.len == 0) {
            continue;
        }
        if (n == REST_PARTS_MAX || http_decode(arena, part, false, &parts[n]) != ERR_OK) {
            return false;
        }
        n++;
    }
    *ret_n = n;
    return true;
}

bool rest_is_reserved(Str part) {
    return str_starts(part, STR("_")) || str_starts(part, STR("$"));
}

/* ---- patterns ---- */

/* From the most special on; the end of a pattern is one, too. */
typedef enum PartKind { PART_END, PART_TEXT, PART_ANY, PART_TAIL } PartKind;

typedef struct Pattern {
    const RestRoute *route;
    Str parts[REST_PARTS_MAX + 1]; /* behind the last one empty: the end */
    PartKind kinds[REST_PARTS_MAX + 1];
} Pattern;

struct RestRouter {
    Pattern *patterns; /* by path, then method */
    size_t n;
};

static Pattern pattern_of(const RestRoute *route) {
    Pattern p = {.route = route};
    Str rest = str_from(route->path);
    Str part;
    size_t n = 0;
    while (n < REST_PARTS_MAX && str_cut(&rest, '/', &part)) {
        if (part.len > 0) {
            p.parts[n] = part;
            p.kinds[n++] = part.ptr[0] == ':'   ? PART_ANY
                           : part.ptr[0] == '*' ? PART_TAIL
                                                : PART_TEXT;
        }
    }
    return p;
}

static int compare_paths(const Pattern *a, const Pattern *b) {
    for (size_t i = 0; i <= REST_PARTS_MAX; i++) {
        if (a->kinds[i] != b->kinds[i]) {
            return a->kinds[i] < b->kinds[i] ? -1 : 1;
        }
        int order = a->kinds[i] == PART_TEXT ? str_cmp(a->parts[i], b->parts[i]) : 0;
        if (order != 0 || a->kinds[i] == PART_END) {
            return order;
        }
    }
    return 0;
}

/* In the order in which people name them. */
static int rank_of(const char *method) {
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    int rank = 0;
    while (rank < (int)ARRAY_LEN(methods) && strcmp(methods[rank], method) != 0) {
        rank++;
    }
    return rank;
}

static int compare(const void *a, const void *b) {
    const Pattern *x = a;
    const Pattern *y = b;
    int order = compare_paths(x, y);
    return order != 0 ? order : rank_of(x->route->method) - rank_of(y->route->method);
}

static bool matches(const Pattern *p, const RestAddress *a) {
    size_t i = 0;
    for (; p->kinds[i] != PART_END; i++) {
        if (p->kinds[i] == PART_TAIL) {
            return true;
        }
        if (i == a->n_parts || (p->kinds[i] == PART_ANY ? rest_is_reserved(a->parts[i])
                                                        : !str_eq(p->parts[i], a->parts[i]))) {
            return false;
        }
    }
    return i == a->n_parts;
}

/* ---- ambiguous pairs ---- */

/* Is there a part of an address that both match? */
static bool part_meets(const Pattern *a, const Pattern *b, size_t i) {
    if (a->kinds[i] == PART_TEXT && b->kinds[i] == PART_TEXT) {
        return str_eq(a->parts[i], b->parts[i]);
    }
    const Pattern *text = a->kinds[i] == PART_TEXT ? a : b->kinds[i] == PART_TEXT ? b : NULL;
    return text == NULL || !rest_is_reserved(text->parts[i]);
}

/* Do both match some address, and each is in some part the more special one? */
static bool is_ambiguous(const Pattern *a, const Pattern *b) {
    bool first = false;
    bool second = false;
    for (size_t i = 0; i <= REST_PARTS_MAX; i++) {
        if (a->kinds[i] == PART_TAIL || b->kinds[i] == PART_TAIL) {
            first = first || a->kinds[i] < b->kinds[i];
            second = second || b->kinds[i] < a->kinds[i];
            break;
        }
        if (a->kinds[i] == PART_END || b->kinds[i] == PART_END) {
            if (a->kinds[i] != b->kinds[i]) {
                return false;
            }
            break;
        }
        if (!part_meets(a, b, i)) {
            return false;
        }
        first = first || a->kinds[i] < b->kinds[i];
        second = second || b->kinds[i] < a->kinds[i];
    }
    return first && second;
}

static ErrCode check(const RestRouter *router, ErrInfo *info) {
    for (size_t i = 0; i < router->n; i++) {
        const Pattern *a = &router->patterns[i];
        if (i + 1 < router->n && compare(a, a + 1) == 0) {
            return err_set(info, ERR_INTERNAL, "route-twice", "%s %s is there twice",
                           "%s %s có hai lần", a->route->method, a->route->path);
        }
        for (size_t j = i + 1; j < router->n; j++) {
            const Pattern *b = &router->patterns[j];
            if (is_ambiguous(a, b)) {
                return err_set(info, ERR_INTERNAL, "route-ambiguous",
                               "%s and %s match the same addresses",
                               "%s và %s khớp cùng những địa chỉ", a->route->path, b->route->path);
            }
        }
    }
    return ERR_OK;
}

/* ---- the router ---- */

ErrCode rest_router_new(Arena *arena, const RestRouteTables *more, const RestRouter **ret_router,
                        ErrInfo *info) {
    const RestRouteTables *const all[] = {&rest_route_tables, more};
    size_t n = 0;
    for (size_t t = 0; t < ARRAY_LEN(all); t++) {
        for (size_t i = 0; i < all[t]->n; i++) {
            n += all[t]->tables[i]->n;
        }
    }
    RestRouter *router = arena_new_array(arena, RestRouter, 1);
    Pattern *patterns = arena_new_array(arena, Pattern, n + 1);
    if (router == NULL || patterns == NULL) {
        return ERR_NOMEM;
    }
    *router = (RestRouter){.patterns = patterns, .n = n};
    Pattern *next = patterns;
    for (size_t t = 0; t < ARRAY_LEN(all); t++) {
        const RestRoute *route = NULL;
        for (size_t i = 0; (route = route_at(all[t], i)) != NULL; i++) {
            *next++ = pattern_of(route);
        }
    }
    qsort(patterns, n, sizeof(*patterns), compare);
    TRY(check(router, info));
    *ret_router = router;
    return ERR_OK;
}

const RestRoute *rest_router_at(const RestRouter *router, size_t i) {
    return i < router->n ? router->patterns[i].route : NULL;
}

static bool method_matches(Str method, const char *wanted) {
    return str_eq(method, str_from(wanted)) ||
           (str_eq(method, STR("HEAD")) && strcmp(wanted, "GET") == 0);
}

static void allow(char methods[REST_ALLOW_MAX], const char *method) {
    size_t at = strlen(methods);
    (void)snprintf(methods + at, REST_ALLOW_MAX - at, "%s%s%s", at > 0 ? ", " : "", method,
                   strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

/* The first path that matches is the most special one; its methods stand side by side. */
const RestRoute *rest_router_find(const RestRouter *router, const RestAddress *address,
                                  char ret_allow[REST_ALLOW_MAX]) {
    const Pattern *owner = router->patterns;
    const Pattern *end = owner + router->n;
    ret_allow[0] = '\0';
    while (owner < end && !matches(owner, address)) {
        owner++;
    }
    for (const Pattern *p = owner; p < end && compare_paths(p, owner) == 0; p++) {
        if (p->route->run == NULL) {
            continue;
        }
        if (method_matches(address->method, p->route->method)) {
            ret_allow[0] = '\0';
            return p->route;
        }
        allow(ret_allow, p->route->method);
    }
    return NULL;
}
