/* claim_tables_gen — reads gen/data/claims/{releases,tags,fields,labels}.tsv and writes the const
 * tables
 * behind interop/claim_tables.h: one ClaimTable a claim table, its fields in the order of the
 * annex, the enum of field indexes, and a perfect hash (found by trying seeds) from element name to
 * field. Usage: claim_tables_gen OUT.c OUT.h DATA_DIR. Exits 1 with a message on the first bad
 * line. */
#include "core/str.h"

enum {
    TABLES = 16,
    FIELDS_MAX = 128,
    LINE_MAX_LEN = 512,
    COLUMNS = 9,
    SLOTS = 256,
    RELEASES_MAX = 8
};

/* A field as one release has it. */
typedef struct Form {
    char *name;
    int maxlen;
    char required; /* Y, C or a blank */
    bool gone;
} Form;

typedef struct Release {
    char *name, *since;
} Release;

static Release releases[RELEASES_MAX];
static int n_releases;

typedef struct Field {
    char *name, *kind;
    char *vi, *en; /* labels.tsv */
    int scale;
    bool multi, changes;
    Form forms[RELEASES_MAX]; /* by release, oldest first */
} Field;

typedef struct Table {
    char *root, *list, *record;
    Field fields[FIELDS_MAX];
    int n;
} Table;

static Table tables[TABLES];

static _Noreturn void die(const char *what, const char *line) {
    (void)fprintf(stderr, "claim_tables_gen: %s: %s\n", what, line);
    exit(1);
}

/* Splits at tabs in place; missing columns become "". */
static void split(char *line, char **cols, int n) {
    line[strcspn(line, "\r\n")] = '\0';
    for (int i = 0; i < n; i++) {
        cols[i] = line;
        size_t len = strcspn(line, "\t");
        line += len;
        if (*line == '\t') {
            *line++ = '\0';
        }
    }
}

static int number(const char *text, int if_empty) {
    return text[0] == '\0' ? if_empty : (int)strtol(text, NULL, 10);
}

static Table *table_of(const char *name) {
    int n = strncmp(name, "XML", 3) == 0 ? number(name + 3, -1) : -1;
    if (n < 0 || n >= TABLES) {
        die("unknown table", name);
    }
    return &tables[n];
}

static char *copy(const char *s) {
    char *p = strdup(s);
    if (p == NULL) {
        die("out of memory", s);
    }
    return p;
}

static void read_tag(char **c) {
    Table *t = table_of(c[0]);
    t->root = copy(c[1]);
    t->list = copy(c[2]);
    t->record = copy(c[3]);
}

static void read_release(char **c) {
    bool in_order =
        n_releases == 0 ? c[1][0] == '\0' : strcmp(c[1], releases[n_releases - 1].since) > 0;
    bool dated = strcmp(c[2], "confirmed") == 0 || strcmp(c[2], "unconfirmed") == 0;
    if (n_releases == RELEASES_MAX || !in_order || !dated || c[3][0] == '\0') {
        die("releases stand by date, confirmed or unconfirmed, with their law", c[0]);
    }
    releases[n_releases++] = (Release){copy(c[0]), copy(c[1])};
}

/* "3176.name=X", "3176.maxlen=9", "3176.required=Y", "3176.gone": from that release on. */
static void change(Field *f, char *what) {
    char *dot = strchr(what, '.');
    int from = 0;
    while (dot != NULL && from < n_releases &&
           (strncmp(releases[from].name, what, (size_t)(dot - what)) != 0 ||
            releases[from].name[dot - what] != '\0')) {
        from++;
    }
    if (dot == NULL || from == n_releases) {
        die("change of no release", what);
    }
    char *value = strchr(dot, '=');
    value = value == NULL ? dot + strlen(dot) : value + 1;
    for (int i = from; i < n_releases; i++) {
        Form *form = &f->forms[i];
        if (strncmp(dot, ".name=", 6) == 0) {
            form->name = copy(value);
        } else if (strncmp(dot, ".maxlen=", 8) == 0) {
            form->maxlen = number(value, 0);
        } else if (strncmp(dot, ".required=", 10) == 0) {
            form->required = value[0] == '\0' ? ' ' : value[0];
        } else if (strcmp(dot, ".gone") == 0) {
            form->gone = true;
        } else {
            die("unknown change", what);
        }
    }
    f->changes = true;
}

static void read_field(char **c) {
    Table *t = table_of(c[0]);
    if (t->n == FIELDS_MAX || number(c[1], 0) != t->n + 1) {
        die("fields out of order", c[2]);
    }
    Field *f = &t->fields[t->n++];
    *f = (Field){
        .name = copy(c[2]), .kind = copy(c[3]), .scale = number(c[5], 0), .multi = c[7][0] == 'Y'};
    for (int i = 0; i < n_releases; i++) {
        f->forms[i] = (Form){f->name, number(c[4], 0), c[6][0] == '\0' ? ' ' : c[6][0], false};
    }
    for (char *word = c[8]; *word != '\0';) {
        size_t len = strcspn(word, " ");
        char *next = word[len] == ' ' ? word + len + 1 : word + len;
        word[len] = '\0';
        change(f, word);
        word = next;
    }
}

