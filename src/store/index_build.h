/* index_build.h — makes a segment: takes keys in order with their slots, cuts entries and blocks,
 * compresses and writes them in short transactions; the last step puts the segment's row in place
 * of those that it replaces, in one transaction. A build that is given up or cut off by a crash
 * leaves blocks without a segment, which the next open removes. Errors stick: put freely,
 * segment_build_end says how it went. Threads: one a builder. */
#ifndef NHIP_STORE_INDEX_BUILD_H
#define NHIP_STORE_INDEX_BUILD_H

#include "store/index_segment.h"

typedef struct SegmentBuilder SegmentBuilder;

typedef struct SegmentPlan {
    const SegmentHome *home;
    uint64_t id;
    unsigned level;
    RecordNo first, last;
    bool is_merge; /* of whole segments, whose repeats it is told */
} SegmentPlan;

MUST_USE ErrCode segment_build_new(const SegmentPlan *plan, SegmentBuilder **ret_builder);
void segment_build_free(SegmentBuilder *b); /* NULL is fine */
/* Segment.repeats of one that is merged. */
MUST_USE ErrCode segment_build_repeats(SegmentBuilder *b, Str heads);
/* Keys ascend; the same key may come again with larger slots. */
void segment_build_put(SegmentBuilder *b, Str key, const uint32_t *slots, size_t n);
/* Writes what is left and the row; drop: segments that it replaces. */
MUST_USE ErrCode segment_build_end(SegmentBuilder *b, const uint64_t *drop, size_t n_drop,
                                   Segment **ret_segment);

#endif
