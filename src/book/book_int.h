/* book_int.h — what the files of the book share: a row as a value and as bytes, the open book, the
 * workshop in which rows are made. */
#ifndef NHIP_BOOK_BOOK_INT_H
#define NHIP_BOOK_BOOK_INT_H

#include "book/book.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/thread.h"
#include "intake/intake_claim.h"
#include "store/store_table.h"

#define BOOK_NO_DAY INT64_MIN

enum {
    BOOK_FORMAT = 3,         /* of rows, keys and sums: another one makes book.db anew */
    BOOK_CODE_MAX = 64,      /* bytes of a facility or department in keys */
    BOOK_KEY_TEXT_MAX = 300, /* bytes of FACILITY|MA_LK; what is longer is no claim's */
    BOOK_FOUND_MAX = 500,    /* rules kept in a row */
    BOOK_HISTORY_MAX = 1000, /* other visits that a rule sees */
    BOOK_WORK_MAX = 20000,   /* other lines that a rule sees */
    BOOK_LOOK_MAX = 20000,   /* rows that a page looks at */
};
#define BOOK_MONEY_MAX INT64_C(1000000000000) /* hundredths of a đồng; more counts as that */
#define BOOK_VISIT_BYTES (512 * LIMIT_MIB)    /* memory of one visit while its row is made */

/* ---- a row ---- */

typedef struct BookFound { /* a rule that found something */
    uint32_t rule;         /* book_rule_hash */
    uint32_t n;
    RulesWeight weight;
} BookFound;

/* The others' ids follow from their first slots. */
enum { BOOK_ID_VISIT = 1, BOOK_ID_PATIENT = 2, BOOK_ID_BILL = 4, BOOK_ID_BITS = 3 };

typedef struct BookTask { /* what the settlement Task says; state BOOK_ENTERED: nothing */
    BookState state;
    uint32_t version;
    uint32_t focus; /* version of the bill that was signed; 0: another Claim's, or none */
    int64_t accepted, paid;
} BookTask;

typedef struct BookData {
    Slot first;
    Slot patient;
    Slot person; /* the Patient that stays of those that are merged with it: whose HISTORY */
    Slot bill;
    uint32_t bill_version;
    TimeMs since;
    Str facility, ma_lk, department;
    int month; /* 202611, 0: unreadable */
    int64_t day_in, day_out;
    int64_t total, asked;
    bool unchecked;   /* the rules could not be asked at all */
    unsigned own_ids; /* BOOK_ID_… of those whose id a client chose */
    BookTask task;
    BookFound *found;
    size_t n_found;
    unsigned n_not_checked;
    Str *xml1; /* XML1_FIELD_COUNT values: those that are kept, the others empty */
} BookData;

/* Bytes of a row: numbers of seven bits a byte; texts, packed when they are digits. */
typedef struct BookBytes {
    Arena *arena;
    Str rest;
    bool bad; /* sticky */
} BookBytes;
void book_put_varint(Buf *out, uint64_t v);
void book_put_text(Buf *out, Str s);
unsigned char book_take_byte(BookBytes *b);
uint64_t book_take_varint(BookBytes *b);
Str book_take_text(BookBytes *b);

/* What follows from the kept values of XML1: days, month, money asked. */
void book_data_derive(BookData *d);
MUST_USE ErrCode book_data_id(Book *book, Arena *arena, const BookData *d, unsigned which,
                              Str *ret_id);
BookState book_data_state(const BookData *d);
unsigned book_data_weight(const BookData *d, RulesWeight weight);
uint32_t book_rule_hash(Str id);
/* kept: fields of XML1 to write. */
void book_data_put(Buf *out, const BookData *d, const bool *kept);
/* Everything but `first`. ERR_CORRUPT. */
MUST_USE ErrCode book_data_get(Arena *arena, Str body, BookData *ret);
/* The parts of a body that other visits' rules see are the same. */
bool book_data_same_history(const BookData *a, const BookData *b);

/* Keys and sums (book_key.c). */
MUST_USE ErrCode book_facts(Arena *arena, const TableCell *row, TableFacts *ret);
MUST_USE ErrCode book_work_facts(Arena *arena, const TableCell *row, TableFacts *ret);
typedef enum BookKeyClass {
    BOOK_KEY_LIST = 'L',       /* facility month state department */
    BOOK_KEY_RULE = 'R',       /* rule facility month state */
    BOOK_KEY_PERSON = 'P',     /* person day_out; only person: unreadable */
    BOOK_KEY_DEATH = 'D',      /* person */
    BOOK_SUM_FACILITY = 'A',   /* facility month state */
    BOOK_SUM_DEPARTMENT = 'B', /* facility month state department */
    BOOK_KEY_WORK = 'W',       /* day who */
} BookKeyClass;
enum { BOOK_TOTAL, BOOK_ASKED, BOOK_ACCEPTED_SUM, BOOK_PAID_SUM, BOOK_HELD, BOOK_WARNED };

typedef struct BookPlace { /* what a key of a list or a group says */
    BookKeyClass class;
    uint32_t rule;
    Str facility, department;
    int month;
    BookState state;
} BookPlace;
void book_place_put(Buf *out, const BookPlace *place);
/* Only the beginning up to the facility. */
void book_place_put_facility(Buf *out, const BookPlace *place);
bool book_place_get(Str key, BookPlace *ret);
/* day: BOOK_NO_DAY: only the person. */
void book_person_key(Buf *out, BookKeyClass class, Slot person, int64_t day);

