#include "core/limits.h"
#include "intake/intake_int.h"

#define SYSTEM_MADE "https://nhip.vn/fhir/CodeSystem/ngay-lap"
#define TERM "http://terminology.hl7.org/CodeSystem/"
/* Confidentiality "restricted", and why: R4's security labels. */
#define RESTRICTED                                                                                 \
    ",\"security\":[{\"system\":\"" TERM "v3-Confidentiality\",\"code\":\"R\"},"                   \
    "{\"system\":\"" TERM "v3-ActCode\",\"code\":\"HIV\"}]"
#define SOURCE_PREFIX "https://nhip.vn/fhir/claim#"

static Str take(Arena *arena, Buf *b) {
    Str s = buf_ok(b) == ERR_OK ? arena_str(arena, buf_str(b)) : STR_EMPTY;
    buf_release(b);
    return s;
}

Str intake_strip(Arena *arena, Str json) {
    const JsonNode *root = NULL;
    if (json_parse(arena, json, &root, NULL) != ERR_OK) {
        return STR_EMPTY;
    }
    Buf b;
    buf_init(&b, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&b);
    json_open_object(&w);
    for (const JsonNode *m = json_first(root); m != NULL; m = json_next(root, m)) {
        if (!json_str_is(m, STR("id")) && !json_str_is(m, STR("meta"))) {
            json_put_name(&w, json_str(arena, m));
            json_put_node(&w, json_value(m));
        }
    }
    json_close_object(&w);
    return take(arena, &b);
}

/* The role comes from the sender (numbers of lines, names of tables): escaped where needed. */
static void put_source(Buf *out, Str role) {
    size_t from = out->len;
    buf_put_lit(out, "\"" SOURCE_PREFIX);
    size_t plain = 0;
    while (plain < role.len && (unsigned char)role.ptr[plain] >= 0x20 && role.ptr[plain] != '"' &&
           role.ptr[plain] != '\\') {
        plain++;
    }
    if (plain == role.len) {
        buf_put_str(out, role);
        buf_put_char(out, '"');
        return;
    }
    CLEANUP_BUF Buf whole;
    buf_init(&whole, LIMIT_RESOURCE_BYTES);
    buf_put_lit(&whole, SOURCE_PREFIX);
    buf_put_str(&whole, role);
    out->len = from;
    out->err = out->err == ERR_OK ? whole.err : out->err;
    JsonWriter w = json_writer(out);
    json_put_str(&w, buf_str(&whole));
}

Str intake_role(Arena *arena, const JsonNode *root) {
    Str source = json_str(arena, json_path(root, "meta.source"));
    Str prefix = STR(SOURCE_PREFIX);
    return str_starts(source, prefix) ? str_sub(source, prefix.len, source.len) : STR_EMPTY;
}

Str intake_made(Arena *arena, Str json) {
    const JsonNode *root = NULL;
    if (json_parse(arena, json, &root, NULL) != ERR_OK) {
        return STR_EMPTY;
    }
    const JsonNode *tags = json_get_lit(json_get_lit(root, "meta"), "tag");
    for (const JsonNode *t = json_is(tags, JSON_ARRAY) ? json_first(tags) : NULL; t != NULL;
         t = json_next(tags, t)) {
        if (json_str_is(json_get_lit(t, "system"), STR(SYSTEM_MADE))) {
            return json_str(arena, json_get_lit(t, "code"));
        }
    }
    return STR_EMPTY;
}

/* Reads the digits behind "/~"; -1 when there are none (the patient). False when no quote follows.
 */
static bool local_index(Str rest, int64_t *ret_index, size_t *ret_len) {
    size_t n = 0;
    int64_t value = 0;
    while (n < rest.len && n < 9 && rest.ptr[n] >= '0' && rest.ptr[n] <= '9') {
        value = value * 10 + (rest.ptr[n] - '0');
        n++;
    }
    *ret_index = n == 0 ? -1 : value;
    *ret_len = n;
    return n < rest.len && rest.ptr[n] == '"';
}

/* Is the text before "/~" a type name behind "reference":" ? A quote inside a JSON string would be
 * escaped, so these bytes can only be a member. */
static bool is_reference(Str before) {
    size_t at = before.len;
    while (at > 0 && ((before.ptr[at - 1] | 32) >= 'a' && (before.ptr[at - 1] | 32) <= 'z')) {
        at--;
    }
    return at < before.len && str_ends(str_sub(before, 0, at), STR("\"reference\":\""));
}

/* False when there was nothing to rewrite: then nothing is appended. */
static bool rewrite(Buf *out, Str json, const RefMap *map) {
    size_t done = 0;
    for (size_t at = 0; (at = str_find_char(json, '~', at)) != SIZE_MAX; at++) {
        int64_t index = 0;
        size_t len = 0;
        if (at == 0 || json.ptr[at - 1] != '/' ||
            !local_index(str_sub(json, at + 1, json.len), &index, &len) ||
            !is_reference(str_sub(json, 0, at - 1))) {
            continue;
        }
        buf_put_str(out, str_sub(json, done, at - done));
        if (index < 0) {
            buf_put_str(out, map->patient.len > 0 ? map->patient : STR("~"));
        } else if ((size_t)index < map->n && map->known[index].len > 0) {
            buf_put_str(out, map->known[index]);
        } else {
            int64_t change =
                (size_t)index < map->n && map->change != NULL ? map->change[index] : index;
            buf_put_char(out, '~');
            buf_put_u64(out, (uint64_t)change);
        }
        done = at + 1 + len;
    }
    if (done > 0) {
        buf_put_str(out, str_sub(json, done, json.len));
    }
    return done > 0;
}

Str intake_rewrite(Arena *arena, Str json, const RefMap *map) {
    Buf b;
    buf_init(&b, LIMIT_RESOURCE_BYTES);
    if (!rewrite(&b, json, map)) {
        buf_release(&b);
        return json;
    }
    return take(arena, &b);
}

void intake_put_visit(Buf *out, Str json, const VisitMeta *meta, const RefMap *map) {
    /* Canonical resources begin {"resourceType":"X", : meta goes right behind. */
    size_t comma = str_find_char(json, ',', 0);
    if (comma == SIZE_MAX) {
        buf_put_str(out, json);
        return;
    }
    buf_put_str(out, str_sub(json, 0, comma));
    buf_put_lit(out, ",\"meta\":{\"source\":");
    put_source(out, meta->role);
    if (meta->restricted) {
        buf_put_lit(out, RESTRICTED);
    }
    if (meta->made.len > 0) {
        buf_put_lit(out, ",\"tag\":[{\"system\":\"" SYSTEM_MADE "\",\"code\":\"");
        buf_put_str(out, meta->made);
        buf_put_lit(out, "\"}]");
    }
    buf_put_char(out, '}');
    Str rest = str_sub(json, comma, json.len);
    if (!rewrite(out, rest, map)) {
        buf_put_str(out, rest);
    }
}
