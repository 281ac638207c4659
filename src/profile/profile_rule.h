/* profile_rule.h — the rules by which profile validation speaks, with their texts; invariants bring
 * their own key as rule id. {0} to {3} stand for the arguments. No state. */
#ifndef NHIP_PROFILE_PROFILE_RULE_H
#define NHIP_PROFILE_PROFILE_RULE_H

#include "fhir/fhir_issue.h"

/* X(rule, id, FHIR issue code, English, Vietnamese) */
#define PROFILE_RULE_LIST(X)                                                                       \
    X(MIN, "profile-min", "required", "'{0}' is required at least {1} time(s), found {2} ({3})",   \
      "'{0}' phải có ít nhất {1} lần, hiện có {2} ({3})")                                          \
    X(MAX, "profile-max", "structure", "'{0}' is allowed at most {1} time(s), found {2} ({3})",    \
      "'{0}' chỉ được có tối đa {1} lần, hiện có {2} ({3})")                                       \
    X(SLICE_MIN, "profile-slice-min", "required",                                                  \
      "the slice '{0}' is required at least {1} time(s), found {2} ({3})",                         \
      "nhóm '{0}' phải có ít nhất {1} lần, hiện có {2} ({3})")                                     \
    X(SLICE_MAX, "profile-slice-max", "structure",                                                 \
      "the slice '{0}' is allowed at most {1} time(s), found {2} ({3})",                           \
      "nhóm '{0}' chỉ được có tối đa {1} lần, hiện có {2} ({3})")                                  \
    X(SLICE_CLOSED, "profile-slice-closed", "structure",                                           \
      "this fits none of the slices of '{0}', and others are not allowed ({3})",                   \
      "phần tử này không thuộc nhóm nào của '{0}' và không được phép có nhóm khác ({3})")          \
    X(SLICE_ORDER, "profile-slice-order", "structure",                                             \
      "the slice '{1}' of '{0}' stands behind a later one ({3})",                                  \
      "nhóm '{1}' của '{0}' đứng sai thứ tự ({3})")                                                \
    X(SLICE_END, "profile-slice-end", "structure",                                                 \
      "what fits no slice of '{0}' must stand at the end ({3})",                                   \
      "phần tử không thuộc nhóm nào của '{0}' phải đứng ở cuối ({3})")                             \
    X(FIXED, "profile-fixed", "value", "the value must be exactly {0} ({3})",                      \
      "giá trị phải đúng là {0} ({3})")                                                            \
    X(PATTERN, "profile-pattern", "value", "the value must contain {0} ({3})",                     \
      "giá trị phải có {0} ({3})")                                                                 \
    X(TYPE, "profile-type", "structure", "a {0} is not allowed here: {1} ({3})",                   \
      "không được dùng kiểu {0} ở đây: {1} ({3})")                                                 \
    X(CONFORMS, "profile-conforms", "structure", "this fits none of the profiles {0} ({3})",       \
      "phần tử này không theo hồ sơ nào trong {0} ({3})")                                          \
    X(TARGET, "profile-target", "value", "a reference to {0} is not allowed here: {1} ({3})",      \
      "không được tham chiếu tới {0} ở đây: {1} ({3})")                                            \
    X(TARGET_PROFILE, "profile-target-profile", "value",                                           \
      "the resource referred to does not follow {0} ({3})",                                        \
      "tài nguyên được tham chiếu không theo {0} ({3})")                                           \
    X(BINDING, "profile-binding", "code-invalid",                                                  \
      "'{0}' is not in the value set {1} (binding: {2}; {3})",                                     \
      "'{0}' không thuộc danh mục {1} (mức ràng buộc: {2}; {3})")                                  \
    X(BINDING_UNKNOWN, "profile-binding-unknown", "not-supported",                                 \
      "the value set {0} is not known here: not checked ({3})",                                    \
      "chưa có danh mục {0} nên không kiểm tra được ({3})")                                        \
    X(MIN_VALUE, "profile-min-value", "value", "the value must not be below {0} ({3})",            \
      "giá trị không được nhỏ hơn {0} ({3})")                                                      \
    X(MAX_VALUE, "profile-max-value", "value", "the value must not be above {0} ({3})",            \
      "giá trị không được lớn hơn {0} ({3})")                                                      \
    X(MAX_LENGTH, "profile-max-length", "value",                                                   \
      "the text has {1} characters; at most {0} are allowed ({3})",                                \
      "nội dung dài {1} ký tự; tối đa {0} ({3})")                                                  \
    X(UNKNOWN, "profile-unknown", "not-found", "the profile {0} is not known here: not checked",   \
      "chưa có hồ sơ {0} nên không kiểm tra được")                                                 \
    X(BROKEN, "profile-broken", "exception", "the profile {0} cannot be used: {1}",                \
      "không dùng được hồ sơ {0}: {1}")                                                            \
    X(MISMATCH, "profile-mismatch", "structure", "the profile {0} is for {1}, not for {2}",        \
      "hồ sơ {0} dành cho {1}, không dành cho {2}")                                                \
    X(EXT_UNKNOWN, "extension-unknown", "not-found", "the extension {0} is not known here",        \
      "chưa biết phần mở rộng {0}")                                                                \
    X(EXT_MODIFIER_UNKNOWN, "extension-modifier-unknown", "extension",                             \
      "the modifier extension {0} is not known here: its meaning must not be passed over",         \
      "chưa biết phần mở rộng {0}, mà nó làm thay đổi ý nghĩa: không được bỏ qua")                 \
    X(EXT_CONTEXT, "extension-context", "extension",                                               \
      "the extension {0} is not allowed here; it belongs to {1}",                                  \
      "phần mở rộng {0} không được dùng ở đây; chỉ dùng cho {1}")                                  \
    X(EXT_MODIFIER, "extension-modifier", "extension", "the extension {0} must stand in {1}",      \
      "phần mở rộng {0} phải nằm trong {1}")                                                       \
    X(EXT_RELATIVE, "extension-url", "extension",                                                  \
      "the url '{0}' of an extension must be absolute (only parts of an extension may have a "     \
      "short name)",                                                                               \
      "url '{0}' của phần mở rộng phải đầy đủ (chỉ phần con mới được dùng tên ngắn)")              \
    X(REF_MISSING, "reference-missing", "not-found", "{0} does not exist here",                    \
      "không có {0} trong hệ thống")                                                               \
    X(BUNDLE_ID, "bundle-full-url", "invalid", "fullUrl ends in '{0}', but the resource is {1}",   \
      "fullUrl kết thúc bằng '{0}' nhưng tài nguyên là {1}")                                       \
    X(BUNDLE_LINK, "bundle-reference", "not-found",                                                \
      "{0} is not among the entries of this document",                                             \
      "{0} không có trong các mục của tài liệu này")                                               \
    X(INVARIANT_FAILED, "invariant-failed", "processing", "the rule {0} could not be tried: {1}",  \
      "không kiểm tra được quy tắc {0}: {1}")                                                      \
    X(LIMIT, "profile-limit", "too-costly", "too much to check: more than {1} {0}",                \
      "quá nhiều để kiểm tra: hơn {1} {0}")

typedef enum ProfileRule {
#define X(rule, id, issue, en, vi) PROFILE_RULE_##rule,
    PROFILE_RULE_LIST(X)
#undef X
        PROFILE_RULE_COUNT
} ProfileRule;

extern const FhirRuleText PROFILE_RULES[PROFILE_RULE_COUNT];

#endif
