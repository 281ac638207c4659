/* Records of one citizen as several desks wrote them: the same by seed, true without errors, hard
 * where they should be. */
#include "unit/test.h"

#include "core/hash.h"
#include "synth/synth_records.h"

typedef struct Seen {
    uint64_t digest;
    size_t n, again, twins, newborns, no_cccd, year_only;
    uint64_t first[4000]; /* hash of the name, birth date and sex of each citizen's first record */
    size_t differ;
} Seen;

static ErrCode on_record(void *ctx, const SynthRecord *r) {
    Seen *s = ctx;
    const Str texts[] = {r->name, r->birth, r->sex,  r->commune, r->phone,
                         r->cccd, r->paper, r->card, r->local};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        s->digest = hash64_mix(s->digest, hash64(texts[i]));
    }
    uint64_t who = hash64_mix(hash64(r->birth), hash64(r->sex));
    s->again += s->first[r->citizen] != 0;
    s->differ += s->first[r->citizen] != 0 && s->first[r->citizen] != who;
    s->first[r->citizen] = who;
    s->n++;
    s->twins += r->twin;
    s->newborns += r->newborn;
    s->no_cccd += r->cccd.len == 0;
    s->year_only += r->birth.len == 4;
    assert_true(r->cccd.len == 0 || (r->cccd.len == 12 && str_starts(r->cccd, STR("99"))));
    return ERR_OK;
}

static void run(Seen *s, uint64_t seed, uint32_t errors) {
    SynthRecordsOptions o = {.seed = seed,
                             .citizens = 4000,
                             .again_per_mille = 500,
                             .errors_percent = errors,
                             .end_day = 20779};
    *s = (Seen){0};
    assert_ok(synth_records(&o, on_record, s));
}

static void the_same_seed_gives_the_same_records(void **state) {
    (void)state;
    static Seen a;
    static Seen b;
    run(&a, 7, 100);
    run(&b, 7, 100);
    assert_int_equal(a.digest, b.digest);
    assert_in_range(a.again, 2000, 2700);
    assert_in_range(a.twins, 3, 60);
    assert_in_range(a.newborns, 5, 60);
    assert_in_range(a.differ, 50, 500);
    run(&b, 8, 100);
    assert_int_not_equal(a.digest, b.digest);
}

static void without_errors_records_are_true(void **state) {
    (void)state;
    static Seen s;
    run(&s, 7, 0);
    assert_int_equal(s.differ, 0);
    assert_int_equal(s.newborns, 0);
    assert_int_equal(s.year_only, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_records),
        cmocka_unit_test(without_errors_records_are_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
