/* store_prepare: everything about a commit that needs no number and no lock, on the caller's
 * thread. */
#include "store/record_int.h"
#include "store/store_condition.h"
#include "store/store_hot.h"

#include "core/limits.h"

typedef struct GroupPatient {
    Slot patient;   /* known */
    int64_t offset; /* or made here; else -1 */
    int64_t target; /* its change, or -1 */
    Str client_id;  /* empty: server-made */
    Str id;         /* as references name it; empty when not known yet */
} GroupPatient;

typedef struct Build {
    Store *store;
    const StoreCommit *commit;
    StorePrepared *p;
    Preparer *prep;
    const StoreChange **changes; /* flat */
    TextTarget *targets;
    StoredSlot *slots;
    ErrInfo *info;
} Build;

/* ---- pool of scratch ---- */

static void preparer_free(Preparer *p) {
    arena_free(p->scratch);
    arena_free(p->tape);
    (void)ZSTD_freeCCtx(p->ctx);
    (void)ZSTD_freeDCtx(p->unpack);
    buf_release(&p->texts);
    buf_release(&p->payload);
    buf_release(&p->body);
    buf_release(&p->view);
    free(p);
}

ErrCode preparer_take(Store *store, Preparer **ret) {
    mutex_lock(&store->preparers_lock);
    Preparer *p = store->preparers;
    if (p != NULL) {
        store->preparers = p->next;
    }
    mutex_unlock(&store->preparers_lock);
    if (p == NULL) {
        p = calloc(1, sizeof(*p));
        if (p == NULL) {
            return ERR_NOMEM;
        }
        buf_init(&p->texts, RECORD_PAYLOAD_MAX);
        buf_init(&p->payload, RECORD_PAYLOAD_MAX);
        buf_init(&p->body, RECORD_PAYLOAD_MAX + LIMIT_MIB);
        buf_init(&p->view, 64 * LIMIT_MIB);
        p->scratch = arena_new(2048 * LIMIT_MIB);
        p->tape = arena_new(2048 * LIMIT_MIB);
        p->ctx = ZSTD_createCCtx();
        p->unpack = ZSTD_createDCtx();
        if (p->scratch == NULL || p->tape == NULL || p->ctx == NULL || p->unpack == NULL) {
            preparer_free(p);
            return ERR_NOMEM;
        }
    }
    *ret = p;
    return ERR_OK;
}

void preparer_give(Store *store, Preparer *p) {
    arena_reset(p->scratch);
    arena_reset(p->tape);
    if (p->texts.capacity + p->payload.capacity + p->body.capacity > 16 * LIMIT_MIB) {
        preparer_free(p);
        return;
    }
    mutex_lock(&store->preparers_lock);
    p->next = store->preparers;
    store->preparers = p;
    mutex_unlock(&store->preparers_lock);
}

void preparers_release(Store *store) {
    while (store->preparers != NULL) {
        Preparer *next = store->preparers->next;
        preparer_free(store->preparers);
        store->preparers = next;
    }
}

/* ---- identities ---- */

static ErrCode change_error(Build *b, size_t i, ErrCode err, const char *rule) {
    static const struct {
        const char *rule, *en, *vi;
    } TEXTS[] = {
        {"id-form", "the id must be 1 to 64 letters, digits, '-' or '.'",
         "mã phải gồm 1 đến 64 chữ cái, chữ số, dấu '-' hoặc '.'"},
        {"id-reserved", "ids of this form are made by the server; choose another",
         "mã dạng này do máy chủ cấp; hãy chọn mã khác"},
        {"id-exists", "a resource with this id exists already; update it instead",
         "đã có tài nguyên với mã này; hãy cập nhật tài nguyên đó"},
        {"prev-type", "the version before is of another type", "phiên bản trước thuộc loại khác"},
        {"prev-missing", "the version before does not exist", "không có phiên bản trước"},
        {"prev-deleted", "the resource is deleted already", "tài nguyên đã bị xoá"},
        {"changed-twice", "a resource is changed twice in one commit",
         "một tài nguyên bị thay đổi hai lần trong một lần ghi"},
        {"type", "the change names no resource type", "thay đổi không nêu loại tài nguyên"},
    };
    size_t at = 0;
    while (at + 1 < ARRAY_LEN(TEXTS) && strcmp(TEXTS[at].rule, rule) != 0) {
        at++;
    }
    (void)err_set(b->info, err, rule, "%s", "%s", TEXTS[at].en);
    if (b->info != NULL) {
        (void)snprintf(b->info->what_vi, sizeof(b->info->what_vi), "%s", TEXTS[at].vi);
        err_where(b->info, "change %zu", i);
    }
    return err;
}

