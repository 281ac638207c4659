/* A number that claims give for somebody else: a parent's CCCD for a child that has none yet. The
 * child is a citizen of its own; the number is kept with it as a relative's. */
#include "intake/intake_int.h"

#include "core/fold.h"

enum { GENERATION_YEARS = 12, CHILD_YEARS = 15, INFANT_DAYS = 366 };

/* Of a FHIR date, or 0. */
static int year_of(Str date) {
    uint64_t year = 0;
    return date.len >= 4 && str_to_u64(str_sub(date, 0, 4), &year) == ERR_OK ? (int)year : 0;
}

/* The claim's CCCD, or empty. It is the first of the tokens. */
static Str cccd_of(const Work *work) {
    const ClaimIdentity *identity = &work->map.identity;
    bool is = identity->n_tokens > 0 && identity->tokens[0].is_national;
    return is ? identity->tokens[0].value : STR_EMPTY;
}

bool intake_is_relatives(const Work *work) {
    int born = year_of(work->map.identity.birth);
    int holder = claim_cccd_year(cccd_of(work));
    if (born == 0 || holder == 0 || work->as_of == 0 || born - holder < GENERATION_YEARS) {
        return false;
    }
    return time_civil(work->as_of, TIME_VN_OFFSET_MIN).year - born <= CHILD_YEARS;
}

static bool is_infant(Str birth, TimeMs at) {
    TimeMs lo = 0;
    TimeMs hi = 0;
    return at != 0 && time_parse_fhir(birth, &lo, &hi) == ERR_OK &&
           at < hi + INFANT_DAYS * TIME_DAY_MS;
}

bool intake_is_infant(const Work *work) {
    return is_infant(work->map.identity.birth, work->as_of);
}

/* When the facts of the Patient are from. */
static TimeMs known_at(Arena *arena, const JsonNode *patient) {
    TimeMs lo = 0;
    TimeMs hi = 0;
    bool is = time_parse_fhir(claim_map_as_of(arena, patient), &lo, &hi) == ERR_OK;
    return is ? lo : 0;
}

static bool known_and_other(Str a, Str b) {
    return a.len > 0 && b.len > 0 && !str_eq(a, b);
}

bool intake_is_stranger(Arena *arena, const JsonNode *patient, const Work *work) {
    const ClaimIdentity *claimed = &work->map.identity;
    Str birth = json_str(arena, json_get_lit(patient, "birthDate"));
    int known = year_of(birth);
    int born = year_of(claimed->birth);
    if (known == 0 || born == 0 || abs(known - born) < GENERATION_YEARS) {
        return false;
    }
    Str name = fold(arena, json_str(arena, json_path(patient, "name.text")));
    Str sex = json_str(arena, json_get_lit(patient, "gender"));
    bool sexes = str_eq(sex, STR("unknown")) || str_eq(claimed->sex, STR("unknown"));
    return !str_eq(name, claimed->name) || (!sexes && known_and_other(sex, claimed->sex)) ||
           (born > known ? intake_is_infant(work) : is_infant(birth, known_at(arena, patient)));
}

bool intake_is_theirs(Arena *arena, const JsonNode *patient, const Work *work) {
    int known = year_of(json_str(arena, json_get_lit(patient, "birthDate")));
    int born = year_of(work->map.identity.birth);
    int holder = claim_cccd_year(cccd_of(work));
    return holder == known || (holder != born && born > known);
}

Str intake_as_relatives(const Work *work, Arena *arena, Str json) {
    Str own = STR("{\"system\":\"" CLAIM_SYSTEM_CCCD "\",");
    Str relatives = STR("{\"system\":\"" CLAIM_SYSTEM_RELATIVE "\",");
    size_t at = work->relatives ? str_find(json, own) : SIZE_MAX;
    return at == SIZE_MAX ? json
                          : arena_join(arena,
                                       (Str[]){str_sub(json, 0, at), relatives,
                                               str_sub(json, at + own.len, json.len)},
                                       3);
}
