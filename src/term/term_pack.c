#include "term/term_pack_int.h"

ErrCode pack_open(Str bytes, Pack *ret_pack) {
    Pack p = {bytes.ptr, bytes.len, (const PackHead *)(const void *)bytes.ptr};
    const PackHead *h = p.head;
    if (bytes.len < sizeof(*h) || (uintptr_t)bytes.ptr % 4 != 0 ||
        memcmp(h->magic, PACK_MAGIC, sizeof(h->magic)) != 0 || h->format != PACK_FORMAT ||
        h->bytes != bytes.len || h->texts > bytes.len) {
        return ERR_CORRUPT;
    }
    bool whole =
        (h->n_systems == 0 || pack_table(&p, h->systems, h->n_systems, sizeof(PackSystem))) &&
        (h->n_sets == 0 || pack_table(&p, h->sets, h->n_sets, sizeof(PackSet))) &&
        (h->n_maps == 0 || pack_table(&p, h->maps, h->n_maps, sizeof(PackMap)));
    if (!whole) {
        return ERR_CORRUPT;
    }
    *ret_pack = p;
    return ERR_OK;
}

uint32_t pack_find(const Pack *p, const PackSystem *s, Str code) {
    const uint32_t *slots = pack_table(p, s->slots, (size_t)s->mask + 1, sizeof(*slots));
    if (slots == NULL || s->n == 0) {
        return PACK_NONE;
    }
    uint32_t slot = pack_hash(code) & s->mask;
    for (uint32_t tries = 0; slots[slot] != 0 && tries <= s->mask; tries++) {
        const PackConcept *c = pack_concept(p, s, slots[slot] - 1);
        Str known = c == NULL ? STR_EMPTY : pack_str(p, c->code);
        if (s->no_case != 0 ? str_eq_nocase(known, code) : str_eq(known, code)) {
            return slots[slot] - 1;
        }
        slot = (slot + 1) & s->mask;
    }
    return PACK_NONE;
}
