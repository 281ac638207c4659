#include "core/dfa.h"

#include "core/hash.h"
#include "core/limits.h"
#include "core/utf8.h"

/* Thompson's construction, then Rabin and Scott's sets of states. Bytes, not characters: a class
 * that takes any other character takes its first byte and then whatever continues it; in valid
 * UTF-8, which a match requires, that is one character. */

enum {
    NODES_MAX = 1024,
    SETS_MAX = 64,
    STATES_MAX = 256,
    CLASSES_MAX = 64,
    DEPTH_MAX = 32,    /* of groups */
    REPEATS_MAX = 255, /* in {n,m} */
    WORDS = NODES_MAX / 64,
    FOREVER = -1,
};

typedef struct Set {
    uint64_t bits[4]; /* of bytes */
} Set;

typedef struct Node {
    bool is_step; /* takes a byte of set; else goes on to out and out2 */
    uint8_t set;
    uint16_t out, out2; /* 0: nowhere */
} Node;

/* A part with one way in and one way out, the latter not connected yet. */
typedef struct Part {
    uint16_t in, out;
} Part;

typedef struct States {
    uint64_t bits[WORDS]; /* of nodes */
} States;

typedef struct Build {
    Str rest;
    Node nodes[NODES_MAX]; /* 0 is none */
    size_t n_nodes;
    Set sets[SETS_MAX];
    size_t n_sets;
    int depth;
    bool failed;
    uint8_t classes[256]; /* of bytes that all sets treat alike */
    uint8_t sample[CLASSES_MAX];
    size_t n_classes;
    States states[STATES_MAX]; /* 0 is dead, 1 the first */
    uint64_t hashes[STATES_MAX];
    size_t n_states;
    uint16_t next[STATES_MAX * CLASSES_MAX];
} Build;

struct Dfa {
    uint8_t classes[256];
    size_t n_classes, n_states;
    bool *accepts;
    const uint16_t *next; /* state · n_classes + class; 0: no match any more */
};

/* ---- parts ---- */

static uint16_t node(Build *b, Node n) {
    if (b->n_nodes == NODES_MAX) {
        b->failed = true;
        return 0;
    }
    b->nodes[b->n_nodes] = n;
    return (uint16_t)b->n_nodes++;
}

static Part empty_part(Build *b) {
    uint16_t n = node(b, (Node){0});
    return (Part){n, n};
}

static Part in_turn(Build *b, Part first, Part second) {
    b->nodes[first.out].out = second.in;
    return (Part){first.in, second.out};
}

static Part either(Build *b, Part one, Part other) {
    uint16_t out = node(b, (Node){0});
    uint16_t in = node(b, (Node){.out = one.in, .out2 = other.in});
    b->nodes[one.out].out = b->nodes[other.out].out = out;
    return (Part){in, out};
}

static Part any_times(Build *b, Part one) {
    uint16_t out = node(b, (Node){0});
    uint16_t in = node(b, (Node){.out = one.in, .out2 = out});
    b->nodes[one.out].out = in;
    return (Part){in, out};
}

static void add_byte(Set *s, unsigned byte) {
    s->bits[byte / 64] |= UINT64_C(1) << (byte % 64);
}
static bool has_byte(const Set *s, unsigned byte) {
    return (s->bits[byte / 64] >> (byte % 64) & 1) != 0;
}
static void add_range(Set *s, unsigned from, unsigned to) {
    for (unsigned i = from; i <= to; i++) {
        add_byte(s, i);
    }
}

static Part step(Build *b, const Set *s) {
    size_t i = 0;
    while (i < b->n_sets && memcmp(&b->sets[i], s, sizeof(*s)) != 0) {
        i++;
    }
    if (i == SETS_MAX) {
        b->failed = true;
        return (Part){0};
    }
    b->sets[i] = *s;
    b->n_sets = MAX(b->n_sets, i + 1);
    uint16_t out = node(b, (Node){0});
    return (Part){node(b, (Node){.is_step = true, .set = (uint8_t)i, .out = out}), out};
}

