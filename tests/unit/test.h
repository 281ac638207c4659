/* test.h — what every unit test includes: cmocka and the project's base. Tests print TAP. */
#ifndef NHIP_TESTS_UNIT_TEST_H
#define NHIP_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/str.h"

/* a and b are Str; on a difference both texts are printed. */
#define assert_str(a, b)                                                                           \
    do {                                                                                           \
        Str a_ = (a);                                                                              \
        Str b_ = (b);                                                                              \
        if (!str_eq(a_, b_)) {                                                                     \
            print_error("got  <" STR_FMT ">\nwant <" STR_FMT ">\n", STR_ARG(a_), STR_ARG(b_));     \
            fail();                                                                                \
        }                                                                                          \
    } while (0)
#define assert_ok(expr) assert_int_equal((expr), ERR_OK)

#endif
