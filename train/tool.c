#include <ftw.h>
#include <stdio.h>

#include "common/status.h"
#include "train/tools.h"

enum { OPEN_FOLDERS = 16 };

int tool_fail(const struct err *err)
{
    fprintf(stderr, "lentigo: %s\n", err->msg);
    return status_of_err(err);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void tool_remove(const char *dir)
{
    (void)nftw(dir, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}
