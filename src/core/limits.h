/* limits.h — every maximum of the program in one place: buffers, depths, lists, times, requests. */
#ifndef NHIP_CORE_LIMITS_H
#define NHIP_CORE_LIMITS_H

#define LIMIT_KIB ((size_t)1024)
#define LIMIT_MIB (1024 * LIMIT_KIB)

#define LIMIT_JSON_DEPTH 64                       /* nesting of objects and arrays */
#define LIMIT_JSON_BYTES (256 * LIMIT_MIB)        /* one JSON document */
#define LIMIT_JSON_NODES (20 << 20)               /* names and values of one JSON document */
#define LIMIT_JSON_ITEMS 100000                   /* values of one list */
#define LIMIT_XML_DEPTH 32                        /* nesting of elements */
#define LIMIT_FHIR_XML_DEPTH 96                   /* nesting of FHIR elements, narrative apart */
#define LIMIT_NARRATIVE_DEPTH 512                 /* nesting of a narrative's elements in XML */
#define LIMIT_XML_TEXT_BYTES (64 * LIMIT_MIB)     /* text of one element (a base64 table) */
#define LIMIT_RESOURCE_BYTES (16 * LIMIT_MIB)     /* one FHIR resource */
#define LIMIT_BUNDLE_ENTRIES 25000                /* entries of one transaction */
#define LIMIT_REQUEST_BYTES (256 * LIMIT_MIB)     /* one HTTP request body */
#define LIMIT_WS_MESSAGE_BYTES (64 * LIMIT_KIB)   /* one text that a WebSocket client sends */
#define LIMIT_WS_BACKLOG_BYTES LIMIT_MIB          /* what waits for one; then it is cut off */
#define LIMIT_URL_BYTES (64 * LIMIT_KIB)          /* one request URL with its query */
#define LIMIT_CLAIM_FILE_BYTES (1024 * LIMIT_MIB) /* one claim file after unpacking */
#define LIMIT_CLAIM_RECORDS 100000                /* records of one table of one claim */
#define LIMIT_CLAIM_PARTS 64                      /* FILEHOSO of one HOSO */
#define LIMIT_CLAIM_REFUSED 10000                 /* refused claims of one file, one by one */
#define LIMIT_CLAIM_ISSUES 200                    /* issues kept of one claim; more are counted */
#define LIMIT_CLAIM_ARENA_BYTES (512 * LIMIT_MIB) /* memory of one claim while it is read */
#define LIMIT_SHEET_BYTES (512 * LIMIT_MIB)       /* one table that is read, unpacked */
#define LIMIT_SHEET_ROWS (1 << 20)                /* rows of one table */
#define LIMIT_SHEET_COLUMNS 1024                  /* columns of one table */
#define LIMIT_SHEET_ROW_BYTES LIMIT_MIB           /* one row */
#define LIMIT_SHEET_STRINGS (4 << 20)             /* shared strings of one XLSX */
#define LIMIT_SHEET_STYLES 65536                  /* number formats and cell styles of one XLSX */
#define LIMIT_SHEET_SHEETS 1024                   /* sheets of one XLSX */
#define LIMIT_UNPACK_RATIO 200                    /* unpacked : packed, beyond 1 MiB */
#define LIMIT_GROUP_RESOURCES 4096                /* resources of one patient in one commit */
#define LIMIT_SEARCH_VALUES 10000                 /* values of one OR list */
#define LIMIT_PAGE_COUNT 1000                     /* _count */
#define LIMIT_COMPOSITE_VALUES 65536              /* pairs (code+value …) of one resource */
#define LIMIT_FPATH_BYTES (64 * LIMIT_KIB)        /* text of one FHIRPath expression */
#define LIMIT_FPATH_DEPTH 100                     /* nesting inside one FHIRPath expression */
#define LIMIT_FPATH_STEPS 1000000                 /* items that one evaluation may touch */
#define LIMIT_FPATH_ITEMS 200000                  /* items that one evaluation may hold at once */
#define LIMIT_FPATH_TEXT_BYTES LIMIT_MIB          /* one text that a FHIRPath function makes */
#define LIMIT_EXPANSION 20000                     /* codes of one $expand */
#define LIMIT_FHIR_ISSUES 100                     /* issues that one validation lists */
#define LIMIT_PROFILE_DEFINITIONS 20000           /* StructureDefinitions that are known at once */
#define LIMIT_PROFILE_NODES 20000                 /* elements that one profile speaks of */
#define LIMIT_PROFILE_BASES 16                    /* profiles on profiles */
#define LIMIT_PROFILE_STEPS 1000000               /* values times profiles, and 64 a value */
#define LIMIT_PACKAGE_BYTES (256 * LIMIT_MIB)     /* one package of a guide, packed or unpacked */
#define LIMIT_PACKAGE_FILES 20000                 /* resources in one package */
#define LIMIT_RULES_BYTES (256 * LIMIT_MIB)       /* memory of a compiled rule set */
#define LIMIT_RULES_RUN_BYTES (1024 * LIMIT_MIB)  /* memory of one visit while it is checked */
#define LIMIT_RULES_FINDINGS 2000                 /* findings kept of one visit; more are counted */
#define LIMIT_RULES_STEPS 20000000                /* rows that one rule may look at in one visit */
#define LIMIT_PATCH_OPERATIONS 1000               /* operations of one patch */
#define LIMIT_PATCH_STEPS 2000000                 /* nodes that one patch looks at; 8 a new one */
#define LIMIT_PATCH_BYTES (256 * LIMIT_MIB)       /* what one FHIRPath Patch prints over and over */

#endif
