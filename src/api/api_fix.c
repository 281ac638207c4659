#include "api/api_fix.h"

#include "core/hash.h"

enum { PAGE = 200, FIX_ARENA_BYTES = 256 << 20 };

#define UNSIGNED (BOOK_BIT(BOOK_ENTERED) | BOOK_BIT(BOOK_CHECKED) | BOOK_BIT(BOOK_CORRECTED))

/* ---- what is asked ---- */

typedef struct Body {
    Arena *arena;
    const JsonNode *root;
} Body;

static Str of_body(void *ctx, const char *name) {
    const Body *b = ctx;
    return json_str(b->arena, json_get(b->root, str_from(name)));
}

static ErrCode check_field(const Fix *fix, ErrInfo *info) {
    const ClaimTable *t = claim_table_by_name(fix->table);
    bool ok = t != NULL && claim_field_find(t, fix->field) >= 0 &&
              !str_eq(fix->field, STR("MA_LK")) && !str_eq(fix->field, STR("STT"));
    return ok ? ERR_OK
              : err_set(info, ERR_PARAM, "fix-field",
                        "a fix names a table and a field of it, other than MA_LK and STT",
                        "cần nêu bảng và trường của bảng, trừ MA_LK và STT");
}

ErrCode fix_read(RestCall *call, const JsonNode *body, Fix *ret, ErrInfo *info) {
    Body b = {call->arena, body};
    Fix f = {.table = of_body(&b, "table"), .field = of_body(&b, "field")};
    const JsonNode *match = json_get_lit(body, "match");
    const JsonNode *value = json_get_lit(body, "value");
    TRY(check_field(&f, info));
    TRY(api_book_filter(of_body, &b, &f.filter, info));
    if (!json_is(value, JSON_STRING) ||
        (match != NULL && match->type != JSON_NULL && !json_is(match, JSON_STRING))) {
        return err_set(info, ERR_PARAM, "fix-value", "match (may be left out) and value are texts",
                       "match (có thể bỏ) và value là chuỗi");
    }
    f.value = json_str(call->arena, value);
    f.match = json_is(match, JSON_STRING) ? json_str(call->arena, match) : (Str){0};
    if (json_is(match, JSON_STRING) && f.match.ptr == NULL) {
        f.match = STR("");
    }
    f.filter.states = (f.filter.states == 0 ? UNSIGNED : f.filter.states) & UNSIGNED;
    if (f.filter.states == 0) {
        return err_set(info, ERR_PARAM, "fix-signed", "what is signed is not changed in bulk",
                       "hồ sơ đã ký không sửa hàng loạt");
    }
    *ret = f;
    return ERR_OK;
}

/* ---- one visit ---- */

/* The visit with the fix; *ret_n values change, the first of them was *ret_before. */
static ErrCode apply(Arena *arena, const Fix *fix, const Claim *claim, Claim *ret_claim,
                     FixVisit *visit) {
    ClaimDraft *draft = NULL;
    ClaimEdit edit = {.table = fix->table, .field = fix->field, .value = fix->value};
    TRY(claim_draft_new(arena, claim, &draft));
    for (int i = 0; i < claim->n_parts; i++) {
        const ClaimPart *p = &claim->parts[i];
        if (!str_eq(p->table->name, fix->table)) {
            continue;
        }
        int field = claim_field_find(p->table, fix->field);
        for (int r = 0; r < p->n_records; r++) {
            Str now = p->records[r].values[field];
            edit.record++;
            if (str_eq(now, fix->value) || (fix->match.ptr != NULL && !str_eq(now, fix->match))) {
                continue;
            }
            visit->before = visit->n_values++ == 0 ? now : visit->before;
            TRY(claim_draft_edit(draft, &edit, NULL));
        }
    }
    return claim_draft_claim(draft, ret_claim);
}

typedef struct Planner {
    RestCall *call;
    RestCall one; /* the same with an arena that is emptied behind each visit */
    const Fix *fix;
    FixPlan *plan;
    Book *book;
    Sha256Ctx *digest;
} Planner;

static void digest_text(Sha256Ctx *ctx, Str text) {
    sha256_update(ctx, text);
    sha256_update(ctx, (Str){"\0", 1});
}

