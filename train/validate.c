#include "train/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dataset/metrics.h"
#include "engine/engine.h"
#include "preprocess/frame.h"
#include "preprocess/resize.h"
#include "train/spread.h"

#define SCORE_STEPS 1e12 /* to 1; JSON keeps 15 digits (common/json.c) */

/* What a thread uses again from picture to picture. */
struct viewer {
    struct engine_stream *stream;
    struct lesion_scratch *scratch;
    struct lesion_measures *measures;
    uint8_t *input, *map;           /* of the network */
    size_t capacity;                /* px */
    uint8_t *predicted, *is_lesion; /* of the picture */
    size_t picture_capacity;        /* px */
    struct metrics metrics;         /* of its pictures */
    struct err err;
};

struct viewing {
    const struct validator *v;
    struct engine *engine;
    struct viewer *viewers;
    struct validation *out;
};

/* By the thread that will use it. */
static int viewer_open(struct viewer *w, struct engine *engine, struct err *err)
{
    if (w->stream)
        return 0;
    w->measures = malloc(sizeof(*w->measures));
    if (!w->measures)
        return err_set(err, ERR_NOMEM, "out of memory for measures");
    return lesion_scratch_new(&w->scratch, err) || engine_stream_open(&w->stream, engine, err) ? -1
                                                                                               : 0;
}

static void viewer_close(struct viewer *w)
{
    engine_stream_close(w->stream);
    lesion_scratch_free(w->scratch);
    metrics_release(&w->metrics);
    free(w->measures);
    free(w->input);
    free(w->map);
    free(w->predicted);
    free(w->is_lesion);
}

/* Two arrays of `wanted` bytes, the first times `times`. */
static int reserve(uint8_t **a, uint8_t **b, size_t *capacity, size_t wanted, size_t times)
{
    if (wanted <= *capacity)
        return 0;
    free(*a);
    free(*b);
    *a = malloc(times * wanted);
    *b = malloc(wanted);
    *capacity = *a && *b ? wanted : 0;
    return *capacity ? 0 : -1;
}

static int make_input(struct viewer *w, const struct cache_picture *p, const struct frame *f,
                      struct err *err)
{
    struct resizer r;

    if (reserve(&w->input, &w->map, &w->capacity, (size_t)f->padded.w * (size_t)f->padded.h, 3) ||
        resizer_init(&r, p->w, p->h, f->content.w, f->content.h))
        return err_set(err, ERR_NOMEM, "out of memory to resize a picture");
    resizer_set_output(&r, w->input, (size_t)f->padded.w * 3);
    for (int y = 0; y < p->h; y++)
        resizer_push(&r, p->rgb + (ptrdiff_t)y * p->w * 3);
    resizer_release(&r);
    frame_pad(f, w->input);
    return 0;
}

static struct lesion_input lesion_of(const struct cache_picture *p, const struct frame *f,
                                     const struct engine_image *image)
{
    struct lesion_input in = {
        .class_map = image->class_map,
        .map_w = f->padded.w,
        .map_h = f->padded.h,
        .content_w = f->content.w,
        .content_h = f->content.h,
        .rgb = p->rgb,
        .measure_w = p->w,
        .measure_h = p->h,
        .width = p->w,
        .height = p->h,
        .mm_per_px = NAN,
        .lesion_px = image->scores.lesion_px,
        .lesion_top_sum = image->scores.lesion_top_sum,
        .content_px = image->scores.content_px,
    };

    memcpy(in.all_sum, image->scores.all_sum, sizeof(in.all_sum));
    memcpy(in.lesion_sum, image->scores.lesion_sum, sizeof(in.lesion_sum));
    return in;
}

static int view_picture(struct viewing *g, struct viewer *w, int k, struct err *err)
{
    struct cache_picture p = cache_picture(g->v->cache, g->v->rows[k]);
    struct frame f = frame_of((struct slot_size){p.w, p.h}, g->v->size);
    size_t pixels = (size_t)p.w * (size_t)p.h;

    if (viewer_open(w, g->engine, err) || make_input(w, &p, &f, err))
        return -1;
    struct engine_image image = {
        .rgb = w->input, .content_w = f.content.w, .content_h = f.content.h, .class_map = w->map};
    if (engine_run(w->stream, f.padded.w, f.padded.h, &image, 1, err))
        return -1;
    struct lesion_input in = lesion_of(&p, &f, &image);
    if (reserve(&w->predicted, &w->is_lesion, &w->picture_capacity, pixels, 1))
        return err_set(err, ERR_NOMEM, "out of memory for a map of %zu pixels", pixels);
    lesion_full_map(&in, w->predicted);
    for (size_t i = 0; i < pixels; i++)
        w->is_lesion[i] = p.label[i] != 0;
    if (lesion_measure(w->scratch, &in, w->measures, err))
        return -1;
    g->out->samples[k] = policy_sample_of(w->measures, p.class);
    struct metrics_case one = {
        .predicted = w->predicted,
        .is_lesion = w->is_lesion,
        .w = p.w,
        .h = p.h,
        .truth = p.class,
        .scores = w->measures->classes,
    };
    return metrics_add(&w->metrics, &one, err);
}

/* Is the pixel inside, with one outside beside it? */
static bool is_rim(const uint8_t *map, int w, int h, int x, int y)
{
    if (!map[y * w + x])
        return false;
    return x == 0 || y == 0 || x == w - 1 || y == h - 1 || !map[y * w + x - 1] ||
           !map[y * w + x + 1] || !map[(y - 1) * w + x] || !map[(y + 1) * w + x];
}

