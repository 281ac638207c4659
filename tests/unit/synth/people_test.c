/* The people and the plan, seen from inside: pyramid, families, seasons, weekdays, outbreaks. */
#include "unit/test.h"

#include "core/limits.h"
#include "core/time.h"
#include "synth/synth_int.h"

enum { CITIZENS = 30000, VISITS = 120000 };

static World w;

static int make_world(void **state) {
    (void)state;
    synth_options_init(&w.o, 20779);
    w.o.citizens = CITIZENS;
    w.o.visits = VISITS;
    w.to = 20779;
    w.from = w.to - 3 * 36525 / 100 + 1;
    w.arena = arena_new(16 * LIMIT_MIB);
    if (content_get(&w.content) != ERR_OK || world_facilities(&w) != ERR_OK ||
        world_people(&w) != ERR_OK || world_plan(&w) != ERR_OK) {
        return 1;
    }
    return world_claims(&w) != ERR_OK;
}

static int release_world(void **state) {
    (void)state;
    world_release(&w);
    return 0;
}

static void ages_and_sexes_follow_the_pyramid(void **state) {
    (void)state;
    size_t young = 0;
    size_t old = 0;
    size_t women = 0;
    for (size_t i = 0; i < CITIZENS; i++) {
        int age = person_age(&w.people[i], w.to);
        assert_in_range(age, 0, 101);
        young += age < 15;
        old += age >= 65;
        women += w.people[i].sex == 2;
    }
    assert_in_range(young * 1000 / CITIZENS, 215, 250);
    assert_in_range(old * 1000 / CITIZENS, 75, 115);
    assert_in_range(women * 1000 / CITIZENS, 495, 530);
}

static void families_hang_together(void **state) {
    (void)state;
    size_t children = 0;
    size_t with_mother = 0;
    size_t households = 0;
    for (uint32_t i = 0; i < CITIZENS; i++) {
        const Person *p = &w.people[i];
        households += p->household == i;
        bool child = person_age(p, w.to) < 18;
        children += child;
        if (p->mother == SYNTH_NONE) {
            continue;
        }
        with_mother += child;
        const Person *mother = &w.people[p->mother];
        const Person *father = &w.people[p->father];
        assert_int_equal(mother->sex, 2);
        assert_int_equal(father->sex, 1);
        assert_int_equal(mother->ward, p->ward);
        assert_int_equal(father->household, mother->household);
        assert_int_equal(p->family, father->family);
        int years = (p->birth - mother->birth) / 365;
        assert_in_range(years, 18, 39);
    }
    assert_in_range(with_mother * 100 / children, 90, 100);
    assert_in_range(CITIZENS * 10 / households, 18, 45);
}

static void communes_have_their_share(void **state) {
    (void)state;
    uint32_t weights = 0;
    for (size_t i = 0; i < w.content->n_communes; i++) {
        weights += w.content->communes[i].weight;
    }
    assert_int_equal(w.content->n_communes, 40);
    for (size_t c = 0; c < w.content->n_communes; c++) {
        size_t n = 0;
        for (size_t i = 0; i < CITIZENS; i++) {
            n += w.people[i].ward == c;
        }
        size_t want = (size_t)CITIZENS * w.content->communes[c].weight / weights;
        assert_in_range(n, want * 75 / 100, want * 130 / 100);
    }
}

static void the_number_of_visits_is_exact(void **state) {
    (void)state;
    assert_int_equal(w.n_visits, VISITS);
    size_t kinds[5] = {0};
    for (size_t i = 0; i < w.n_visits; i++) {
        kinds[w.visits[i].kind]++;
    }
    assert_in_range(kinds[VISIT_CHRONIC] * 100 / VISITS, 26, 38);
    assert_in_range(kinds[VISIT_ACUTE] * 100 / VISITS, 55, 72);
    assert_true(kinds[VISIT_BIRTH] > 300 && kinds[VISIT_REFERRED] > 300);
}

static void nobody_is_in_two_places(void **state) {
    (void)state;
    for (size_t i = 1; i < w.n_visits; i++) {
        const PlanVisit *v = &w.visits[i];
        assert_in_range(v->day, w.from, w.to);
        assert_in_range(v->day + v->los, w.from, w.to);
        assert_true(v->day >= w.people[v->person].birth);
    }
    /* visits of one citizen stand together; those that were referred come after the rest */
    CLEANUP_FREE int32_t *busy = malloc(CITIZENS * sizeof *busy);
    assert_non_null(busy);
    for (size_t i = 0; i < CITIZENS; i++) {
        busy[i] = -1;
    }
    for (size_t i = 0; i < w.n_visits; i++) {
        const PlanVisit *v = &w.visits[i];
        if (v->kind != VISIT_REFERRED) {
            assert_true(v->day > busy[v->person]);
            busy[v->person] = v->day + v->los;
        }
    }
}

static void the_dead_stay_away(void **state) {
    (void)state;
    size_t died = 0;
    for (size_t i = 0; i < w.n_visits; i++) {
        const PlanVisit *v = &w.visits[i];
        died += (v->flags & PLAN_DIED) != 0;
        for (size_t k = i + 1;
             (v->flags & PLAN_DIED) != 0 && k < w.n_visits && w.visits[k].person == v->person;
             k++) {
            assert_true(w.visits[k].kind == VISIT_REFERRED && w.visits[k].day <= v->day);
        }
    }
    assert_true(died > 10);
}

