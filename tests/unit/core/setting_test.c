#include "unit/test.h"

#include "core/io.h"
#include "core/setting.h"

#include <unistd.h>

static void defaults_hold_until_something_stronger(void **state) {
    (void)state;
    Settings s;
    settings_init(&s);
    assert_int_equal(s.port, 8080);
    assert_string_equal(s.listen, "127.0.0.1");
    assert_true(s.received_keep);
    assert_ok(settings_set(&s, STR("port"), STR("9000"), SETTING_FLAG, NULL));
    assert_ok(settings_set(&s, STR("port"), STR("9001"), SETTING_FILE, NULL));
    assert_int_equal(s.port, 9000);
    assert_ok(settings_set(&s, STR("port"), STR("9002"), SETTING_FLAG, NULL));
    assert_int_equal(s.port, 9002);
    assert_ok(settings_set(&s, STR("data"), STR("/a"), SETTING_FILE, NULL));
    assert_ok(settings_set(&s, STR("data"), STR("/b"), SETTING_FILE, NULL));
    assert_string_equal(s.data, "/b");
    settings_release(&s);
    assert_string_equal(s.data, "data");
}

static void values_are_checked(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"port", "0"},           {"port", "65536"},
        {"port", "80a"},         {"port", ""},
        {"port", "-1"},          {"gzip", "maybe"},
        {"language", "vietnam"}, {"data", ""},
        {"data", "a\nb"},        {"threads", "9999999999999999999999"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        Settings s;
        ErrInfo info = {0};
        settings_init(&s);
        assert_int_equal(
            settings_set(&s, str_from(bad[i][0]), str_from(bad[i][1]), SETTING_FILE, &info),
            ERR_PARAM);
        assert_string_equal(info.rule, "setting-value");
        assert_non_null(strstr(info.what_en, bad[i][0]));
        assert_non_null(strstr(info.what_vi, bad[i][0]));
        /* a stronger source does not hide a wrong value */
        s.source[SETTING_ID_port] = SETTING_FLAG;
        assert_int_equal(
            settings_set(&s, str_from(bad[i][0]), str_from(bad[i][1]), SETTING_FILE, NULL),
            ERR_PARAM);
        settings_release(&s);
    }
}

static void unknown_names_get_a_hint(void **state) {
    (void)state;
    Settings s;
    ErrInfo info = {0};
    settings_init(&s);
    assert_int_equal(settings_set(&s, STR("prot"), STR("1"), SETTING_FILE, &info), ERR_PARAM);
    assert_string_equal(info.rule, "setting-unknown");
    assert_non_null(strstr(info.what_en, "did you mean 'port'"));
    assert_non_null(strstr(info.what_vi, "có phải 'port'"));
    assert_int_equal(settings_set(&s, STR(""), STR("1"), SETTING_FILE, &info), ERR_PARAM);
    assert_int_equal(settings_set(&s, STR("ports"), STR("1"), SETTING_FILE, &info), ERR_PARAM);
    settings_release(&s);
}

static void files_have_lines_comments_and_quotes(void **state) {
    (void)state;
    Settings s;
    ErrInfo info = {0};
    settings_init(&s);
    assert_ok(settings_load_text(&s,
                                 STR("# the province\r\n\r\nport = 81 # not 80\n"
                                     "data=\"/srv/nhip data#1\"\nlog-level = debug\n"
                                     "received_keep = No\n  geojson = /a#b"),
                                 "nhip.conf", &info));
    assert_int_equal(s.port, 81);
    assert_string_equal(s.data, "/srv/nhip data#1");
    assert_string_equal(s.log_level, "debug");
    assert_string_equal(s.geojson, "/a#b");
    assert_false(s.received_keep);
    assert_int_equal(settings_load_text(&s, STR("\nport 81"), "nhip.conf", &info), ERR_SYNTAX);
    assert_string_equal(info.where, "nhip.conf:2");
    assert_int_equal(settings_load_file(&s, "/nonexistent/nhip.conf", &info), ERR_NOT_FOUND);
    assert_non_null(strstr(info.what_vi, "/nonexistent/nhip.conf"));
    settings_release(&s);
}

