/* folder.h — takes a test's or a bench's folder away again with everything below it; links are
 * not followed. */
#ifndef NHIP_TESTS_FOLDER_H
#define NHIP_TESTS_FOLDER_H

#include <ftw.h>
#include <stdio.h>

#include "core/base.h"

static UNUSED int folder_remove_one(const char *path, const struct stat *st, int type,
                                    struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static UNUSED void folder_remove(const char *dir) {
    (void)nftw(dir, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
