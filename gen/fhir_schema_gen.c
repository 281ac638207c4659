/* fhir_schema_gen — reads gen/data/fhir/{types,elements,codes}.tsv and writes the const tables
 * behind fhir/fhir_type.h: the enum of types, shapes with their elements (choices expanded to one
 * element a type), name tables, required code sets, sets of reference targets. Usage:
 * fhir_schema_gen OUT.c OUT.h DATA_DIR. Exits 1 with a message on the first bad line. */
#include "fhir/fhir_name.h"

#include <ctype.h>

enum {
    TYPES = 256,
    SHAPES = 1200,
    ELEMENTS = 254,
    SETS = 400,
    CODES = 4096,
    SYSTEMS = 512,
    COLS = 8
};

typedef struct Element {
    char *name, *type; /* type: a type's name, or the path of a group */
    int flags, choice, base_len, required, codes, targets, extensible;
} Element;

typedef struct Shape {
    char *name, *base;
    int kind, n, n_required, n_choices;
    bool is_abstract;
    Element elements[ELEMENTS];
} Shape;

typedef struct Code {
    char *code;
    int system;
} Code;

typedef struct CodeSet {
    char *url;
    Code *codes;
    int n, n_open, open[8];
} CodeSet;

static Shape shapes[SHAPES];
static int n_shapes = 1, n_types = 1, n_resources;
static CodeSet sets[SETS];
static int n_sets = 1;
static char *systems[SYSTEMS];
static int n_systems;
static char *targets[SETS];
static int n_targets = 1;
static char *extensible[SETS];
static int n_extensible = 1;
static FILE *out;

static _Noreturn void die(const char *what, const char *detail) {
    (void)fprintf(stderr, "fhir_schema_gen: %s: %s\n", what, detail);
    exit(1);
}

static char *copy(const char *s, size_t len) {
    char *p = strndup(s, len);
    if (p == NULL) {
        die("out of memory", s);
    }
    return p;
}
#define COPY(s) copy((s), strlen(s))

/* Calls each(columns) for every line behind the header. */
static void read_tsv(const char *dir, const char *name, void (*each)(char **)) {
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/fhir/%s", dir, name);
    CLEANUP_FILE FILE *f = fopen(path, "r");
    if (f == NULL) {
        die("cannot open", path);
    }
    CLEANUP_FREE char *line = NULL;
    size_t size = 0;
    for (int n = 0; getline(&line, &size, f) >= 0; n++) {
        char *cols[COLS];
        char *p = line;
        p[strcspn(p, "\r\n")] = '\0';
        for (int i = 0; i < COLS; i++) {
            cols[i] = p;
            p += strcspn(p, "\t");
            if (*p == '\t') {
                *p++ = '\0';
            }
        }
        if (n > 0) {
            each(cols);
        }
    }
}

static int find_shape(const char *name) {
    for (int i = 1; i < n_shapes; i++) {
        if (strcmp(shapes[i].name, name) == 0) {
            return i;
        }
    }
    return 0;
}

static int add_shape(const char *name, int kind) {
    if (n_shapes == SHAPES) {
        die("too many shapes", name);
    }
    shapes[n_shapes].name = COPY(name);
    shapes[n_shapes].kind = kind;
    return n_shapes++;
}

/* ---- types.tsv: concrete resources first, then primitives, then the rest; each by name. */

static int pass;

static int class_of(char **c) {
    bool is_resource = strcmp(c[1], "resource") == 0;
    if (is_resource && c[3][0] == '\0') {
        return 0;
    }
    return strcmp(c[1], "primitive") == 0 ? 1 : 2;
}

static void read_type(char **c) {
    if (class_of(c) != pass) {
        return;
    }
    int kind = strcmp(c[1], "resource") == 0    ? FHIR_KIND_RESOURCE
               : strcmp(c[1], "primitive") == 0 ? FHIR_KIND_PRIMITIVE
                                                : FHIR_KIND_COMPLEX;
    Shape *s = &shapes[add_shape(c[0], kind)];
    s->base = COPY(c[2]);
    s->is_abstract = c[3][0] != '\0';
    n_types = n_shapes;
    n_resources += pass == 0;
}

