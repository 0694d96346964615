/* support.h -- what the engine's tests share: a model of random weights, drawn pictures, errors
 * between arrays, and the starter model out of ../shared. */
#ifndef TESTS_ENGINE_SUPPORT_H
#define TESTS_ENGINE_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/network.h"

enum { TEST_PATH = 512, TEST_SKIP = 77 };

/* xorshift64: the same numbers everywhere. */
uint32_t draw_next(uint64_t *state);
float random_normal(uint64_t *state); /* mean 0, variance 1, roughly normal */

/* All 250 tensors with plausible random values (activations stay near unit size). The values are
 * freed with random_weights_free. */
struct tensor;
struct tensor *random_weights(uint64_t seed);
void random_weights_free(struct tensor *items);

/* A model folder of random weights under BINARY_DIR; writes its path. */
void random_model(char path[TEST_PATH], const char *name, uint64_t seed);

/* The starter weights imported into BINARY_DIR; -1 when ../shared is not there. */
int starter_model(char path[TEST_PATH]);

/* "<source>/../shared/<name>" into `path`; -1 when it is not there. */
int shared_path(char path[TEST_PATH], const char *name);

/* Smooth picture with noise, h,w,3. */
void draw_picture(uint8_t *rgb, int w, int h, uint64_t seed);

/* sum (a-b)^2 / sum b^2 */
double nmse(const float *a, const double *b, size_t n);

/* Opens model, engine and stream or fails the test. */
struct rig {
    struct model *model;
    struct engine *engine;
    struct engine_stream *stream;
};
void rig_open(struct rig *r, const char *model, const char *backend, const char *precision);
void rig_open_with(struct rig *r, const char *model, const struct engine_config *config);
void rig_close(struct rig *r);

#endif
