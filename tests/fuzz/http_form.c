/* Forms of several parts: names and values lie in the body, in order, and the reading ends. */
#include "http/http_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str body = {(const char *)data, size};
    Str type;
    HttpFormPart p;
    if (!str_cut(&body, '\n', &type) || body.ptr == NULL) {
        return 0;
    }
    Str boundary = http_form_boundary(type);
    const char *end = body.ptr + body.len;
    const char *at = body.ptr;
    while (boundary.len > 0 && http_form_next(boundary, &body, &p) == ERR_OK) {
        assert(p.name.ptr > at && p.value.ptr > p.name.ptr && p.value.ptr + p.value.len <= end);
        at = p.value.ptr + p.value.len;
    }
    return 0;
}
