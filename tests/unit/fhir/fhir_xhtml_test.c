#include "unit/test.h"

#include "fhir/fhir_xhtml.h"

static void allowed_narratives_pass(void **state) {
    (void)state;
    static const char *const texts[] = {
        "<div>x</div>",
        " \n<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a<br/>b</p></div> ",
        "<div><img src='a.png' alt=\"&lt;\"/></div>",
        "<div class = \"x\" ><a href=\"http://example.org/?a=1&amp;b=2\">&#272;&#x111;</a></div>",
        "<div><a href=\"#top\" name=\"one\">javascript: as a word</a><!-- - > --></div>",
        "<div><table border=\"1\"><tbody><tr><th colspan=\"2\">x</th></tr></tbody></table></div>",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *wrong = fhir_xhtml_check(str_from(texts[i]));
        if (wrong != NULL) {
            print_error("<%s>: %s\n", texts[i], wrong);
            fail();
        }
    }
}

static void dangerous_or_broken_narratives_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "x",
        "<div/>",
        "<div></div>",
        "<div>&nbsp</div>",
        "<div>a & b</div>",
        "<div>a < b</div>",
        "<div>x",
        "<div>x</div",
        "<div>x</div>y",
        "<div>x</div><div>y</div>",
        "<divx>x</divx>",
        "<DIV>x</DIV>",
        "<div><p>x</div></p>",
        "<div>x<SCRIPT>y</SCRIPT></div>",
        "<div>x<script/></div>",
        "<div>x<iframe src=\"a\"/></div>",
        "<div>x<style>y</style></div>",
        "<div>x<svg/></div>",
        "<div>x<input/></div>",
        "<div onclick=\"a\">x</div>",
        "<div>x<img src=\"a\" OnError=\"b\"/></div>",
        "<div><a href=\"javascript:a\">x</a></div>",
        "<div><a href=\"java\tscript:a\">x</a></div>",
        "<div><a href=\"  VBScript:a\">x</a></div>",
        "<div><a href=\"&#106;avascript:a\">x</a></div>",
        "<div><a href=\"data:text/html,x\">x</a></div>",
        "<div><a href=x>x</a></div>",
        "<div hidden>x</div>",
        "<div a=\"1\"b=\"2\">x</div>",
        "<div a=\"<\">x</div>",
        "<div a=\"x>y</div>",
        "<div>x<!-- y</div>",
        "<div>x<![CDATA[y]]></div>",
        "<div>x<?php y ?></div>",
        "<!DOCTYPE html><div>x</div>",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (fhir_xhtml_check(str_from(texts[i])) == NULL) {
            print_error("<%s> was taken\n", texts[i]);
            fail();
        }
    }
}

static void nesting_has_its_limit(void **state) {
    (void)state;
    char text[4000] = "";
    size_t len = 0;
    for (int i = 0; i < 40; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "<div>");
    }
    len += (size_t)snprintf(text + len, sizeof(text) - len, "x");
    for (int i = 0; i < 40; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "</div>");
    }
    assert_string_equal(fhir_xhtml_check((Str){text, len}), "nested too deeply");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allowed_narratives_pass),
        cmocka_unit_test(dangerous_or_broken_narratives_are_refused),
        cmocka_unit_test(nesting_has_its_limit),
    };
    return cmocka_run_group_tests_name("fhir/xhtml", tests, NULL, NULL);
}
