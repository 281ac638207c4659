#include "synth/synth_int.h"

#include <utf8proc.h>

#include "core/embed.h"
#include "core/tsv.h"
#include "core/utf8.h"

EMBED(synth_names, "data/synth/names.tsv")

/* The name in capitals, as most hospital systems send it. */
static Str upper(Arena *a, Str s) {
    Buf b;
    buf_init(&b, 256);
    for (size_t at = 0; at < s.len;) {
        uint32_t cp;
        size_t n = utf8_decode(s, at, &cp);
        if (n == 0) {
            break;
        }
        utf8_put(&b, (uint32_t)utf8proc_toupper((int32_t)cp));
        at += n;
    }
    Str result = arena_str(a, buf_str(&b));
    buf_release(&b);
    return result;
}

static uint32_t weight(Str s) {
    uint64_t value = 0;
    return str_to_u64(s, &value) == ERR_OK ? (uint32_t)value : 0;
}

static int list_of(Str part, Str sex) {
    bool female = str_eq(sex, STR("f"));
    if (str_eq(part, STR("f"))) {
        return NAMES_FAMILY;
    }
    if (str_eq(part, STR("m"))) {
        return female ? NAMES_MIDDLE_F : NAMES_MIDDLE_M;
    }
    return female ? NAMES_GIVEN_F : NAMES_GIVEN_M;
}

enum { NAMES_MAX = 128 };

static bool list_init(Arena *a, NameList *l) {
    l->names = arena_new_array(a, Name, NAMES_MAX);
    l->old_sums = arena_new_array(a, uint32_t, NAMES_MAX);
    l->young_sums = arena_new_array(a, uint32_t, NAMES_MAX);
    return l->names != NULL && l->old_sums != NULL && l->young_sums != NULL;
}

ErrCode content_names(Content *c) {
    TsvReader r;
    for (int i = 0; i < NAMES_COUNT; i++) {
        if (!list_init(c->arena, &c->names[i])) {
            return ERR_NOMEM;
        }
    }
    TRY(tsv_init(&r, embed_synth_names(), NULL));
    while (tsv_next(&r)) {
        const Str *f = r.fields;
        NameList *l = &c->names[list_of(f[0], f[1])];
        if (l->n == NAMES_MAX) {
            return ERR_LIMIT;
        }
        size_t i = l->n++;
        l->names[i] = (Name){f[4], upper(c->arena, f[4]), weight(f[2]), weight(f[3])};
        l->old_sums[i] = l->names[i].old_weight + (i == 0 ? 0 : l->old_sums[i - 1]);
        l->young_sums[i] = l->names[i].young_weight + (i == 0 ? 0 : l->young_sums[i - 1]);
    }
    return tsv_ok(&r, NULL);
}
