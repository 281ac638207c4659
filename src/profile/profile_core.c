#include "profile/profile_core.h"

#include "core/embed.h"
#include "core/thread.h"

EMBED(profile_r4, "gen/data/fhir/profiles.ndjson")

enum { RESOURCES_MAX = 1024 };

static ProfileResource resources[RESOURCES_MAX];
static size_t n_resources;

/* The value of the first member of that name. Only for texts of our own, whose head we know:
 * resourceType and id come first. */
static Str head_member(Str json, Str name_and_quote) {
    size_t at = str_find(str_sub(json, 0, 400), name_and_quote);
    if (at == SIZE_MAX) {
        return STR_EMPTY;
    }
    size_t from = str_find_char(json, '"', at + name_and_quote.len - 1) + 1;
    return str_sub(json, from, str_find_char(json, '"', from) - from);
}

static void add(Str json, bool is_own) {
    ProfileResource r = {.type = head_member(json, STR("\"resourceType\":")),
                         .id = head_member(json, STR("\"id\":")),
                         .json = json,
                         .is_own = is_own};
    assert(r.type.len > 0 && r.id.len > 0 && n_resources < RESOURCES_MAX);
    resources[n_resources++] = r;
}

static void add_lines(Str text, bool is_own) {
    Str line;
    while (str_cut(&text, '\n', &line)) {
        if (line.len > 0) {
            add(line, is_own);
        }
    }
}

static void load(void) {
    add_lines(embed_profile_r4(), false);
}

size_t profile_core_count(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load);
    return n_resources;
}

ProfileResource profile_core_at(size_t at) {
    assert(at < n_resources);
    return resources[at];
}

bool profile_core_find(Str type, Str id, ProfileResource *ret_resource) {
    size_t n = profile_core_count();
    for (size_t i = 0; i < n; i++) {
        if (str_eq(resources[i].type, type) && str_eq(resources[i].id, id)) {
            *ret_resource = resources[i];
            return true;
        }
    }
    return false;
}
