/* embed.h — a file of the repository inside the binary, by .incbin (2 MB take 0.01 s; as a C array
 * 7 s and 307 MB of compiler).
 *   EMBED(given_names, "gen/data/synth/given_names.tsv")      at file scope in one .c
 *   Str text = embed_given_names();
 * The path counts from the repository's root, where make runs; the Makefile finds these lines and
 * lets the object depend on the file. The bytes are read-only, aligned to 16, followed by a NUL. */
#ifndef NHIP_CORE_EMBED_H
#define NHIP_CORE_EMBED_H

#include "core/str.h"

#define EMBED(symbol, path)                                                                        \
    __asm__(".pushsection .rodata\n"                                                               \
            ".balign 16\n"                                                                         \
            "embed_bytes_" #symbol ":\n"                                                           \
            ".incbin \"" path "\"\n"                                                               \
            "embed_end_" #symbol ":\n"                                                             \
            ".byte 0\n"                                                                            \
            ".popsection\n");                                                                      \
    extern const char embed_bytes_##symbol[] __attribute__((visibility("hidden")));                \
    extern const char embed_end_##symbol[] __attribute__((visibility("hidden")));                  \
    static inline Str embed_##symbol(void) {                                                       \
        return (Str){embed_bytes_##symbol, (size_t)(embed_end_##symbol - embed_bytes_##symbol)};   \
    }

#endif
