/* tools.h -- the commands of lentigo-train. Each returns an exit status (common/status.h). */
#ifndef TRAIN_TOOLS_H
#define TRAIN_TOOLS_H

#include "common/settings.h"

/* lentigo dataset split DIR: say of each picture whether it trains, chooses or tests. */
int dataset_split(const struct settings *s, int n, char **operands);

/* Print the error to stderr; the exit status that goes with its code. */
int tool_fail(const struct err *err);

#endif
