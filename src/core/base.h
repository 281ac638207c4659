/* base.h — what every file of the project includes first: integer types, attributes, cleanup
 * helpers, the error code type and the list of banned functions.
 * Errors: every function that can fail returns ErrCode (core/err.h lists them) and is MUST_USE;
 * outputs are named ret_x and are untouched on failure. Threads: nothing here has state. */
#ifndef NHIP_CORE_BASE_H
#define NHIP_CORE_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* CLEANUP(fn) T x: fn(&x) runs when x leaves its scope. TAKE(p) yields p and sets it to NULL. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) take_ = (p);                                                                 \
        (p) = NULL;                                                                                \
        take_;                                                                                     \
    })

static inline void base_free_cleanup(void *pp) {
    free(*(void **)pp);
}
static inline void base_fclose_cleanup(FILE **f) {
    if (*f != NULL) {
        (void)fclose(*f);
    }
}
#define CLEANUP_FREE CLEANUP(base_free_cleanup)
#define CLEANUP_FILE CLEANUP(base_fclose_cleanup)

/* TRY(expr): returns the error of expr to the caller unless it is ERR_OK. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        ErrCode try_err_ = (expr);                                                                 \
        if (UNLIKELY(try_err_ != ERR_OK)) {                                                        \
            return try_err_;                                                                       \
        }                                                                                          \
    } while (0)

#include "core/err.h"

/* Banned: no bounds, no errors or hidden state. tools/lint.sh looks for them; this stops the rest.
 */
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets atoi atol atof strncpy strncat

#endif
