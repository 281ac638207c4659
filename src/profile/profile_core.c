#include "profile/profile_core.h"

#include "core/embed.h"
#include "core/thread.h"

EMBED(profile_r4, "gen/data/fhir/profiles.ndjson")

/* Nhịp's guide: one file a resource; each stands in GUIDE_LIST too. */
EMBED(ig_implementationguide_vn_nhip, "docs/ig/package/ImplementationGuide-vn-nhip.json")
EMBED(ig_namingsystem_bhxh, "docs/ig/package/NamingSystem-bhxh.json")
EMBED(ig_namingsystem_bhyt, "docs/ig/package/NamingSystem-bhyt.json")
EMBED(ig_namingsystem_cccd, "docs/ig/package/NamingSystem-cccd.json")
EMBED(ig_namingsystem_cchn, "docs/ig/package/NamingSystem-cchn.json")
EMBED(ig_namingsystem_cmnd, "docs/ig/package/NamingSystem-cmnd.json")
EMBED(ig_namingsystem_cskcb, "docs/ig/package/NamingSystem-cskcb.json")
EMBED(ig_namingsystem_giay_chuyen_tuyen, "docs/ig/package/NamingSystem-giay-chuyen-tuyen.json")
EMBED(ig_namingsystem_giay_to, "docs/ig/package/NamingSystem-giay-to.json")
EMBED(ig_namingsystem_ho_chieu, "docs/ig/package/NamingSystem-ho-chieu.json")
EMBED(ig_namingsystem_khoa, "docs/ig/package/NamingSystem-khoa.json")
EMBED(ig_namingsystem_ma_bn, "docs/ig/package/NamingSystem-ma-bn.json")
EMBED(ig_namingsystem_ma_hsba, "docs/ig/package/NamingSystem-ma-hsba.json")
EMBED(ig_namingsystem_ma_lk, "docs/ig/package/NamingSystem-ma-lk.json")
EMBED(ig_namingsystem_so_chung_sinh, "docs/ig/package/NamingSystem-so-chung-sinh.json")
EMBED(ig_namingsystem_so_chuyen_tuyen, "docs/ig/package/NamingSystem-so-chuyen-tuyen.json")
EMBED(ig_namingsystem_so_ct, "docs/ig/package/NamingSystem-so-ct.json")
EMBED(ig_namingsystem_so_giayhen_kl, "docs/ig/package/NamingSystem-so-giayhen-kl.json")
EMBED(ig_namingsystem_so_ho_so, "docs/ig/package/NamingSystem-so-ho-so.json")
EMBED(ig_namingsystem_so_luu_tru, "docs/ig/package/NamingSystem-so-luu-tru.json")
EMBED(ig_namingsystem_ma_ttdv, "docs/ig/package/NamingSystem-ma-ttdv.json")
EMBED(ig_structuredefinition_as_of, "docs/ig/package/StructureDefinition-as-of.json")
EMBED(ig_structuredefinition_citizen, "docs/ig/package/StructureDefinition-citizen.json")
EMBED(ig_structuredefinition_claim, "docs/ig/package/StructureDefinition-claim.json")
EMBED(ig_structuredefinition_coverage, "docs/ig/package/StructureDefinition-coverage.json")
EMBED(ig_structuredefinition_encounter_person,
      "docs/ig/package/StructureDefinition-encounter-person.json")
