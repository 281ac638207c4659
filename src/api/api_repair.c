/* A visit's claim under repair: read, checked as it is typed, saved by the way that files take,
 * and the former one sent in again. */
#include "api/api_repair.h"

#include "intake/intake_claim.h"

static const char *const no_names[] = {NULL};

/* ---- fields ---- */

static void put_field(JsonWriter *w, const ClaimField *f) {
    static const char *const kinds[] = {
        [CLAIM_S] = "text", [CLAIM_N] = "number",  [CLAIM_DEC] = "decimal",
        [CLAIM_D8] = "day", [CLAIM_DT12] = "time", [CLAIM_DT] = "time"};
    json_open_object(w);
    json_member(w, "field", f->name);
    json_member(w, "vi", f->vi);
    json_member(w, "en", f->en);
    json_member(w, "kind", str_from(kinds[f->kind]));
    json_name(w, "size");
    json_put_i64(w, f->maxlen);
    json_name(w, "digits");
    json_put_i64(w, f->scale);
    json_name(w, "required");
    json_put_bool(w, f->required == 'Y');
    json_name(w, "multi");
    json_put_bool(w, f->multi);
    json_close_object(w);
}

static ErrCode put_fields(RestCall *call, Buf *out, ErrInfo *info) {
    (void)call;
    (void)info;
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "tables");
    json_open_array(&w);
    for (int n = 0; n < CLAIM_TABLES; n++) {
        const ClaimTable *t = claim_table(n);
        if (t == NULL) {
            continue;
        }
        json_open_object(&w);
        json_member(&w, "table", t->name);
        json_name(&w, "fields");
        json_open_array(&w);
        for (int f = 0; f < t->n_fields; f++) {
            put_field(&w, &t->fields[f]);
        }
        json_close_array(&w);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    return ERR_OK;
}

static void get_fields(RestCall *call) {
    rest_answer(call, no_names, put_fields);
}

/* ---- one visit ---- */

static Str patient_of(RestCall *call, Slot patient) {
    return patient == 0 ? STR_EMPTY : store_id(api_of(call)->store, call->arena, patient);
}

static void put_head(RestCall *call, JsonWriter *w, const DraftVisit *v) {
    const Claim *c = &v->claim;
    json_member(w, "id", v->version.id);
    json_member(w, "patient", patient_of(call, v->version.patient));
    json_member(w, "facility", c->facility);
    json_member(w, "facility_name", api_facility_name(api_of(call), call->arena, c->facility));
    json_member(w, "ma_lk", c->ma_lk);
    json_member(w, "made", c->made);
    api_put_number(w, "version", v->version.version);
    api_put_time(w, "written", v->version.time);
    json_member(w, "mark", str_from(v->mark));
}

static ErrCode put_visit(RestCall *call, Buf *out, const DraftVisit *v, ErrInfo *info) {
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    put_head(call, &w, v);
    json_name(&w, "tables");
    draft_put_tables(&w, &v->claim);
    json_name(&w, "check");
    json_open_object(&w);
    BookDraft draft = {.claim = &v->claim, .moment = RULES_AT_EXPORT};
    TRY(draft_put_check(call, &w, &draft, info));
    json_close_object(&w);
    json_close_object(&w);
    return ERR_OK;
}

/* The claim as it was when that version of the Encounter was written. */
static ErrCode read_version(RestCall *call, uint64_t version, DraftVisit *v, ErrInfo *info) {
    Store *store = api_of(call)->store;
    Str id = call->parts[2];
    if (version == 0 || version > UINT32_MAX) {
        return ERR_NOT_FOUND;
    }
    TRY(store_get_version(store, call->arena, FHIR_T_ENCOUNTER, id, (uint32_t)version,
                          &v->version));
    TRY(intake_claim_written(store, call->arena, &v->version, &v->claim, info));
    draft_mark(&v->claim, v->mark);
    return ERR_OK;
}

static ErrCode put_claim(RestCall *call, Buf *out, ErrInfo *info) {
    DraftVisit v;
    Str text = rest_query(call, "version");
    uint64_t version = 0;
    if (text.len == 0) {
        TRY(draft_visit(call, call->parts[2], &v, info));
        return put_visit(call, out, &v, info);
    }
    if (str_to_u64(text, &version) != ERR_OK) {
        return err_set(info, ERR_PARAM, "version", "version is a number from 1",
                       "version là số từ 1");
    }
    TRY(read_version(call, version, &v, info));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    put_head(call, &w, &v);
    json_name(&w, "tables");
    draft_put_tables(&w, &v.claim);
    json_close_object(&w);
    return ERR_OK;
}

