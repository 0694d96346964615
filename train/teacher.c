#include "train/teacher.h"

#include <math.h>
#include <stdlib.h>

#include "common/place.h"
#include "engine/engine_debug.h"

struct teacher {
    struct model *model;
    struct engine *engine;
    struct engine_stream *stream;
    struct engine_image *images; /* n */
    uint8_t *maps;               /* n,h,w */
    float *logits;               /* of one image */
    int n, h, w;                 /* that there is room for */
};

int teacher_open(struct teacher **out, const char *model, const struct settings *s, int threads,
                 struct err *err)
{
    const struct engine_config config = {
        .backend = s->backend, .precision = "auto", .device = s->device, .threads = threads};
    char dir[SETTINGS_PATH_SIZE];
    struct teacher *t = calloc(1, sizeof(*t));

    if (!t)
        return err_set(err, ERR_NOMEM, "no memory for a teacher");
    if (place_model(dir, model, err) || model_open(&t->model, dir, err) ||
        engine_open(&t->engine, t->model, &config, err) ||
        engine_stream_open(&t->stream, t->engine, err)) {
        teacher_close(t);
        return err_wrap(err, "--teacher");
    }
    engine_debug_keep(t->stream);
    *out = t;
    return 0;
}

void teacher_close(struct teacher *t)
{
    if (!t)
        return;
    engine_stream_close(t->stream);
    engine_close(t->engine);
    model_close(t->model);
    free(t->images);
    free(t->maps);
    free(t->logits);
    free(t);
}

const char *teacher_sha256(const struct teacher *t)
{
    return model_card(t->model)->sha256;
}

/* Room for the batch; sizes come in any order, so what is there is not kept. */
static int reserve(struct teacher *t, const struct learn_batch *b, const struct learn_head *head,
                   struct err *err)
{
    size_t pixels = (size_t)b->h * (size_t)b->w;

    if (t->n == b->n && t->h == b->h && t->w == b->w)
        return 0;
    free(t->images);
    free(t->maps);
    free(t->logits);
    t->n = 0;
    t->images = calloc((size_t)b->n, sizeof(*t->images));
    t->maps = calloc((size_t)b->n, pixels);
    t->logits = calloc((size_t)head->h * (size_t)head->w, ENGINE_CLASSES * sizeof(*t->logits));
    if (!t->images || !t->maps || !t->logits)
        return err_set(err, ERR_NOMEM, "no memory for what a teacher says of %d pictures", b->n);
    for (int i = 0; i < b->n; i++)
        t->images[i] = (struct engine_image){
            .content_w = b->w, .content_h = b->h, .class_map = t->maps + (size_t)i * pixels};
    t->n = b->n;
    t->h = b->h;
    t->w = b->w;
    return 0;
}

static void softmax(const float *logits, double p[ENGINE_CLASSES], double logs[ENGINE_CLASSES])
{
    double top = (double)logits[0], sum = 0;

    for (int c = 1; c < ENGINE_CLASSES; c++)
        top = fmax(top, (double)logits[c]);
    for (int c = 0; c < ENGINE_CLASSES; c++)
        sum += p[c] = exp((double)logits[c] - top);
    for (int c = 0; c < ENGINE_CLASSES; c++) {
        p[c] /= sum;
        logs[c] = (double)logits[c] - top - log(sum);
    }
}

double teacher_pull(const float *teacher, const float *student, float *gradient, int pixels,
                    double count, double scale)
{
    double value = 0, q[ENGINE_CLASSES], p[ENGINE_CLASSES], log_q[ENGINE_CLASSES],
           log_p[ENGINE_CLASSES];

    for (int i = 0; i < pixels; i++) {
        const ptrdiff_t at = (ptrdiff_t)i * ENGINE_CLASSES;
        softmax(teacher + at, q, log_q);
        softmax(student + at, p, log_p);
        for (int c = 0; c < ENGINE_CLASSES; c++) {
            value += q[c] * (log_q[c] - log_p[c]);
            gradient[at + c] += (float)((p[c] - q[c]) * scale / count);
        }
    }
    return value / count;
}

int teacher_add(struct teacher *t, const struct learn_batch *batch, double scale,
                const struct learn_head *head, double *value, struct err *err)
{
    size_t picture = (size_t)batch->h * (size_t)batch->w * 3;
    int pixels = head->h * head->w;

    if (reserve(t, batch, head, err))
        return -1;
    for (int i = 0; i < batch->n; i++)
        t->images[i].rgb = batch->rgb + (size_t)i * picture;
    if (engine_run(t->stream, batch->w, batch->h, t->images, batch->n, err))
        return err_wrap(err, "--teacher");
    for (int i = 0; i < batch->n; i++) {
        const ptrdiff_t at = (ptrdiff_t)i * pixels * ENGINE_CLASSES;
        if (engine_debug_layer(t->stream, L_LOGITS, i, t->logits, err))
            return err_wrap(err, "--teacher");
        *value += teacher_pull(t->logits, head->logits + at, head->gradient + at, pixels,
                               (double)batch->n * pixels, scale);
    }
    return 0;
}