static ErrCode resolve_create(Build *b, size_t i) {
    const StoreChange *change = b->changes[i];
    StorePrepared *p = b->p;
    if (change->id.len == 0) {
        b->targets[i].local = true;
        return ERR_OK;
    }
    if (!id_is_valid(change->id)) {
        return change_error(b, i, ERR_INVALID, "id-form");
    }
    if (store_resolve(b->store, change->type, change->id) != 0) {
        return change_error(b, i, ERR_EXISTS, "id-exists");
    }
    if (id_parse(&b->store->id_key, change->id) != 0) {
        return change_error(b, i, ERR_INVALID, "id-reserved");
    }
    Str id = arena_str(p->arena, change->id);
    uint64_t hash = hash64_seed(id, change->type);
    p->clients[p->n_clients++] = (PreparedClient){change->type, id, hash};
    b->slots[i].client_id = id;
    b->targets[i].id = id;
    return ERR_OK;
}

static ErrCode resolve_prior(Build *b, size_t i) {
    const StoreChange *change = b->changes[i];
    StoredRecord *record = NULL;
    RecordNo number = SLOT_RECORD(change->prev);
    unsigned at = SLOT_POSITION(change->prev);
    ErrCode err = number == 0 ? ERR_NOT_FOUND
                              : store_load_slot(b->store, b->prep->scratch, change->prev, &record);
    if (err == ERR_NOT_FOUND || (err == ERR_OK && at >= record->n_slots)) {
        return change_error(b, i, ERR_NOT_FOUND, "prev-missing");
    }
    TRY(err);
    const StoredSlot *prior = &record->slots[at];
    if (prior->type != change->type) {
        return change_error(b, i, ERR_INVALID, "prev-type");
    }
    if (prior->deleted && change->op == STORE_DELETE) {
        return change_error(b, i, ERR_GONE, "prev-deleted");
    }
    StoredSlot *slot = &b->slots[i];
    slot->first = prior->first;
    slot->prev = change->prev;
    slot->version = prior->version + 1;
    slot->client_id = arena_str(b->p->arena, prior->client_id);
    slot->deleted = change->op == STORE_DELETE;
    b->targets[i].id = prior->client_id.len > 0
                           ? slot->client_id
                           : store_id(b->store, b->prep->scratch, prior->first);
    b->p->priors[b->p->n_priors++] = (PreparedPrior){prior->first, change->prev};
    return ERR_OK;
}

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool has_double(uint64_t *values, size_t n) {
    qsort(values, n, sizeof(*values), compare_u64);
    for (size_t i = 1; i < n; i++) {
        if (values[i] == values[i - 1]) {
            return true;
        }
    }
    return false;
}

/* No resource may be changed twice in one commit, no client id be given twice. */
static ErrCode check_doubles(Build *b) {
    StorePrepared *p = b->p;
    uint64_t *values =
        arena_new_array(b->prep->scratch, uint64_t, MAX(p->n_priors, p->n_clients) + 1);
    if (values == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < p->n_priors; i++) {
        values[i] = p->priors[i].first;
    }
    bool twice = has_double(values, p->n_priors);
    for (size_t i = 0; i < p->n_clients; i++) {
        values[i] = p->clients[i].hash;
    }
    twice = twice || has_double(values, p->n_clients);
    return twice ? change_error(b, 0, ERR_INVALID, "changed-twice") : ERR_OK;
}

static ErrCode resolve_changes(Build *b) {
    for (size_t i = 0; i < b->p->n_changes; i++) {
        const StoreChange *change = b->changes[i];
        if (!fhir_type_is_resource(change->type)) {
            return change_error(b, i, ERR_INVALID, "type");
        }
        b->p->types[change->type / 64] |= UINT64_C(1) << change->type % 64;
        b->slots[i] = (StoredSlot){.type = change->type, .version = 1, .client_id = STR_EMPTY};
        b->targets[i] = (TextTarget){.type = change->type, .offset = b->p->offsets[i]};
        TRY(change->op == STORE_CREATE ? resolve_create(b, i) : resolve_prior(b, i));
        b->p->versions[i] = b->slots[i].version;
    }
    return check_doubles(b);
}