/* ---- elements.tsv */

static int find_set(const char *url) {
    for (int i = 1; i < n_sets; i++) {
        if (strcmp(sets[i].url, url) == 0) {
            return i;
        }
    }
    return 0;
}

static int find_targets(const char *list) {
    if (list[0] == '\0' || strcmp(list, "Resource") == 0) {
        return 0;
    }
    for (int i = 1; i < n_targets; i++) {
        if (strcmp(targets[i], list) == 0) {
            return i;
        }
    }
    if (n_targets == SETS) {
        die("too many target sets", list);
    }
    targets[n_targets] = COPY(list);
    return n_targets++;
}

/* The number of an extensible binding's value set. */
static int find_extensible(const char *url) {
    for (int i = 1; i < n_extensible; i++) {
        if (strcmp(extensible[i], url) == 0) {
            return i;
        }
    }
    if (n_extensible == SETS) {
        die("too many extensible bindings", url);
    }
    extensible[n_extensible] = COPY(url);
    return n_extensible++;
}

static bool is_bare(const char *path, const char *name) {
    bool top = strchr(path, '.') == strrchr(path, '.');
    bool of_resource =
        top && shapes[find_shape(copy(path, strcspn(path, ".")))].kind == FHIR_KIND_RESOURCE;
    return (strcmp(name, "id") == 0 && !of_resource) || strcmp(path, "Extension.url") == 0 ||
           strcmp(path, "Narrative.div") == 0;
}

static int flags_of(char **c, const char *name) {
    int flags = 0;
    flags |= strcmp(c[2], "*") == 0 ? FHIR_E_ARRAY : 0;
    flags |= strchr(c[7], 's') != NULL ? FHIR_E_SUMMARY : 0;
    flags |= strchr(c[7], 'm') != NULL ? FHIR_E_MODIFIER : 0;
    flags |= is_bare(c[0], name) ? FHIR_E_BARE : 0;
    return flags;
}

/* Splits "Reference(Patient|Group)" or "Quantity[Simple]" into the element. */
static void set_type(Element *e, const char *text) {
    size_t len = strcspn(text, "([");
    e->type = copy(text, len);
    if (text[len] == '[') {
        e->flags |= FHIR_E_SIMPLE;
    }
    if (text[len] == '(' && strcmp(e->type, "Reference") == 0) {
        e->targets = find_targets(copy(text + len + 1, strcspn(text + len + 1, ")")));
    }
}

static Element *add_element(Shape *s, const Element *like) {
    if (s->n == ELEMENTS) {
        die("too many elements", s->name);
    }
    s->elements[s->n] = *like;
    return &s->elements[s->n++];
}

static void add_choices(Shape *s, Element *like, const char *types) {
    size_t base_len = strlen(like->name) - 3;
    like->choice = ++s->n_choices;
    while (*types != '\0') {
        size_t len = strcspn(types, ";");
        Element *e = add_element(s, like);
        set_type(e, copy(types, len));
        char name[128];
        (void)snprintf(name, sizeof(name), "%.*s%c%s", (int)base_len, like->name,
                       toupper(e->type[0]), e->type + 1);
        e->name = COPY(name);
        e->base_len = (int)base_len;
        types += len + (types[len] == ';');
    }
}

