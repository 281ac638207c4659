/* FHIR files: a Bundle or resource as a whole (.json), or one in each line (.ndjson), plain or
 * gzip.
 *
 * A piece is what is committed together: one transaction or collection Bundle, the entries of a
 * batch Bundle, or up to PIECE_LINES lines with one resource each. Every piece leaves a mark (a
 * dropped received file under the hash of "FILE piece N") in its own commit, so that an import that
 * was cut off goes on behind the last piece. When several resources are refused as one piece each
 * is tried alone, with a mark of its own; what is refused alone goes to the rejects list. A reject
 * that is processed again has marks of its own, which only a piece that was taken leaves. */
#include "core/gunzip.h"
#include "intake/intake_fhir_int.h"

#include "fhir/fhir_validate.h"

enum { PIECE_LINES = 256 };
#define PIECE_BYTES (4 * LIMIT_MIB)

typedef struct Unit { /* one ask of a piece with the text that it came from */
    IntakeAsk ask;
    Str text;
    unsigned line;
} Unit;

typedef struct Load {
    Intake *intake;
    const IntakeFeed *feed;
    const IntakeFile *file;
    Sha256 hash;
    bool known;   /* its received row is durable */
    bool begun;   /* an earlier run may have taken parts of it */
    Arena *arena; /* one piece; reset behind it */
    Unit *units;
    size_t n_units, n_bytes;
    bool is_bundle;  /* the units are one transaction */
    Str whole;       /* the text under way, where it came from: it outlives the piece's arena */
    bool lines_move; /* a text lives only until the next line is read */
    StoreReject *rejects;
    size_t n_rejects;
    unsigned line;
    RejectCount *seen;  /* a line's rejects are all of one piece: a piece that is skipped changes
                         * no other's numbers */
    uint64_t n_refused; /* of the file */
    ErrInfo *info;
} Load;

bool intake_is_fhir_file(Str name) {
    if (str_ends(name, STR(".gz"))) {
        name = str_sub(name, 0, name.len - 3);
    }
    return str_ends(name, STR(".json")) || str_ends(name, STR(".ndjson"));
}

/* The sender's fault, not ours: the piece is refused, the file goes on. */
static bool is_refusal(ErrCode err) {
    return err == ERR_SYNTAX || err == ERR_LIMIT || err == ERR_INVALID || err == ERR_PARAM ||
           err == ERR_UNSUPPORTED || err == ERR_NOT_FOUND || err == ERR_GONE ||
           err == ERR_CONFLICT || err == ERR_PRECONDITION || err == ERR_MULTIPLE ||
           err == ERR_EXISTS;
}

/* ---- refusing ---- */

static void report_refused(Load *l, const StoreReject *r) {
    intake_report_issue(l->feed->report, l->feed->lock,
                        &(IntakeIssue){.is_error = true,
                                       .file = r->file_name,
                                       .table = r->table,
                                       .field = r->field,
                                       .rule = r->rule,
                                       .en = r->en,
                                       .vi = r->vi,
                                       .line = (int)r->line});
}

