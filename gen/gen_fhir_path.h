/* gen_fhir_path.h — for generators: reads the distilled FHIR definitions and turns the FHIRPath of
 * a search parameter into JSON member paths with their data types. Seven constructs cover all of
 * R4: paths, unions, ofType(T), where(resolve() is T), where(f='v'), [0] and "x.exists() and x !=
 * false". Anything else stops the build with a message. Memory is never freed: a generator is
 * short-lived. */
#ifndef NHIP_GEN_FHIR_PATH_H
#define NHIP_GEN_FHIR_PATH_H

#include <ctype.h>

#include "core/str.h"

enum { COLUMNS_MAX = 10, MEMBERS_MAX = 8, PATHS_MAX = 64, ELEMENTS_MAX = 16384, TYPES_MAX = 512 };

static _Noreturn void die(const char *what, const char *about) {
    (void)fprintf(stderr, "fhir_search_gen: %s: %s\n", what, about);
    exit(1);
}

static char *copy_n(const char *s, size_t len) {
    char *p = strndup(s, len);
    if (p == NULL) {
        die("out of memory", s);
    }
    return p;
}
static char *copy(const char *s) {
    return copy_n(s, strlen(s));
}

static const char *data_dir;

/* Calls fn with the columns of each line of data_dir/name; the header line is skipped. */
static void each_line(const char *name, void (*fn)(char **cols)) {
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", data_dir, name);
    CLEANUP_FILE FILE *f = fopen(path, "r");
    if (f == NULL) {
        die("cannot open", path);
    }
    char *line = NULL;
    size_t capacity = 0;
    bool header = true;
    while (getline(&line, &capacity, f) > 0) {
        line[strcspn(line, "\r\n")] = '\0';
        char *cols[COLUMNS_MAX];
        char *at = line;
        for (int i = 0; i < COLUMNS_MAX; i++) {
            cols[i] = at;
            at += strcspn(at, "\t");
            if (*at == '\t') {
                *at++ = '\0';
            }
        }
        if (!header) {
            fn(cols);
        }
        header = false;
    }
    free(line);
}

/* ---- types, elements and implied code systems --------------------------------------------------
 */

typedef struct Type {
    char *name;
    bool is_resource, is_abstract;
} Type;
static Type types[TYPES_MAX];
static int n_types;

typedef struct Element {
    char *path, *types, *content, *valueset;
} Element;
static Element elements[ELEMENTS_MAX];
static int n_elements;

/* The code system of a value set that has exactly one ("" when it has several). */
typedef struct ValueSet {
    char *url, *system;
} ValueSet;
static ValueSet valuesets[2048];
static int n_valuesets;

static void take_type(char **cols) {
    if (n_types == TYPES_MAX) {
        die("too many types", cols[0]);
    }
    types[n_types++] = (Type){copy(cols[0]), strcmp(cols[1], "resource") == 0, cols[3][0] != '\0'};
}

static void take_element(char **cols) {
    if (n_elements == ELEMENTS_MAX) {
        die("too many elements", cols[0]);
    }
    elements[n_elements++] = (Element){copy(cols[0]), copy(cols[3]), copy(cols[4]), copy(cols[6])};
}

static void take_code(char **cols) {
    ValueSet *last = n_valuesets > 0 ? &valuesets[n_valuesets - 1] : NULL;
    if (last == NULL || strcmp(last->url, cols[0]) != 0) {
        if (n_valuesets == (int)ARRAY_LEN(valuesets)) {
            die("too many value sets", cols[0]);
        }
        valuesets[n_valuesets++] = (ValueSet){copy(cols[0]), copy(cols[1])};
    } else if (strcmp(last->system, cols[1]) != 0) {
        last->system = "";
    }
}

static const char *system_of(const char *valueset) {
    for (int i = 0; i < n_valuesets && valueset[0] != '\0'; i++) {
        if (strcmp(valuesets[i].url, valueset) == 0) {
            return valuesets[i].system;
        }
    }
    return "";
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const Element *)a)->path, ((const Element *)b)->path);
}

static void load_definitions(const char *dir) {
    data_dir = dir;
    each_line("fhir/types.tsv", take_type);
    each_line("fhir/elements.tsv", take_element);
    each_line("fhir/codes.tsv", take_code);
    qsort(elements, (size_t)n_elements, sizeof elements[0], by_path);
}