static Part literal(Build *b, Str bytes) {
    Part p = empty_part(b);
    for (size_t i = 0; i < bytes.len; i++) {
        Set one = {0};
        add_byte(&one, (unsigned char)bytes.ptr[i]);
        p = in_turn(b, p, step(b, &one));
    }
    return p;
}

/* A character of ascii or any beyond ASCII. */
static Part ascii_or_beyond(Build *b, const Set *ascii) {
    Set lead = {0};
    Set tail = {0};
    add_range(&lead, 0xc2, 0xf4);
    add_range(&tail, 0x80, 0xbf);
    Part beyond = in_turn(b, step(b, &lead), any_times(b, step(b, &tail)));
    return either(b, step(b, ascii), beyond);
}

/* ---- patterns ---- */

static Part alternatives(Build *b);

static Part fail(Build *b) {
    b->failed = true;
    return (Part){0};
}

static char peek(const Build *b) {
    return b->rest.len > 0 ? b->rest.ptr[0] : '\0';
}
static bool take(Build *b, char c) {
    if (b->rest.len == 0 || b->rest.ptr[0] != c) {
        return false;
    }
    b->rest = str_sub(b->rest, 1, b->rest.len);
    return true;
}

/* The next character, unescaped; false at the end and for escapes that are no punctuation. */
static bool character(Build *b, Str *ret, uint32_t *ret_cp) {
    bool escaped = take(b, '\\');
    size_t len = utf8_decode(b->rest, 0, ret_cp);
    *ret = str_sub(b->rest, 0, len);
    b->rest = str_sub(b->rest, len, b->rest.len);
    bool is_sign = len == 1 && *ret_cp > ' ' && *ret_cp < 0x7f &&
                   !(*ret_cp >= '0' && *ret_cp <= '9') && !(*ret_cp >= 'A' && *ret_cp <= 'Z') &&
                   !(*ret_cp >= 'a' && *ret_cp <= 'z');
    return len > 0 && *ret_cp != 0 && (!escaped || is_sign);
}

/* Behind '['. Ranges and what a negated class leaves out are ASCII. */
static Part class_part(Build *b) {
    Set ascii = {0};
    Part beyond = {0};
    bool negated = take(b, '^');
    if (peek(b) == ']') {
        return fail(b);
    }
    while (!b->failed && peek(b) != ']') {
        Str c;
        Str last;
        uint32_t from = 0;
        uint32_t to = 0;
        if (peek(b) == '[' || !character(b, &c, &from)) {
            return fail(b);
        }
        to = from;
        if (b->rest.len > 1 && peek(b) == '-' && b->rest.ptr[1] != ']') {
            if (!take(b, '-') || !character(b, &last, &to) || to >= 0x80 || to < from) {
                return fail(b);
            }
        }
        if (from >= 0x80) {
            beyond = beyond.in == 0 ? literal(b, c) : either(b, beyond, literal(b, c));
        } else {
            add_range(&ascii, from, to);
        }
    }
    if (!take(b, ']') || (negated && beyond.in != 0)) {
        return fail(b);
    }
    if (negated) {
        Set others = {{~ascii.bits[0], ~ascii.bits[1], 0, 0}};
        return ascii_or_beyond(b, &others);
    }
    return beyond.in == 0 ? step(b, &ascii) : either(b, step(b, &ascii), beyond);
}

static Part group(Build *b) {
    if (peek(b) == '*' || ++b->depth > DEPTH_MAX) {
        return fail(b);
    }
    if (take(b, '?') && !take(b, ':')) {
        return fail(b);
    }
    Part p = alternatives(b);
    b->depth--;
    return take(b, ')') ? p : fail(b);
}

