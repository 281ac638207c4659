/* Values that no expression gives: the words of the narrative (_text) and of the whole resource
 * (_content), and the place of a Location (near). */
#include "fhir/fhir_extract_int.h"

#include "core/fold.h"
#include "core/limits.h"
#include "core/utf8.h"

#include <stdlib.h>

/* ---- words --------------------------------------------------------------------------------------
 */

static bool is_word_char(char c) {
    unsigned char u = (unsigned char)c;
    return (u >= 'a' && u <= 'z') || (u >= '0' && u <= '9') || u >= 0x80;
}

bool fhir_next_word(Str folded, size_t *at, Str *ret_word) {
    size_t i = *at;
    while (i < folded.len && !is_word_char(folded.ptr[i])) {
        i++;
    }
    size_t from = i;
    while (i < folded.len && is_word_char(folded.ptr[i]) && i - from < FHIR_WORD_BYTES) {
        i++;
    }
    *at = i;
    *ret_word = str_sub(folded, from, i - from);
    return i > from;
}

/* " sot cao " behind what is there already. */
static void put_words(Arena *arena, Buf *out, Str text) {
    Str folded = fold(arena, text);
    Str word;
    for (size_t at = 0; fhir_next_word(folded, &at, &word);) {
        if (out->len == 0) {
            buf_put_char(out, ' ');
        }
        buf_put_str(out, word);
        buf_put_char(out, ' ');
    }
}

/* ---- the narrative ------------------------------------------------------------------------------
 */

/* The character that an entity stands for, as UTF-8; a space when it is not known. */
static void put_entity(Buf *out, Str name) {
    static const struct {
        const char *name;
        char c;
    } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_eq(name, str_from(known[i].name))) {
            buf_put_char(out, known[i].c);
            return;
        }
    }
    char digits[12] = "";
    bool hex = name.len > 1 && name.ptr[0] == '#' && (name.ptr[1] | 0x20) == 'x';
    size_t from = hex ? 2 : 1;
    if (name.len > from && name.len - from < sizeof digits && name.ptr[0] == '#') {
        memcpy(digits, name.ptr + from, name.len - from);
    }
    unsigned long cp = strtoul(digits, NULL, hex ? 16 : 10);
    if (cp >= 0x20 && cp < 0x110000 && (cp < 0xD800 || cp > 0xDFFF)) {
        utf8_put(out, (uint32_t)cp);
    } else {
        buf_put_char(out, ' ');
    }
}

/* The text between the tags; tags of blocks and all others part words alike. */
static Str text_of_xhtml(Arena *arena, Str div) {
    enum { ENTITY_MAX = 12 };
    CLEANUP_BUF Buf out;
    buf_init(&out, div.len + 64);
    for (size_t i = 0; i < div.len; i++) {
        char c = div.ptr[i];
        size_t end = c == '<'   ? str_find_char(div, '>', i)
                     : c == '&' ? str_find_char(str_sub(div, 0, i + ENTITY_MAX), ';', i)
                                : SIZE_MAX;
        if (c == '<') {
            buf_put_char(&out, ' ');
            i = end == SIZE_MAX ? div.len : end;
        } else if (end != SIZE_MAX) {
            put_entity(&out, str_sub(div, i + 1, end - i - 1));
            i = end;
        } else {
            buf_put_char(&out, c);
        }
    }
    return arena_str(arena, buf_str(&out));
}

static const JsonNode *narrative_of(const JsonNode *root) {
    const JsonNode *div = json_path(root, "text.div");
    return json_is(div, JSON_STRING) ? div : NULL;
}

/* ---- the whole resource -------------------------------------------------------------------------
 */

/* What is no text that a person reads: ids and references (the stored text has none), and long
 * runs without a space, as base64 has them. */
static bool is_text(Str name, Str value) {
    enum { RUN_MAX = 200 };
    bool skipped = str_eq(name, STR("resourceType")) || str_eq(name, STR("reference")) ||
                   str_eq(name, STR("id")) || str_eq(name, STR("versionId")) ||
                   str_eq(name, STR("lastUpdated")) || str_eq(name, STR("fullUrl"));
    return !skipped && (value.len <= RUN_MAX || str_find_char(value, ' ', 0) < RUN_MAX);
}

static void put_value_words(Arena *arena, Buf *out, Str name, const JsonNode *v) {
    if (json_is(v, JSON_STRING)) {
        Str text = json_str(arena, v);
        if (is_text(name, text)) {
            put_words(arena, out, str_eq(name, STR("div")) ? text_of_xhtml(arena, text) : text);
        }
    } else if (json_is(v, JSON_OBJECT)) {
        EACH_MEMBER(v, m) {
            put_value_words(arena, out, fhir_member_name(arena, m), json_value(m));
        }
    } else if (json_is(v, JSON_ARRAY)) {
        EACH_ELEMENT(v, e) {
            put_value_words(arena, out, name, e);
        }
    }
}

/* ---- emitting -----------------------------------------------------------------------------------
 */

static void emit_words(const Emit *e, FhirParamId param, const Buf *words, bool unread) {
    FhirIndexValue v;
    memset(&v, 0, sizeof v);
    v.param = param;
    v.kind = FHIR_INDEX_WORDS;
    v.flags = unread ? FHIR_WORDS_UNREAD : 0;
    v.words.text = arena_str(e->arena, buf_str(words));
    e->sink->put(e->sink, &v);
}

static void emit_text(const Emit *e, const JsonNode *root) {
    const JsonNode *div = narrative_of(root);
    CLEANUP_BUF Buf words;
    buf_init(&words, 4 * (size_t)LIMIT_RESOURCE_BYTES);
    if (div != NULL) {
        put_words(e->arena, &words, text_of_xhtml(e->arena, json_str(e->arena, div)));
        emit_words(e, FHIR_P__TEXT, &words, false);
    }
}

static void emit_content(const Emit *e, const JsonNode *root, bool by_name) {
    CLEANUP_BUF Buf words;
    buf_init(&words, 4 * (size_t)LIMIT_RESOURCE_BYTES);
    bool unread = !by_name && narrative_of(root) == NULL;
    if (!unread) {
        put_value_words(e->arena, &words, STR_EMPTY, root);
    }
    emit_words(e, FHIR_P__CONTENT, &words, unread);
}

static bool read_degrees(const JsonNode *n, double limit, double *ret) {
    char text[40];
    if (!json_is(n, JSON_NUMBER) || json_raw(n).len >= sizeof text) {
        return false;
    }
    Str raw = json_raw(n);
    memcpy(text, raw.ptr, raw.len);
    text[raw.len] = '\0';
    *ret = strtod(text, NULL);
    return *ret >= -limit && *ret <= limit;
}

static void emit_position(const Emit *e, const JsonNode *root) {
    FhirIndexValue v;
    memset(&v, 0, sizeof v);
    v.param = FHIR_P_NEAR;
    v.kind = FHIR_INDEX_POSITION;
    if (read_degrees(json_path(root, "position.latitude"), 90, &v.position.latitude) &&
        read_degrees(json_path(root, "position.longitude"), 180, &v.position.longitude)) {
        e->sink->put(e->sink, &v);
    }
}

void fhir_emit_texts(const Emit *emit, const FhirTextWants *wants, const JsonNode *root) {
    if (wants->text) {
        emit_text(emit, root);
    }
    if (wants->content) {
        emit_content(emit, root, wants->by_name);
    }
    if (wants->position) {
        emit_position(emit, root);
    }
}