static ErrCode patient_error(Build *b) {
    return err_set(b->info, ERR_INVALID, "group-patient",
                   "the group's patient is not a Patient that exists",
                   "bệnh nhân của nhóm không phải là một Patient đang có");
}

/* first = the group's first change. */
static ErrCode resolve_patient(Build *b, const StoreGroup *group, size_t first, GroupPatient *ret) {
    *ret = (GroupPatient){.offset = -1, .target = -1, .client_id = STR_EMPTY, .id = STR_EMPTY};
    if (group->patient_change >= 0) {
        size_t at = first + (size_t)group->patient_change;
        if ((size_t)group->patient_change >= group->n_changes ||
            b->changes[at]->type != FHIR_T_PATIENT) {
            return patient_error(b);
        }
        ret->target = (int64_t)at;
        ret->patient = b->slots[at].first; /* 0 on create */
        ret->offset = ret->patient == 0 ? (int64_t)b->p->offsets[at] : -1;
        ret->client_id = b->slots[at].client_id;
        ret->id = b->targets[at].local ? STR_EMPTY : b->targets[at].id;
        return ERR_OK;
    }
    if (group->patient == 0) {
        return ERR_OK;
    }
    StoredRecord *record = NULL;
    unsigned at = SLOT_POSITION(group->patient);
    ErrCode err = store_load_slot(b->store, b->prep->scratch, group->patient, &record);
    if (err == ERR_NOT_FOUND) {
        return patient_error(b);
    }
    TRY(err);
    if (at >= record->n_slots || record->slots[at].type != FHIR_T_PATIENT ||
        record->slots[at].first != group->patient) {
        return patient_error(b);
    }
    ret->patient = group->patient;
    ret->client_id = record->slots[at].client_id;
    ret->id = ret->client_id.len > 0 ? ret->client_id
                                     : store_id(b->store, b->prep->scratch, group->patient);
    return ERR_OK;
}

/* ---- one record ---- */

/* Appends the stored text of one change. *ret_root: its tape when the text is as it came. */
static ErrCode build_text(Build *b, const StoreChange *change, const GroupPatient *patient,
                          const JsonNode **ret_root) {
    Preparer *prep = b->prep;
    TextRules rules = {change->type, b->targets, b->p->n_changes, patient->target, patient->id};
    const JsonNode *root = NULL;
    size_t from = prep->texts.len;
    if (change->json.len > LIMIT_RESOURCE_BYTES) {
        return err_set(b->info, ERR_LIMIT, "resource-bytes", "a resource is larger than the limit",
                       "một tài nguyên vượt quá giới hạn");
    }
    if (change->canonical) {
        return text_relocate(&prep->texts, change->json, &rules, b->info);
    }
    TRY(json_parse(prep->tape, change->json, &root, b->info));
    TRY(text_store(&prep->texts, root, &rules, b->info));
    Str text = str_sub(buf_str(&prep->texts), from, prep->texts.len - from);
    *ret_root = str_eq(text, change->json) ? root : NULL;
    return ERR_OK;
}

/* Keys and views read the stored form, so that a replay from the log gives the same. */
static ErrCode parse_text(Build *b, const StoreChange *change, Str text, const JsonNode **root) {
    if (*root != NULL || change->op == STORE_DELETE) {
        return ERR_OK;
    }
    TRY(json_parse(b->prep->tape, text, root, b->info));
    if (change->canonical && !text_is_stored(*root, change->type)) {
        return err_set(b->info, ERR_INVALID, "resource-form",
                       "the resource is not in the form in which it is stored",
                       "tài nguyên không ở dạng được lưu trữ");
    }
    return ERR_OK;
}