static void keep(Planner *p, const BookRow *row, const DraftVisit *visit, FixVisit *v) {
    Arena *arena = p->call->arena;
    FixPlan *plan = p->plan;
    v->id = arena_str(arena, row->visit_id);
    v->ma_lk = arena_str(arena, row->ma_lk);
    v->name = arena_str(arena, row->name);
    v->facility = arena_str(arena, row->facility);
    v->mark = arena_str(arena, str_from(visit->mark));
    v->before = arena_str(arena, v->before);
    v->blocks = row->n_by_weight[RULES_BLOCKS];
    plan->n_refused += v->refused;
    if (v->refused) {
        return;
    }
    plan->n_values += v->n_values;
    plan->n_held += v->blocks > 0;
    plan->n_held_after += v->blocks_after > 0;
    plan->visits[plan->n_visits++] = *v;
    digest_text(p->digest, v->id);
    digest_text(p->digest, v->mark);
}

static ErrCode plan_visit(Planner *p, const BookRow *row) {
    DraftVisit visit;
    Claim draft;
    DraftCheck check;
    FixVisit v = {.n_values = 0};
    char after[DRAFT_MARK_LEN + 1];
    arena_reset(p->one.arena);
    p->plan->n_looked++;
    ErrCode err = draft_visit(&p->one, row->visit_id, &visit, NULL);
    if (err == ERR_GONE || err == ERR_NOT_FOUND) {
        return ERR_OK; /* the book is about to learn it */
    }
    TRY(err);
    err = apply(p->one.arena, p->fix, &visit.claim, &draft, &v);
    if (err == ERR_UNSUPPORTED) { /* a document with elements that no field carries */
        p->plan->n_refused++;
        return ERR_OK;
    }
    TRY(err);
    if (v.n_values == 0) {
        return ERR_OK;
    }
    BookDraft ask = {.claim = &draft, .moment = RULES_AT_EXPORT};
    TRY(draft_check(&p->one, &ask, &check, NULL));
    v.refused = check.issues.refused;
    v.blocks_after = check.report.n_by_weight[RULES_BLOCKS];
    draft_mark(&draft, after);
    v.after = arena_str(p->call->arena, str_from(after));
    keep(p, row, &visit, &v);
    return ERR_OK;
}

static ErrCode plan_pages(Planner *p) {
    BookAsk ask = {.filter = p->fix->filter, .max = PAGE};
    BookPage page;
    do {
        TRY(book_list(p->book, p->call->arena, &ask, &page));
        for (size_t i = 0; i < page.n_rows; i++) {
            if (p->plan->n_visits == FIX_VISITS || p->plan->n_looked == FIX_LOOKS) {
                p->plan->cut = true;
                return ERR_OK;
            }
            TRY(plan_visit(p, &page.rows[i]));
        }
        ask.after = page.next;
    } while (page.next.len > 0);
    return ERR_OK;
}

static void digest_fix(Planner *p) {
    digest_text(p->digest, p->fix->table);
    digest_text(p->digest, p->fix->field);
    digest_text(p->digest, p->fix->match);
    digest_text(p->digest, p->fix->value);
}

ErrCode fix_plan(RestCall *call, const Fix *fix, FixPlan *ret, ErrInfo *info) {
    Planner p = {.call = call, .one = *call, .fix = fix, .plan = ret};
    CLEANUP_BUF Buf hex;
    Sha256 sum;
    buf_init(&hex, 2 * sizeof(sum.b));
    CLEANUP_ARENA Arena *arena = arena_new(FIX_ARENA_BYTES);
    TRY(api_book(call, &p.book, info));
    *ret = (FixPlan){.visits = arena_new_array(call->arena, FixVisit, FIX_VISITS)};
    p.one.arena = arena;
    p.digest = sha256_new();
    ErrCode err = arena == NULL || ret->visits == NULL || p.digest == NULL ? ERR_NOMEM : ERR_OK;
    if (err == ERR_OK) {
        digest_fix(&p);
        err = plan_pages(&p);
    }
    if (err == ERR_OK) {
        sha256_final(p.digest, &sum);
        hex_put(&hex, sum.b, DRAFT_MARK_LEN / 2);
        memcpy(ret->digest, hex.ptr, DRAFT_MARK_LEN);
    }
    sha256_free(p.digest);
    return err;
}

/* ---- carrying it out ---- */

/* A visit that others have changed meanwhile is left alone. */
static ErrCode run_visit(RestCall *one, const Fix *fix, const FixVisit *planned, Str who,
                         FixDone *done) {
    DraftVisit visit;
    Claim draft;
    FixVisit v = {.n_values = 0};
    ErrInfo info = {0};
    ErrCode err = draft_visit(one, planned->id, &visit, &info);
    bool changed = err == ERR_OK && !str_eq(str_from(visit.mark), planned->mark);
    if (changed || err == ERR_GONE || err == ERR_NOT_FOUND) {
        done->skipped++;
        return ERR_OK;
    }
    TRY(err);
    TRY(apply(one->arena, fix, &visit.claim, &draft, &v));
    Repair repair = {.before = &visit, .claim = &draft, .name = STR("fix"), .who = who};
    err = repair_save(one, &repair, &info);
    done->done += err == ERR_OK;
    done->skipped += err == ERR_PRECONDITION || err == ERR_INVALID;
    return err == ERR_PRECONDITION || err == ERR_INVALID ? ERR_OK : err;
}