static ErrCode refuse(Load *l, FhirType type, Str text, unsigned line, const ErrInfo *why) {
    StoreReject *r = &l->rejects[l->n_rejects];
    *r = (StoreReject){
        .file = l->hash,
        .file_name = l->file->name,
        .ma_lk = STR_EMPTY,
        .table = type == FHIR_T_NONE ? STR_EMPTY : str_from(fhir_type_name(type)),
        .field = arena_str(l->arena, str_from(why->where)),
        .rule = arena_str(l->arena, str_from(why->rule)),
        .en = arena_str(l->arena, str_from(why->what_en)),
        .vi = arena_str(l->arena, str_from(why->what_vi)),
        .line = line,
        .bytes = text,
    };
    TRY(reject_nth(l->seen, r, &r->nth));
    report_refused(l, r);
    l->n_refused++;
    l->n_rejects += l->file->retry_of == 0; /* a retried one stands in the list already */
    return arena_failed(l->arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode refuse_issues(Load *l, FhirType type, Str text, const FhirIssues *issues) {
    ErrInfo why = {0};
    (void)fhir_issues_to_info(issues, ERR_INVALID, &why);
    return refuse(l, type, text, l->line, &why);
}

static ErrCode new_piece(Load *l) {
    l->n_units = l->n_rejects = l->n_bytes = 0;
    l->is_bundle = false;
    arena_reset(l->arena);
    l->units = arena_new_array(l->arena, Unit, PIECE_LINES + 1);
    l->rejects = arena_new_array(l->arena, StoreReject, PIECE_LINES + 1);
    return l->rejects == NULL ? ERR_NOMEM : ERR_OK;
}

/* ---- committing ---- */

static Str mark_text(Load *l, const char *kind, unsigned line, size_t index) {
    CLEANUP_BUF Buf hex;
    buf_init(&hex, 128);
    hex_put(&hex, l->hash.b, sizeof(l->hash.b));
    return arena_printf(l->arena, STR_FMT " %s %u %zu", STR_ARG(buf_str(&hex)), kind, line, index);
}

static void count_written(Load *l, size_t resources, size_t rejects) {
    mutex_lock(l->feed->lock);
    l->feed->report->resources += resources;
    l->feed->report->claims_rejected += rejects;
    mutex_unlock(l->feed->lock);
    if (l->feed->progress != NULL) {
        progress_add(l->feed->progress, 1, resources);
        progress_add(l->feed->progress, 2, rejects);
    }
}

/* Commits units [from, from + n) as one transaction, with the mark (without one: the end of the
 * file). All units of the piece, or none, bring its rejects along. */
static ErrCode commit(Load *l, size_t from, size_t n, Str mark, ErrInfo *why) {
    IntakeTx *tx = NULL;
    StoreReceived received[2];
    Sha256 done[1];
    size_t n_received = 0;
    if (!l->known) {
        bool keep = l->intake->options.received_keep;
        received[n_received++] = (StoreReceived){.hash = l->hash,
                                                 .name = l->file->name,
                                                 .bytes = l->file->bytes,
                                                 .dropped = keep ? STORE_KEPT : STORE_NOT_KEPT,
                                                 .size = l->file->bytes.len};
    }
    done[0] = l->hash;
    if (mark.len > 0) {
        sha256(mark, &done[0]);
        received[n_received++] =
            (StoreReceived){.hash = done[0], .name = l->file->name, .dropped = STORE_MARK};
    }
    bool last = n == 0 || n == l->n_units;
    size_t n_rejects = last ? l->n_rejects : 0;
    bool settles = mark.len == 0 && l->file->retry_of != 0 && l->n_refused == 0;
    StoreCommit extra = {.received = received,
                         .n_received = n_received,
                         .rejects = l->rejects,
                         .n_rejects = n_rejects,
                         .rejects_done = &l->file->retry_of,
                         .n_rejects_done = settles,
                         .files_done = done,
                         .n_files_done = 1};
    IntakeTxOptions o = {.intake = l->intake,
                         .arena = l->arena,
                         .base_url = STR_EMPTY,
                         .actor = l->file->actor,
                         .source = STR("fhir"),
                         .extra = &extra};
    TRY(intake_tx_new(&o, &tx));
    for (size_t i = 0; i < n; i++) {
        TRY(intake_tx_add(tx, &l->units[from + i].ask));
    }
    TRY(intake_tx_run(tx, why));
    l->known = true;
    count_written(l, intake_tx_written(tx), n_rejects);
    return ERR_OK;
}

static ErrCode is_marked(Load *l, Str mark, bool *ret_marked) {
    Sha256 hash;
    StoreFileState state;
    sha256(mark, &hash);
    TRY(store_file_state(l->intake->store, &hash, &state));
    *ret_marked = state == STORE_FILE_DONE;
    return ERR_OK;
}

static ErrCode refused_because(Load *l, const Unit *u, ErrCode err, ErrInfo *why) {
    if (!is_refusal(err)) {
        if (l->info != NULL) {
            *l->info = *why;
        }
        return err;
    }
    if (why->code == ERR_OK) {
        (void)err_plain(why, err, "error");
    }
    return l->is_bundle ? refuse(l, FHIR_T_BUNDLE, l->whole, u->line, why)
                        : refuse(l, u->ask.type, u->text, u->line, why);
}

static ErrCode commit_one(Load *l, size_t i) {
    Str mark = mark_text(l, "unit", l->units[i].line, i);
    bool marked = false;
    ErrInfo why = {0};
    TRY(is_marked(l, mark, &marked));
    ErrCode err = marked ? ERR_OK : commit(l, i, 1, mark, &why);
    return err == ERR_OK ? ERR_OK : refused_because(l, &l->units[i], err, &why);
}

/* Each unit of a refused piece alone; Patients first, the others may need them. */
static ErrCode commit_each(Load *l) {
    for (int patients = 1; patients >= 0; patients--) {
        for (size_t i = 0; i < l->n_units; i++) {
            if ((l->units[i].ask.type == FHIR_T_PATIENT) == (patients == 1)) {
                TRY(commit_one(l, i));
            }
        }
    }
    return ERR_OK;
}

/* Has an earlier run, cut off since, taken units of the piece one by one? */
static ErrCode is_parted(Load *l, bool *ret_parted) {
    *ret_parted = false;
    for (size_t i = 0; i < l->n_units && l->begun && !l->is_bundle && !*ret_parted; i++) {
        TRY(is_marked(l, mark_text(l, "unit", l->units[i].line, i), ret_parted));
    }
    return ERR_OK;
}

static ErrCode commit_units(Load *l, Str mark) {
    ErrInfo why = {0};
    bool parted = false;
    TRY(is_parted(l, &parted));
    ErrCode err = parted ? ERR_CONFLICT : commit(l, 0, l->n_units, mark, &why);
    if (err == ERR_OK || l->n_units == 0) {
        return err;
    }
    bool alone = l->is_bundle || l->n_units == 1;
    TRY(!parted && (alone || !is_refusal(err)) ? refused_because(l, &l->units[0], err, &why)
                                               : commit_each(l));
    bool again = l->file->retry_of != 0 && l->n_refused > 0;
    return again ? ERR_OK : commit(l, 0, 0, mark, l->info);
}

static ErrCode end_piece(Load *l);

/* More memory than a piece may take: that is about the Bundle, not about the machine. What was
 * gathered of it is given back, so that there is room to say so. */
static ErrCode refuse_for_memory(Load *l, unsigned line) {
    ErrInfo why = {0};
    TRY(new_piece(l));
    l->is_bundle = true;
    ErrCode err = err_set(&why, ERR_LIMIT, "piece-memory",
                          "this bundle needs more than %d MiB of memory: send it in smaller parts",
                          "gói này cần hơn %d MiB bộ nhớ: hãy gửi thành các phần nhỏ hơn",
                          (int)(TX_ARENA_MAX / LIMIT_MIB));
    TRY(refused_because(l, &(Unit){.line = line}, err, &why));
    return end_piece(l);
}

/* Ends a piece: commits what was gathered unless an earlier run did. */
static ErrCode end_piece(Load *l) {
    bool marked = false;
    if (l->n_units + l->n_rejects > 0) {
        unsigned unit_line = l->n_units > 0 ? l->units[0].line : UINT32_MAX;
        unsigned reject_line = l->n_rejects > 0 ? l->rejects[0].line : UINT32_MAX;
        const char *kind = l->file->retry_of != 0 ? "retry" : "piece";
        Str mark = mark_text(l, kind, MIN(unit_line, reject_line), l->file->retry_of);
        TRY(is_marked(l, mark, &marked));
        ErrCode err = marked ? ERR_OK : commit_units(l, mark);
        if (err == ERR_NOMEM && l->is_bundle && l->n_units > 0) {
            return refuse_for_memory(l, unit_line);
        }
        TRY(err);
    }
    return new_piece(l);
}

/* ---- gathering ---- */

static ErrCode take_resource(Load *l, const FhirResource *resource, Str text) {
    Str id = json_str(l->arena, json_get_lit(resource->root, "id"));
    l->units[l->n_units++] = (Unit){.ask = {.verb = id.len > 0 ? INTAKE_UPDATE : INTAKE_CREATE,
                                            .type = resource->type,
                                            .id = id,
                                            .condition = STR_EMPTY,
                                            .full_url = STR_EMPTY,
                                            .url = STR_EMPTY,
                                            .root = resource->root},
                                    .text = text,
                                    .line = l->line};
    l->n_bytes += text.len;
    return l->n_units + l->n_rejects >= PIECE_LINES || l->n_bytes > PIECE_BYTES ? end_piece(l)
                                                                                : ERR_OK;
}

static ErrCode take_entries(Load *l, const JsonNode *list, ErrInfo *why) {
    size_t n = json_is(list, JSON_ARRAY) ? json_count(list) : 0;
    const JsonNode *at = n == 0 ? NULL : json_first(list);
    if (n > LIMIT_BUNDLE_ENTRIES) {
        return err_set(why, ERR_LIMIT, "bundle-entries", "a bundle may have %d entries at most",
                       "một gói chỉ được có tối đa %d mục", LIMIT_BUNDLE_ENTRIES);
    }
    l->units = arena_new_array(l->arena, Unit, n + 1);
    l->rejects = arena_new_array(l->arena, StoreReject, n + 1);
    if (l->units == NULL || l->rejects == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; at != NULL; at = json_next(list, at), i++) {
        IntakeAsk ask;
        TRY(intake_bundle_ask(l->arena, &(IntakeEntry){.node = at, .number = i}, &ask, why));
        if (ask.patch_body != NULL) {
            return err_set(why, ERR_UNSUPPORTED, "bundle-patch",
                           "a file cannot patch: send entry %zu to the server",
                           "tệp không thể vá dữ liệu: hãy gửi mục %zu đến máy chủ", i);
        }
        if (ask.verb != INTAKE_READ) {
            Str text = json_raw(ask.root == NULL ? at : ask.root);
            l->units[l->n_units++] = (Unit){ask, text, l->line};
        }
    }
    return ERR_OK;
}

/* A Bundle is a piece of its own. */
static ErrCode take_bundle(Load *l, const FhirResource *bundle) {
    Str type = json_raw_str(json_get_lit(bundle->root, "type"));
    ErrInfo why = {0};
    ErrCode err = ERR_OK;
    l->is_bundle = true;
    bool batch = str_eq(type, STR("batch"));
    if (batch || str_eq(type, STR("transaction")) || str_eq(type, STR("collection"))) {
        err = take_entries(l, json_get_lit(bundle->root, "entry"), &why);
    } else {
        err = err_set(&why, ERR_UNSUPPORTED, "bundle-type",
                      "only bundles of type transaction, batch or collection can be taken in",
                      "chỉ nhận gói loại transaction, batch hoặc collection");
    }
    if (err != ERR_OK) {
        l->n_units = 0;
        TRY(refused_because(l, &(Unit){.line = l->line}, err, &why));
    }
    l->is_bundle = !batch; /* the entries of a batch stand for themselves */
    return end_piece(l);
}

/* One text with one Bundle or resource. */
static ErrCode take_text(Load *l, Str whole) {
    bool is_large = whole.len > PIECE_BYTES; /* a piece of its own */
    if (is_large && l->n_units + l->n_rejects > 0) {
        TRY(end_piece(l)); /* it gets the whole arena */
    }
    FhirResource resource;
    FhirIssues issues = fhir_issues(l->arena);
    Str text = l->lines_move && !is_large ? arena_str(l->arena, whole) : whole;
    l->whole = whole;
    ErrCode err = text.len < whole.len ? ERR_NOMEM : ERR_OK;
    err = err == ERR_OK ? fhir_parse(l->arena, text, &resource, &issues) : err;
    FhirType type = err == ERR_OK ? resource.type : FHIR_T_NONE;
    err = err == ERR_OK ? fhir_validate(&resource, NULL, &issues) : err;
    if (err == ERR_NOMEM) {
        return l->n_units + l->n_rejects > 0 ? err : refuse_for_memory(l, l->line);
    }
    if (type == FHIR_T_BUNDLE && l->n_units + l->n_rejects > 0) {
        /* What was gathered before goes first; the arena then holds the Bundle no longer. */
        TRY(end_piece(l));
        return take_text(l, whole);
    }
    if (err != ERR_OK) {
        TRY(refuse_issues(l, type, text, &issues));
        return is_large || l->n_units + l->n_rejects >= PIECE_LINES ? end_piece(l) : ERR_OK;
    }
    return type == FHIR_T_BUNDLE ? take_bundle(l, &resource) : take_resource(l, &resource, text);
}

static ErrCode take_line(Load *l, Str line, unsigned number) {
    l->line = number;
    if (line.len > 0) {
        TRY(take_text(l, line));
    }
    return l->feed->stop != NULL && stop_asked(l->feed->stop) ? ERR_STOPPED : ERR_OK;
}

static ErrCode take_late(Load *l, IntakeLines *lines, const IntakeLate *late) {
    Str line;
    unsigned number = 0;
    for (size_t i = 0; i < late->n; i++) {
        do {
            TRY(intake_lines_next(lines, &line, &number, l->info));
        } while (number != 0 && number < late->numbers[i]);
        TRY(take_line(l, line, number));
    }
    intake_lines_rewind(lines);
    return end_piece(l);
}

/* The Patients that come too late for earlier lines go first. */
static ErrCode take_in_order(Load *l, IntakeLines *lines, const IntakeLate *late) {
    Str line;
    unsigned number = 0;
    size_t taken = 0;
    TRY(take_late(l, lines, late));
    TRY(intake_lines_next(lines, &line, &number, l->info));
    while (number != 0) {
        if (taken < late->n && late->numbers[taken] == number) {
            taken++;
        } else {
            TRY(take_line(l, line, number));
        }
        TRY(intake_lines_next(lines, &line, &number, l->info));
    }
    return ERR_OK;
}

/* ---- the file ---- */

/* What cannot be unpacked is refused as a whole: nothing of it was taken in. */
static ErrCode refuse_file(Load *l, ErrCode err, const ErrInfo *why) {
    if (err != ERR_SYNTAX && err != ERR_LIMIT) {
        return err;
    }
    return refuse(l, FHIR_T_NONE, l->file->bytes, 0, why);
}

static ErrCode take_lines(Load *l) {
    IntakeLines *lines = NULL;
    IntakeLate late = {0};
    ErrInfo why = {0};
    TRY(intake_lines_new(l->file->bytes, &lines));
    l->lines_move = intake_lines_is_packed(lines);
    ErrCode err = intake_find_late(lines, l->feed->stop, &late, &why);
    err = err == ERR_OK ? take_in_order(l, lines, &late) : refuse_file(l, err, &why);
    err = err == ERR_OK ? end_piece(l) : err;
    free(late.numbers);
    intake_lines_free(lines);
    return err;
}

/* One Bundle or resource. */
static ErrCode take_whole(Load *l) {
    CLEANUP_BUF Buf unpacked;
    Str text = l->file->bytes;
    ErrInfo why = {0};
    buf_init(&unpacked, LIMIT_JSON_BYTES);
    if (gunzip_is_gzip(text)) {
        ErrCode err = intake_unpack(text, &unpacked, &why);
        if (err != ERR_OK) {
            TRY(refuse_file(l, err, &why));
            return end_piece(l);
        }
        text = buf_str(&unpacked);
    }
    if (str_starts(text, STR("\xEF\xBB\xBF"))) {
        text = str_sub(text, 3, text.len);
    }
    TRY(take_text(l, str_trim(text)));
    return end_piece(l);
}

static bool is_lines(Str name) {
    return str_ends(name, STR(".ndjson")) || str_ends(name, STR(".ndjson.gz"));
}

static ErrCode count_file(Load *l, bool *ret_same) {
    StoreFileState state = STORE_FILE_NEW;
    TRY(store_file_state(l->intake->store, &l->hash, &state));
    *ret_same = state == STORE_FILE_DONE && l->file->retry_of == 0;
    l->known = l->begun = state != STORE_FILE_NEW;
    MUTEX_GUARD(l->feed->lock);
    l->feed->report->files++;
    l->feed->report->files_same += *ret_same;
    l->feed->report->bytes += l->file->bytes.len;
    return ERR_OK;
}

static ErrCode take_in(Load *l) {
    bool same = false;
    TRY(count_file(l, &same));
    if (same) {
        return ERR_OK;
    }
    l->seen = reject_count_new();
    ErrCode err = l->seen == NULL ? ERR_NOMEM : end_piece(l); /* sets the first one up */
    if (err == ERR_OK) {
        err = is_lines(l->file->name) ? take_lines(l) : take_whole(l);
    }
    err = err == ERR_OK ? commit(l, 0, 0, STR_EMPTY, l->info) : err;
    reject_count_free(l->seen);
    return err;
}

/* `nhip synth` writes its truth beside the claim files: whoever takes in the whole folder does not
 * want it in the rejects list. */
static bool is_truth(const IntakeFile *file) {
    return str_eq(file->name, STR("truth.json")) && file->retry_of == 0 &&
           str_starts(file->bytes, STR("{\"what\":\"synthetic province; "));
}

static void count_left_out(const IntakeFeed *feed, const IntakeIssue *issue) {
    intake_report_issue(feed->report, feed->lock, issue);
    MUTEX_GUARD(feed->lock);
    feed->report->files++;
    feed->report->files_left_out++;
}

bool intake_leave_out(const IntakeFile *file, const IntakeFeed *feed) {
    IntakeIssue issue = {.file = file->name};
    if (is_truth(file)) {
        issue.rule = STR("file-truth");
        issue.en =
            STR("This is the truth of a synthetic province, neither a claim nor a FHIR file: "
                "it was left out.");
        issue.vi = STR("Đây là tệp đáp án của dữ liệu mô phỏng, không phải tệp hồ sơ KCB hay FHIR: "
                       "đã bỏ qua.");
    } else if (str_ends(file->name, STR(".tsv")) && file->retry_of == 0) {
        issue.rule = STR("file-table");
        issue.en = STR("This is a table, neither a claim nor a FHIR file: it was left out. "
                       "Catalogues are taken in by `nhip catalog import` or on their screen.");
        issue.vi = STR("Đây là bảng, không phải tệp hồ sơ KCB hay FHIR: đã bỏ qua. Danh mục được "
                       "nhập bằng `nhip catalog import` hoặc trên màn hình Danh mục.");
    } else {
        return false;
    }
    count_left_out(feed, &issue);
    return true;
}

ErrCode intake_fhir_file(Intake *intake, const IntakeFile *file, const IntakeFeed *feed,
                         ErrInfo *info) {
    if (intake_leave_out(file, feed)) {
        return ERR_OK;
    }
    CLEANUP_ARENA Arena *arena = arena_new(TX_ARENA_MAX);
    Load l = {.intake = intake, .feed = feed, .file = file, .arena = arena, .info = info};
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    sha256(file->bytes, &l.hash);
    IntakeBusy busy = {.hash = l.hash};
    intake_enter(intake, &busy);
    ErrCode err = take_in(&l);
    intake_leave(intake, &busy);
    return err;
}
