/* XML1 (or XML0) → Patient and Coverage. */
#include "interop/claim_map_int.h"

static void put_identifier(Map *m, Str system, Str value) {
    if (value.len > 0) {
        json_open_object(&m->w);
        json_member(&m->w, "system", system);
        json_member(&m->w, "value", value);
        json_close_object(&m->w);
    }
}

static Str with_facility(Map *m, Str value) {
    return arena_printf(m->arena, STR_FMT "|" STR_FMT, STR_ARG(m->claim->facility), STR_ARG(value));
}

static void put_identifiers(Map *m, const ClaimPerson *p) {
    MapParts cards = map_parts(p->cards);
    Str paper = str_trim(p->paper);
    json_name(&m->w, "identifier");
    json_open_array(&m->w);
    put_identifier(m, claim_paper_system(paper), paper);
    for (int i = 0; i < cards.n && i < CLAIM_CARDS_MAX; i++) {
        put_identifier(m, STR(CLAIM_SYSTEM_CARD), cards.part[i]);
        Str number = claim_bhxh(cards.part[i]);
        bool seen = false;
        for (int k = 0; k < i; k++) {
            seen = seen || str_eq(claim_bhxh(cards.part[k]), number);
        }
        put_identifier(m, STR(CLAIM_SYSTEM_BHXH), seen ? STR_EMPTY : number);
    }
    put_identifier(m, STR(CLAIM_SYSTEM_MA_BN), with_facility(m, p->ma_bn));
    json_close_array(&m->w);
}

/* Vietnamese order: family name first. `text` is the name as written. */
static void put_name(Map *m, Str name) {
    Str rest = str_trim(name);
    Str family;
    if (!str_cut(&rest, ' ', &family) || family.len == 0) {
        return;
    }
    json_name(&m->w, "name");
    json_open_array(&m->w);
    json_open_object(&m->w);
    json_member(&m->w, "use", STR("official"));
    json_member(&m->w, "text", name);
    json_member(&m->w, "family", family);
    Str given;
    bool any = false;
    while (str_cut(&rest, ' ', &given)) {
        if (given.len > 0 && !any) {
            json_name(&m->w, "given");
            json_open_array(&m->w);
            any = true;
        }
        if (given.len > 0) {
            json_put_str(&m->w, given);
        }
    }
    if (any) {
        json_close_array(&m->w);
    }
    json_close_object(&m->w);
    json_close_array(&m->w);
}

/* birthDate in its precision; the time of birth, where it is known, in HL7's own extension. */
static void put_birth(Map *m, Str ngay_sinh) {
    char text[32];
    Buf b = {.ptr = text, .capacity = sizeof(text), .max = sizeof(text)};
    if (!claim_put_birth(&b, ngay_sinh)) {
        return;
    }
    json_member(&m->w, "birthDate", buf_str(&b));
    bool has_time = ngay_sinh.len == 12 && !str_ends(ngay_sinh, STR("0000"));
    if (has_time && b.len == 10) {
        json_name(&m->w, "_birthDate");
        json_open_object(&m->w);
        json_name(&m->w, "extension");
        json_open_array(&m->w);
        json_open_object(&m->w);
        json_member(&m->w, "url", STR("http://hl7.org/fhir/StructureDefinition/patient-birthTime"));
        (void)map_put_time(m, STR("valueDateTime"), ngay_sinh);
        json_close_object(&m->w);
        json_close_array(&m->w);
        json_close_object(&m->w);
    }
}

static void put_address(Map *m, MapRow *r) {
    static const int codes[] = {XML1_MATINH_CU_TRU, XML1_MAHUYEN_CU_TRU, XML1_MAXA_CU_TRU};
    if (!map_extension_has(r, codes, ARRAY_LEN(codes)) && !map_has(r, XML1_DIA_CHI)) {
        return;
    }
    json_name(&m->w, "address");
    json_open_array(&m->w);
    json_open_object(&m->w);
    map_extensions(m, r, codes, ARRAY_LEN(codes));
    json_member(&m->w, "use", STR("home"));
    map_text(m, STR("text"), r, XML1_DIA_CHI);
    json_member(&m->w, "country", STR("VN"));
    json_close_object(&m->w);
    json_close_array(&m->w);
}

static void put_phone(Map *m, MapRow *r) {
    if (map_has(r, XML1_DIEN_THOAI)) {
        json_name(&m->w, "telecom");
        json_open_array(&m->w);
        json_open_object(&m->w);
        json_member(&m->w, "system", STR("phone"));
        map_text(m, STR("value"), r, XML1_DIEN_THOAI);
        json_close_object(&m->w);
        json_close_array(&m->w);
    }
}

/* As-of: of which visit the facts are; then what FHIR has no element for. */
static void put_extensions(Map *m, MapRow *summary) {
    static const int fields[] = {XML1_NHOM_MAU, XML1_MA_QUOCTICH, XML1_MA_DANTOC,
                                 XML1_MA_NGHE_NGHIEP};
    bool has_facts = summary != NULL && map_extension_has(summary, fields, ARRAY_LEN(fields));
    if (m->as_of.len == 0 && !has_facts) {
        return;
    }
    json_name(&m->w, "extension");
    json_open_array(&m->w);
    if (m->as_of.len > 0) {
        json_open_object(&m->w);
        json_member(&m->w, "url", STR(CLAIM_BASE "StructureDefinition/as-of"));
        json_member(&m->w, "valueDateTime", m->as_of);
        json_close_object(&m->w);
    }
    if (has_facts) {
        map_extension(m, summary, fields, ARRAY_LEN(fields), -1);
    }
    json_close_array(&m->w);
}