/* The lines of a visit as others see them in WORK. */
typedef struct BookWork {
    Str facility, ma_lk;
    ClaimRecord *lines; /* RULES_WORK_FIELDS values */
    size_t n;
} BookWork;
/* Who or what was at work on that day: first of NGUOI_THUC_HIEN ('p'), MA_MAY ('m'). */
typedef struct BookWho {
    int64_t day;
    char kind;
    Str code;
} BookWho;
enum { BOOK_WHO_MAX = 2 };
size_t book_who(const Str *line, BookWho who[BOOK_WHO_MAX]);
MUST_USE ErrCode book_work_get(Arena *arena, Str body, BookWork *ret);
void book_work_key(Buf *out, const BookWho *who);

/* ---- the open book ---- */

typedef struct BookTable {
    uint64_t id;
    TableShape shape;
} BookTable;

struct Book {
    BookOptions o;
    Tables *tables;
    BookTable visits, work, links;
    bool kept[XML1_FIELD_COUNT]; /* fields of XML1 in a row */
    bool work_kept[RULES_WORK_FIELDS];
    struct BookRule {
        uint32_t hash;
        const RulesRule *rule;
    } * rules; /* by hash */
    size_t n_rules;
    Arena *shape_arena;
    /* following */
    Thread thread;
    StopFlag stop;
    Mutex lock;
    Cond moved;
    RecordNo position;
    Sha256 digest; /* of what rows are made by: rules, catalogues, surroundings */
    /* runs of the callers */
    Mutex runs_lock;
    RulesRun *runs[16];
    size_t n_runs;
};

const RulesRule *book_rule_by_hash(const Book *book, uint32_t hash);
MUST_USE ErrCode book_run_take(Book *book, RulesRun **ret_run);
void book_run_give(Book *book, RulesRun *run);

/* ---- a visit and what is around it (book_visit.c, book_around.c) ---- */

/* The visit as it stands now. ERR_NOT_FOUND: it has no row. */
typedef struct BookVisit {
    StoreVersion encounter;
    IntakeClaim claim;
    RulesVisit rules; /* HISTORY, WORK not loaded */
    BookData data;    /* without person and findings */
} BookVisit;
MUST_USE ErrCode book_visit_read(Book *book, Arena *arena, Slot first, BookVisit *ret);
/* What a claim says of itself: everything but ids, Task, findings. */
MUST_USE ErrCode book_visit_facts(Book *book, Arena *arena, const RulesVisit *visit,
                                  BookData *data);
MUST_USE ErrCode book_task_read(Book *book, Arena *arena, BookData *data, Str bill_id);

/* Who looks, and from where; TABLE_AS_READ: between read_begin and read_end. */
typedef struct BookAround {
    Book *book;
    Arena *arena;
    TableSide side;
    int64_t work_since; /* first day of care for which WORK is loaded */
} BookAround;
/* Fills HISTORY and WORK of data's visit. */
MUST_USE ErrCode book_around(const BookAround *around, const BookData *data, RulesVisit *visit);
/* Calls each with the other visits that see this one, or saw it (rows as they are). */
typedef struct BookTouch {
    void *ctx;
    ErrCode (*each)(void *ctx, Slot visit);
} BookTouch;
MUST_USE ErrCode book_touched(const BookAround *around, const BookData *data,
                              const BookTouch *touch);
int64_t book_work_since(const Book *book);

/* ---- one person (book_person.c) ---- */

/* The person that the Patient is by the links in the book; 0 stays 0. */
MUST_USE ErrCode book_person(const BookAround *around, Slot patient, Slot *ret_person);
/* By whom the Patient says that it is replaced; 0: by none. */
MUST_USE ErrCode book_link_of(Book *book, Arena *arena, const StoreVersion *patient, Slot *ret_to);
/* In turn: from now on so; to 0: not any more. */
MUST_USE ErrCode book_link_set(const BookAround *around, Slot patient, Slot to, bool *ret_changed);

/* WORK as the visit gives it to others: a row of the table `work`; empty: none. */
void book_work_put(const Book *book, const BookData *data, const RulesVisit *visit, Buf *out);
/* Those behind this one that share a practitioner or machine with the row. */
MUST_USE ErrCode book_work_touched(const BookAround *around, Slot first, Str body,
                                   const BookTouch *touch);

/* The report of a run as it is kept in a row. */
MUST_USE ErrCode book_found_of(Arena *arena, const RulesReport *report, BookData *data);

/* ---- rows are made (book_make.c): one thread, in its turn of the tables ---- */

typedef struct BookMake BookMake;
MUST_USE ErrCode book_make_new(Book *book, BookMake **ret_make);
void book_make_free(BookMake *make);
void book_make_begin(BookMake *make); /* forgets what is to do */
/* The visit has changed; or only its Task. Each is done once. */
MUST_USE ErrCode book_make_note(BookMake *make, Slot visit, bool task_only);
/* By whom the Patient is replaced now (0: by none): the visits of its person are made again. */
MUST_USE ErrCode book_make_link(BookMake *make, Slot patient, Slot to);
/* Makes the rows of all that was noted, then those of the visits that see them. */
MUST_USE ErrCode book_make_run(BookMake *make);
/* Drops lines of WORK that no visit may see any more, some at a time; *ret_more: there may be
 * others.
 */
MUST_USE ErrCode book_make_prune(BookMake *make, bool *ret_more);
int64_t book_make_rows(const BookMake *make); /* more rows than at book_make_begin, or fewer */

/* The note of the table: by what its rows are made, and how far they are made again. */
typedef struct BookNote {
    Sha256 digest;
    Slot behind; /* rows up to this one stand by the digest; all: UINT64_MAX */
    uint64_t done;
} BookNote;
bool book_note_get(Str bytes, BookNote *ret);

/* book_follow.c */
void book_follow_main(void *book);

#endif
