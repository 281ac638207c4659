#include "fhir/fhir_task.h"

void fhir_put_concept(JsonWriter *w, const char *system, Str code) {
    json_open_object(w);
    json_name(w, "coding");
    json_open_array(w);
    json_open_object(w);
    json_member(w, "system", str_from(system));
    json_member(w, "code", code);
    json_close_object(w);
    json_close_array(w);
    json_close_object(w);
}

void fhir_put_identifier(JsonWriter *w, const char *system, Str value) {
    json_open_object(w);
    json_member(w, "system", str_from(system));
    json_member(w, "value", value);
    json_close_object(w);
}

void fhir_put_identifiers(JsonWriter *w, const char *system, Str value) {
    json_name(w, "identifier");
    json_open_array(w);
    fhir_put_identifier(w, system, value);
    json_close_array(w);
}

void fhir_put_part(JsonWriter *w, const char *name, const char *member, Str text) {
    if (text.len > 0) {
        json_put_name(w, str_from(name));
        json_open_object(w);
        json_member_str(w, str_from(member), text);
        json_close_object(w);
    }
}

void fhir_task_put_what(JsonWriter *w, const FhirTask *task) {
    json_open_object(w);
    json_member(w, "resourceType", STR("Task"));
    fhir_put_identifiers(w, task->system, task->key);
    if (task->group.len > 0) {
        json_name(w, "groupIdentifier");
        fhir_put_identifier(w, task->group_system, task->group);
    }
    if (task->part_of.len > 0) {
        json_name(w, "partOf");
        json_open_array(w);
        json_open_object(w);
        json_member(w, "reference", task->part_of);
        json_close_object(w);
        json_close_array(w);
    }
    json_member(w, "status", str_from(task->status));
    fhir_put_part(w, "statusReason", "text", task->why);
    if (task->state.len > 0) {
        json_name(w, "businessStatus");
        fhir_put_concept(w, task->codes, task->state);
    }
    json_member(w, "intent", str_from(task->intent));
    json_name(w, "code");
    fhir_put_concept(w, task->codes, str_from(task->code));
}

void fhir_task_put_when(JsonWriter *w, const FhirTask *task) {
    CLEANUP_BUF Buf now;
    buf_init(&now, 64);
    time_put_vn(&now, task->now);
    const JsonNode *authored = json_get_lit(task->before, "authoredOn");
    if (authored == NULL) {
        authored = json_get_lit(task->before, "lastModified");
    }
    json_name(w, "authoredOn");
    if (authored != NULL) {
        json_put_node(w, authored);
    } else {
        json_put_str(w, buf_str(&now));
    }
    json_member(w, "lastModified", buf_str(&now));
    fhir_put_part(w, "owner", "display", task->who);
}

void fhir_task_put_fact(JsonWriter *w, Str name, Str value) {
    if (value.len > 0) {
        json_open_object(w);
        fhir_put_part(w, "type", "text", name);
        json_member(w, "valueString", value);
        json_close_object(w);
    }
}

Str fhir_task_input(Arena *arena, const JsonNode *task, const char *name) {
    const JsonNode *list = json_get_lit(task, "input");
    Str found = STR_EMPTY;
    for (const JsonNode *i = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; i != NULL;
         i = json_next(list, i)) {
        if (json_str_is(json_path(i, "type.text"), str_from(name))) {
            found = json_str(arena, json_get_lit(i, "valueString"));
        }
    }
    return found;
}
