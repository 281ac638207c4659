/* sqlview_int.h — a compiled view: a tree of nodes. A node gives foci (one for each row that it
 * adds), its columns are filled for each, then come its children one after the other: their rows
 * are multiplied. A union is a node whose children are alternatives: their rows are added. */
#ifndef NHIP_SQLVIEW_SQLVIEW_INT_H
#define NHIP_SQLVIEW_SQLVIEW_INT_H

#include "sqlview/sqlview.h"

typedef enum SqlNodeKind {
    SQL_PLAIN,   /* one focus: the context */
    SQL_EACH,    /* forEach */
    SQL_EACH_OR, /* forEachOrNull */
    SQL_REPEAT,  /* paths, again and again */
    SQL_UNION,
} SqlNodeKind;

typedef struct SqlPath {
    const FpathExpr *expr;
    Str where; /* its place in the definition */
} SqlPath;

typedef struct SqlNode {
    SqlNodeKind kind;
    const SqlPath *paths; /* of EACH, EACH_OR (one), REPEAT */
    size_t n_paths;
    const SqlPath *columns; /* fill the row's cells from first_column on */
    size_t first_column, n_columns;
    const struct SqlNode *children;
    size_t n_children;
} SqlNode;

struct SqlView {
    FhirType resource;
    Str name;
    SqlColumn columns[SQLVIEW_COLUMNS_MAX];
    size_t n_columns;
    const SqlNode *roots;
    size_t n_roots;
    const SqlPath *wheres;
    size_t n_wheres;
    FpathVariable constants[SQLVIEW_CONSTANTS_MAX + 1]; /* the last one is rowIndex */
    size_t n_constants;
};

extern const FpathFunction sqlview_functions[3];

#endif