/* The same words in every table that has the field. */
static void read_label(char **c) {
    bool used = false;
    for (int n = 0; n < TABLES; n++) {
        for (int i = 0; i < tables[n].n; i++) {
            if (strcmp(tables[n].fields[i].name, c[0]) == 0) {
                tables[n].fields[i].vi = copy(c[1]);
                tables[n].fields[i].en = copy(c[2]);
                used = true;
            }
        }
    }
    if (!used || c[1][0] == '\0' || c[2][0] == '\0') {
        die("label of no field, or empty", c[0]);
    }
}

static void read_file(const char *dir, const char *name, void (*row)(char **)) {
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/claims/%s", dir, name);
    CLEANUP_FILE FILE *f = fopen(path, "r");
    if (f == NULL) {
        die("cannot open", path);
    }
    char line[LINE_MAX_LEN];
    char *cols[COLUMNS];
    bool first = true;
    while (fgets(line, sizeof(line), f) != NULL) {
        if (!first) {
            split(line, cols, COLUMNS);
            row(cols);
        }
        first = false;
    }
}

/* The same function stands in src/interop/claim_tables.c. */
static unsigned slot_of(const char *name, unsigned seed) {
    unsigned h = seed;
    for (; *name != '\0'; name++) {
        h = (h ^ (unsigned char)*name) * 0x01000193u;
    }
    return (h ^ h >> 15) % SLOTS;
}

static bool place(unsigned char *slots, const char *name, int index, unsigned seed) {
    unsigned at = slot_of(name, seed);
    if (slots[at] != 0) {
        return false;
    }
    slots[at] = (unsigned char)(index + 1);
    return true;
}

/* Under each of its names. */
static bool place_all(unsigned char *slots, const Field *f, int index, unsigned seed) {
    bool fits = place(slots, f->name, index, seed);
    const char *last = f->name;
    for (int i = 0; i < n_releases && fits; i++) {
        if (strcmp(f->forms[i].name, last) != 0) {
            last = f->forms[i].name;
            fits = place(slots, last, index, seed);
        }
    }
    return fits;
}

static unsigned find_seed(const Table *t, unsigned char *slots) {
    for (unsigned seed = 1; seed < 50000000; seed++) {
        memset(slots, 0, SLOTS);
        bool fits = true;
        for (int i = 0; i < t->n && fits; i++) {
            fits = place_all(slots, &t->fields[i], i, seed);
        }
        if (fits) {
            return seed;
        }
    }
    die("no perfect hash found", t->root);
}

static void write_form(FILE *c, const Form *f) {
    (void)fprintf(c, "    {{\"%s\", %zu}, %d, '%c', %s},\n", f->name, strlen(f->name), f->maxlen,
                  f->required, f->gone ? "true" : "false");
}

/* What any release may have: the larger size, and asked for only where all ask for it. */
static Form widest(const Field *f) {
    Form any = {f->name, f->forms[0].maxlen, f->forms[0].required, false};
    for (int i = 1; i < n_releases; i++) {
        const Form *form = &f->forms[i];
        any.maxlen = any.maxlen == 0 || form->maxlen == 0 ? 0 : MAX(any.maxlen, form->maxlen);
        any.required = form->required == any.required && !form->gone ? any.required : ' ';
    }
    return any;
}

static void write_forms(FILE *c, int number_of_table, int index) {
    const Field *f = &tables[number_of_table].fields[index];
    Form any = widest(f);
    (void)fprintf(c, "static const ClaimForm forms%d_%d[CLAIM_RELEASE_COUNT] = {\n",
                  number_of_table, index);
    write_form(c, &any);
    for (int i = 0; i < n_releases; i++) {
        write_form(c, &f->forms[i]);
    }
    (void)fprintf(c, "};\n");
}

static void write_field(FILE *c, int number_of_table, int index) {
    const Field *f = &tables[number_of_table].fields[index];
    Form any = widest(f);
    char forms[32] = "NULL";
    if (f->changes) {
        (void)snprintf(forms, sizeof(forms), "forms%d_%d", number_of_table, index);
    }
    (void)fprintf(c, "    {{\"%s\", %zu}, CLAIM_%s, '%c', %s, %d, %d, %s,\n", f->name,
                  strlen(f->name), f->kind, any.required, f->multi ? "true" : "false", f->scale,
                  any.maxlen, forms);
    if (f->vi == NULL) {
        die("field without a label", f->name);
    }
    (void)fprintf(c, "        {\"%s\", %zu}, {\"%s\", %zu}},\n", f->vi, strlen(f->vi), f->en,
                  strlen(f->en));
}