static void get_claim(RestCall *call) {
    static const char *const names[] = {"version", NULL};
    rest_answer(call, names, put_claim);
}

/* ---- checking ---- */

static ErrCode read_moment(RestCall *call, RulesMoment *ret, ErrInfo *info) {
    static const struct {
        const char *name;
        RulesMoment moment;
    } moments[] = {{"order", RULES_AT_ORDER},
                   {"discharge", RULES_AT_DISCHARGE},
                   {"export", RULES_AT_EXPORT},
                   {"import", RULES_AT_IMPORT}};
    Str at = rest_query(call, "at");
    *ret = RULES_AT_EXPORT;
    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        if (str_eq(at, str_from(moments[i].name))) {
            *ret = moments[i].moment;
            return ERR_OK;
        }
    }
    return at.len == 0 ? ERR_OK
                       : err_set(info, ERR_PARAM, "at", "at is order, discharge, export or import",
                                 "at là order, discharge, export hoặc import");
}

static ErrCode read_body(RestCall *call, const JsonNode **ret_body, ErrInfo *info) {
    TRY(json_parse(call->arena, http_body(call->request), ret_body, info));
    return json_is(*ret_body, JSON_OBJECT)
               ? ERR_OK
               : err_set(info, ERR_SYNTAX, "body", "the body is a JSON object",
                         "nội dung phải là một đối tượng JSON");
}

static ErrCode put_check(RestCall *call, Buf *out, ErrInfo *info) {
    const JsonNode *body = NULL;
    DraftVisit v = {0};
    Claim claim;
    BookDraft draft = {.claim = &claim};
    TRY(read_moment(call, &draft.moment, info));
    TRY(read_body(call, &body, info));
    Str visit = json_str(call->arena, json_get_lit(body, "visit"));
    if (visit.len > 0) {
        TRY(draft_visit(call, visit, &v, info));
    } else {
        v.claim.facility = json_str(call->arena, json_get_lit(body, "facility"));
        v.claim.ma_lk = json_str(call->arena, json_get_lit(body, "ma_lk"));
    }
    TRY(draft_apply(call, body, &v.claim, &claim, info));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    TRY(draft_put_check(call, &w, &draft, info));
    json_close_object(&w);
    return ERR_OK;
}

static void post_check(RestCall *call) {
    static const char *const names[] = {"at", NULL};
    rest_answer(call, names, put_check);
}

/* ---- saving ---- */

static ErrCode changed(ErrInfo *info) {
    return err_set(info, ERR_PRECONDITION, "visit-changed",
                   "somebody changed this visit in the meantime; nothing was saved: look at it "
                   "again",
                   "lượt khám này vừa có người khác sửa; chưa lưu gì: hãy mở lại để xem");
}

/* If-Match: "MARK", the visit as the person saw it. */
static ErrCode check_mark(RestCall *call, const DraftVisit *v, ErrInfo *info) {
    Str tag = str_trim(http_header(call->request, "if-match"));
    if (tag.len < 2 || tag.ptr[0] != '"' || tag.ptr[tag.len - 1] != '"') {
        return err_set(info, ERR_PARAM, "if-match",
                       "send the mark of the visit that was changed as If-Match: \"MARK\"",
                       "hãy gửi mark của lượt khám đã sửa trong If-Match: \"MARK\"");
    }
    return str_eq(str_sub(tag, 1, tag.len - 2), str_from(v->mark)) ? ERR_OK : changed(info);
}

/* NGAYLAP of what is saved: today, never before that of what is there. */
static Str made_now(RestCall *call, Str known) {
    Civil c = time_civil(clock_now_ms(api_of(call)->clock), TIME_VN_OFFSET_MIN);
    Str today = arena_printf(call->arena, "%04d%02d%02d", c.year, c.month, c.day);
    return known.len == today.len && str_cmp(known, today) > 0 ? known : today;
}

/* The first error, in its own words. */
static ErrCode refuse(const DraftIssues *issues, ErrInfo *info) {
    for (size_t i = 0; i < issues->n; i++) {
        const ClaimIssue *at = &issues->items[i];
        if (at->severity == CLAIM_ERROR) {
            (void)err_plain(info, ERR_INVALID, "draft-refused");
            (void)snprintf(info->what_en, sizeof(info->what_en), STR_FMT, STR_ARG(at->en));
            (void)snprintf(info->what_vi, sizeof(info->what_vi), STR_FMT, STR_ARG(at->vi));
            err_where(info, STR_FMT "[%d]." STR_FMT, STR_ARG(at->table), at->record,
                      STR_ARG(at->field));
            return ERR_INVALID;
        }
    }
    return ERR_INVALID;
}