/* KET_QUA_DTRI 5: died in hospital, at the end of the care. */
static void put_death(Map *m, MapRow *r) {
    if (str_eq(map_peek(r, XML1_KET_QUA_DTRI), STR("5"))) {
        (void)map_put_time(m, STR("deceasedDateTime"), map_peek(r, XML1_NGAY_RA));
    }
}

void map_put_patient(Map *m, const ClaimPerson *p, MapRow *summary) {
    (void)map_open(m, FHIR_T_PATIENT, STR("patient"));
    put_extensions(m, summary);
    put_identifiers(m, p);
    put_name(m, p->name);
    if (summary != NULL) {
        put_phone(m, summary);
    }
    json_member(&m->w, "gender", claim_sex(p->sex));
    put_birth(m, p->birth);
    if (summary != NULL) {
        put_death(m, summary);
        put_address(m, summary);
    }
    map_close(m);
}

/* ---- cards */

/* The lists of cards, facilities and dates run side by side. */
typedef struct Cards {
    MapParts card, facility, from, to;
} Cards;

static void put_period(Map *m, Str from, Str to) {
    Civil c;
    bool has = (from.len > 0 && time_parse_claim(from, &c) == ERR_OK) ||
               (to.len > 0 && time_parse_claim(to, &c) == ERR_OK);
    if (has) {
        json_name(&m->w, "period");
        json_open_object(&m->w);
        (void)map_put_time(m, STR("start"), from);
        (void)map_put_time(m, STR("end"), to);
        json_close_object(&m->w);
    }
}

static void put_type(Map *m, Str system, Str code) {
    json_name(&m->w, "type");
    json_open_object(&m->w);
    json_name(&m->w, "coding");
    json_open_array(&m->w);
    map_put_coding(m, system, code, STR_EMPTY);
    json_close_array(&m->w);
    json_close_object(&m->w);
}

static Str part_at(const MapParts *p, int i) {
    return i < p->n ? p->part[i] : STR_EMPTY;
}

/* The facility where the card is registered. */
static void put_registered(Map *m, Str code) {
    json_open_object(&m->w);
    json_member(&m->w, "url", STR(CLAIM_BASE "StructureDefinition/ma-dkbd"));
    json_name(&m->w, "valueReference");
    (void)map_put_organization(m, code);
    json_close_object(&m->w);
}

static void put_card(Map *m, const Cards *c, int i, MapRow *summary) {
    static const int fields[] = {XML1_NGAY_MIEN_CCT, XML1_MA_KHUVUC, XML1_NAM_NAM_LIEN_TUC};
    Str card = c->card.part[i];
    Str facility = part_at(&c->facility, i);
    bool facts = i == 0 && map_extension_has(summary, fields, ARRAY_LEN(fields));
    (void)map_open(m, FHIR_T_COVERAGE, arena_printf(m->arena, "coverage/" STR_FMT, STR_ARG(card)));
    if (facility.len > 0 || facts) {
        json_name(&m->w, "extension");
        json_open_array(&m->w);
        if (facility.len > 0) {
            put_registered(m, facility);
        }
        if (facts) {
            map_extension(m, summary, fields, ARRAY_LEN(fields), -1);
        }
        json_close_array(&m->w);
    }
    json_name(&m->w, "identifier");
    json_open_array(&m->w);
    put_identifier(m, STR(CLAIM_SYSTEM_CARD), card);
    json_close_array(&m->w);
    json_member(&m->w, "status", STR("active"));
    put_type(m, STR(MAP_TERM "v3-ActCode"), STR("PUBLICPOL"));
    json_member(&m->w, "subscriberId", card);
    map_patient(m, STR("beneficiary"));
    put_period(m, part_at(&c->from, i), part_at(&c->to, i));
    json_name(&m->w, "payor");
    json_open_array(&m->w);
    map_put_insurer(m);
    json_close_array(&m->w);
    map_close(m);
}

static void put_self_pay(Map *m) {
    (void)map_open(m, FHIR_T_COVERAGE, STR("coverage/self"));
    json_member(&m->w, "status", STR("active"));
    put_type(m, STR(MAP_TERM "coverage-selfpay"), STR("pay"));
    map_patient(m, STR("beneficiary"));
    json_name(&m->w, "payor");
    json_open_array(&m->w);
    json_open_object(&m->w);
    json_member(&m->w, "reference", STR("Patient/~"));
    json_close_object(&m->w);
    json_close_array(&m->w);
    map_close(m);
}

static void read_cards(const MapRow *r, Cards *c) {
    c->card = map_parts(map_peek(r, XML1_MA_THE_BHYT));
    c->facility = map_parts(map_peek(r, XML1_MA_DKBD));
    c->from = map_parts(map_peek(r, XML1_GT_THE_TU));
    c->to = map_parts(map_peek(r, XML1_GT_THE_DEN));
}

void map_put_coverages(Map *m, MapRow *summary) {
    Cards c;
    read_cards(summary, &c);
    m->coverage = (int)m->n_resources;
    for (int i = 0; i < c.card.n && i < CLAIM_CARDS_MAX; i++) {
        put_card(m, &c, i, summary);
    }
    if (c.card.n == 0) {
        put_self_pay(m);
    }
    m->n_coverage = (int)m->n_resources - m->coverage;
}
