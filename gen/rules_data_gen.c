/* rules_data_gen — embeds every file of data/rules (rules, visits, tables) into the program.
 * Usage: rules_data_gen OUT.c OUT.h DATA_DIR, from the repository's root. */
#include "core/str.h"

#include <dirent.h>

#define FOLDER "data/rules"

static int is_plain(const struct dirent *e) {
    return e->d_name[0] != '.';
}

static int write_code(FILE *c, struct dirent **names, int n) {
    (void)fprintf(c, "#include \"core/embed.h\"\n#include \"rules/rules_data.gen.h\"\n\n");
    for (int i = 0; i < n; i++) {
        (void)fprintf(c, "EMBED(rules_data_%d, \"" FOLDER "/%s\")\n", i, names[i]->d_name);
    }
    (void)fprintf(c, "\nStr rules_data_name(int i) {\n    static const char *const names[] = {");
    for (int i = 0; i < n; i++) {
        (void)fprintf(c, "\"%s\", ", names[i]->d_name);
    }
    (void)fprintf(c, "};\n    return str_from(names[i]);\n}\n\n");
    (void)fprintf(c, "Str rules_data_text(int i) {\n    switch (i) {\n");
    for (int i = 0; i < n; i++) {
        (void)fprintf(c, "    case %d:\n        return embed_rules_data_%d();\n", i, i);
    }
    (void)fprintf(c, "    default:\n        return STR_EMPTY;\n    }\n}\n");
    return ferror(c);
}

int main(int argc, char **argv) {
    struct dirent **names = NULL;
    int n = scandir(FOLDER, &names, is_plain, alphasort);
    CLEANUP_FILE FILE *c = argc == 4 ? fopen(argv[1], "w") : NULL;
    CLEANUP_FILE FILE *h = argc == 4 ? fopen(argv[2], "w") : NULL;
    if (n <= 0 || c == NULL || h == NULL) {
        (void)fprintf(stderr, "rules_data_gen: cannot read " FOLDER " or write the output\n");
        return 1;
    }
    (void)fprintf(h,
                  "#ifndef NHIP_RULES_DATA_GEN_H\n#define NHIP_RULES_DATA_GEN_H\n\n"
                  "#include \"core/str.h\"\n\nenum { RULES_DATA_COUNT = %d };\n"
                  "Str rules_data_name(int i);\nStr rules_data_text(int i);\n\n#endif\n",
                  n);
    bool bad = write_code(c, names, n) != 0 || ferror(h) != 0;
    for (int i = 0; i < n; i++) {
        free(names[i]);
    }
    free(names);
    return bad ? 1 : 0;
}
