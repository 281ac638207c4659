#include "core/hash.h"
#include "ioc/ioc_int.h"

ErrCode codes_init(Codes *d) {
    *d = (Codes){.capacity = 1024, .mask = 4095};
    d->codes = calloc(d->capacity, sizeof(*d->codes));
    d->slots = calloc((size_t)d->mask + 1, sizeof(*d->slots));
    if (d->codes == NULL || d->slots == NULL) {
        codes_release(d);
        return ERR_NOMEM;
    }
    d->n = 1; /* number 0: the empty code */
    return ERR_OK;
}

void codes_release(Codes *d) {
    free(d->codes);
    free(d->slots);
    *d = (Codes){0};
}

static Str code_of(const Codes *d, uint32_t number) {
    return str_from(d->codes[number]);
}

/* The place of the code, or the free one where it belongs. */
static uint32_t place(const Codes *d, Str code) {
    uint32_t at = (uint32_t)hash64(code) & d->mask;
    while (d->slots[at] != 0 && !str_eq(code_of(d, d->slots[at]), code)) {
        at = (at + 1) & d->mask;
    }
    return at;
}

uint32_t codes_find(const Codes *d, Str code) {
    if (code.len == 0) {
        return 0;
    }
    uint32_t number = d->slots[place(d, code)];
    return number == 0 ? CODES_MAX + 1 : number;
}

static ErrCode grow(Codes *d) {
    char(*codes)[CODE_MAX] = realloc(d->codes, sizeof(*codes) * d->capacity * 2);
    if (codes == NULL) {
        return ERR_NOMEM;
    }
    d->codes = codes;
    d->capacity *= 2;
    uint32_t mask = d->mask * 2 + 1;
    uint32_t *slots = calloc((size_t)mask + 1, sizeof(*slots));
    if (slots == NULL) {
        return ERR_NOMEM;
    }
    free(d->slots);
    d->slots = slots;
    d->mask = mask;
    for (uint32_t i = 1; i < d->n; i++) {
        d->slots[place(d, code_of(d, i))] = i;
    }
    return ERR_OK;
}

ErrCode codes_put(Codes *d, Str code, uint16_t *ret_number) {
    uint32_t found = codes_find(d, code);
    if (found <= CODES_MAX) {
        *ret_number = (uint16_t)found;
        return ERR_OK;
    }
    if (d->n == CODES_MAX || code.len >= CODE_MAX) {
        return ERR_LIMIT;
    }
    if (d->n == d->capacity) {
        TRY(grow(d));
    }
    memset(d->codes[d->n], 0, CODE_MAX);
    memcpy(d->codes[d->n], code.ptr, code.len);
    d->slots[place(d, code)] = d->n;
    *ret_number = (uint16_t)d->n++;
    return ERR_OK;
}
