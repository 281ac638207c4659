#include "profile/profile_rule.h"

const FhirRuleText PROFILE_RULES[PROFILE_RULE_COUNT] = {
#define X(rule, id, issue, en, vi) {id, issue, en, vi},
    PROFILE_RULE_LIST(X)
#undef X
};
