/* The bytes as a file of rules, on top of the embedded lists and catalogues. What must hold: every
 * text is refused with a place or becomes rules whose cases can be asked, within the limits. */
#include "rules/rules.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_case(void *ctx, const RulesCaseResult *r) {
    size_t *n = ctx;
    ENSURE(r->rule != NULL && (r->passed || r->en.len > 0));
    ++*n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    RulesText own = {STR("fuzz.rules"), {(const char *)data, size}};
    Rules *rules = NULL;
    ErrInfo info = {0};
    size_t n = 0;
    ErrCode err =
        rules_new(&(RulesOptions){.own = &own, .n_own = 1, .own_only = true}, &rules, &info);
    if (err != ERR_OK) {
        ENSURE(err == ERR_NOMEM || err == ERR_LIMIT ||
               (info.where[0] != '\0' && info.what_en[0] != '\0' && info.what_vi[0] != '\0'));
        return 0;
    }
    err = rules_test(rules, STR_EMPTY, on_case, &n);
    ENSURE(err == ERR_OK || err == ERR_NOMEM || err == ERR_LIMIT);
    rules_free(rules);
    return 0;
}
