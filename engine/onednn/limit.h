/* limit.h -- how fast oneDNN itself does each convolution of the network: the machine's limit.
 *
 * A convolution is made alone, with invented values, and run again and again on one thread, so its
 * data lie in the caches. What the network loses beside this (cold weights, everything that is no
 * convolution) is ours to take out. */
#ifndef ENGINE_ONEDNN_LIMIT_H
#define ENGINE_ONEDNN_LIMIT_H

#include "common/err.h"
#include "engine/engine_debug.h"

/* backend.h's `limit`. int8 is u8 * s8 to u8 with a scale per channel. ERR_CONFIG when this CPU
 * would only emulate the precision. Sets this thread's OpenMP threads to 1. */
int onednn_limit(const char *precision, int w, int h, int rounds,
                 struct engine_limit out[LAYER_COUNT], struct err *err);

#endif