static void draw_dot(struct sketch *s, int x, int y, int reach, const uint8_t colour[3])
{
    for (int v = y - reach; v <= y + reach; v++)
        for (int u = x - reach; u <= x + reach; u++)
            if (u >= 0 && v >= 0 && u < s->w && v < s->h)
                memcpy(s->rgb + 3 * ((ptrdiff_t)v * s->w + u), colour, 3);
}

/* Wide enough to be seen when the picture is shown 130 px wide. */
static void draw_rim(struct sketch *s, const uint8_t *map, const uint8_t colour[3])
{
    int reach = (s->w > s->h ? s->w : s->h) / 260;

    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++)
            if (is_rim(map, s->w, s->h, x, y))
                draw_dot(s, x, y, reach, colour);
}

/* Which sketch picture k is; -1: none. */
static int sketch_of(const struct validator *v, int k)
{
    for (int i = 0; i < v->sketches; i++)
        if (k == (int)((int64_t)i * v->n / v->sketches))
            return i;
    return -1;
}

static int keep_sketch(struct viewing *g, const struct viewer *w, int k, struct sketch *s,
                       struct err *err)
{
    static const uint8_t white[3] = {255, 255, 255}, yellow[3] = {255, 220, 0};
    struct cache_picture p = cache_picture(g->v->cache, g->v->rows[k]);
    size_t bytes = 3 * (size_t)p.w * (size_t)p.h;
    uint8_t *rgb = malloc(bytes);

    if (!rgb)
        return err_set(err, ERR_NOMEM, "out of memory for a picture");
    memcpy(rgb, p.rgb, bytes);
    *s = (struct sketch){.rgb = rgb, .w = p.w, .h = p.h, .row = g->v->rows[k]};
    s->jaccard = w->metrics.images[w->metrics.n - 1].jaccard;
    draw_rim(s, w->is_lesion, white);
    draw_rim(s, w->predicted, yellow);
    return 0;
}

static void view_part(void *arg, int thread, int k)
{
    struct viewing *g = arg;
    struct viewer *w = &g->viewers[thread];
    int sketch = sketch_of(g->v, k);

    if (w->err.code)
        return;
    if (view_picture(g, w, k, &w->err) ||
        (sketch >= 0 && keep_sketch(g, w, k, &g->out->sketches[sketch], &w->err)))
        err_wrap(&w->err, "%s", cache_label(g->v->cache, g->v->rows[k])->id);
}

/* The threads' figures as if one thread had counted all pictures in their order. */
static int merge(const struct viewing *g, struct metrics *all, struct err *err)
{
    int threads = g->v->threads;

    all->images = calloc((size_t)g->v->n + 1, sizeof(*all->images));
    if (!all->images)
        return err_set(err, ERR_NOMEM, "out of memory for figures");
    for (int i = 0; i < g->v->n; i++)
        all->images[i] = g->viewers[i % threads].metrics.images[i / threads];
    all->n = all->capacity = g->v->n;
    return 0;
}

static int add_up(const struct viewing *g, struct err *err)
{
    struct validation *out = g->out;
    struct metrics all = {0};

    if (merge(g, &all, err))
        return -1;
    out->n_samples = g->v->n;
    out->figures = metrics_to_json(&all);
    metrics_release(&all);
    if (!out->figures)
        return err_set(err, ERR_NOMEM, "out of memory for figures");
    double auc = json_number_or(out->figures, "auc_malignant", NAN);
    double score = json_number_or(out->figures, "mean_jaccard", 0) + (isnan(auc) ? 0 : auc);
    /* As exact as a state keeps it: else a tie after --resume is none before. */
    out->score = round(score * SCORE_STEPS) / SCORE_STEPS;
    return 0;
}

static int view_all(struct viewing *g, struct err *err)
{
    struct validation *out = g->out;

    g->viewers = calloc((size_t)g->v->threads, sizeof(*g->viewers));
    out->samples = calloc((size_t)g->v->n + 1, sizeof(*out->samples));
    out->sketches = calloc((size_t)g->v->sketches + 1, sizeof(*out->sketches));
    if (!g->viewers || !out->samples || !out->sketches)
        return err_set(err, ERR_NOMEM, "out of memory to validate");
    out->n_sketches = g->v->sketches;
    spread(g->v->threads, g->v->n, view_part, g);
    for (int i = 0; i < g->v->threads; i++)
        if (g->viewers[i].err.code)
            return err_set(err, g->viewers[i].err.code, "%s", g->viewers[i].err.msg);
    return add_up(g, err);
}

int validate(const struct validator *v, const char *dir, struct validation *out, struct err *err)
{
    struct viewing g = {.v = v, .out = out};
    const struct engine_config config = {
        .backend = v->backend, .precision = v->precision, .device = v->device, .threads = 1};
    struct model *model = NULL;
    int ret = -1;

    *out = (struct validation){0};
    if (!model_open(&model, dir, err) && !engine_open(&g.engine, model, &config, err))
        ret = view_all(&g, err);
    for (int i = 0; g.viewers && i < v->threads; i++)
        viewer_close(&g.viewers[i]);
    free(g.viewers);
    engine_close(g.engine);
    model_close(model);
    if (ret)
        validation_release(out);
    return ret;
}

void validation_release(struct validation *v)
{
    json_decref(v->figures);
    for (int i = 0; i < v->n_sketches; i++)
        free(v->sketches[i].rgb);
    free(v->sketches);
    free(v->samples);
    *v = (struct validation){0};
}
