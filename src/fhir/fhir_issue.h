/* fhir_issue.h — the list of what is wrong with a resource: each issue with its severity, rule,
 * FHIRPath location and sentences in English and Vietnamese. Checking goes on after an issue;
 * behind the ceiling (LIMIT_FHIR_ISSUES) issues are counted only. Ownership: everything lives in
 * the arena given to fhir_issues(). Issues may quote a short piece of the value: they go back to
 * the sender and never into a log. Errors: out of memory shows as arena_failed and n_dropped.
 * Threads: one thread a list. */
#ifndef NHIP_FHIR_ISSUE_H
#define NHIP_FHIR_ISSUE_H

#include "core/arena.h"

/* X(rule, id, FHIR issue code, English, Vietnamese); {0} and {1} stand for the arguments. */
#define FHIR_RULE_LIST(X)                                                                          \
    X(JSON, "json", "structure", "{0}", "{1}")                                                     \
    X(RESOURCE_TYPE, "fhir-resource-type", "structure",                                            \
      "'{0}' is no resource type of FHIR R4; set resourceType",                                    \
      "'{0}' không phải là loại tài nguyên của FHIR R4; hãy ghi resourceType")                     \
    X(MEMBER_UNKNOWN, "fhir-member-unknown", "structure", "{1} has no element '{0}'",              \
      "{1} không có phần tử '{0}'")                                                                \
    X(TYPE, "fhir-type", "structure", "expected {0}, found {1}", "cần {0}, nhận được {1}")         \
    X(EMPTY, "fhir-empty", "structure", "an empty {0} is not allowed; leave the element out",      \
      "không được để trống {0}; hãy bỏ phần tử này")                                               \
    X(MIN, "fhir-min", "required", "the element '{0}' is required in {1}",                         \
      "thiếu phần tử bắt buộc '{0}' của {1}")                                                      \
    X(REPEATS, "fhir-repeats", "structure", "'{0}' repeats: it must be an array",                  \
      "'{0}' là phần tử lặp: phải ghi dưới dạng mảng")                                             \
    X(SINGLE, "fhir-single", "structure", "'{0}' does not repeat: it must not be an array",        \
      "'{0}' không phải phần tử lặp: không được ghi dưới dạng mảng")                               \
    X(CHOICE, "fhir-choice", "structure", "only one of {0}[x] may be given; '{1}' is one more",    \
      "chỉ được ghi một kiểu của {0}[x]; '{1}' bị thừa")                                           \
    X(FORMAT, "fhir-format", "value", "'{1}' is not a valid {0}",                                  \
      "'{1}' không phải là {0} hợp lệ")                                                            \
    X(CODE, "fhir-code", "code-invalid", "the code '{0}' is not in the required value set {1}",    \
      "mã '{0}' không thuộc danh mục bắt buộc {1}")                                                \
    X(CODING, "fhir-coding", "code-invalid",                                                       \
      "no coding of '{0}' is in the required value set {1}",                                       \
      "không có mã nào của '{0}' thuộc danh mục bắt buộc {1}")                                     \
    X(REF_FORMAT, "fhir-reference", "value",                                                       \
      "'{0}' is not a reference: write Type/id, an absolute URL, urn:uuid:, urn:oid: or #id",      \
      "'{0}' không phải là tham chiếu: hãy ghi Type/id, URL đầy đủ, urn:uuid:, urn:oid: hoặc #id") \
    X(REF_TARGET, "fhir-reference-target", "value",                                                \
      "a reference to {0} is not allowed here ({1})", "không được tham chiếu tới {0} ở đây ({1})") \
    X(REF_TYPE, "fhir-reference-type", "value",                                                    \
      "the reference points to {0}, but its type says {1}",                                        \
      "tham chiếu trỏ tới {0} nhưng type ghi {1}")                                                 \
    X(REF_CONTAINED, "fhir-reference-contained", "not-found",                                      \
      "no contained resource has the id '{0}'", "không có tài nguyên kèm theo nào mang id '{0}'")  \
    X(NULLS, "fhir-null", "structure", "null is only allowed beside an extension in '_{0}'",       \
      "null chỉ được dùng khi '_{0}' có phần mở rộng ở cùng vị trí")                               \
    X(SIBLING, "fhir-sibling", "structure", "'{0}' and '_{0}' must have the same number of items", \
      "'{0}' và '_{0}' phải có cùng số phần tử")                                                   \
    X(NARRATIVE, "fhir-narrative", "structure", "the narrative is not allowed XHTML: {0}",         \
      "phần văn bản không phải là XHTML được phép: {0}")                                           \
    X(CONTAINED, "fhir-contained", "structure", "a contained resource must not have {0}",          \
      "tài nguyên kèm theo không được có {0}")                                                     \
    X(CONTAINED_ID, "fhir-contained-id", "structure",                                              \
      "a contained resource needs an id of its own; '{0}' is missing or used twice",               \
      "tài nguyên kèm theo cần có id riêng; '{0}' bị thiếu hoặc trùng")                            \
    X(ELE_1, "ele-1", "invariant", "the element has neither a value nor children",                 \
      "phần tử không có giá trị và cũng không có phần tử con")                                     \
    X(EXT_1, "ext-1", "invariant", "an extension must have either extensions or a value[x]",       \
      "phần mở rộng phải có hoặc value[x] hoặc các phần mở rộng con")                              \
    X(SQTY_1, "sqty-1", "invariant", "this quantity must not have a comparator",                   \
      "đại lượng này không được có comparator")