ErrCode fix_run(RestCall *call, const Fix *fix, const FixPlan *plan, Str who, FixDone *ret,
                ErrInfo *info) {
    FixTask task = {.fix = fix, .plan = plan, .status = "in-progress", .who = who};
    RestCall one = *call;
    CLEANUP_ARENA Arena *arena = arena_new(FIX_ARENA_BYTES);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    one.arena = arena;
    *ret = (FixDone){.done = 0};
    TRY(fix_task_write(call, &task, info)); /* first: whatever happens can be undone */
    for (size_t i = 0; i < plan->n_visits; i++) {
        arena_reset(arena);
        TRY(run_visit(&one, fix, &plan->visits[i], who, ret));
    }
    ret->id = task.version.id;
    task.status = "completed";
    task.done = ret->done;
    return fix_task_write(call, &task, info);
}

/* ---- and back ---- */

/* Is the visit signed, or further on its way? */
static bool is_signed(RestCall *one, const DraftVisit *visit) {
    BookRow row;
    return book_row(api_of(one)->o.book, one->arena, visit->version.first, &row) == ERR_OK &&
           book_state_is_fact(row.state);
}

/* "ID MARK" of one visit: the former version again, when it still says what the fix made of it. */
static ErrCode undo_visit(RestCall *one, Str line, Str who, FixDone *done) {
    DraftVisit visit;
    Claim former;
    ErrInfo info = {0};
    Str id;
    (void)str_cut(&line, ' ', &id);
    ErrCode err = draft_visit(one, id, &visit, &info);
    bool ours = err == ERR_OK && str_eq(str_from(visit.mark), line) && !is_signed(one, &visit);
    if (!ours) {
        done->skipped++;
        return err == ERR_GONE || err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    err = repair_former(one, &visit, &former, &info);
    Repair repair = {.before = &visit, .claim = &former, .name = STR("undo"), .who = who};
    err = err == ERR_OK ? repair_save(one, &repair, &info) : err;
    done->done += err == ERR_OK;
    done->skipped += err == ERR_PRECONDITION || err == ERR_INVALID;
    return err == ERR_PRECONDITION || err == ERR_INVALID ? ERR_OK : err;
}

static ErrCode check_task(RestCall *call, const StoreVersion *v, const JsonNode *root,
                          ErrInfo *info) {
    bool ours = json_str_is(json_path(root, "code.coding.system"), STR(FIX_SYSTEM));
    bool over = json_str_is(json_get_lit(root, "status"), STR("cancelled")) ||
                clock_now_ms(api_of(call)->clock) - v->time > REPAIR_UNDO_MS;
    if (!ours) {
        return ERR_NOT_FOUND;
    }
    return !over ? ERR_OK
                 : err_set(info, ERR_PRECONDITION, "undo-over",
                           "this fix was undone already, or is older than %d hours",
                           "lần sửa này đã được hoàn tác, hoặc đã quá %d giờ",
                           (int)(REPAIR_UNDO_MS / TIME_HOUR_MS));
}

ErrCode fix_undo(RestCall *call, Str task, Str who, FixDone *ret, ErrInfo *info) {
    StoreVersion v;
    const JsonNode *root = NULL;
    RestCall one = *call;
    CLEANUP_ARENA Arena *arena = arena_new(FIX_ARENA_BYTES);
    Book *book = NULL;
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    one.arena = arena;
    TRY(api_book(call, &book, info));
    TRY(store_get(api_of(call)->store, call->arena, FHIR_T_TASK, task, &v));
    TRY(json_parse(call->arena, v.json, &root, info));
    TRY(check_task(call, &v, root, info));
    *ret = (FixDone){.id = v.id};
    const JsonNode *list = json_get_lit(root, "input");
    for (const JsonNode *i = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; i != NULL;
         i = json_next(list, i)) {
        if (json_str_is(json_path(i, "type.text"), STR("visit"))) {
            arena_reset(arena);
            TRY(undo_visit(&one, json_str(call->arena, json_get_lit(i, "valueString")), who, ret));
        }
    }
    return fix_task_end(call, &v, who, info);
}
