#include <stdio.h>

#include "common/status.h"
#include "train/tools.h"

int tool_fail(const struct err *err)
{
    fprintf(stderr, "lentigo: %s\n", err->msg);
    return status_of_err(err);
}