static Part atom(Build *b) {
    Set all = {{UINT64_MAX, UINT64_MAX, 0, 0}};
    Str c;
    uint32_t cp = 0;
    if (take(b, '(')) {
        return group(b);
    }
    if (take(b, '[')) {
        return class_part(b);
    }
    if (take(b, '.')) {
        return ascii_or_beyond(b, &all);
    }
    if (str_find_char(STR("^$*+?{"), peek(b), 0) != SIZE_MAX || !character(b, &c, &cp)) {
        return fail(b);
    }
    return literal(b, c);
}

static bool number(Build *b, int *ret) {
    int n = 0;
    size_t digits = 0;
    for (; peek(b) >= '0' && peek(b) <= '9' && n <= REPEATS_MAX; digits++) {
        n = n * 10 + (peek(b) - '0');
        (void)take(b, peek(b));
    }
    *ret = n;
    return digits > 0 && n <= REPEATS_MAX;
}

/* What stands behind an atom; false: nothing. */
static bool quantifier(Build *b, int *ret_min, int *ret_max) {
    *ret_min = *ret_max = 1;
    if (take(b, '*') || take(b, '+')) {
        *ret_min = b->rest.ptr[-1] == '+';
        *ret_max = FOREVER;
    } else if (take(b, '?')) {
        *ret_min = 0;
    } else if (take(b, '{')) {
        bool fine = number(b, ret_min);
        *ret_max = *ret_min;
        if (fine && take(b, ',')) {
            *ret_max = FOREVER;
            fine = peek(b) == '}' || (number(b, ret_max) && *ret_max >= *ret_min);
        }
        b->failed = b->failed || !fine || !take(b, '}');
    } else {
        return false;
    }
    b->failed = b->failed || (b->rest.len > 0 && (peek(b) == '?' || peek(b) == '+'));
    return true;
}

static Part again(Build *b, Str of) {
    Str behind = b->rest;
    b->rest = of;
    Part p = atom(b);
    b->rest = behind;
    return p;
}

static Part repeated(Build *b) {
    int min = 0;
    int max = 0;
    Str of = b->rest;
    Part one = atom(b);
    of = str_sub(of, 0, of.len - b->rest.len);
    if (b->failed || !quantifier(b, &min, &max)) {
        return one;
    }
    Part all = empty_part(b);
    for (int i = 0; i < min && !b->failed; i++) {
        all = in_turn(b, all, again(b, of));
    }
    if (max == FOREVER) {
        return in_turn(b, all, any_times(b, one));
    }
    for (int i = min; i < max && !b->failed; i++) {
        all = in_turn(b, all, either(b, again(b, of), empty_part(b)));
    }
    return all;
}

static Part alternatives(Build *b) {
    Part all = {0};
    do {
        Part turn = empty_part(b);
        while (!b->failed && b->rest.len > 0 && peek(b) != '|' && peek(b) != ')') {
            turn = in_turn(b, turn, repeated(b));
        }
        all = all.in == 0 ? turn : either(b, all, turn);
    } while (!b->failed && take(b, '|'));
    return all;
}

/* ---- tables ---- */

static void find_classes(Build *b) {
    for (unsigned byte = 0; byte < 256 && !b->failed; byte++) {
        size_t c = 0;
        for (; c < b->n_classes; c++) {
            size_t i = 0;
            while (i < b->n_sets &&
                   has_byte(&b->sets[i], byte) == has_byte(&b->sets[i], b->sample[c])) {
                i++;
            }
            if (i == b->n_sets) {
                break;
            }
        }
        if (c == CLASSES_MAX) {
            b->failed = true;
            return;
        }
        b->sample[c] = c == b->n_classes ? (uint8_t)byte : b->sample[c];
        b->n_classes = MAX(b->n_classes, c + 1);
        b->classes[byte] = (uint8_t)c;
    }
}

static bool has_node(const States *s, size_t n) {
    return (s->bits[n / 64] >> (n % 64) & 1) != 0;
}