/* Stored texts of the record's changes into prep->texts; slots' texts point there afterwards. */
static ErrCode build_texts(Build *b, StoredRecord *record, size_t first,
                           const GroupPatient *patient, const JsonNode **roots) {
    Buf *texts = &b->prep->texts;
    size_t ends[STORE_RECORD_SLOTS];
    ErrCode err = ERR_OK;
    unsigned i = 0;
    buf_clear(texts);
    for (; i < record->n_slots && err == ERR_OK; i++) {
        const StoreChange *change = b->changes[first + i];
        roots[i] = NULL;
        err = change->op == STORE_DELETE ? ERR_OK : build_text(b, change, patient, &roots[i]);
        ends[i] = texts->len;
    }
    unsigned built = i;
    for (i = 0; i < built && err == ERR_OK; i++) {
        size_t from = i == 0 ? 0 : ends[i - 1];
        Str text = str_sub(buf_str(texts), from, ends[i] - from);
        record->slots[i].text = text;
        err = parse_text(b, b->changes[first + i], text, &roots[i]);
    }
    if (err != ERR_OK) {
        err_where(b->info, "change %zu", first + i - 1);
    }
    return err;
}

static ErrCode build_views(Build *b, PreparedRecord *out, const StoredRecord *record,
                           const JsonNode *const *roots) {
    Store *store = b->store;
    if (store->n_views == 0) {
        return ERR_OK;
    }
    out->view_bytes = arena_new_array(b->p->arena, Str, store->n_views);
    if (out->view_bytes == NULL) {
        return ERR_NOMEM;
    }
    for (size_t v = 0; v < store->n_views; v++) {
        Buf *bytes = &b->prep->view;
        buf_clear(bytes);
        ViewCall call = {&store->views[v], &store->id_key, b->prep->tape, bytes};
        TRY(record_view(&call, record, roots));
        out->view_bytes[v] = arena_str(b->p->arena, buf_str(bytes));
    }
    return ERR_OK;
}

static ErrCode build_body(Build *b, PreparedRecord *out, const StoredRecord *record) {
    Preparer *prep = b->prep;
    const Dict *dict = atomic_load(&b->store->dicts.now[DICT_RECORDS]);
    buf_clear(&prep->payload);
    buf_clear(&prep->body);
    TRY(record_encode(&prep->payload, record));
    TRY(body_pack(prep->ctx, dict, buf_str(&prep->payload), &prep->body));
    out->dict = dict == NULL ? 0 : dict->id;
    out->body = arena_str(b->p->arena, buf_str(&prep->body));
    b->p->bytes += out->body.len + 128;
    return out->body.len == 0 ? ERR_NOMEM : ERR_OK;
}

static ErrCode build_record(Build *b, size_t first, unsigned n, const GroupPatient *patient) {
    const JsonNode *roots[STORE_RECORD_SLOTS];
    StoredRecord *record = arena_alloc(b->prep->tape, sizeof(*record));
    if (record == NULL) {
        return ERR_NOMEM;
    }
    PreparedRecord *out = &b->p->records[b->p->n_records++];
    *out = (PreparedRecord){.patient = patient->patient, .patient_offset = patient->offset};
    memset(record, 0, offsetof(StoredRecord, slots));
    record->patient = patient->patient;
    record->patient_id = patient->client_id;
    record->n_slots = n;
    memcpy(record->slots, b->slots + first, n * sizeof(record->slots[0]));
    TRY(build_texts(b, record, first, patient, roots));
    RecordFeed feed = {record, patient->offset, b->p->offsets[first]};
    TRY(record_keys(b->store, b->prep->tape, &feed, roots, &b->p->batch));
    TRY(build_views(b, out, record, roots));
    TRY(build_body(b, out, record));
    hot_prepare(b->p, record, out, feed.base);
    arena_reset(b->prep->tape);
    return arena_failed(b->p->arena) ? ERR_NOMEM : ERR_OK;
}

/* The patient's key first: entries must ascend by offset, or the index sorts them anew. */
ErrCode record_keys(Store *store, Arena *scratch, const RecordFeed *feed,
                    const JsonNode *const *roots, IndexBatch *batch) {
    const StoredRecord *record = feed->record;
    if (record->patient != 0 || feed->patient_offset >= 0) {
        IndexSubject subject = {.offset = feed->base,
                                .patient = record->patient,
                                .patient_offset = feed->patient_offset,
                                .store = store};
        TRY(index_patient_key(batch, &subject));
    }
    for (unsigned i = 0; i < record->n_slots; i++) {
        const StoredSlot *slot = &record->slots[i];
        IndexSubject subject = {.type = slot->type,
                                .root = roots[i],
                                .offset = feed->base + i,
                                .client_id = slot->prev == 0 ? slot->client_id : STR_EMPTY,
                                .first = slot->prev == 0 ? 0 : slot->first,
                                .prev = slot->prev,
                                .patient = record->patient,
                                .patient_offset = feed->patient_offset,
                                .store = store};
        assert((roots[i] == NULL) == slot->deleted);
        TRY(index_keys(batch, scratch, &subject));
    }
    return ERR_OK;
}

