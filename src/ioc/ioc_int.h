/* ioc_int.h — blocks of facts, dictionaries, and the row as it travels from prepare to apply. */
#ifndef NHIP_IOC_IOC_INT_H
#define NHIP_IOC_IOC_INT_H

#include "core/thread.h"
#include "ioc/ioc.h"

enum {
    BLOCK_ROWS = 65536,
    BLOCKS_MAX = 4096, /* 268 million visits */
    CODES_MAX = 65535,
    CODE_MAX = 12, /* bytes of a code with its NUL */
    AGE_UNKNOWN = 255,
    FACT_LIVE = 1,
    FACT_INPATIENT = 2,
    FACT_NOTIFIABLE = 4,
    DAY_ZERO = 10957, /* 2000-01-01 in days since 1970: days are stored from there in 16 bits */
    DAYS_MAX = 65536,
};

typedef struct FactBlock {      /* as on disk: little-endian, one after another */
    uint64_t first[BLOCK_ROWS]; /* Encounter's first slot, ascending over all rows */
    uint32_t cost[BLOCK_ROWS];  /* đồng, all of the bill; saturated */
    uint32_t insurance[BLOCK_ROWS];
    uint16_t day[BLOCK_ROWS]; /* of admission, from DAY_ZERO */
    uint16_t facility[BLOCK_ROWS], ward[BLOCK_ROWS], icd[BLOCK_ROWS]; /* dictionary numbers */
    uint8_t age[BLOCK_ROWS], sex[BLOCK_ROWS], kind[BLOCK_ROWS], flags[BLOCK_ROWS];
} FactBlock;

typedef struct BlockRange { /* days in the block: a query passes over what it cannot need */
    uint16_t day_min, day_max;
} BlockRange;

/* Codes to numbers; 0 is the empty code. */
typedef struct Codes {
    char (*codes)[CODE_MAX];
    uint32_t n, capacity;
    uint32_t *slots; /* open addressing over hash64 */
    uint32_t mask;
} Codes;
MUST_USE ErrCode codes_init(Codes *d);
void codes_release(Codes *d);
/* Adds when absent. ERR_LIMIT over CODES_MAX (then number 0 is given), ERR_NOMEM. */
MUST_USE ErrCode codes_put(Codes *d, Str code, uint16_t *ret_number);
/* CODES_MAX + 1 when absent. */
uint32_t codes_find(const Codes *d, Str code);

enum { PLACE_UNSAID = -1, PLACE_BY_ID = -2 };

/* What prepare hands to apply for one visit. */
typedef struct FactWire {
    uint64_t first;   /* 0: created in this record, at `position` */
    uint64_t id_hash; /* of the Encounter's id, where it has one; a bill: of the Encounter meant */
    uint32_t cost, insurance;
    uint16_t day;
    uint8_t position, age, sex, kind, flags, deleted;
    uint8_t bill_only; /* costs of the visit that was applied last, if that is the one meant */
    int8_t place;      /* position of the Encounter in its record, or PLACE_… */
    uint8_t has_bill;
    char facility[CODE_MAX], ward[CODE_MAX], icd[CODE_MAX];
} FactWire;

struct Ioc {
    const Clock *clock;
    char *dir;
    int fd; /* facts.dat */
    FactBlock *blocks[BLOCKS_MAX];
    BlockRange ranges[BLOCKS_MAX];
    uint64_t n_rows, n_live;
    uint64_t last_row; /* of the visit applied last, or UINT64_MAX: its bill may come later */
    RecordNo last_record;
    uint8_t last_position;
    uint64_t last_id_hash;
    Codes facilities, wards, icds;
    RwLock lock; /* rows, dictionaries */
    RecordNo applied, checkpoint;
    TimeMs applied_time;
    uint64_t applied_visits;
    int64_t checkpoint_ns;
    uint32_t live_by_day[DAYS_MAX];
};

/* ioc_fact.c: from resources to rows. */
ErrCode fact_prepare(void *ctx, Arena *scratch, const StoreViewRecord *record, Buf *out);
/* ioc.c */
ErrCode fact_apply(void *ctx, RecordNo record, TimeMs time, Str bytes);

#endif