static void write_releases(FILE *c) {
    (void)fprintf(c, "const ClaimReleaseInfo claim_releases[CLAIM_RELEASE_COUNT] = {\n"
                     "    {{\"any\", 3}, {\"\", 0}},\n");
    for (int i = 0; i < n_releases; i++) {
        const Release *r = &releases[i];
        (void)fprintf(c, "    {{\"%s\", %zu}, {\"%s\", %zu}},\n", r->name, strlen(r->name),
                      r->since, strlen(r->since));
    }
    (void)fprintf(c, "};\n\n");
}

static void write_table(FILE *c, int number_of_table) {
    const Table *t = &tables[number_of_table];
    for (int i = 0; i < t->n; i++) {
        if (t->fields[i].changes) {
            write_forms(c, number_of_table, i);
        }
    }
    (void)fprintf(c, "static const ClaimField fields%d[] = {\n", number_of_table);
    for (int i = 0; i < t->n; i++) {
        write_field(c, number_of_table, i);
    }
    (void)fprintf(c, "};\n");
}

static void write_row(FILE *c, int n) {
    const Table *t = &tables[n];
    unsigned char slots[SLOTS];
    if (t->n == 0) {
        return;
    }
    (void)fprintf(c, "    [%d] = {{\"XML%d\", %d}, {\"%s\", %zu}, {\"%s\", %zu}, {\"%s\", %zu},\n",
                  n, n, n < 10 ? 4 : 5, t->root, strlen(t->root), t->list, strlen(t->list),
                  t->record, strlen(t->record));
    (void)fprintf(c, "        fields%d, %d, %d, %uu, {", n, n, t->n, find_seed(t, slots));
    for (int i = 0; i < SLOTS; i++) {
        (void)fprintf(c, "%s%u,", i % 32 == 0 ? "\n        " : "", slots[i]);
    }
    (void)fprintf(c, "}},\n");
}

static void write_c(FILE *c) {
    (void)fprintf(c, "/* Made by gen/claim_tables_gen.c; do not edit. */\n"
                     "#include \"interop/claim_tables.h\"\n\n");
    write_releases(c);
    for (int n = 0; n < TABLES; n++) {
        if (tables[n].n > 0) {
            write_table(c, n);
        }
    }
    (void)fprintf(c, "const ClaimTable claim_tables[CLAIM_TABLES] = {\n");
    for (int n = 0; n < TABLES; n++) {
        write_row(c, n);
    }
    (void)fprintf(c, "};\n");
}

static void write_h(FILE *h) {
    (void)fprintf(h, "/* Made by gen/claim_tables_gen.c; do not edit. */\n"
                     "#ifndef NHIP_INTEROP_CLAIM_TABLES_GEN_H\n"
                     "#define NHIP_INTEROP_CLAIM_TABLES_GEN_H\n");
    int most = 0;
    (void)fprintf(h, "\n/* gen/data/claims/releases.tsv; ANY takes the names of all and the larger "
                     "size. */\n"
                     "typedef enum ClaimRelease {\n    CLAIM_RELEASE_ANY,\n");
    for (int i = 0; i < n_releases; i++) {
        (void)fprintf(h, "    CLAIM_RELEASE_%s,\n", releases[i].name);
    }
    (void)fprintf(h, "    CLAIM_RELEASE_COUNT,\n} ClaimRelease;\n");
    for (int n = 0; n < TABLES; n++) {
        const Table *t = &tables[n];
        if (t->n == 0) {
            continue;
        }
        most = MAX(most, t->n);
        (void)fprintf(h, "\nenum {\n");
        for (int i = 0; i < t->n; i++) {
            (void)fprintf(h, "    XML%d_%s,\n", n, t->fields[i].name);
        }
        (void)fprintf(h, "    XML%d_FIELD_COUNT,\n};\n", n);
    }
    (void)fprintf(h, "\nenum { CLAIM_FIELDS_MAX = %d };\n\n#endif\n", most);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        die("usage", "claim_tables_gen OUT.c OUT.h DATA_DIR");
    }
    read_file(argv[3], "releases.tsv", read_release);
    read_file(argv[3], "tags.tsv", read_tag);
    read_file(argv[3], "fields.tsv", read_field);
    read_file(argv[3], "labels.tsv", read_label);
    for (int n = 0; n < TABLES; n++) {
        if ((tables[n].root == NULL) != (tables[n].n == 0)) {
            die("table with tags but no fields, or the other way round", argv[3]);
        }
    }
    CLEANUP_FILE FILE *c = fopen(argv[1], "w");
    CLEANUP_FILE FILE *h = fopen(argv[2], "w");
    if (c == NULL || h == NULL) {
        die("cannot write", argv[1]);
    }
    write_c(c);
    write_h(h);
    return ferror(c) || ferror(h) ? 1 : 0;
}
