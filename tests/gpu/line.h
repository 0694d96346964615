/* line.h -- how the programs of tests/gpu answer: a JSON object a line, at once. */
#ifndef TESTS_GPU_LINE_H
#define TESTS_GPU_LINE_H

#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"

/* Takes `line`; one that there was no memory for is an empty object. */
static inline void print_line(json_t *line)
{
    char *text = json_line(line);

    printf("%s\n", text ? text : "{}");
    fflush(stdout);
    free(text);
    json_decref(line);
}

#endif
