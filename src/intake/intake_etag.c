/* ETags of FHIR (http://hl7.org/fhir/R4/http.html#concurrency) in the lists of RFC 9110, 13.1. */
#include "intake/intake_fhir.h"

/* What stands between the quotes; ptr NULL when the text is no tag. */
static Str opaque_of(Str tag) {
    tag = str_trim(tag);
    if (str_starts(tag, STR("W/"))) {
        tag = str_sub(tag, 2, tag.len);
    }
    bool quoted = tag.len >= 2 && tag.ptr[0] == '"' && tag.ptr[tag.len - 1] == '"';
    return quoted ? str_sub(tag, 1, tag.len - 2) : (Str){0};
}

uint32_t intake_etag_version(Str etag) {
    uint64_t n = 0;
    Str text = opaque_of(etag);
    return text.ptr == NULL || str_to_u64(text, &n) != ERR_OK || n > UINT32_MAX ? 0 : (uint32_t)n;
}

bool intake_etags_name(Str list, uint32_t version) {
    Str tag;
    while (str_cut(&list, ',', &tag)) {
        if (str_eq(str_trim(tag), STR("*")) || intake_etag_version(tag) == version) {
            return true;
        }
    }
    return false;
}

ErrCode intake_check_etags(Str list, ErrInfo *info) {
    Str rest = list;
    Str tag;
    while (list.len > 0 && str_cut(&rest, ',', &tag)) {
        if (!str_eq(str_trim(tag), STR("*")) && opaque_of(tag).ptr == NULL) {
            return err_set(info, ERR_PARAM, "if-match", "If-Match must be of the form W/\"3\"",
                           "If-Match phải có dạng W/\"3\"");
        }
    }
    return ERR_OK;
}