ErrCode repair_save(RestCall *call, const Repair *r, ErrInfo *info) {
    Str xml;
    DraftIssues issues;
    IntakeReport report = {.arena = call->arena};
    Str note = arena_printf(call->arena, "%lld", (long long)clock_now_ms(api_of(call)->clock));
    TRY(draft_file(call->arena, r->claim, made_now(call, r->before->claim.made), note, &xml));
    TRY(draft_read(call->arena, xml, &issues));
    if (issues.refused) {
        return refuse(&issues, info);
    }
    ErrCode err = intake_file(api_of(call)->intake,
                              &(IntakeFile){.name = r->name,
                                            .bytes = xml,
                                            .actor = r->who,
                                            .by_hand = true,
                                            .expect = r->before->version.slot},
                              &report, info);
    if (err == ERR_PRECONDITION) {
        return changed(info);
    }
    TRY(err);
    return report.claims_rejected == 0
               ? ERR_OK
               : err_set(info, ERR_INVALID, "draft-refused", "the visit was refused as a file",
                         "hồ sơ bị từ chối khi tiếp nhận");
}

ErrCode api_read_who(RestCall *call, const JsonNode *body, Str *ret_who, ErrInfo *info) {
    Str who = str_trim(json_str(call->arena, json_get_lit(body, "who")));
    if (who.len == 0 || who.len > 200) {
        return err_set(info, ERR_PARAM, "who", "say who does it (at most 200 bytes)",
                       "hãy ghi người thực hiện (tối đa 200 byte)");
    }
    *ret_who = who;
    return ERR_OK;
}

/* The body names who saves; the visit is the one that was marked. */
static ErrCode begin(RestCall *call, const JsonNode **ret_body, Repair *r, DraftVisit *v,
                     ErrInfo *info) {
    TRY(read_body(call, ret_body, info));
    TRY(api_read_who(call, *ret_body, &r->who, info));
    TRY(draft_visit(call, call->parts[2], v, info));
    r->before = v;
    return check_mark(call, v, info);
}

static ErrCode put_saved(RestCall *call, Buf *out, ErrInfo *info) {
    const JsonNode *body = NULL;
    DraftVisit v;
    Claim draft;
    Repair r = {.claim = &draft, .name = STR("repair")};
    TRY(begin(call, &body, &r, &v, info));
    TRY(draft_apply(call, body, &v.claim, &draft, info));
    TRY(repair_save(call, &r, info));
    TRY(draft_visit(call, call->parts[2], &v, info));
    return put_visit(call, out, &v, info);
}

static void save_claim(RestCall *call) {
    rest_answer(call, no_names, put_saved);
}

ErrCode repair_former(RestCall *call, const DraftVisit *now, Claim *ret_former, ErrInfo *info) {
    Store *store = api_of(call)->store;
    StoreVersion before;
    TimeMs age = clock_now_ms(api_of(call)->clock) - now->version.time;
    if (now->version.version < 2 || age > REPAIR_UNDO_MS) {
        return err_set(info, ERR_PRECONDITION, "undo-over",
                       "there is no former version, or it was replaced more than %d hours ago",
                       "không có bản trước, hoặc bản trước đã được thay quá %d giờ",
                       (int)(REPAIR_UNDO_MS / TIME_HOUR_MS));
    }
    TRY(store_get_version(store, call->arena, FHIR_T_ENCOUNTER, now->version.id,
                          now->version.version - 1, &before));
    return intake_claim_written(store, call->arena, &before, ret_former, info);
}

static ErrCode put_undone(RestCall *call, Buf *out, ErrInfo *info) {
    const JsonNode *body = NULL;
    DraftVisit v;
    Claim former;
    Repair r = {.claim = &former, .name = STR("undo")};
    TRY(begin(call, &body, &r, &v, info));
    TRY(repair_former(call, &v, &former, info));
    TRY(repair_save(call, &r, info));
    TRY(draft_visit(call, call->parts[2], &v, info));
    return put_visit(call, out, &v, info);
}

static void undo_claim(RestCall *call) {
    rest_answer(call, no_names, put_undone);
}

ROUTES(api_repair_routes,
       {"GET", "/api/claims/tables", get_fields, false, "fields of the claim tables: names, kinds"},
       {"GET", "/api/visits/:encounter/claim", get_claim, false,
        "a visit's claim as tables, with its findings; version=N: as it was then"},
       {"POST", "/api/claims/check", post_check, false,
        "a draft (a visit with edits, or tables): what the fund would say"},
       {"PUT", "/api/visits/:encounter/claim", save_claim, true,
        "the repaired claim; If-Match: its mark"},
       {"POST", "/api/visits/:encounter/claim/undo", undo_claim, true,
        "the former version sent in again; If-Match: the mark"});