static const Element *element(const char *context, const char *member, const char *suffix) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s.%s%s", context, member, suffix);
    Element key = {.path = path};
    return bsearch(&key, elements, (size_t)n_elements, sizeof elements[0], by_path);
}

static bool is_type(const char *name) {
    for (int i = 0; i < n_types; i++) {
        if (strcmp(types[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* MedicationRequest -> MEDICATION_REQUEST, _lastUpdated -> _LAST_UPDATED, code-value -> CODE_VALUE.
 */
static const char *upper_snake(const char *name) {
    static char ring[4][128];
    static unsigned turn;
    char *out = ring[turn++ % 4];
    size_t n = 0;
    for (size_t i = 0; name[i] != '\0' && n < 120; i++) {
        if (isupper((unsigned char)name[i]) && i > 0 && islower((unsigned char)name[i - 1])) {
            out[n++] = '_';
        }
        out[n++] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
    }
    out[n] = '\0';
    return out;
}

/* ---- paths --------------------------------------------------------------------------------------
 */

/* One resolved path: which members to follow, under which condition, what stands at the end. */
typedef struct Path {
    char *members[MEMBERS_MAX];
    int n;
    int first_of;                   /* members[first_of] counts with its first element only; -1 */
    char *guard_name, *guard_value; /* where(f='v') or NULL */
    int guard_at;                   /* number of members before the guarded object's own children */
    char *ref_type;                 /* where(resolve() is T) or NULL */
    bool presence;                  /* x.exists() and x != false */
    char *context;                  /* where children of the end are looked up */
    char *datatype;                 /* without [Simple] and targets; "" for backbone elements */
    char *system;                   /* code: the implied system, or "" */
} Path;

typedef struct Paths {
    Path at[PATHS_MAX];
    int n;
} Paths;

/* The data type's plain name: "Reference(Patient)" -> "Reference", "Quantity[Simple]" ->
 * "Quantity". */
static char *plain_type(const char *text, size_t len) {
    size_t n = 0;
    while (n < len && text[n] != '(' && text[n] != '[') {
        n++;
    }
    return copy_n(text, n);
}

static char *choice_member(const char *member, const char *type) {
    char *name = NULL;
    int capital = toupper((unsigned char)type[0]);
    if (asprintf(&name, "%s%c%s", member, capital, type + 1) < 0) {
        die("out of memory", member);
    }
    return name;
}

/* Adds one branch of a step to `out`. */
static void branch(Paths *out, const Path *from, const Element *e, char *member, char *type) {
    if (out->n == PATHS_MAX || from->n == MEMBERS_MAX) {
        die("path too long or wide", e->path);
    }
    Path p = *from;
    p.members[p.n++] = member;
    bool backbone = strcmp(type, "BackboneElement") == 0 || strcmp(type, "Element") == 0;
    p.datatype = backbone ? "" : type;
    p.context = e->content[0] != '\0' ? e->content : backbone ? e->path : type;
    p.system = strcmp(type, "code") == 0 ? copy(system_of(e->valueset)) : "";
    out->at[out->n++] = p;
}

/* Follows `member` from one path; `only` (or NULL) is the type that ofType names. */
static void follow(Paths *out, const Path *from, const char *member, const char *only) {
    const Element *e = element(from->context, member, "");
    bool choice = e == NULL;
    if (choice) {
        e = element(from->context, member, "[x]");
    }
    if (e == NULL) {
        die(from->context, member);
    }
    if (e->types[0] == '\0') {
        branch(out, from, e, copy(member), "");
        return;
    }
    for (const char *t = e->types; *t != '\0';) {
        size_t len = strcspn(t, ";");
        char *type = plain_type(t, len);
        if (only == NULL || strcasecmp(only, type) == 0) {
            branch(out, from, e, choice ? choice_member(member, type) : copy(member), type);
        }
        t += len + (t[len] == ';');
    }
}

/* where(...): the text between the brackets applies to all paths of the set. */
static void apply_where(Paths *set, const char *text) {
    char name[64], value[64];
    for (int i = 0; i < set->n; i++) {
        Path *p = &set->at[i];
        if (strncmp(text, "resolve() is ", 13) == 0) {
            p->ref_type = copy(text + 13);
        } else if (sscanf(text, "%63[a-zA-Z]='%63[^']'", name, value) == 2) {
            p->guard_name = copy(name);
            p->guard_value = copy(value);
            p->guard_at = p->n;
        } else {
            die("condition not understood", text);
        }
    }
}

/* Cuts the next step ("name", "name[0]", "where(…)", "ofType(…)") off *at; false at the end. */
static bool next_step(const char **at, char *step, size_t size) {
    const char *s = *at;
    while (*s == '.' || *s == ' ') {
        s++;
    }
    size_t n = 0;
    int depth = 0;
    while (s[n] != '\0' && (depth > 0 || s[n] != '.')) {
        depth += s[n] == '(' ? 1 : s[n] == ')' ? -1 : 0;
        n++;
    }
    if (n >= size) {
        die("step too long", s);
    }
    memcpy(step, s, n);
    step[n] = '\0';
    *at = s + n;
    return n > 0;
}

/* The argument of fn(...) when step is that, else NULL. */
static char *argument(const char *step, const char *fn) {
    size_t len = strlen(fn);
    if (strncmp(step, fn, len) != 0 || step[len] != '(') {
        return NULL;
    }
    return copy_n(step + len + 1, strlen(step) - len - 2);
}

/* Walks the steps of one alternative from the paths in *set. */
static void walk_steps(Paths *set, const char *text) {
    char step[256], after[256];
    while (next_step(&text, step, sizeof step)) {
        char *where = argument(step, "where");
        if (where != NULL) {
            apply_where(set, where);
            continue;
        }
        char *bracket = strstr(step, "[0]");
        if (bracket != NULL) {
            *bracket = '\0';
        }
        const char *peek = text;
        char *only = next_step(&peek, after, sizeof after) ? argument(after, "ofType") : NULL;
        text = only != NULL ? peek : text;
        Paths next = {.n = 0};
        for (int i = 0; i < set->n; i++) {
            follow(&next, &set->at[i], step, only);
            if (bracket != NULL) {
                next.at[next.n - 1].first_of = set->at[i].n;
            }
        }
        *set = next;
    }
}

/* Strips brackets that stand around the beginning: "(A.b.ofType(C)).text" -> "A.b.ofType(C).text".
 */
static void strip_brackets(char *text) {
    while (text[0] == '(') {
        int depth = 0;
        size_t i = 0;
        do {
            depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
            i++;
        } while (depth > 0 && text[i] != '\0');
        memmove(text + i - 1, text + i, strlen(text + i) + 1);
        memmove(text, text + 1, strlen(text));
    }
}

/* One alternative for `base`; nothing when it begins with another type's name. `context` is where
 * names without a type begin. */
static void alternative(Paths *out, const char *base, const char *context, char *text) {
    strip_brackets(text);
    Paths set = {.n = 1};
    set.at[0] = (Path){.first_of = -1, .context = copy(context), .datatype = "", .system = ""};
    char *presence = strstr(text, ".exists() and ");
    if (presence != NULL) {
        *presence = '\0';
        set.at[0].presence = true;
    }
    const char *rest = text;
    char head[256];
    if (next_step(&rest, head, sizeof head) && isupper((unsigned char)head[0])) {
        if (!is_type(head)) {
            die("no such type", head);
        }
        if (strcmp(head, base) != 0 && strcmp(head, "Resource") != 0) {
            return;
        }
        text += rest - text;
    }
    walk_steps(&set, text);
    for (int i = 0; i < set.n; i++) {
        if (out->n == PATHS_MAX) {
            die("too many paths", text);
        }
        out->at[out->n++] = set.at[i];
    }
}

/* All paths of a whole expression that concern `base`. */
static void resolve(Paths *out, const char *base, const char *context, const char *expression) {
    out->n = 0;
    int depth = 0;
    const char *from = expression;
    for (const char *s = expression;; s++) {
        depth += *s == '(' ? 1 : *s == ')' ? -1 : 0;
        if (*s != '\0' && !(depth == 0 && *s == '|')) {
            continue;
        }
        const char *a = from;
        const char *b = s;
        while (a < b && *a == ' ') {
            a++;
        }
        while (b > a && b[-1] == ' ') {
            b--;
        }
        if (a < b) {
            alternative(out, base, context, copy_n(a, (size_t)(b - a)));
        }
        if (*s == '\0') {
            return;
        }
        from = s + 1;
    }
}

#endif
