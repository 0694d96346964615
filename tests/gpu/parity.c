/* parity.c -- gpu_parity MODEL DEVICE PRECISION ARCHIVE...: a device against recorded numbers.
 *
 * Each archive (../shared/golden/forward-*.npz) holds a picture and what PyTorch made of it in
 * float64. Prints a JSON line for each; status 1 when one is further off than LIMIT_*, or cannot be
 * run. Class map and means come from a stream as a worker has it, the logits from one that keeps its
 * layers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_debug.h"
#include "tests/engine/npz.h"
#include "tests/engine/recorded.h"
#include "tests/gpu/line.h"

static const double LIMIT_PIXELS = 0.01; /* share of the pixels with another class */
static const double LIMIT_NMSE = 1e-3;   /* of the logits */

struct recorded {
    struct npy picture, class_means, logits;
    int w, h;
};

struct gap {
    double differs, nmse, means; /* means: largest difference of a class's mean softmax value */
};

static void recorded_release(struct recorded *r)
{
    npy_release(&r->picture);
    npy_release(&r->class_means);
    npy_release(&r->logits);
}

static int recorded_read(struct recorded *r, const char *path, struct err *err)
{
    *r = (struct recorded){0};
    if (npz_read(&r->picture, path, "input_u8") || npz_read(&r->class_means, path, "class_means") ||
        npz_read(&r->logits, path, "logits_eighth"))
        return err_set(err, ERR_INPUT, "%s: not there, or not of ../shared/golden", path);
    r->h = (int)r->picture.shape[0];
    r->w = (int)r->picture.shape[1];
    return 0;
}

/* One picture on a new stream, which stays open. */
static int run_once(struct engine_stream **s, struct engine *e, bool keep, const struct recorded *r,
                    struct engine_image *image, struct err *err)
{
    if (engine_stream_open(s, e, err))
        return -1;
    if (keep)
        engine_debug_keep(*s);
    return engine_run(*s, r->w, r->h, image, 1, err);
}

/* Against the labels that the recorded logits stand for: the recorded map is the highest of all classes. */
static void compare_classes(const struct recorded *r, const struct engine_image *image,
                            struct gap *gap)
{
    size_t pixels = (size_t)r->w * (size_t)r->h, differ = 0;

    for (size_t i = 0; i < pixels; i++) {
        int y = (int)(i / (size_t)r->w), x = (int)(i % (size_t)r->w);
        differ += recorded_labels_at(&r->logits, r->h, r->w, y, x).label != image->class_map[i];
    }
    gap->differs = (double)differ / (double)pixels;
    for (size_t c = 0; c < ENGINE_CLASSES; c++)
        gap->means = fmax(gap->means, fabs(image->scores.all_sum[c] / (double)pixels -
                                           npy_value(&r->class_means, c)));
}

/* The recorded logits are n,c,h,w, the stream's h,w,c. */
static int compare_logits(const struct recorded *r, struct engine_stream *s, struct gap *gap,
                          struct err *err)
{
    long c = r->logits.shape[1], plane = r->logits.shape[2] * r->logits.shape[3];
    float *have = malloc(r->logits.count * sizeof(*have));
    double off = 0, size = 0;

    if (!have)
        return err_set(err, ERR_NOMEM, "out of memory for %zu logits", r->logits.count);
    int ret = engine_debug_layer(s, L_LOGITS, 0, have, err);
    for (long i = 0; !ret && i < c * plane; i++) {
        double want = npy_value(&r->logits, (size_t)i);
        off += pow(have[i % plane * c + i / plane] - want, 2);
        size += want * want;
    }
    free(have);
    gap->nmse = off / size;
    return ret;
}

static int measure(struct engine *e, const struct recorded *r, struct gap *gap, struct err *err)
{
    struct engine_stream *plain = NULL, *keeping = NULL;
    struct engine_image image = {.rgb = r->picture.data,
                                 .content_w = r->w,
                                 .content_h = r->h,
                                 .class_map = calloc((size_t)r->w, (size_t)r->h)};
    int ret = image.class_map ? 0 : err_set(err, ERR_NOMEM, "out of memory for a class map");

    *gap = (struct gap){0};
    if (!ret)
        ret = run_once(&plain, e, false, r, &image, err);
    if (!ret) {
        compare_classes(r, &image, gap);
        ret = run_once(&keeping, e, true, r, &image, err);
    }
    if (!ret)
        ret = compare_logits(r, keeping, gap, err);
    engine_stream_close(plain);
    engine_stream_close(keeping);
    free(image.class_map);
    return ret;
}

/* Whether the picture comes out as recorded. */
static bool check(struct engine *e, const char *path)
{
    const struct engine_facts *facts = engine_facts(e);
    const char *slash = strrchr(path, '/');
    struct recorded r;
    struct gap gap = {0};
    struct err err = {0};

    if (recorded_read(&r, path, &err) || measure(e, &r, &gap, &err)) {
        print_line(json_pack("{s:s, s:o, s:b}", "picture", slash ? slash + 1 : path, "error",
                             json_text(err.msg), "ok", 0));
        recorded_release(&r);
        return false;
    }
    bool ok = gap.differs < LIMIT_PIXELS && gap.nmse <= LIMIT_NMSE;
    print_line(json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:b}", "picture",
                         slash ? slash + 1 : path, "backend", facts->backend, "precision",
                         facts->precision, "device", facts->device, "differs", gap.differs, "nmse",
                         gap.nmse, "means", gap.means, "ok", (int)ok));
    recorded_release(&r);
    return ok;
}

int main(int argc, char **argv)
{
    struct model *model = NULL;
    struct engine *engine = NULL;
    struct err err = {0};
    bool ok = true;

    if (argc < 5) {
        fprintf(stderr, "usage: gpu_parity MODEL DEVICE PRECISION ARCHIVE...\n");
        return 64;
    }
    struct engine_config config = {.backend = "auto", .precision = argv[3], .device = argv[2]};
    if (model_open(&model, argv[1], &err) || engine_open(&engine, model, &config, &err)) {
        fprintf(stderr, "gpu_parity: %s\n", err.msg);
        ok = false;
    }
    for (int i = 4; engine && i < argc; i++)
        ok &= check(engine, argv[i]);
    engine_close(engine);
    model_close(model);
    return ok ? 0 : 1;
}
