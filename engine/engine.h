/* engine.h -- PP-LiteSeg-T over u8 pixels: class map and class sums out.
 *
 * An engine is a model made ready for one backend and precision; threads share it. A stream is one
 * thread's half: its plans (one per input shape, made at first use and kept), its scratch, its
 * thread settings (denormals flushed). engine_run allocates nothing once the shape is known. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdint.h>

#include "common/err.h"
#include "engine/model.h"

enum { ENGINE_CLASSES = 8 }; /* 0 background, 1 MEL, 2 NV, 3 BCC, 4 AKIEC, 5 BKL, 6 DF, 7 VASC */

struct engine;
struct engine_stream;

struct engine_config {
    const char *backend;   /* "auto", "ref", "onednn", "cudnn" */
    const char *precision; /* "auto", "f32", "bf16", "fp16", "int8" */
    const char *device;    /* "auto", "cpu", "cuda:N" */
    /* Cores that work on one image of a stream together; 0 is 1. One core a stream makes the most
     * images a second, several the shortest wait for one. The results are the same. */
    int threads;
};

struct engine_facts {
    char backend[16], precision[16], device[32];
};

/* What engine_open would take for `config` on this machine; ERR_CONFIG when there is none. Without a
 * model (NULL) as for one that allows everything and has no ranges. */
int engine_choose(const struct engine_config *config, const struct model *model,
                  struct engine_facts *out, struct err *err);

/* "auto" takes the fastest that the model's card allows and that this machine and build can do
 * without emulation: a GPU before the processor; there fp16 before bf16, here int8 only with VNNI and a
 * model that has ranges, bf16 only with AVX512-BF16 or AMX. What cannot be had is ERR_CONFIG. The model must outlive the engine. */
int engine_open(struct engine **out, const struct model *model, const struct engine_config *config,
                struct err *err);
void engine_close(struct engine *e); /* after all its streams; NULL is fine */
const struct engine_facts *engine_facts(const struct engine *e);

/* Tells the engine that [base, base + size) will often hold pixels or class maps of engine_image: a GPU
 * then reads and writes them there, elsewhere it takes a copy. The pages must stay where they are until
 * engine_unpin or engine_close, and ranges must not touch. Does nothing on a processor. Any thread.
 * ERR_CONFIG: this memory cannot be locked; all goes on without. */
int engine_pin(struct engine *e, const void *base, size_t size, struct err *err);
void engine_unpin(struct engine *e, const void *base); /* what was not pinned is fine */

/* Called by the thread that will run it, and used by no other. */
int engine_stream_open(struct engine_stream **out, struct engine *e, struct err *err);
void engine_stream_close(struct engine_stream *s);

/* A pixel's label is 0 when its softmax value of background is at least 1/2, else the highest of the
 * lesion's seven classes. That is not the highest of all eight: where the diagnosis is in doubt its
 * seven classes share what says "lesion", and the highest of eight would leave holes and missed
 * outlines there (docs/figures.md, "What makes a pixel lesion").
 *
 * Softmax values added up over pixels; only pixels inside the content, never the grey padding. */
struct engine_scores {
    uint32_t content_px, lesion_px;    /* lesion: class map is not 0 */
    double all_sum[ENGINE_CLASSES];    /* over all content pixels */
    double lesion_sum[ENGINE_CLASSES]; /* over lesion pixels */
    double lesion_top_sum;             /* over lesion pixels: the highest lesion class's value */
};

struct engine_image {
    const uint8_t *rgb;          /* h,w,3; borrowed */
    int content_w, content_h;    /* top left part that is picture; the rest is padding */
    uint8_t *class_map;          /* h,w; the caller's memory, written */
    struct engine_scores scores; /* written */
};

/* Run `n` images of one shape, w and h multiples of 32 or not. ERR_NOMEM: try a smaller n.
 * ERR_DEVICE: the stream is gone. */
int engine_run(struct engine_stream *s, int w, int h, struct engine_image *images, int n,
               struct err *err);

#endif
