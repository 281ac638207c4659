#include "unit/test.h"

#include "core/arena.h"
#include "fhir/fhir_task.h"

#define ARENA_BYTES ((size_t)1 << 20)

static Str write_task(Arena *arena, const FhirTask *task) {
    CLEANUP_BUF Buf out;
    buf_init(&out, ARENA_BYTES);
    JsonWriter w = json_writer(&out);
    fhir_task_put_what(&w, task);
    fhir_put_part(&w, "for", "reference", STR("Patient/1"));
    fhir_put_part(&w, "encounter", "reference", STR_EMPTY);
    fhir_task_put_when(&w, task);
    json_name(&w, "input");
    json_open_array(&w);
    fhir_task_put_fact(&w, STR("step"), STR("sign"));
    fhir_task_put_fact(&w, STR("file"), STR_EMPTY);
    fhir_task_put_fact(&w, STR("step"), STR("send \"again\""));
    json_close_array(&w);
    json_close_object(&w);
    assert_ok(buf_ok(&out));
    return arena_str(arena, buf_str(&out));
}

static const char *const smallest =
    "{\"resourceType\":\"Task\",\"identifier\":[{\"system\":\"urn:s\",\"value\":\"k\"}],"
    "\"status\":\"draft\",\"intent\":\"order\","
    "\"code\":{\"coding\":[{\"system\":\"urn:c\",\"code\":\"work\"}]},"
    "\"for\":{\"reference\":\"Patient/1\"},"
    "\"authoredOn\":\"1970-01-01T07:00:00+07:00\","
    "\"lastModified\":\"1970-01-01T07:00:00+07:00\","
    "\"input\":[{\"type\":{\"text\":\"step\"},\"valueString\":\"sign\"},"
    "{\"type\":{\"text\":\"step\"},\"valueString\":\"send \\\"again\\\"\"}]}";

static const char *const whole =
    "{\"resourceType\":\"Task\",\"identifier\":[{\"system\":\"urn:s\",\"value\":\"k\"}],"
    "\"groupIdentifier\":{\"system\":\"urn:g\",\"value\":\"g\"},"
    "\"partOf\":[{\"reference\":\"Task/2\"}],\"status\":\"draft\","
    "\"statusReason\":{\"text\":\"month's end\"},"
    "\"businessStatus\":{\"coding\":[{\"system\":\"urn:c\",\"code\":\"signed\"}]},"
    "\"intent\":\"order\",\"code\":{\"coding\":[{\"system\":\"urn:c\",\"code\":\"work\"}]},"
    "\"for\":{\"reference\":\"Patient/1\"},"
    "\"authoredOn\":\"1970-01-01T07:00:00+07:00\","
    "\"lastModified\":\"1970-01-02T07:00:00+07:00\",\"owner\":{\"display\":\"An\"},"
    "\"input\":[{\"type\":{\"text\":\"step\"},\"valueString\":\"sign\"},"
    "{\"type\":{\"text\":\"step\"},\"valueString\":\"send \\\"again\\\"\"}]}";

static const FhirTask small = {.system = "urn:s",
                               .key = {"k", 1},
                               .status = "draft",
                               .intent = "order",
                               .codes = "urn:c",
                               .code = "work"};

static void what_is_empty_is_left_out(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_BYTES);
    FhirTask task = small;
    assert_str(write_task(arena, &task), str_from(smallest));
}

static void the_next_version_keeps_its_first_day(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_BYTES);
    const JsonNode *first = NULL;
    FhirTask task = small;
    assert_ok(json_parse(arena, write_task(arena, &task), &first, NULL));
    assert_str(json_raw_str(json_get_lit(first, "authoredOn")), STR("1970-01-01T07:00:00+07:00"));
    task.before = first;
    task.now = 24LL * 3600 * 1000;
    task.group_system = "urn:g";
    task.group = STR("g");
    task.part_of = STR("Task/2");
    task.state = STR("signed");
    task.who = STR("An");
    task.why = STR("month's end");
    assert_str(write_task(arena, &task), str_from(whole));
}

/* Tasks that were written without a day: the oldest that is known counts. */
static void a_task_without_a_first_day_gets_the_oldest_known(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_BYTES);
    const JsonNode *before = NULL;
    const JsonNode *next = NULL;
    FhirTask task = small;
    assert_ok(json_parse(arena, STR("{\"lastModified\":\"1969-12-01\"}"), &before, NULL));
    task.before = before;
    assert_ok(json_parse(arena, write_task(arena, &task), &next, NULL));
    assert_str(json_raw_str(json_get_lit(next, "authoredOn")), STR("1969-12-01"));
    assert_ok(json_parse(arena, STR("{}"), &before, NULL));
    task.before = before;
    assert_ok(json_parse(arena, write_task(arena, &task), &next, NULL));
    assert_str(json_raw_str(json_get_lit(next, "authoredOn")), STR("1970-01-01T07:00:00+07:00"));
}

static void the_newest_fact_counts(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_BYTES);
    const JsonNode *root = NULL;
    assert_ok(json_parse(arena, str_from(whole), &root, NULL));
    assert_str(fhir_task_input(arena, root, "step"), STR("send \"again\""));
    assert_int_equal(fhir_task_input(arena, root, "file").len, 0);
    assert_int_equal(fhir_task_input(arena, NULL, "step").len, 0);
    assert_ok(json_parse(arena, STR("{\"input\":\"none\"}"), &root, NULL));
    assert_int_equal(fhir_task_input(arena, root, "step").len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_empty_is_left_out),
        cmocka_unit_test(the_next_version_keeps_its_first_day),
        cmocka_unit_test(a_task_without_a_first_day_gets_the_oldest_known),
        cmocka_unit_test(the_newest_fact_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
