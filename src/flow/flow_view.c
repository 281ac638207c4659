#include "flow/flow_view.h"

#include "core/base64.h"

void flow_view_put_members(JsonWriter *w, const JsonNode *root) {
    for (const JsonNode *m = json_first(root); m != NULL; m = json_next(root, m)) {
        Str name = json_raw_str(m);
        if (!str_eq(name, STR("resourceType")) && !str_eq(name, STR("id")) &&
            !str_eq(name, STR("meta"))) {
            json_put_name(w, name);
            json_put_node(w, json_value(m));
        }
    }
}

static Str text_member(Arena *arena, const JsonNode *root, const char *name) {
    return json_str(arena, json_get(root, str_from(name)));
}

/* What searches look for stands in the Library itself, the whole in its content. */
ErrCode flow_view_print(Arena *arena, const FlowView *view, Str *ret_library) {
    static const char *const names[] = {"url", "version", "name", "title", "description"};
    CLEANUP_BUF Buf whole;
    CLEANUP_BUF Buf data;
    CLEANUP_BUF Buf out;
    buf_init(&whole, FLOW_VIEW_BYTES);
    buf_init(&data, 2 * FLOW_VIEW_BYTES);
    buf_init(&out, 4 * FLOW_VIEW_BYTES);
    JsonWriter w = json_writer(&whole);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("ViewDefinition"));
    flow_view_put_members(&w, view->root);
    json_close_object(&w);
    TRY(buf_ok(&whole));
    base64_encode(&data, buf_str(&whole));
    w = json_writer(&out);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("Library"));
    json_member_str(&w, STR("id"), view->id);
    if (view->materialised) {
        json_name(&w, "meta");
        json_put_raw(&w, STR("{\"tag\":[{\"system\":\"" FLOW_VIEW_TAG_SYSTEM
                             "\",\"code\":\"" FLOW_VIEW_TAG "\"}]}"));
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_member_str(&w, str_from(names[i]), text_member(arena, view->root, names[i]));
    }
    Str status = text_member(arena, view->root, "status");
    json_member(&w, "status", status.len > 0 ? status : STR("unknown"));
    json_name(&w, "type");
    json_put_raw(&w, STR("{\"coding\":[{\"system\":\"" FLOW_VIEW_SYSTEM
                         "\",\"code\":\"" FLOW_VIEW_CODE "\"}]}"));
    json_name(&w, "content");
    json_open_array(&w);
    json_open_object(&w);
    json_member(&w, "contentType", STR("application/fhir+json"));
    json_member(&w, "data", buf_str(&data));
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    TRY(buf_ok(&out));
    *ret_library = arena_str(arena, buf_str(&out));
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

static bool has_tag(const JsonNode *library) {
    const JsonNode *list = json_get_lit(json_get_lit(library, "meta"), "tag");
    const JsonNode *at = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (; at != NULL; at = json_next(list, at)) {
        if (json_str_is(json_get_lit(at, "system"), STR(FLOW_VIEW_TAG_SYSTEM)) &&
            json_str_is(json_get_lit(at, "code"), STR(FLOW_VIEW_TAG))) {
            return true;
        }
    }
    return false;
}

ErrCode flow_view_parse(Arena *arena, const StoreVersion *v, FlowView *ret) {
    const JsonNode *library = NULL;
    CLEANUP_BUF Buf text;
    buf_init(&text, FLOW_VIEW_BYTES);
    TRY(json_parse(arena, v->json, &library, NULL));
    const JsonNode *coding = json_get_lit(json_get_lit(library, "type"), "coding");
    const JsonNode *first = json_is(coding, JSON_ARRAY) ? json_first(coding) : NULL;
    if (!json_str_is(json_get_lit(first, "system"), STR(FLOW_VIEW_SYSTEM)) ||
        !json_str_is(json_get_lit(first, "code"), STR(FLOW_VIEW_CODE)) ||
        base64_decode(&text, json_str(arena, json_path(library, "content.data"))) != ERR_OK) {
        return ERR_NOT_FOUND;
    }
    FlowView view = {.id = v->id,
                     .version = v->version,
                     .time = v->time,
                     .materialised = has_tag(library),
                     .text = arena_str(arena, buf_str(&text))};
    TRY(json_parse(arena, view.text, &view.root, NULL));
    *ret = view;
    return ERR_OK;
}
