/* `lentigo train sweep [SPEC] -o DIR`: one taker. `lentigo` brings a Redis up first when none was named. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/status.h"
#include "train/sweep.h"
#include "train/sweep_taker.h"
#include "train/tools.h"

static int run(const struct settings *s, const char *spec, struct err *err)
{
    struct sweep *w = calloc(1, sizeof(*w)); /* paths of 4 kB, values of every axis */
    int trainers = s->workers ? (int)s->workers : 1, ret = -1;
    const struct sweep_opening opening = {s->output, spec, s->resume, trainers};
    const struct sweep_taking taking = {
        .redis = s->redis, .node = s->node, .trainers = trainers, .lease_ms = (int)s->lease_ms};

    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory for a sweep");
    if (!sweep_open(w, &opening, err))
        ret = sweep_take(w, &taking, err);
    sweep_close(w);
    free(w);
    return ret;
}

int train_sweep(const struct settings *s, int n, char **operands)
{
    struct err err = {0};
    int status = -1;

    /* Trainers read the environment too, and these are ours alone. */
    unsetenv("LENTIGO_RESUME");
    unsetenv("LENTIGO_STOP_AT");
    if (n > 1 || !s->output[0])
        err_set(
            &err, ERR_INPUT,
            "train sweep: lentigo train sweep SPEC.json -o DIR (see lentigo train sweep --help)");
    else
        status = run(s, n ? operands[0] : NULL, &err);
    return status < 0 ? tool_fail(&err) : status;
}
