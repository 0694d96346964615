/* backend.h -- the one table of functions behind engine.h. A backend is a folder with one of these.
 *
 * Engine and stream are the backend's own structs. A stream belongs to one thread. engine.c has
 * checked sizes, counts and pointers before it calls. */
#ifndef ENGINE_BACKEND_H
#define ENGINE_BACKEND_H

#include "engine/engine_debug.h"

struct backend_engine;
struct backend_stream;

struct backend {
    const char *name;
    const char *device; /* the kind it runs on: "cpu", "cuda" */

    /* Does this machine do `precision` without emulation? `number` is N of "cuda:N", else 0. */
    bool (*can)(const char *precision, int number);

    int (*open)(struct backend_engine **out, const struct model *model, const char *precision,
                int number, struct err *err);
    void (*close)(struct backend_engine *e);

    /* `threads`, at least 1, may work on one image; a backend may do with fewer. */
    int (*stream_open)(struct backend_stream **out, struct backend_engine *e, int threads,
                       struct err *err);
    void (*stream_close)(struct backend_stream *s);

    /* Class maps and scores of `n` images; the scores come zeroed. */
    int (*run)(struct backend_stream *s, int w, int h, struct engine_image *images, int n,
               struct err *err);

    /* engine_pin, engine_unpin; NULL where that does nothing. */
    int (*pin)(struct backend_engine *e, const void *base, size_t size, struct err *err);
    void (*unpin)(struct backend_engine *e, const void *base);

    /* For tests and `bench engine --layers` (engine_debug.h). */
    void (*keep_layers)(struct backend_stream *s); /* before the first run */
    int (*layer)(struct backend_stream *s, int layer, int image, float *out, struct err *err);
    const double *(*layer_ms)(struct backend_stream *s);
    int (*limit)(const char *precision, int w, int h, int rounds,
                 struct engine_limit out[LAYER_COUNT], struct err *err); /* or NULL */
};

extern const struct backend backend_ref;
extern const struct backend backend_onednn; /* built when libdnnl was found */
extern const struct backend backend_cudnn;  /* in the module (cudnn_module.h) */

#endif