static size_t of_disease(int disease, int month_from, int month_to) {
    size_t n = 0;
    for (size_t i = 0; i < w.n_visits; i++) {
        const PlanVisit *v = &w.visits[i];
        int y;
        int m;
        int d;
        time_civil_from_days(v->day, &y, &m, &d);
        n += w.content->conditions[v->condition].disease == disease && v->outbreak < 0 &&
             m >= month_from && m <= month_to;
    }
    return n;
}

static void diseases_have_their_seasons(void **state) {
    (void)state;
    size_t dengue = of_disease(DISEASE_DENGUE, 1, 12);
    assert_true(dengue > 500);
    assert_in_range(of_disease(DISEASE_DENGUE, 9, 12) * 100 / dengue, 50, 75);
    size_t flu = of_disease(DISEASE_FLU, 1, 12);
    size_t winter = of_disease(DISEASE_FLU, 1, 3) + of_disease(DISEASE_FLU, 12, 12);
    assert_in_range(winter * 100 / flu, 40, 65);
    size_t diarrhoea = of_disease(DISEASE_DIARRHOEA, 1, 12);
    assert_in_range(of_disease(DISEASE_DIARRHOEA, 5, 8) * 100 / diarrhoea, 38, 55);
    assert_true(of_disease(DISEASE_HFMD, 1, 12) > 150);
    for (size_t i = 0; i < w.n_visits; i++) {
        const PlanVisit *v = &w.visits[i];
        if (w.content->conditions[v->condition].disease == DISEASE_HFMD) {
            assert_true(person_age(&w.people[v->person], v->day) < 15);
        }
    }
}

static void weeks_and_tet_have_their_rhythm(void **state) {
    (void)state;
    size_t days[8] = {0};
    size_t tet = 0;
    int64_t new_year = time_days_from_civil(2026, 2, 17);
    for (size_t i = 0; i < w.n_visits; i++) {
        const PlanVisit *v = &w.visits[i];
        days[time_weekday(v->day)]++;
        tet += v->day >= new_year - 2 && v->day <= new_year + 5;
    }
    assert_true(days[1] > days[3] && days[3] > days[6] && days[6] > days[7]);
    assert_true(days[1] > 3 * days[7]);
    size_t usual = (size_t)VISITS * 8 / 1096;
    assert_in_range(tet, usual / 20, usual * 45 / 100);
}

static void outbreaks_are_planted_whole(void **state) {
    (void)state;
    for (int k = 0; k < SYNTH_OUTBREAKS; k++) {
        const Outbreak *o = &w.outbreaks[k];
        size_t n = 0;
        size_t background = 0;
        for (size_t i = 0; i < w.n_visits; i++) {
            const PlanVisit *v = &w.visits[i];
            bool here = false;
            for (int x = 0; x < o->n_wards; x++) {
                here = here || o->wards[x] == w.people[v->person].ward;
            }
            bool ill = w.content->conditions[v->condition].disease == o->disease;
            if (v->outbreak == k) {
                n++;
                assert_true(here && ill);
                assert_in_range(v->day, o->from, o->to);
            } else {
                background += here && ill && v->day >= o->from && v->day <= o->to;
            }
        }
        assert_in_range(n, o->wanted * 95 / 100, o->wanted);
        assert_true(n > 2 * background); /* stands out */
    }
    assert_int_equal(w.outbreaks[0].to, w.to); /* one is going on */
}

static void files_hold_every_claim_once(void **state) {
    (void)state;
    size_t claims = 0;
    size_t current = 0;
    for (size_t i = 0; i < w.n_files; i++) {
        const PlanFile *f = &w.files[i];
        assert_in_range(f->count, 1, w.o.claims_per_file);
        assert_int_equal(f->first, claims);
        claims += f->count;
        for (uint32_t k = 0; k < f->count; k++) {
            const PlanClaim *c = &w.claims[f->first + k];
            assert_int_equal(c->facility, w.claims[f->first].facility);
            assert_true(c->sent <= f->day);
            current += c->current;
        }
    }
    assert_int_equal(claims, w.n_claims);
    assert_int_equal(current, VISITS);
    assert_in_range(w.n_claims - VISITS, VISITS / 130, VISITS / 80);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages_and_sexes_follow_the_pyramid),
        cmocka_unit_test(families_hang_together),
        cmocka_unit_test(communes_have_their_share),
        cmocka_unit_test(the_number_of_visits_is_exact),
        cmocka_unit_test(nobody_is_in_two_places),
        cmocka_unit_test(the_dead_stay_away),
        cmocka_unit_test(diseases_have_their_seasons),
        cmocka_unit_test(weeks_and_tet_have_their_rhythm),
        cmocka_unit_test(outbreaks_are_planted_whole),
        cmocka_unit_test(files_hold_every_claim_once),
    };
    return cmocka_run_group_tests(tests, make_world, release_world);
}