static void read_element(char **c) {
    char *dot = strrchr(c[0], '.');
    char *parent = copy(c[0], (size_t)(dot - c[0]));
    int number = find_shape(parent);
    if (number == 0) {
        die("element without its group", c[0]);
    }
    Shape *s = &shapes[number];
    Element like = {.name = COPY(dot + 1), .flags = flags_of(c, dot + 1)};
    like.required = c[1][0] != '0' ? ++s->n_required : 0;
    like.codes = strcmp(c[5], "required") == 0 ? find_set(c[6]) : 0;
    like.extensible = strcmp(c[5], "extensible") == 0 ? find_extensible(c[6]) : 0;
    if (strstr(like.name, "[x]") != NULL) {
        add_choices(s, &like, c[3]);
        return;
    }
    like.base_len = (int)strlen(like.name);
    Element *e = add_element(s, &like);
    if (c[4][0] != '\0') {
        e->type = COPY(c[4]);
    } else if (strcmp(c[3], "BackboneElement") == 0 || strcmp(c[3], "Element") == 0) {
        e->type = COPY(c[0]);
        int group = add_shape(c[0], FHIR_KIND_GROUP);
        shapes[group].base = COPY(c[3]);
    } else {
        set_type(e, c[3]);
    }
}

/* ---- codes.tsv (read before the elements) */

static int find_system(const char *url) {
    for (int i = 0; i < n_systems; i++) {
        if (strcmp(systems[i], url) == 0) {
            return i;
        }
    }
    if (n_systems == SYSTEMS) {
        die("too many systems", url);
    }
    systems[n_systems] = COPY(url);
    return n_systems++;
}

static void read_code(char **c) {
    if (strcmp(c[1], "*") == 0) {
        return; /* a value set that nobody published: not checked */
    }
    int number = find_set(c[0]);
    if (number == 0) {
        if (n_sets == SETS) {
            die("too many value sets", c[0]);
        }
        number = n_sets++;
        sets[number].url = COPY(c[0]);
        sets[number].codes = calloc(CODES, sizeof(Code));
    }
    CodeSet *s = &sets[number];
    if (strcmp(c[2], "*") == 0) {
        if (s->n_open == ARRAY_LEN(s->open)) {
            die("too many open systems", c[0]);
        }
        s->open[s->n_open++] = find_system(c[1]);
    } else {
        if (s->n == CODES || s->codes == NULL) {
            die("too many codes", c[0]);
        }
        s->codes[s->n++] = (Code){COPY(c[2]), find_system(c[1])};
    }
}

/* ---- writing */

/* Puts number+1 of each name into a fresh table of `mask`+1 slots. */
static void fill(int *slots, uint32_t mask, const char *name, int number) {
    uint32_t at = fhir_name_hash(name, strlen(name));
    while (slots[at & mask] != 0) {
        at++;
    }
    slots[at & mask] = number;
}

static uint32_t mask_for(int n) {
    uint32_t size = 2;
    while ((int)size < 2 * n) {
        size *= 2;
    }
    return size - 1;
}

static void put_slots(const int *slots, uint32_t mask) {
    for (uint32_t i = 0; i <= mask; i++) {
        (void)fprintf(out, "%d,%s", slots[i], i % 24 == 23 || i == mask ? "\n" : "");
    }
}

static void put_enum_name(FILE *f, const char *name) {
    (void)fputs("FHIR_T_", f);
    for (const char *p = name; *p != '\0'; p++) {
        if (p > name && isupper((unsigned char)*p) && !isupper((unsigned char)p[-1])) {
            (void)fputc('_', f);
        }
        (void)fputc(toupper((unsigned char)*p), f);
    }
}

static void put_header(FILE *h) {
    (void)fputs("/* made by fhir_schema_gen */\n#ifndef NHIP_FHIR_SCHEMA_GEN_H\n"
                "#define NHIP_FHIR_SCHEMA_GEN_H\n\ntypedef enum FhirType {\n    FHIR_T_NONE,\n",
                h);
    for (int i = 1; i < n_types; i++) {
        (void)fputs("    ", h);
        put_enum_name(h, shapes[i].name);
        (void)fputs(",\n", h);
    }
    (void)fprintf(h,
                  "} FhirType;\n\nenum { FHIR_RESOURCE_COUNT = %d, FHIR_TYPE_COUNT = %d, "
                  "FHIR_SHAPE_COUNT = %d };\n\n#endif\n",
                  n_resources, n_types, n_shapes);
}

