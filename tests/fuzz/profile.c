/* A StructureDefinition of anybody is taken in, compiled and used on a resource; or the input is a
 * package archive. What comes before the first NUL is the definition, what follows the resource. */
#include "core/limits.h"
#include "profile/profile.h"
#include "profile/profile_package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Profiles *profiles;

static ErrCode on_file(void *ctx, Str name, Str text) {
    size_t *n = ctx;
    *n += name.len + text.len;
    return ERR_OK;
}

static void use(Arena *arena, Str definition, Str text) {
    ProfileText given = {STR("fuzz"), definition};
    FhirResource r;
    FhirIssues issues = fhir_issues(arena);
    if (profiles_put(profiles, &given, 1, NULL, NULL) != ERR_OK) {
        return;
    }
    const ProfileSet *set = profiles_hold(profiles);
    Str url = STR_EMPTY;
    ProfileInfo info;
    for (size_t i = 0; profile_each(set, i, &info); i++) {
        url = info.is_builtin ? url : info.url;
    }
    if (url.len > 0) {
        ErrCode err = profile_check(set, url, NULL);
        ProfileOptions o = profile_options();
        o.profiles = &url;
        o.n_profiles = 1;
        if (fhir_parse(arena, text, &r, &issues) == ERR_OK) {
            err = profile_validate(set, &r, &o, &issues);
            assert(err != ERR_OK || issues.n_errors == 0);
        }
        (void)err;
    }
    profiles_drop(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (profiles == NULL && profiles_new(&profiles) != ERR_OK) {
        return 0;
    }
    Str input = {(const char *)data, size};
    if (size > 2 && data[0] == 0x1f && data[1] == 0x8b) {
        size_t n = 0;
        ErrCode err = profile_package_read(input, on_file, &n, NULL);
        (void)err;
        return 0;
    }
    static const char patient[] =
        "{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"a\",\"value\":\"1\"},{\"use\":"
        "\"old\"}],\"name\":[{\"given\":[\"a\",\"b\"]}],\"deceasedBoolean\":true,\"contact\":[{"
        "\"organization\":{\"reference\":\"#o\"}}],\"contained\":[{\"resourceType\":"
        "\"Organization\",\"id\":\"o\",\"name\":\"x\"}],\"extension\":[{\"url\":\"x:y\","
        "\"valueString\":\"z\"}]}";
    Arena *arena = arena_new(256 * LIMIT_MIB);
    if (arena != NULL) {
        size_t nul = str_find_char(input, '\0', 0);
        Str text = nul == SIZE_MAX ? (Str){patient, sizeof(patient) - 1}
                                   : str_sub(input, nul + 1, SIZE_MAX);
        use(arena, str_sub(input, 0, MIN(nul, size)), text);
    }
    arena_free(arena);
    return 0;
}
