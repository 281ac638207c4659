/* claim_int.h — what the parts of the claim reader share: the claim under construction. */
#ifndef NHIP_INTEROP_CLAIM_INT_H
#define NHIP_INTEROP_CLAIM_INT_H

#include "core/arena.h"
#include "interop/claim_read.h"

enum { CLAIM_KEY_MAX = 256 }; /* an MA_LK of this length or more is none */

/* One claim under construction; everything lives in the arena, which is reset between claims. */
typedef struct ClaimBuild {
    Arena *arena;
    Str file;
    ClaimRelease release;
    int hoso;
    Str ma_lk; /* of XML1 (XML0: the record), set as soon as it is known */
    ClaimIssue *issues;
    int n_issues, capacity_issues;
    int n_errors, n_warnings; /* also those beyond LIMIT_CLAIM_ISSUES */
} ClaimBuild;

/* Where in the claim an issue stands; zero members are unknown. */
typedef struct ClaimAt {
    const ClaimTable *table;
    const ClaimField *field;
    int record, line;
} ClaimAt;

/* What replaces {} in the rule's sentence. */
typedef struct ClaimDetail {
    Str en, vi;
} ClaimDetail;
/* Adds an issue. The table's weight applies: errors of fields in tables that are kept whole count
 * as warnings. */
void claim_issue_say(ClaimBuild *b, ClaimRule rule, ClaimAt at, ClaimDetail detail);
/* With a detail that reads the same in both languages (a value, a name): its first 80 bytes. */
void claim_issue_add(ClaimBuild *b, ClaimRule rule, ClaimAt at, Str detail);

/* Checks one value against its field; empty values pass (claim_check_record looks for them). */
void claim_check_value(ClaimBuild *b, ClaimAt at, Str value);
/* Checks the required fields of a whole record. */
void claim_check_record(ClaimBuild *b, ClaimAt at, const Str *values);
/* Same MA_LK everywhere, XML1 there once, facility. part->table of each is set. */
void claim_check_parts(ClaimBuild *b, const ClaimPart *parts, int n_parts, Str facility);

/* A document as it is fed to the XML reader: byte order mark and declaration taken off, so that a
 * wrong `encoding=` (UTF-8 text that says utf-16) does no harm. ERR_SYNTAX: UTF-16 by its mark. */
typedef struct ClaimText {
    Str xml;
    size_t skipped; /* bytes */
    int lines;      /* line ends among them */
    size_t seen;    /* claim_text_line has counted up to this offset of xml: */
    int seen_lines; /* line ends before it */
} ClaimText;
MUST_USE ErrCode claim_text(Str bytes, ClaimText *ret_text);
/* The line of the whole document on which that offset of text->xml stands. Cheap when offsets come
 * in their order. */
int claim_text_line(ClaimText *text, size_t offset);

/* "what, line L, column C", of the XML reader's error: the place in the whole document. */
ClaimDetail claim_text_fault(Arena *arena, ClaimText *text, const ErrInfo *info);
/* The place alone. */
ClaimDetail claim_text_place(Arena *arena, ClaimText *text, const ErrInfo *info);

/* Reads one inner document (or, record_only, one bare record element) into *part, whose table and
 * xml are set. Issues go to b. ERR_NOMEM only. */
MUST_USE ErrCode claim_table_read(ClaimBuild *b, ClaimPart *part, bool record_only);

#endif
