/* How common names are. */
#include <math.h>

#include "core/hash.h"
#include "mpi/mpi_model.h"

enum { NAMES_MAX = 1 << 20, FAMILY = 1, MIDDLE, GIVEN };

void mpi_names_init(MpiNames *names) {
    *names = (MpiNames){0};
}

void mpi_names_release(MpiNames *names) {
    free(names->slots);
    *names = (MpiNames){0};
}

static uint64_t place_of(const MpiPerson *p, unsigned i) {
    return i == 0 ? FAMILY : i + 1 == p->n_words ? GIVEN : MIDDLE;
}

/* The slot of the word, or the free one where it would stand. */
static MpiWordCount *find_slot(const MpiNames *names, uint64_t word) {
    uint32_t at = (uint32_t)(hash64_mix(word, 1) >> 32) & (names->n_slots - 1);
    while (names->slots[at].count != 0 && names->slots[at].word != word) {
        at = (at + 1) & (names->n_slots - 1);
    }
    return &names->slots[at];
}

static ErrCode grow(MpiNames *names) {
    MpiNames larger = {.n_slots = names->n_slots == 0 ? 4096 : names->n_slots * 2,
                       .n_words = names->n_words,
                       .persons = names->persons};
    larger.slots = calloc(larger.n_slots, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < names->n_slots; i++) {
        if (names->slots[i].count != 0) {
            *find_slot(&larger, names->slots[i].word) = names->slots[i];
        }
    }
    free(names->slots);
    *names = larger;
    return ERR_OK;
}

ErrCode mpi_names_add(MpiNames *names, const MpiPerson *p) {
    names->persons += p->n_words > 0;
    for (unsigned i = 0; i < p->n_words; i++) {
        if (names->n_words * 2 >= names->n_slots) {
            TRY(grow(names));
        }
        MpiWordCount *slot = find_slot(names, p->words[i] | place_of(p, i));
        if (slot->count == 0 && names->n_words == NAMES_MAX) {
            continue;
        }
        names->n_words += slot->count == 0;
        slot->word = p->words[i] | place_of(p, i);
        slot->count += slot->count < UINT32_MAX;
    }
    return ERR_OK;
}

double mpi_names_bits(const MpiNames *names, const MpiPerson *p) {
    enum { BITS_MAX = 30 };
    double bits = 0;
    for (unsigned i = 0; i < p->n_words && names->n_slots > 0; i++) {
        uint32_t count = find_slot(names, p->words[i] | place_of(p, i))->count;
        bits += log2((double)(names->persons + 1) / (count + 1.0));
    }
    return fmin(bits, BITS_MAX);
}
