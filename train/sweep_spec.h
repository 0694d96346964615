/* sweep_spec.h -- what a search tries, as its user wrote it, and the trials that follow from it.
 *
 *   {"method": "grid" | "random" | "halving",
 *    "axes": {"lr": {"from": 0.002, "to": 0.1, "scale": "log", "steps": 5},
 *             "loss": ["ce", "ce+dice:0.5"]},
 *    "trials": 24, "seed": 1,                      of random and halving
 *    "rungs": 3, "keep": 3,                        of halving
 *    "settings": {"data": "lesions", "iters": 9000, "batch": 16}}
 *
 * An axis is a list of values, or a range: `scale` is "linear" (also when it is not there) or "log",
 * `steps` how many points of it a grid takes, both ends among them. A range whose ends are written as
 * whole numbers has whole numbers only. `settings` are what all trials share, by the names of
 * `lentigo train`'s flags.
 *   grid     every combination; the last axis changes fastest
 *   random   `trials` different ones, drawn evenly from lists and ranges by `seed`
 *   halving  the same (without `trials`: the grid) in `rungs` rounds (2 to 8, 3 without): each trains to
 *            `keep` times (2 to 10, 3 without) the iterations of the one before, and the best
 *            1/`keep` of its trials go on; the last round ends at `iters`
 * Pure: the same text gives the same trials on any machine. */
#ifndef TRAIN_SWEEP_SPEC_H
#define TRAIN_SWEEP_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"

enum {
    SWEEP_AXES_MAX = 12,
    SWEEP_POINTS_MAX = 64, /* of an axis */
    SWEEP_TRIALS_MAX = 1000,
    SWEEP_RUNGS_MAX = 8,
    SWEEP_KEY_SIZE = 32,
    SWEEP_VALUE_SIZE = 128
};

enum sweep_method { SWEEP_GRID, SWEEP_RANDOM, SWEEP_HALVING };

/* As a flag of `lentigo train` has it. */
struct sweep_value {
    char text[SWEEP_VALUE_SIZE];
};

struct sweep_axis {
    char key[SWEEP_KEY_SIZE];
    bool is_range, is_log, is_whole;
    double from, to; /* of a range */
    int n;           /* points: of the list, or `steps` of a range (0: not said) */
    struct sweep_value points[SWEEP_POINTS_MAX];
};

struct sweep_spec {
    enum sweep_method method;
    int trials; /* to draw; 0: the grid */
    int64_t seed;
    int rungs, keep; /* rungs 1: no halving */
    int n_axes;
    struct sweep_axis axes[SWEEP_AXES_MAX]; /* in the order of the text */
};

/* ERR_INPUT names `name` (of the file) and the key. What the axes' and settings' keys mean is not looked
 * at. */
int sweep_spec_read(struct sweep_spec *out, const json_t *object, const char *name,
                    struct err *err);

/* The trials' values, n_axes for each, owned by the caller; `*n` receives how many trials. ERR_INPUT:
 * more than SWEEP_TRIALS_MAX, or not that many different ones. */
int sweep_spec_draw(const struct sweep_spec *spec, struct sweep_value **out, int *n,
                    struct err *err);

/* Text of a JSON string, number or truth value as a flag has it ("yes" and "no"). -1: it is none, or too
 * long. */
int sweep_value_of(struct sweep_value *out, const json_t *value);

/* The iteration at which a round ends: iters / keep^(rungs - 1 - rung), rounded up. */
int64_t sweep_rung_end(int64_t iters, int rungs, int keep, int rung);

#endif
