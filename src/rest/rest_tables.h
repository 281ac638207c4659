/* rest_tables.h — every ROUTES and OPERATIONS table of this module, one line each, sorted: their
 * order means nothing. */
#ifndef NHIP_REST_REST_TABLES_H
#define NHIP_REST_REST_TABLES_H

#define REST_ROUTE_TABLES(X)                                                                       \
    X(rest_async_routes)                                                                           \
    X(rest_bulk_import_routes)                                                                     \
    X(rest_document_routes)                                                                        \
    X(rest_everything_routes)                                                                      \
    X(rest_export_routes)                                                                          \
    X(rest_fhir_routes)                                                                            \
    X(rest_graphql_routes)                                                                         \
    X(rest_lastn_routes)                                                                           \
    X(rest_meta_routes)                                                                            \
    X(rest_search_param_routes)                                                                    \
    X(rest_subs_routes)                                                                            \
    X(rest_subs_ws_routes)                                                                         \
    X(rest_term_routes)                                                                            \
    X(rest_validate_routes)                                                                        \
    X(rest_view_export_routes)                                                                     \
    X(rest_view_routes)                                                                            \
    X(rest_view_run_routes)                                                                        \
    X(rest_view_table_routes)

#define REST_OPERATION_TABLES(X)                                                                   \
    X(rest_bulk_import_operations)                                                                 \
    X(rest_document_operations)                                                                    \
    X(rest_everything_operations)                                                                  \
    X(rest_export_operations)                                                                      \
    X(rest_lastn_operations)                                                                       \
    X(rest_meta_operations)                                                                        \
    X(rest_search_param_operations)                                                                \
    X(rest_subs_operations)                                                                        \
    X(rest_subs_ws_operations)                                                                     \
    X(rest_term_operations)                                                                        \
    X(rest_validate_operations)                                                                    \
    X(rest_view_export_operations)                                                                 \
    X(rest_view_operations)                                                                        \
    X(rest_view_table_operations)

#endif