typedef enum FhirRule {
#define X(rule, id, issue, en, vi) FHIR_RULE_##rule,
    FHIR_RULE_LIST(X)
#undef X
} FhirRule;

/* The stable id of a rule, for work lists and documentation. */
const char *fhir_rule_id(FhirRule rule);

typedef enum FhirSeverity { FHIR_ERROR, FHIR_WARNING, FHIR_INFORMATION } FhirSeverity;

/* The code of http://hl7.org/fhir/issue-severity. */
const char *fhir_severity_code(FhirSeverity severity);

/* A rule of another module, or one that is only known at run time (an invariant of a profile). */
typedef struct FhirRuleText {
    const char *id;    /* stable: "profile-slice-min", "obs-6" */
    const char *issue; /* FHIR issue code */
    const char *en;    /* {0} to {3} stand for the arguments */
    const char *vi;
} FhirRuleText;

enum { FHIR_ISSUE_ARGS = 4 };

typedef struct FhirIssue {
    FhirRule rule; /* FHIR_RULE_JSON for rules of other modules: see id */
    FhirSeverity severity;
    const char *id;    /* rule id: "fhir-format", "json-depth" */
    const char *issue; /* FHIR issue code: "structure", "value" … */
    Str where;         /* "Patient.name[0].given[1]"; empty when there is none */
    Str en;
    Str vi;
} FhirIssue;

typedef struct FhirIssues {
    Arena *arena;
    FhirIssue *items; /* in the order found */
    unsigned n;
    unsigned n_errors;   /* of severity error, also behind the ceiling */
    unsigned n_warnings; /* of severity warning, also behind the ceiling */
    unsigned n_dropped;  /* of any severity, found behind the ceiling */
} FhirIssues;

static inline FhirIssues fhir_issues(Arena *arena) {
    return (FhirIssues){.arena = arena};
}
/* Behind the ceiling: more issues are only counted. */
bool fhir_issues_full(const FhirIssues *list);
/* Adds an error; list may be NULL. `where` is copied; arguments are shortened to 100 bytes. */
void fhir_issue_add(FhirIssues *list, FhirRule rule, Str where, const Str args[2]);
/* The same for a rule of another module, of any severity. An error takes the place of a warning or
 * information when the list is full. */
void fhir_issue_put(FhirIssues *list, FhirSeverity severity, const FhirRuleText *rule, Str where,
                    const Str args[FHIR_ISSUE_ARGS]);
/* The same from an error of a lower layer, which brings its own rule id and texts. */
void fhir_issue_add_info(FhirIssues *list, const ErrInfo *info);
/* Fills info (may be NULL) from the first error: rule, where, both texts. Returns code. */
ErrCode fhir_issues_to_info(const FhirIssues *list, ErrCode code, ErrInfo *info);

#endif
