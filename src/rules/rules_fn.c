#include "rules/rules_int.h"

const RulesFnSpec rules_fns[RULES_FN_COUNT] = {
#define X(name, type, args) {{#name, sizeof(#name) - 1}, {args, sizeof(args) - 1}, RULES_##type},
    RULES_FN_LIST(X)
#undef X
};

int rules_fn_find(Str name) {
    for (int i = 0; i < RULES_FN_COUNT; i++) {
        if (str_eq(rules_fns[i].name, name)) {
            return i;
        }
    }
    return -1;
}