static int shape_number(const char *name) {
    int n = find_shape(name);
    if (n == 0) {
        die("unknown type", name);
    }
    return n;
}

static void put_elements(void) {
    for (int i = 1; i < n_shapes; i++) {
        const Shape *s = &shapes[i];
        if (s->n == 0) {
            continue;
        }
        (void)fprintf(out, "static const FhirElement elements_%d[] = { /* %s */\n", i, s->name);
        for (int k = 0; k < s->n; k++) {
            const Element *e = &s->elements[k];
            int shape = shape_number(e->type);
            (void)fprintf(out, "    {\"%s\", %zu, %d, %d, %d, %d, %d, %d, %d, %d, %d},\n", e->name,
                          strlen(e->name), e->flags, e->choice, e->base_len, e->required,
                          shapes[shape].kind, shape, e->codes, e->targets, e->extensible);
        }
        (void)fputs("};\n", out);
    }
}

static void put_element_slots(int *hash_at) {
    int at = 0;
    (void)fputs("const uint8_t FHIR_ELEMENT_SLOTS[] = {\n", out);
    for (int i = 1; i < n_shapes; i++) {
        const Shape *s = &shapes[i];
        uint32_t mask = mask_for(s->n);
        CLEANUP_FREE int *slots = calloc(mask + 1, sizeof(int));
        if (slots == NULL) {
            die("out of memory", s->name);
        }
        for (int k = 0; k < s->n; k++) {
            fill(slots, mask, s->elements[k].name, k + 1);
        }
        hash_at[i] = at;
        at += (int)mask + 1;
        put_slots(slots, mask);
    }
    (void)fputs("};\n", out);
    if (at > UINT16_MAX) {
        die("name tables", "more than 65535 slots");
    }
}

static void put_shapes(const int *hash_at) {
    (void)fputs("const FhirShapeInfo FHIR_SHAPES[FHIR_SHAPE_COUNT] = {\n    {.name = \"\"},\n",
                out);
    for (int i = 1; i < n_shapes; i++) {
        const Shape *s = &shapes[i];
        (void)fprintf(out, "    {\"%s\", ", s->name);
        (void)fprintf(out, s->n > 0 ? "elements_%d, " : "NULL, ", i);
        (void)fprintf(out, "%d, %d, %u, %d, %d, %d, %d, ", s->n, hash_at[i], mask_for(s->n),
                      s->kind, s->n_required, s->n_choices, s->is_abstract);
        put_enum_name(out, s->base[0] == '\0' ? "NONE" : s->base);
        (void)fputs("},\n", out);
    }
    (void)fputs("};\n", out);
}

static void put_type_slots(void) {
    uint32_t mask = mask_for(n_types);
    int slots[2 * TYPES * 2] = {0};
    for (int i = 1; i < n_types; i++) {
        fill(slots, mask, shapes[i].name, i);
    }
    (void)fprintf(
        out, "const uint32_t FHIR_TYPE_SLOTS_MASK = %u;\nconst uint16_t FHIR_TYPE_SLOTS[] = {\n",
        mask);
    put_slots(slots, mask);
    (void)fputs("};\n", out);
}

static void put_extensible(void) {
    (void)fprintf(out, "const uint16_t FHIR_EXTENSIBLE_COUNT = %d;\n", n_extensible);
    (void)fputs("const char *const FHIR_EXTENSIBLE[] = {\n    \"\",\n", out);
    for (int i = 1; i < n_extensible; i++) {
        (void)fprintf(out, "    \"%s\",\n", extensible[i]);
    }
    (void)fputs("};\n", out);
}

static void put_code_slots(int *hash_at) {
    int at = 0;
    (void)fputs("const uint16_t FHIR_CODE_SLOTS[] = {\n", out);
    for (int i = 1; i < n_sets; i++) {
        uint32_t mask = mask_for(sets[i].n);
        CLEANUP_FREE int *slots = calloc(mask + 1, sizeof(int));
        if (slots == NULL) {
            die("out of memory", sets[i].url);
        }
        for (int k = 0; k < sets[i].n; k++) {
            fill(slots, mask, sets[i].codes[k].code, k + 1);
        }
        hash_at[i] = at;
        at += (int)mask + 1;
        put_slots(slots, mask);
    }
    (void)fputs("};\n", out);
    if (at > UINT16_MAX) {
        die("code tables", "more than 65535 slots");
    }
}

