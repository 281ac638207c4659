/* api_rules.h — the claim rules for the screens: a set and evaluators that calls borrow in turn.
 * Threads: any. Errors: ERR_NOMEM, ERR_LIMIT (memory of one visit). */
#ifndef NHIP_API_API_RULES_H
#define NHIP_API_API_RULES_H

#include "rules/rules.h"

typedef struct ApiRules ApiRules;

typedef struct ApiRulesOptions {
    const Rules *rules; /* borrowed; NULL: what is built in */
    RulesWorld world;   /* catalogues */
} ApiRulesOptions;
MUST_USE ErrCode api_rules_new(const ApiRulesOptions *options, ApiRules **ret, ErrInfo *info);
void api_rules_free(ApiRules *r); /* NULL is fine */

/* What the fund would say of the claim; the report and its texts live in the arena. */
typedef struct ApiCheck {
    ApiRules *rules;
    Arena *arena;
    RulesMoment moment;
} ApiCheck;
MUST_USE ErrCode api_rules_check(const ApiCheck *check, const Claim *claim,
                                 RulesReport *ret_report);

#endif