/* The node and all that it goes on to without a byte. */
static void reach(const Build *b, States *s, uint16_t from) {
    uint16_t stack[NODES_MAX];
    size_t n = 0;
    stack[n++] = from;
    while (n > 0) {
        uint16_t at = stack[--n];
        if (at == 0 || has_node(s, at)) {
            continue;
        }
        s->bits[at / 64] |= UINT64_C(1) << (at % 64);
        const Node *here = &b->nodes[at];
        if (!here->is_step && n + 2 <= NODES_MAX) {
            stack[n++] = here->out;
            stack[n++] = here->out2;
        }
    }
}

/* Its number; a new one when there was none like it. */
static uint16_t state_of(Build *b, const States *s) {
    uint64_t hash = hash64((Str){(const char *)s, sizeof(*s)});
    for (size_t i = 0; i < b->n_states; i++) {
        if (b->hashes[i] == hash && memcmp(&b->states[i], s, sizeof(*s)) == 0) {
            return (uint16_t)i;
        }
    }
    if (b->n_states == STATES_MAX) {
        b->failed = true;
        return 0;
    }
    b->states[b->n_states] = *s;
    b->hashes[b->n_states] = hash;
    return (uint16_t)b->n_states++;
}

static void follow(Build *b, size_t state, size_t class_of_bytes) {
    States to = {0};
    const States *from = &b->states[state];
    for (size_t i = 1; i < b->n_nodes; i++) {
        const Node *n = &b->nodes[i];
        if (n->is_step && has_node(from, i) &&
            has_byte(&b->sets[n->set], b->sample[class_of_bytes])) {
            reach(b, &to, n->out);
        }
    }
    b->next[state * b->n_classes + class_of_bytes] = state_of(b, &to);
}

static void build_states(Build *b, Part all) {
    States first = {0};
    (void)state_of(b, &first);
    reach(b, &first, all.in);
    (void)state_of(b, &first);
    for (size_t i = 0; i < b->n_states && !b->failed; i++) {
        for (size_t c = 0; c < b->n_classes && !b->failed; c++) {
            follow(b, i, c);
        }
    }
}

static const Dfa *keep(Arena *arena, const Build *b, uint16_t last) {
    size_t cells = b->n_states * b->n_classes;
    Dfa *d = arena_new_array(arena, Dfa, 1);
    uint16_t *next = arena_new_array(arena, uint16_t, cells);
    bool *accepts = arena_new_array(arena, bool, b->n_states);
    if (d == NULL || next == NULL || accepts == NULL) {
        return NULL;
    }
    memcpy(next, b->next, cells * sizeof(*next));
    for (size_t i = 0; i < b->n_states; i++) {
        accepts[i] = has_node(&b->states[i], last);
    }
    *d =
        (Dfa){.n_classes = b->n_classes, .n_states = b->n_states, .accepts = accepts, .next = next};
    memcpy(d->classes, b->classes, sizeof(d->classes));
    return d;
}

const Dfa *dfa_new(Arena *arena, Str pattern) {
    CLEANUP_FREE Build *b = calloc(1, sizeof(*b));
    if (b == NULL || !utf8_valid(pattern)) {
        return NULL;
    }
    b->rest = pattern;
    b->n_nodes = 1;
    Part all = alternatives(b);
    if (b->failed || b->rest.len > 0) {
        return NULL;
    }
    find_classes(b);
    build_states(b, all);
    return b->failed ? NULL : keep(arena, b, all.out);
}

bool dfa_match(const Dfa *dfa, Str text) {
    size_t state = 1;
    unsigned seen = 0;
    for (size_t i = 0; i < text.len && state != 0; i++) {
        unsigned byte = (unsigned char)text.ptr[i];
        seen |= byte;
        state = dfa->next[state * dfa->n_classes + dfa->classes[byte]];
    }
    return dfa->accepts[state] && (seen < 0x80 || utf8_valid(text));
}
