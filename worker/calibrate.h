/* calibrate.h -- the ranges of a model's activations, measured on pictures.
 *
 * The f32 network runs over the sample and leaves a histogram of every map that int8 would keep in
 * bytes. Each rule (histogram.h) makes ranges of them; the rule is kept whose int8 network comes
 * nearest to the f32 network's logits over the same pictures, so that no rule has to be believed in. */
#ifndef WORKER_CALIBRATE_H
#define WORKER_CALIBRATE_H

#include "common/json.h"
#include "worker/sample.h"
#include "worker/subject.h"

/* `f32` is open in precision f32 and is the model's; `folder` holds the same weights and gets
 * int8.json. *about is what the file says of its making (rule, errors of all rules, pictures, size);
 * the caller's. ERR_CONFIG: this machine has no int8. */
int calibrate(const struct subject *f32, const struct sample *sample, const char *folder,
              json_t **about, struct err *err);

#endif
