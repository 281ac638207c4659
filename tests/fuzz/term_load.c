/* Catalogue files of any form: the loader refuses or makes a pack that can be used. The first byte
 * chooses how many files the rest is cut into. */
#include "core/limits.h"
#include "term/term_int.h"
#include "term/term_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(Buf *pack) {
    static Term *term;
    if (term == NULL && term_new(&term) != ERR_OK) {
        return;
    }
    if (term_add_heap(term, TERM_FILE, STR("fuzz"), pack, NULL) != ERR_OK) {
        abort(); /* what the loader makes can be opened */
    }
    const TermView *view = term_view(term);
    CLEANUP_ARENA Arena *arena = arena_new(16 * LIMIT_MIB);
    static const char *const sets[] = {"urn:f?fhir_vs", "urn:vs", "http://loinc.org/vs"};
    for (size_t i = 0; i < ARRAY_LEN(sets) && arena != NULL; i++) {
        const TermSet *set = NULL;
        TermExpansion x;
        TermExpand ask = {.filter = STR("a b"), .count = 10, .max = 1000};
        if (term_set_in(view, arena, &(TermSetAsk){.canonical = str_from(sets[i])}, &set, NULL) ==
            ERR_OK) {
            (void)!term_expand(set, arena, &ask, &x, NULL);
            (void)term_set_has(set, STR_EMPTY, STR("a"));
        }
    }
    term_view_end(view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    TermFile files[3];
    Str rest = {(const char *)data + (size > 0), size - (size > 0)};
    size_t n = size > 0 ? 1 + data[0] % 3 : 1;
    for (size_t i = 0; i < n; i++) {
        Str part = rest;
        if (i + 1 < n && !str_cut(&rest, '\f', &part)) {
            part = STR_EMPTY;
        }
        files[i] = (TermFile){STR("f"), part.ptr == NULL ? STR_EMPTY : part};
    }
    TermLoaded done;
    ErrInfo info;
    Buf pack;
    buf_init(&pack, 64 * LIMIT_MIB);
    TermLoad ask = {.files = files,
                    .n_files = n,
                    .system = STR("urn:f"),
                    .target = STR("urn:t"),
                    .map = STR("urn:m")};
    if (term_load(&ask, &pack, &done, &info) == ERR_OK) {
        use(&pack);
    }
    buf_release(&pack);
    return 0;
}
