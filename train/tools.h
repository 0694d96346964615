/* tools.h -- the commands of lentigo-train. Each returns an exit status (common/status.h). */
#ifndef TRAIN_TOOLS_H
#define TRAIN_TOOLS_H

#include "common/settings.h"

/* lentigo dataset convert INPUT -o OUT: annotations into a labelled set, or back. */
int dataset_convert(const struct settings *s, int n, char **operands);

/* lentigo dataset check DIR: name every defect, and show the set. */
int dataset_check(const struct settings *s, int n, char **operands);

/* lentigo dataset split DIR: say of each picture whether it trains, chooses or tests. */
int dataset_split(const struct settings *s, int n, char **operands);

/* lentigo dataset show DIR -o FILE.png: pictures as training sees them, on one sheet, with the outlines
 * of their masks: `--augment --seed --size --limit`. */
int dataset_show(const struct settings *s, int n, char **operands);

/* lentigo dataset balance DIR [-o OUT]: even out the classes of the pictures that train by `--sampling`:
 * DIR/weights.csv (id,weight), or with OUT a new set with augmented copies of the rarer ones. */
int dataset_balance(const struct settings *s, int n, char **operands);

/* lentigo train: from labelled pictures to a model (train/trainer.h). */
int train_model(const struct settings *s, int n, char **operands);

/* lentigo train sweep: a search over the settings of `lentigo train` (train/sweep.h). */
int train_sweep(const struct settings *s, int n, char **operands);

/* Print the error to stderr; the exit status that goes with its code. */
int tool_fail(const struct err *err);

#endif
