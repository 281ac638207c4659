/* Stored text: a resource in canonical spacing with resourceType first, meta second when it has
 * other members than versionId and lastUpdated, without id; references to the record's patient
 * stand as "Patient/~", to resources made in the same commit as "Type/~OFFSET". No FHIR id has a
 * '~'. */
#include "store/record_int.h"

#include "core/limits.h"

static const char HEAD[] = "{\"resourceType\":\"";
static const char REFERENCE[] = "\"reference\":\"";
enum { HEAD_LEN = sizeof(HEAD) - 1, REFERENCE_LEN = sizeof(REFERENCE) - 1 };

typedef struct TextWriter {
    Buf *out;
    const TextRules *rules;
    ErrInfo *info;
} TextWriter;

static ErrCode put_value(TextWriter *w, const JsonNode *n);

static void put_name(Buf *out, const JsonNode *name) {
    buf_put_str(out, json_raw(name));
    buf_put_char(out, ':');
}

static ErrCode local_error(TextWriter *w, Str reference) {
    char shown[64];
    (void)snprintf(shown, sizeof(shown), STR_FMT, (int)MIN(reference.len, sizeof(shown) - 1),
                   reference.ptr);
    return err_set(w->info, ERR_INVALID, "reference-local",
                   "the local reference %s points to nothing in this commit",
                   "tham chiếu nội bộ %s không trỏ tới mục nào trong lần ghi này", shown);
}

/* "Type/~N": N counts the changes of the commit. */
static ErrCode put_local(TextWriter *w, Str type, Str number, Str whole) {
    const TextRules *rules = w->rules;
    uint64_t n = 0;
    if (number.len == 0) {
        bool known = str_eq(type, STR("Patient")) &&
                     (rules->patient_id.len > 0 || rules->patient_target >= 0);
        if (!known) {
            return local_error(w, whole);
        }
        buf_put_lit(w->out, "Patient/~");
        return ERR_OK;
    }
    if (str_to_u64(number, &n) != ERR_OK || n >= rules->n_targets ||
        !str_eq(type, str_from(fhir_type_name(rules->targets[n].type)))) {
        return local_error(w, whole);
    }
    const TextTarget *target = &rules->targets[n];
    buf_put_str(w->out, type);
    if ((int64_t)n == rules->patient_target) {
        buf_put_lit(w->out, "/~");
    } else if (target->local) {
        buf_put_lit(w->out, "/~");
        buf_put_u64(w->out, target->offset);
    } else {
        buf_put_char(w->out, '/');
        buf_put_str(w->out, target->id);
    }
    return ERR_OK;
}

static ErrCode put_reference(TextWriter *w, const JsonNode *value) {
    Str text = json_raw_str(value);
    buf_put_char(w->out, '"');
    size_t slash = str_find_char(text, '/', 0);
    bool local = slash != SIZE_MAX && slash + 1 < text.len && text.ptr[slash + 1] == '~';
    if (local) {
        TRY(put_local(w, str_sub(text, 0, slash), str_sub(text, slash + 2, text.len), text));
    } else if (w->rules->patient_id.len > 0 && str_starts(text, STR("Patient/")) &&
               str_eq(str_sub(text, 8, text.len), w->rules->patient_id)) {
        buf_put_lit(w->out, "Patient/~");
    } else {
        buf_put_str(w->out, text);
    }
    buf_put_char(w->out, '"');
    return ERR_OK;
}

static bool is_reference(const JsonNode *name, const JsonNode *value) {
    return name->len == 9 && memcmp(name->text, "reference", 9) == 0 && json_is(value, JSON_STRING);
}

static ErrCode put_member(TextWriter *w, const JsonNode *name) {
    const JsonNode *value = json_value(name);
    put_name(w->out, name);
    return is_reference(name, value) ? put_reference(w, value) : put_value(w, value);
}