EMBED(ig_structuredefinition_encounter, "docs/ig/package/StructureDefinition-encounter.json")
EMBED(ig_structuredefinition_ma_dkbd, "docs/ig/package/StructureDefinition-ma-dkbd.json")
EMBED(ig_structuredefinition_visit, "docs/ig/package/StructureDefinition-visit.json")
EMBED(ig_structuredefinition_xml0, "docs/ig/package/StructureDefinition-xml0.json")
EMBED(ig_structuredefinition_xml1, "docs/ig/package/StructureDefinition-xml1.json")
EMBED(ig_structuredefinition_xml2, "docs/ig/package/StructureDefinition-xml2.json")
EMBED(ig_structuredefinition_xml3, "docs/ig/package/StructureDefinition-xml3.json")
EMBED(ig_structuredefinition_xml4, "docs/ig/package/StructureDefinition-xml4.json")
EMBED(ig_structuredefinition_xml5, "docs/ig/package/StructureDefinition-xml5.json")
EMBED(ig_structuredefinition_xml6, "docs/ig/package/StructureDefinition-xml6.json")
EMBED(ig_structuredefinition_xml7, "docs/ig/package/StructureDefinition-xml7.json")
EMBED(ig_structuredefinition_xml8, "docs/ig/package/StructureDefinition-xml8.json")
EMBED(ig_structuredefinition_xml9, "docs/ig/package/StructureDefinition-xml9.json")
EMBED(ig_structuredefinition_xml10, "docs/ig/package/StructureDefinition-xml10.json")
EMBED(ig_structuredefinition_xml11, "docs/ig/package/StructureDefinition-xml11.json")
EMBED(ig_structuredefinition_xml13, "docs/ig/package/StructureDefinition-xml13.json")
EMBED(ig_structuredefinition_xml14, "docs/ig/package/StructureDefinition-xml14.json")
EMBED(ig_structuredefinition_xml15, "docs/ig/package/StructureDefinition-xml15.json")

#define GUIDE_LIST(X)                                                                              \
    X(ig_implementationguide_vn_nhip)                                                              \
    X(ig_namingsystem_bhxh)                                                                        \
    X(ig_namingsystem_bhyt)                                                                        \
    X(ig_namingsystem_cccd)                                                                        \
    X(ig_namingsystem_cchn)                                                                        \
    X(ig_namingsystem_cmnd)                                                                        \
    X(ig_namingsystem_cskcb)                                                                       \
    X(ig_namingsystem_giay_chuyen_tuyen)                                                           \
    X(ig_namingsystem_giay_to)                                                                     \
    X(ig_namingsystem_ho_chieu)                                                                    \
    X(ig_namingsystem_khoa)                                                                        \
    X(ig_namingsystem_ma_bn)                                                                       \
    X(ig_namingsystem_ma_hsba)                                                                     \
    X(ig_namingsystem_ma_lk)                                                                       \
    X(ig_namingsystem_so_chung_sinh)                                                               \
    X(ig_namingsystem_so_chuyen_tuyen)                                                             \
    X(ig_namingsystem_so_ct)                                                                       \
    X(ig_namingsystem_so_giayhen_kl)                                                               \
    X(ig_namingsystem_so_ho_so)                                                                    \
    X(ig_namingsystem_so_luu_tru)                                                                  \
    X(ig_namingsystem_ma_ttdv)                                                                     \
    X(ig_structuredefinition_as_of)                                                                \
    X(ig_structuredefinition_citizen)                                                              \
    X(ig_structuredefinition_claim)                                                                \
    X(ig_structuredefinition_coverage)                                                             \
    X(ig_structuredefinition_encounter_person)                                                     \
    X(ig_structuredefinition_encounter)                                                            \
    X(ig_structuredefinition_ma_dkbd)                                                              \
    X(ig_structuredefinition_visit)                                                                \
    X(ig_structuredefinition_xml0)                                                                 \
    X(ig_structuredefinition_xml1)                                                                 \
    X(ig_structuredefinition_xml2)                                                                 \
    X(ig_structuredefinition_xml3)                                                                 \
    X(ig_structuredefinition_xml4)                                                                 \
    X(ig_structuredefinition_xml5)                                                                 \
    X(ig_structuredefinition_xml6)                                                                 \
    X(ig_structuredefinition_xml7)                                                                 \
    X(ig_structuredefinition_xml8)                                                                 \
    X(ig_structuredefinition_xml9)                                                                 \
    X(ig_structuredefinition_xml10)                                                                \
    X(ig_structuredefinition_xml11)                                                                \
    X(ig_structuredefinition_xml13)                                                                \
    X(ig_structuredefinition_xml14)                                                                \
    X(ig_structuredefinition_xml15)

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

static void add_lines(Str text) {
    Str line;
    while (str_cut(&text, '\n', &line)) {
        if (line.len > 0) {
            add(line, false);
        }
    }
}

static void load(void) {
    add_lines(embed_profile_r4());
#define X(name) add(embed_##name(), true);
    GUIDE_LIST(X)
#undef X
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
