/* patch — the first byte chooses the format, a zero byte parts document and patch. Held: what comes
 * out is one document; after an error the buffer is as it was and the error has a rule. */
#include "core/limits.h"
#include "fhir/fhir_parse.h"
#include "patch/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ErrCode run(Arena *arena, int format, Str document, Str patch, Buf *out, ErrInfo *info) {
    PatchJson in = {.arena = arena, .drop_empty = format % 2 == 0};
    if (format == 2) {
        PatchXml xml = {.arena = arena, .document = document, .patch = patch};
        return patch_xml(&xml, out, info);
    }
    TRY(json_parse(arena, document, &in.document, info));
    TRY(json_parse(arena, patch, &in.patch, info));
    if (format == 1 && fhir_type_of(in.document) == FHIR_T_NONE) {
        return err_plain(info, ERR_INVALID, "fuzz");
    }
    return format == 0 ? patch_json(&in, out, info) : patch_fhir(&in, out, info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    Arena *arena = arena_new(256 * LIMIT_MIB);
    Str all = {(const char *)data + 1, size - 1};
    size_t zero = str_find_char(all, '\0', 0);
    Str document = str_sub(all, 0, MIN(zero, all.len));
    Str patch = zero == SIZE_MAX ? STR_EMPTY : str_sub(all, zero + 1, all.len);
    Buf out;
    ErrInfo info = {0};
    buf_init(&out, 16 * LIMIT_MIB);
    int format = data[0] % 3;
    ErrCode err = run(arena, format, document, patch, &out, &info);
    if (err != ERR_OK) {
        if (out.len != 0 || (err != ERR_NOMEM && (info.code != err || info.rule[0] == '\0'))) {
            abort();
        }
    } else if (format != 2) {
        const JsonNode *root = NULL;
        if (json_parse(arena, buf_str(&out), &root, NULL) != ERR_OK) {
            abort();
        }
    } else {
        /* parses again: a patch without operations would be refused, so patch a comment in */
        PatchXml again = {.arena = arena,
                          .document = buf_str(&out),
                          .patch = STR("<d><add sel=\"/*\"><!--x--></add></d>")};
        Buf twice;
        buf_init(&twice, 32 * LIMIT_MIB);
        ErrCode second = patch_xml(&again, &twice, &info);
        if (second != ERR_OK && second != ERR_LIMIT && second != ERR_NOMEM) {
            abort();
        }
        buf_release(&twice);
    }
    buf_release(&out);
    arena_free(arena);
    return 0;
}