static ErrCode put_container(TextWriter *w, const JsonNode *n) {
    bool object = n->type == JSON_OBJECT;
    bool more = false;
    buf_put_char(w->out, object ? '{' : '[');
    for (const JsonNode *at = json_first(n); at != NULL; at = json_next(n, at)) {
        if (more) {
            buf_put_char(w->out, ',');
        }
        more = true;
        TRY(object ? put_member(w, at) : put_value(w, at));
    }
    buf_put_char(w->out, object ? '}' : ']');
    return ERR_OK;
}

static ErrCode put_value(TextWriter *w, const JsonNode *n) {
    if (n->type == JSON_OBJECT || n->type == JSON_ARRAY) {
        return put_container(w, n);
    }
    buf_put_str(w->out, json_raw(n));
    return ERR_OK;
}

static bool name_is(const JsonNode *name, const char *literal) {
    size_t len = strlen(literal);
    return name->len == len && memcmp(name->text, literal, len) == 0;
}

static ErrCode put_meta(TextWriter *w, const JsonNode *meta) {
    bool begun = false;
    if (meta == NULL) {
        return ERR_OK;
    }
    if (!json_is(meta, JSON_OBJECT)) {
        return err_set(w->info, ERR_INVALID, "meta-object", "meta is not an object",
                       "meta không phải là một đối tượng");
    }
    for (const JsonNode *m = json_first(meta); m != NULL; m = json_next(meta, m)) {
        if (name_is(m, "versionId") || name_is(m, "lastUpdated")) {
            continue;
        }
        if (begun) {
            buf_put_char(w->out, ',');
        } else {
            buf_put_lit(w->out, ",\"meta\":{");
        }
        begun = true;
        TRY(put_member(w, m));
    }
    if (begun) {
        buf_put_char(w->out, '}');
    }
    return ERR_OK;
}

ErrCode text_store(Buf *out, const JsonNode *root, const TextRules *rules, ErrInfo *info) {
    Str type = str_from(fhir_type_name(rules->type));
    if (!json_is(root, JSON_OBJECT) || !json_str_is(json_get_lit(root, "resourceType"), type)) {
        return err_set(info, ERR_INVALID, "resource-type", "the resource is not a %s",
                       "tài nguyên không phải là %s", fhir_type_name(rules->type));
    }
    TextWriter w = {out, rules, info};
    buf_put(out, HEAD, HEAD_LEN);
    buf_put_str(out, type);
    buf_put_char(out, '"');
    TRY(put_meta(&w, json_get_lit(root, "meta")));
    for (const JsonNode *m = json_first(root); m != NULL; m = json_next(root, m)) {
        if (!name_is(m, "resourceType") && !name_is(m, "id") && !name_is(m, "meta")) {
            buf_put_char(out, ',');
            TRY(put_member(&w, m));
        }
    }
    buf_put_char(out, '}');
    return buf_ok(out);
}

/* Length of the type's name behind HEAD, or 0. */
static size_t head_type_len(Str text) {
    if (text.len <= HEAD_LEN || memcmp(text.ptr, HEAD, HEAD_LEN) != 0) {
        return 0;
    }
    size_t end = str_find_char(text, '"', HEAD_LEN);
    return end == SIZE_MAX ? 0 : end - HEAD_LEN;
}

FhirType text_type(Str text) {
    size_t len = head_type_len(text);
    return len == 0 ? FHIR_T_NONE : fhir_resource_by_name(str_sub(text, HEAD_LEN, len));
}

/* Does the reference that the '~' at `at` belongs to have it behind its first '/', as put_reference
 * asks? Then *ret_from is where the reference begins. */
static bool local_behind(Str text, size_t at, size_t *ret_from) {
    if (at < REFERENCE_LEN + 1 || text.ptr[at - 1] != '/') {
        return false;
    }
    size_t from = at - 1;
    while (from > 0 && text.ptr[from - 1] != '"' && text.ptr[from - 1] != '/') {
        from--;
    }
    *ret_from = from;
    return from >= REFERENCE_LEN &&
           memcmp(text.ptr + from - REFERENCE_LEN, REFERENCE, REFERENCE_LEN) == 0;
}

