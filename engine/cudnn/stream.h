/* stream.h -- a backend stream on a GPU: its passes, its memory, and chunks of images on their way
 * through three CUDA streams.
 *
 *   chunk 0   upload | network | download
 *   chunk 1          | upload  | network  | download
 *   chunk 2                               | upload    ...
 *
 * A large batch is cut into chunks of at most CHUNK_MAX images, so that moving one overlaps with
 * computing another. Passes are made for powers of two only: what is left over is cut or filled up
 * (chunk_size), so that a stream has few plans to choose. An image's result does not depend on its
 * neighbours nor on what fills up; between two numbers of images cuDNN may take other kernels, which
 * differ by rounding.
 *
 * Pixels and class maps in locked memory (pins.h) go straight, others through the host's berth. */
#ifndef ENGINE_CUDNN_STREAM_H
#define ENGINE_CUDNN_STREAM_H

#include "engine/backend.h"
#include "engine/cudnn/pass.h"
#include "engine/cudnn/pins.h"

enum { CHUNK_MAX = 32, PASSES_MAX = 48, CHUNKS_MAX = 64 };

/* What streams share. */
struct shared {
    int gpu;
    struct parameters parameters;
    struct pins pins;
    struct graph_target *target;
    pthread_mutex_t lock;     /* guards `cache` and the choice of plans */
    struct plan_cache *cache; /* NULL when no folder for it could be had */
};

/* How many images the next pass is for when `left` are left: all of them filled up to a power of two
 * if that wastes at most a quarter, else the largest power of two among them. */
int chunk_size(int left);

/* The caller owns the stream and closes it before what is shared. */
int stream_open(struct backend_stream **out, struct shared *shared, struct err *err);
void stream_close(struct backend_stream *s);

/* The slots of backend.h. */
int stream_run(struct backend_stream *s, int w, int h, struct engine_image *images, int n,
               struct err *err);
void stream_keep_layers(struct backend_stream *s);
int stream_layer(struct backend_stream *s, int layer, int image, float *out, struct err *err);
const double *stream_layer_ms(struct backend_stream *s);

#endif