static void flags_leave_the_command_its_own(void **state) {
    (void)state;
    Settings s;
    char *argv[] = {"nhip",        "import", "--port", "90", "--seed", "7", "--no-received-keep",
                    "--data=/x=y", "a.xml",  "--gzip", "--", "--port", NULL};
    int argc = (int)ARRAY_LEN(argv) - 1;
    settings_init(&s);
    assert_ok(settings_load_flags(&s, &argc, argv, false, NULL));
    assert_int_equal(argc, 6);
    assert_string_equal(argv[1], "import");
    assert_string_equal(argv[2], "--seed");
    assert_string_equal(argv[3], "7");
    assert_string_equal(argv[4], "a.xml");
    assert_string_equal(argv[5], "--port");
    assert_int_equal(s.port, 90);
    assert_string_equal(s.data, "/x=y");
    assert_false(s.received_keep);
    assert_true(s.gzip);
    settings_release(&s);
}

static void wrong_flags_are_refused(void **state) {
    (void)state;
    static const struct {
        char *flag;
        bool strict;
        ErrCode want;
    } cases[] = {{"--seed", true, ERR_PARAM},   {"--seed", false, ERR_OK},
                 {"--port", true, ERR_PARAM},   {"--no-port", true, ERR_PARAM},
                 {"--port=x", true, ERR_PARAM}, {"--gzip=off", true, ERR_OK}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Settings s;
        ErrInfo info = {0};
        char *argv[] = {"nhip", cases[i].flag, NULL};
        int argc = 2;
        settings_init(&s);
        assert_int_equal(settings_load_flags(&s, &argc, argv, cases[i].strict, &info),
                         cases[i].want);
        if (cases[i].want != ERR_OK) {
            assert_string_equal(info.where, cases[i].flag);
        }
        settings_release(&s);
    }
}

static void flags_beat_environment_beats_file(void **state) {
    (void)state;
    char path[] = "/tmp/nhip-setting-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_ok(io_write_all(fd, STR("port = 1\nthreads = 1\nlanguage = en\n")));
    close(fd);
    char config[64];
    (void)snprintf(config, sizeof(config), "NHIP_CONFIG=%s", path);
    char *envp[] = {"HOME=/x", config,           "NHIP_PORT=2",      "NHIP_THREADS=2",
                    "NHIPX=1", "NHIP_SHARED=/x", "NHIP_TEST_SEED=1", NULL};
    char *argv[] = {"nhip", "serve", "--port=3", NULL};
    int argc = 3;
    Settings s;
    ErrInfo info = {0};
    settings_init(&s);
    assert_ok(settings_load(&s, &argc, argv, envp, &info));
    assert_int_equal(s.port, 3);
    assert_int_equal(s.threads, 2);
    assert_string_equal(s.language, "en");
    char *bad[] = {"NHIP_PROT=2", NULL};
    assert_int_equal(settings_load_environment(&s, bad, &info), ERR_PARAM);
    assert_string_equal(info.where, "NHIP_PROT");
    settings_release(&s);
    unlink(path);
}

static void print_gives_a_settings_file_again(void **state) {
    (void)state;
    Settings s;
    Settings back;
    Buf text;
    Buf again;
    buf_init(&text, 1 << 16);
    buf_init(&again, 1 << 16);
    settings_init(&s);
    settings_init(&back);
    assert_ok(settings_set(&s, STR("data"), STR("/srv/a #b"), SETTING_FILE, NULL));
    assert_ok(settings_set(&s, STR("port"), STR("99"), SETTING_FILE, NULL));
    settings_print(&s, &text);
    assert_ok(settings_load_text(&back, buf_str(&text), "x", NULL));
    assert_string_equal(back.data, "/srv/a #b");
    assert_int_equal(back.port, 99);
    settings_print_help(&again);
    assert_ok(buf_ok(&again));
    assert_int_not_equal(str_find(buf_str(&again), STR("--received-retention-days")), SIZE_MAX);
    assert_int_not_equal(str_find(buf_str(&again), STR("NHIP_RECEIVED_RETENTION_DAYS")), SIZE_MAX);
    assert_int_not_equal(str_find(buf_str(&again), STR("giữ mãi")), SIZE_MAX);
    buf_release(&text);
    buf_release(&again);
    settings_release(&s);
    settings_release(&back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_until_something_stronger),
        cmocka_unit_test(values_are_checked),
        cmocka_unit_test(unknown_names_get_a_hint),
        cmocka_unit_test(files_have_lines_comments_and_quotes),
        cmocka_unit_test(flags_leave_the_command_its_own),
        cmocka_unit_test(wrong_flags_are_refused),
        cmocka_unit_test(flags_beat_environment_beats_file),
        cmocka_unit_test(print_gives_a_settings_file_again),
    };
    return cmocka_run_group_tests_name("core/setting", tests, NULL, NULL);
}