/* As others refer to it; empty while nobody can know it. */
static Str view_id(const ViewCall *call, const StoredSlot *slot) {
    char letters[ID_LETTERS];
    if (slot->client_id.len > 0 || slot->prev == 0) {
        return slot->client_id;
    }
    id_put(call->ids, slot->first, letters);
    return arena_str(call->scratch, (Str){letters, ID_LETTERS});
}

ErrCode record_view(const ViewCall *call, const StoredRecord *record,
                    const JsonNode *const *roots) {
    StoreViewChange changes[STORE_RECORD_SLOTS];
    for (unsigned i = 0; i < record->n_slots; i++) {
        const StoredSlot *slot = &record->slots[i];
        changes[i] = (StoreViewChange){
            .type = slot->type,
            .deleted = slot->deleted,
            .prev = slot->prev,
            .first = slot->prev == 0 ? 0 : slot->first,
            .id = view_id(call, slot),
            .root = roots[i],
        };
    }
    StoreViewRecord what = {changes, record->n_slots};
    TRY(call->view->prepare(call->view->ctx, call->scratch, &what, call->out));
    return buf_ok(call->out);
}

/* ---- the whole commit ---- */

static ErrCode check_sizes(const StoreCommit *commit, size_t *ret_changes, size_t *ret_records,
                           ErrInfo *info) {
    size_t changes = 0;
    size_t records = 0;
    for (size_t g = 0; g < commit->n_groups; g++) {
        changes += commit->groups[g].n_changes;
        records += (commit->groups[g].n_changes + STORE_RECORD_SLOTS - 1) / STORE_RECORD_SLOTS;
    }
    if (changes > LIMIT_BUNDLE_ENTRIES) {
        return err_set(info, ERR_LIMIT, "commit-changes", "more than %d changes in one commit",
                       "hơn %d thay đổi trong một lần ghi", LIMIT_BUNDLE_ENTRIES);
    }
    *ret_changes = changes;
    *ret_records = records;
    return ERR_OK;
}

/* Sparse offsets: the record's place in the commit times 64 plus the position inside it. */
static void lay_out(Build *b) {
    size_t n = 0;
    size_t record = 0;
    for (size_t g = 0; g < b->commit->n_groups; g++) {
        const StoreGroup *group = &b->commit->groups[g];
        for (size_t i = 0; i < group->n_changes; i++) {
            b->changes[n] = &group->changes[i];
            b->p->offsets[n++] = (uint32_t)((record + i / STORE_RECORD_SLOTS) * STORE_RECORD_SLOTS +
                                            i % STORE_RECORD_SLOTS);
        }
        record += (group->n_changes + STORE_RECORD_SLOTS - 1) / STORE_RECORD_SLOTS;
    }
}

static ErrCode build_groups(Build *b) {
    size_t first = 0;
    for (size_t g = 0; g < b->commit->n_groups; g++) {
        const StoreGroup *group = &b->commit->groups[g];
        GroupPatient patient;
        TRY(resolve_patient(b, group, first, &patient));
        for (size_t done = 0; done < group->n_changes; done += STORE_RECORD_SLOTS) {
            size_t n = MIN(group->n_changes - done, (size_t)STORE_RECORD_SLOTS);
            TRY(build_record(b, first + done, (unsigned)n, &patient));
        }
        first += group->n_changes;
    }
    return ERR_OK;
}

/* Hashes of the value keys, for the check of expectations inside one group of commits. */
static ErrCode build_hashes(StorePrepared *p) {
    p->value_hashes = arena_new_array(p->arena, uint64_t, p->batch.n + 1);
    if (p->value_hashes == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < p->batch.n; i++) {
        const IndexEntry *entry = &p->batch.entries[i];
        if (entry->relocate == 0 && entry->key.ptr[0] == INDEX_VALUE) {
            p->value_hashes[p->n_value_hashes++] = hash64(entry->key);
        }
    }
    p->bytes += p->batch.n * 8;
    return ERR_OK;
}

