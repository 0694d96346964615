/* tools.h -- the commands that run the worker's parts without a queue.
 *
 * Each returns an exit status. `lentigo predict`, `lentigo eval` and `lentigo model quantize`
 * start this program. */
#ifndef WORKER_TOOLS_H
#define WORKER_TOOLS_H

#include "common/json.h"
#include "common/settings.h"

/* One JSON line per image: the image entry of report.json. Status 1 when a file could not be
 * worked on for this machine's sake; a picture that is set aside is no failure. */
int tool_predict(const struct settings *s, int n, char **files);

/* The metrics of the model on a labelled set, as one JSON object. */
int tool_eval(const struct settings *s);

/* The same as a new object, the caller's. */
int eval_figures(const struct settings *s, json_t **out, struct err *err);

/* Choose temperature and thresholds on the validation split; write policy and card into the model's
 * folder; print the policy as one JSON object. */
int tool_calibrate(const struct settings *s);

/* Make a model ready for int8 and print, as one JSON object, what that costs. */
int tool_quantize(const struct settings *s);

/* A JSON line for each device (engine/device.h). */
int tool_devices(void);

/* Print the error to stderr; the exit status that goes with its code. */
int tool_fail(const struct err *err);

#endif