static void put_code_sets(void) {
    int hash_at[SETS] = {0};
    for (int i = 1; i < n_sets; i++) {
        const CodeSet *s = &sets[i];
        (void)fprintf(out, "static const FhirCode codes_%d[] = {\n", i);
        for (int k = 0; k < s->n; k++) {
            (void)fprintf(out, "    {\"%s\", %zu, %d},\n", s->codes[k].code,
                          strlen(s->codes[k].code), s->codes[k].system);
        }
        (void)fprintf(out, "    {NULL, 0, 0},\n};\nstatic const uint16_t open_%d[] = {", i);
        for (int k = 0; k < s->n_open; k++) {
            (void)fprintf(out, "%d, ", s->open[k]);
        }
        (void)fputs("0};\n", out);
    }
    put_code_slots(hash_at);
    (void)fprintf(
        out,
        "const uint16_t FHIR_CODE_SET_COUNT = %d;\nconst FhirCodeSet FHIR_CODE_SETS[] = {\n"
        "    {.url = \"\"},\n",
        n_sets);
    for (int i = 1; i < n_sets; i++) {
        const CodeSet *s = &sets[i];
        (void)fprintf(out, "    {\"%s\", codes_%d, open_%d, %d, %d, %u},\n", s->url, i, i,
                      s->n_open, hash_at[i], s->n == 0 ? 0 : mask_for(s->n));
    }
    (void)fputs("};\nconst char *const FHIR_SYSTEMS[] = {\n", out);
    for (int i = 0; i < n_systems; i++) {
        (void)fprintf(out, "    \"%s\",\n", systems[i]);
    }
    (void)fputs("};\n", out);
}

static void put_targets(void) {
    (void)fprintf(out,
                  "const uint16_t FHIR_TARGETS_COUNT = %d;\n"
                  "const uint64_t FHIR_TARGETS[][FHIR_TARGET_WORDS] = {\n    {0},\n",
                  n_targets);
    for (int i = 1; i < n_targets; i++) {
        uint64_t words[TYPES / 64] = {0};
        for (char *p = targets[i]; *p != '\0';) {
            size_t len = strcspn(p, "|");
            int type = shape_number(copy(p, len));
            words[type / 64] |= UINT64_C(1) << (type % 64);
            p += len + (p[len] == '|');
        }
        (void)fputs("    {", out);
        for (int w = 0; w < (n_resources + 64) / 64; w++) {
            (void)fprintf(out, "UINT64_C(0x%llX), ", (unsigned long long)words[w]);
        }
        (void)fprintf(out, "}, /* %s */\n", targets[i]);
    }
    (void)fputs("};\n", out);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        die("usage", "fhir_schema_gen OUT.c OUT.h DATA_DIR");
    }
    for (pass = 0; pass < 3; pass++) {
        read_tsv(argv[3], "types.tsv", read_type);
    }
    read_tsv(argv[3], "codes.tsv", read_code);
    read_tsv(argv[3], "elements.tsv", read_element);
    CLEANUP_FILE FILE *h = fopen(argv[2], "w");
    out = fopen(argv[1], "w");
    if (h == NULL || out == NULL) {
        die("cannot write", argv[1]);
    }
    put_header(h);
    (void)fputs("/* made by fhir_schema_gen */\n#include \"fhir/fhir_type_int.h\"\n\n", out);
    static int hash_at[SHAPES];
    put_elements();
    put_element_slots(hash_at);
    put_shapes(hash_at);
    put_type_slots();
    put_extensible();
    put_code_sets();
    put_targets();
    if (fclose(out) != 0) {
        die("cannot write", argv[1]);
    }
    return 0;
}
