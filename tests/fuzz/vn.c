/* Codes from outside: no crash, and what is found covers what was asked. */
#include <stddef.h>
#include <stdint.h>

#include "vn/vn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str code = {(const char *)data, size};
    const VnIcd10 *exact = vn_icd10(code);
    const VnIcd10 *near = vn_icd10_near(code);
    const VnChapter *chapter = vn_chapter(code);
    if (exact != NULL) {
        assert(near == exact && chapter == exact->chapter && vn_icd10(exact->code) == exact);
    }
    assert(near == NULL || near->chapter == chapter);
    const VnNotifiable *n = vn_notifiable(code);
    assert(n == NULL || (n->by_code && chapter != NULL));
    (void)vn_ward(code);
    (void)vn_province(code);
    (void)vn_code(VN_DEPARTMENT, code);
    return 0;
}