/* Is the '~' at `at` that of a stored "reference":"Type/~…"? Then *ret_end is the closing quote. */
static bool local_at(Str text, size_t at, size_t *ret_end) {
    size_t from = 0;
    if (!local_behind(text, at, &from)) {
        return false;
    }
    size_t end = at + 1;
    while (end < text.len && text.ptr[end] >= '0' && text.ptr[end] <= '9') {
        end++;
    }
    *ret_end = end;
    return end < text.len && text.ptr[end] == '"';
}

ErrCode text_relocate(Buf *out, Str text, const TextRules *rules, ErrInfo *info) {
    TextWriter w = {out, rules, info};
    size_t done = 0;
    for (size_t at = str_find_char(text, '~', 0); at != SIZE_MAX;
         at = str_find_char(text, '~', at + 1)) {
        size_t from = 0;
        if (!local_behind(text, at, &from)) {
            continue;
        }
        size_t end = MIN(str_find_char(text, '"', at), text.len);
        buf_put_str(out, str_sub(text, done, from - done));
        TRY(put_local(&w, str_sub(text, from, at - 1 - from), str_sub(text, at + 1, end - at - 1),
                      str_sub(text, from, end - from)));
        done = end;
    }
    buf_put_str(out, str_sub(text, done, text.len));
    return buf_ok(out);
}

/* A meta that text_store would print as it stands. */
static bool is_stored_meta(const JsonNode *meta) {
    return json_is(meta, JSON_OBJECT) && json_first(meta) != NULL &&
           json_get_lit(meta, "versionId") == NULL && json_get_lit(meta, "lastUpdated") == NULL;
}

bool text_is_stored(const JsonNode *root, FhirType type) {
    const JsonNode *name = json_is(root, JSON_OBJECT) ? json_first(root) : NULL;
    if (name == NULL || !name_is(name, "resourceType") ||
        !json_str_is(json_value(name), str_from(fhir_type_name(type)))) {
        return false;
    }
    name = json_next(root, name);
    if (name != NULL && name_is(name, "meta")) {
        if (!is_stored_meta(json_value(name))) {
            return false;
        }
        name = json_next(root, name);
    }
    for (; name != NULL; name = json_next(root, name)) {
        if (name_is(name, "id") || name_is(name, "meta")) {
            return false;
        }
    }
    return json_is_canonical(root);
}

static void put_target(Buf *out, const TextExpand *how, Str number) {
    char letters[ID_LETTERS];
    uint64_t offset = 0;
    if (number.len == 0) {
        buf_put_str(out, how->patient_id);
    } else if (str_to_u64(number, &offset) == ERR_OK) {
        id_put(how->key, how->commit_slot + offset, letters);
        buf_put(out, letters, ID_LETTERS);
    }
}

static void expand_references(Buf *out, const TextExpand *how, Str text) {
    size_t done = 0;
    size_t at = str_find_char(text, '~', 0);
    while (at != SIZE_MAX) {
        size_t end = 0;
        if (local_at(text, at, &end)) {
            buf_put_str(out, str_sub(text, done, at - done));
            put_target(out, how, str_sub(text, at + 1, end - at - 1));
            done = end;
        }
        at = str_find_char(text, '~', at + 1);
    }
    buf_put_str(out, str_sub(text, done, text.len));
}

void text_expand(Buf *out, const TextExpand *how) {
    size_t head = HEAD_LEN + head_type_len(how->text) + 1;
    assert(head <= how->text.len);
    Str rest = str_sub(how->text, head, how->text.len);
    (void)buf_reserve(out, how->text.len + 128 + how->text.len / 8);
    buf_put_str(out, str_sub(how->text, 0, head));
    buf_put_lit(out, ",\"id\":\"");
    buf_put_str(out, how->id);
    buf_put_lit(out, "\",\"meta\":{\"versionId\":\"");
    buf_put_u64(out, how->version);
    buf_put_lit(out, "\",\"lastUpdated\":\"");
    time_put_instant(out, how->time);
    if (str_starts(rest, STR(",\"meta\":{"))) {
        buf_put_lit(out, "\",");
        rest = str_sub(rest, 9, rest.len);
    } else {
        buf_put_lit(out, "\"}");
    }
    expand_references(out, how, rest);
}
