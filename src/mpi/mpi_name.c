/* Names into words: letters and marks apart. */
#include "mpi/mpi_name_int.h"

#include <utf8proc.h>

#include "core/hash.h"
#include "core/utf8.h"

enum { NAME_WORDS_READ = 24, TONES = 7 };

typedef struct Word {
    uint64_t letters;
    uint32_t shape; /* marks other than the tone, hashed as they come */
    uint8_t n, tone, cut;
} Word;

typedef struct Words {
    Word word[NAME_WORDS_READ];
    size_t n;
    bool open;
} Words;

/* 1–5 for the five written tones, 0 for no tone. */
static uint8_t tone_of(uint32_t cp) {
    switch (cp) {
    case 0x300:
    case 0x340:
        return 1;
    case 0x301:
    case 0x341:
        return 2;
    case 0x303:
        return 3;
    case 0x309:
        return 4;
    case 0x323:
        return 5;
    default:
        return 0;
    }
}

static bool is_mark(uint32_t cp) {
    return cp >= 0x300 && cp < 0x370;
}

static void put_shape(Word *w, uint32_t what) {
    w->shape = w->shape * 31 + (uint32_t)w->n * 8 + what;
}

static void put_letter(Words *ws, uint32_t code) {
    if (!ws->open) {
        if (ws->n == NAME_WORDS_READ) {
            return;
        }
        ws->word[ws->n++] = (Word){0};
        ws->open = true;
    }
    Word *w = &ws->word[ws->n - 1];
    if (w->n == MPI_LETTERS_MAX) {
        w->cut = 1;
        return;
    }
    w->letters |= (uint64_t)code << (59 - 5 * w->n);
    w->n++;
}

/* One character after decomposition: a letter, a mark of the letter before it, or a boundary. */
static void put_char(Words *ws, uint32_t cp) {
    if (cp >= 'a' && cp <= 'z') {
        put_letter(ws, cp - 'a' + 1);
    } else if (cp == 0x111) {
        put_letter(ws, 'd' - 'a' + 1);
        if (ws->open) {
            put_shape(&ws->word[ws->n - 1], 4);
        }
    } else if (is_mark(cp)) {
        if (ws->open) {
            Word *w = &ws->word[ws->n - 1];
            uint8_t tone = tone_of(cp);
            w->tone = tone != 0 ? tone : w->tone;
            if (tone == 0) {
                put_shape(w, cp == 0x302 ? 1 : cp == 0x306 ? 2 : cp == 0x31B ? 3 : 5);
            }
        }
    } else if (cp >= 0x80 && cp != 0xA0 && cp < 0x2000) {
        put_letter(ws, 27 + cp % 5); /* another alphabet */
    } else if (cp > 0x206F) {
        put_letter(ws, 27 + cp % 5);
    } else {
        ws->open = false;
    }
}

static void read_words(Str name, Words *ws) {
    for (size_t at = 0; at < name.len;) {
        uint32_t cp = 0;
        size_t n = utf8_decode(name, at, &cp);
        if (n == 0) {
            at++;
            ws->open = false;
            continue;
        }
        utf8proc_int32_t parts[8];
        int boundary = 0;
        utf8proc_ssize_t k = utf8proc_decompose_char(
            (utf8proc_int32_t)cp, parts, 8, UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD, &boundary);
        for (utf8proc_ssize_t i = 0; i < k && i < 8; i++) {
            put_char(ws, (uint32_t)parts[i]);
        }
        at += n;
    }
}

static uint64_t packed(const char *text) {
    uint64_t letters = 0;
    for (int i = 0; text[i] != '\0'; i++) {
        letters |= (uint64_t)(text[i] - 'a' + 1) << (59 - 5 * i);
    }
    return letters;
}

static bool is_vowel(uint64_t code) {
    return code == 1 || code == 5 || code == 9 || code == 15 || code == 21;
}

/* Mỹ and Mĩ, Lý and Lí, Quý and Quí are one: a y that is a syllable's only vowel is an i. */
static void level_y(Word *w) {
    if (w->n < 2 || ((w->letters >> (64 - 5 * w->n)) & 31) != 25) {
        return;
    }
    bool only = true;
    for (int i = 0; i + 1 < w->n; i++) {
        only = only && !is_vowel((w->letters >> (59 - 5 * i)) & 31);
    }
    bool quy = w->n == 3 && (w->letters >> 54) == ((17u << 5) | 21u);
    if (only || quy) {
        w->letters ^= (uint64_t)(25 ^ 9) << (64 - 5 * w->n);
    }
}

/* What stands for a child without a name: "con bà …", "cb …", "sơ sinh", "trẻ sơ sinh",
 * "bé gái/trai …", "chưa đặt tên". */
static bool unnamed(const Words *ws) {
    static const char *const begins[][2] = {
        {"con", "ba"}, {"con", "chi"}, {"so", "sinh"},  {"tre", "so"},
        {"be", "gai"}, {"be", "trai"}, {"chua", "dat"}, {"chua", "co"},
    };
    if (ws->n == 0) {
        return false;
    }
    uint64_t first = ws->word[0].letters;
    uint64_t second = ws->n > 1 ? ws->word[1].letters : 0;
    bool found = first == packed("cb") && ws->n > 1;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        found = found || (first == packed(begins[i][0]) && second == packed(begins[i][1]));
    }
    return found;
}

static uint16_t marks_of(const Word *w) {
    uint32_t shape = w->shape;
    shape ^= shape >> 13;
    uint16_t low = (uint16_t)(shape & 0x1FFF);
    return (uint16_t)(w->tone | (w->shape != 0 ? (low == 0 ? 1 : low) << 3 : 0));
}

void mpi_name_make(Str name, MpiPerson *p) {
    Words ws = {0};
    read_words(name, &ws);
    if (unnamed(&ws)) {
        p->flags |= MPI_UNNAMED;
        return;
    }
    bool longer = ws.n > MPI_WORDS_MAX;
    p->flags |= longer ? MPI_CUT : 0;
    p->n_words = (uint8_t)(longer ? MPI_WORDS_MAX : ws.n);
    for (size_t i = 0; i < p->n_words; i++) {
        Word *w = &ws.word[longer && i == MPI_WORDS_MAX - 1 ? ws.n - 1 : i];
        level_y(w);
        p->flags |= w->cut != 0 ? MPI_CUT : 0;
        p->words[i] = w->letters;
        p->marks[i] = marks_of(w);
    }
}
