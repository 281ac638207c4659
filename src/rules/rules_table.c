/* Fields by table: names, kinds, and which of them the rules read. */
#include "rules/rules_prog_int.h"

static const ClaimTable *base_of(int table) {
    return claim_table(table == RULES_HISTORY ? 1 : table == RULES_WORK ? 3 : table);
}

int rules_field_find(int table, Str name) {
    if (table == RULES_WORK && str_eq(name, STR("MA_CSKCB"))) {
        return RULES_WORK_MA_CSKCB;
    }
    const ClaimTable *t = base_of(table);
    return t == NULL ? -1 : claim_field_find(t, name);
}

Str rules_field_name(int table, int field) {
    const ClaimTable *t = base_of(table);
    return field < t->n_fields ? t->fields[field].name : STR("MA_CSKCB");
}

ClaimKind rules_field_kind(int table, int field) {
    const ClaimTable *t = base_of(table);
    return field < t->n_fields ? t->fields[field].kind : CLAIM_S;
}

int rules_table_fields(int table) {
    const ClaimTable *t = base_of(table);
    return t == NULL ? 0 : t->n_fields + (table == RULES_WORK);
}

bool rules_table_by_name(Str name, int *ret_table) {
    const ClaimTable *t = claim_table_by_name(name);
    if (t != NULL) {
        *ret_table = t->number;
        return true;
    }
    if (str_eq(name, STR("HISTORY")) || str_eq(name, STR("WORK"))) {
        *ret_table = name.ptr[0] == 'H' ? RULES_HISTORY : RULES_WORK;
        return true;
    }
    return false;
}

Str rules_table_name(int table) {
    switch (table) {
    case RULES_HISTORY:
        return STR("HISTORY");
    case RULES_WORK:
        return STR("WORK");
    case RULES_VISIT:
        return STR("VISIT");
    default:
        return claim_table(table) == NULL ? STR_EMPTY : claim_table(table)->name;
    }
}

bool rules_reads(const Rules *rules, int table, int field) {
    const RulesProgram *p = rules->program;
    for (size_t i = 1; i < p->n_nodes; i++) {
        const RulesNode *n = &p->nodes[i];
        if (n->op == RULES_OP_FIELD && n->table == table && n->field == field) {
            return true;
        }
    }
    return false;
}