static ErrCode build_expect(Build *b, const StoreExpect *expect, bool is_bound) {
    StorePrepared *p = b->p;
    Buf *key = &b->prep->view;
    buf_clear(key);
    TRY(index_token_key(key, expect, is_bound));
    TRY(buf_ok(key));
    p->expects[p->n_expects++] = arena_str(p->arena, buf_str(key));
    return ERR_OK;
}

static ErrCode build_expects(Build *b) {
    const StoreCommit *commit = b->commit;
    StorePrepared *p = b->p;
    p->snapshot = commit->snapshot;
    p->expects = arena_new_array(p->arena, Str, 2 * commit->n_expects + 1);
    if (p->expects == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < commit->n_expects; i++) {
        TRY(build_expect(b, &commit->expects[i], false));
        if (index_token_may_be_bound(&commit->expects[i])) {
            TRY(build_expect(b, &commit->expects[i], true));
        }
    }
    return ERR_OK;
}

static ErrCode build_arrays(Build *b, size_t n_changes, size_t n_records) {
    StorePrepared *p = b->p;
    Arena *scratch = b->prep->scratch;
    p->n_changes = n_changes;
    p->records = arena_new_array(p->arena, PreparedRecord, n_records + 1);
    p->offsets = arena_new_array(p->arena, uint32_t, n_changes + 1);
    p->versions = arena_new_array(p->arena, uint32_t, n_changes + 1);
    p->priors = arena_new_array(p->arena, PreparedPrior, n_changes + 1);
    p->clients = arena_new_array(p->arena, PreparedClient, n_changes + 1);
    p->info = arena_calloc(p->arena, 1, sizeof(ErrInfo));
    p->actor = arena_str(p->arena, b->commit->actor);
    p->source = arena_str(p->arena, b->commit->source);
    p->batch.arena = p->arena;
    b->changes = arena_new_array(scratch, const StoreChange *, n_changes + 1);
    b->targets = arena_new_array(scratch, TextTarget, n_changes + 1);
    b->slots = arena_new_array(scratch, StoredSlot, n_changes + 1);
    return arena_failed(p->arena) || arena_failed(scratch) ? ERR_NOMEM : ERR_OK;
}

static ErrCode build(Build *b) {
    size_t n_changes = 0;
    size_t n_records = 0;
    TRY(check_sizes(b->commit, &n_changes, &n_records, b->info));
    TRY(build_arrays(b, n_changes, n_records));
    lay_out(b);
    TRY(resolve_changes(b));
    TRY(build_groups(b));
    TRY(build_hashes(b->p));
    TRY(build_expects(b));
    TRY(conditions_prepare(b->store, b->commit, b->p, b->info));
    TRY(files_prepare(b->store, b->prep, b->commit, b->p, b->info));
    return arena_failed(b->p->arena) || arena_failed(b->prep->scratch) ? ERR_NOMEM : ERR_OK;
}

ErrCode store_prepare(Store *store, const StoreCommit *commit, StorePrepared **ret_prepared,
                      ErrInfo *info) {
    assert(!store->read_only);
    Preparer *prep = NULL;
    TRY(preparer_take(store, &prep));
    Arena *arena = arena_new(2048 * LIMIT_MIB);
    StorePrepared *p = arena == NULL ? NULL : arena_calloc(arena, 1, sizeof(*p));
    ErrCode err = ERR_NOMEM;
    if (p != NULL) {
        p->arena = arena;
        Build b = {.store = store, .commit = commit, .p = p, .prep = prep, .info = info};
        err = build(&b);
    }
    preparer_give(store, prep);
    if (err != ERR_OK) {
        arena_free(arena);
        return info != NULL && info->code == err ? err : err_plain(info, err, "prepare");
    }
    *ret_prepared = p;
    return ERR_OK;
}

void store_prepared_free(StorePrepared *prepared) {
    if (prepared != NULL) {
        arena_free(prepared->arena);
    }
}

Slot store_prepared_slot(const StorePrepared *prepared, const StoreCommitted *committed,
                         size_t change) {
    assert(change < prepared->n_changes);
    return SLOT_OF(committed->first, 0) + prepared->offsets[change];
}

uint32_t store_prepared_version(const StorePrepared *prepared, size_t change) {
    assert(change < prepared->n_changes);
    return prepared->versions[change];
}

const ErrInfo *store_prepared_info(const StorePrepared *prepared) {
    return prepared->info;
}
