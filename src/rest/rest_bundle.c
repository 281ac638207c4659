#include "rest/rest_fhir.h"

ErrCode rest_put_resource(Buf *out, Arena *arena, const StoreVersion *v,
                          const FhirPrintOptions *print) {
    if (print == NULL || (print->summary == FHIR_SUMMARY_FALSE && print->n_elements == 0)) {
        buf_put_str(out, v->json);
        return buf_ok(out);
    }
    FhirResource resource = {.type = v->type};
    TRY(json_parse(arena, v->json, &resource.root, NULL));
    fhir_print(out, &resource, print);
    return buf_ok(out);
}

static void put_link(RestBundle *b, Str relation, Str url) {
    if (url.len > 0) {
        json_open_object(&b->w);
        json_member(&b->w, "relation", relation);
        json_member(&b->w, "url", url);
        json_close_object(&b->w);
    }
}

void rest_bundle_open(RestBundle *b, const RestBundleHead *head) {
    b->w = json_writer(b->out);
    json_open_object(&b->w);
    json_member(&b->w, "resourceType", STR("Bundle"));
    json_member(&b->w, "type", str_from(head->type));
    if (head->has_total) {
        json_name(&b->w, "total");
        json_put_i64(&b->w, (int64_t)head->total);
    }
    if (head->self.len > 0) {
        json_name(&b->w, "link");
        json_open_array(&b->w);
        put_link(b, STR("self"), head->self);
        put_link(b, STR("next"), head->next);
        json_close_array(&b->w);
    }
}

/* Was the id chosen by the client? Then the first version came by PUT. */
static bool is_client_id(RestBundle *b, const StoreVersion *v) {
    return !str_eq(v->id, store_id(b->rest->store, b->arena, v->first));
}

void rest_bundle_put_etag(RestBundle *b, uint32_t version, TimeMs time) {
    Buf text;
    buf_init(&text, 64);
    time_put_instant(&text, time);
    json_member(&b->w, "etag", arena_printf(b->arena, "W/\"%u\"", version));
    json_member(&b->w, "lastModified", buf_str(&text));
    buf_release(&text);
}

static void put_history(RestBundle *b, const StoreVersion *v) {
    const char *type = fhir_type_name(v->type);
    bool posted = v->version == 1 && !is_client_id(b, v);
    json_name(&b->w, "request");
    json_open_object(&b->w);
    json_member(&b->w, "method", v->deleted ? STR("DELETE") : posted ? STR("POST") : STR("PUT"));
    json_member(&b->w, "url",
                posted ? str_from(type)
                       : arena_printf(b->arena, "%s/" STR_FMT, type, STR_ARG(v->id)));
    json_close_object(&b->w);
    json_name(&b->w, "response");
    json_open_object(&b->w);
    json_member(&b->w, "status",
                v->deleted        ? STR("204")
                : v->version == 1 ? STR("201")
                                  : STR("200"));
    rest_bundle_put_etag(b, v->version, v->time);
    json_close_object(&b->w);
}

void rest_bundle_open_entry(RestBundle *b) {
    if (!b->has_entries) {
        b->has_entries = true;
        json_name(&b->w, "entry");
        json_open_array(&b->w);
    }
    json_open_object(&b->w);
}

/* By hand: a page has thousands of them. */
static Str full_url(RestBundle *b, const StoreVersion *v) {
    const Str parts[] = {b->rest->base_url, STR("/"), str_from(fhir_type_name(v->type)), STR("/"),
                         v->id};
    return arena_join(b->arena, parts, ARRAY_LEN(parts));
}

static void put_entry(RestBundle *b, const StoreVersion *v, RestEntryKind kind) {
    rest_bundle_open_entry(b);
    json_member(&b->w, "fullUrl", full_url(b, v));
    if (!v->deleted) {
        json_name(&b->w, "resource");
        b->w.after_name = false; /* the value is written past the writer */
        ErrCode err = rest_put_resource(b->out, b->arena, v, b->print);
        if (err != ERR_OK && b->out->err == ERR_OK) {
            b->out->err = err;
        }
    }
    if (kind == REST_ENTRY_HISTORY) {
        put_history(b, v);
    } else {
        json_name(&b->w, "search");
        json_open_object(&b->w);
        json_member(&b->w, "mode", kind == REST_ENTRY_INCLUDE ? STR("include") : STR("match"));
        json_close_object(&b->w);
    }
    json_close_object(&b->w);
}

void rest_bundle_put(RestBundle *b, const StoreVersion *versions, size_t n, RestEntryKind kind) {
    for (size_t i = 0; i < n; i++) {
        put_entry(b, &versions[i], kind);
    }
}

void rest_bundle_put_warnings(RestBundle *b, FhirLanguage language, const ErrInfo *infos,
                              size_t n) {
    JsonWriter *w = &b->w;
    rest_bundle_open_entry(b);
    json_name(w, "resource");
    w->after_name = false; /* the value is written past the writer */
    fhir_print_warnings(b->out, infos, n, language);
    json_name(w, "search");
    json_open_object(w);
    json_member(w, "mode", STR("outcome"));
    json_close_object(w);
    json_close_object(w);
}

void rest_bundle_put_plan(RestBundle *b, const StorePlanStep *steps, size_t n) {
    JsonWriter *w = &b->w;
    if (n == 0) {
        return;
    }
    rest_bundle_open_entry(b);
    json_name(w, "resource");
    json_open_object(w);
    json_member(w, "resourceType", STR("OperationOutcome"));
    json_name(w, "issue");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        const StorePlanStep *s = &steps[i];
        json_open_object(w);
        json_member(w, "severity", STR("information"));
        json_member(w, "code", STR("informational"));
        json_member(w, "diagnostics",
                    arena_printf(b->arena,
                                 "%zu. %*s" STR_FMT ": %s; estimated %llu, found %s%llu, read "
                                 "%llu, %lld us",
                                 i + 1, (int)(2 * s->depth), "", STR_ARG(s->what), s->how,
                                 (unsigned long long)s->estimate, s->is_least ? "at least " : "",
                                 (unsigned long long)s->found, (unsigned long long)s->read,
                                 (long long)s->us));
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
    json_name(w, "search");
    json_open_object(w);
    json_member(w, "mode", STR("outcome"));
    json_close_object(w);
    json_close_object(w);
}

void rest_bundle_close(RestBundle *b) {
    if (b->has_entries) {
        json_close_array(&b->w);
    }
    json_close_object(&b->w);
}

void rest_bundle_open_headless(RestBundle *b) {
    b->w = json_writer(b->out);
    json_open_object(&b->w);
}

/* The entries move behind the head: cheaper than a second copy of a page of megabytes. */
void rest_bundle_close_under(RestBundle *b, const RestBundleHead *head) {
    Buf *out = b->out;
    CLEANUP_BUF Buf text;
    RestBundle above = {.out = &text};
    buf_init(&text, LIMIT_REQUEST_BYTES);
    rest_bundle_close(b);
    rest_bundle_open(&above, head);
    if (b->has_entries) {
        buf_put_char(&text, ',');
    }
    if (text.err != ERR_OK && out->err == ERR_OK) {
        out->err = text.err;
    }
    if (buf_reserve(out, text.len)) {
        memmove(out->ptr + text.len, out->ptr + 1, out->len - 1); /* without its brace */
        memcpy(out->ptr, text.ptr, text.len);
        out->len += text.len - 1;
    }
}
