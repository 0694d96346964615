/* kernels_classes.c -- the last resize, the label and the softmax sums in one pass.
 *
 * A row of logits is widened to the image's width once (eight planes of one row) and serves the
 * eight or so image rows around it; between two such rows an image row is one interpolation, and
 * its labels and sums are taken while the values are in registers. No full-size map exists. */
#include "engine/onednn/kernels_set.h"
#include "engine/onednn/vector.h"

enum { SUMS = 2 * ENGINE_CLASSES + 1, FLUSH_ROWS = 16 };

/* Lanes that add up what the scores need: all classes, lesion classes, lesion top. */
struct sums {
    vec lanes[SUMS];
};

/* Floats of a row of `w` with room for a whole vector behind it. */
static size_t row_pitch(int w)
{
    return ((size_t)w + 2 * (size_t)LANES - 1) / LANES * LANES;
}

/* Row `y` of the logits, `w` wide, into planes of `pitch` floats. Between two columns of the logits
 * only the fraction changes, so a run of pixels is one multiplication per class. Values are in units of
 * log2(e), so that exp becomes 2^x; the order of the classes stays. Stores run past
 * the end of a run; the next one overwrites that. */
static void widen_row(const struct classes_job *job, int y, const float *fractions, float *out)
{
    const elem *row = (const elem *)job->logits + (size_t)y * job->in_w * ENGINE_CLASSES;
    size_t pitch = row_pitch(job->w);

    for (int begin = 0, end; begin < job->w; begin = end) {
        struct tap t = job->columns[begin];
        for (end = begin + 1; end < job->w && job->columns[end].lo == t.lo; end++)
            ;
        for (int c = 0; c < ENGINE_CLASSES; c++) {
            float a = load_one(row + (ptrdiff_t)t.lo * ENGINE_CLASSES + c) * LOG2_E;
            float slope = load_one(row + (ptrdiff_t)t.hi * ENGINE_CLASSES + c) * LOG2_E - a;
            for (int x = begin; x < end; x += LANES)
                store_f32(out + (size_t)c * pitch + x, a + load_f32(fractions + x) * slope);
        }
    }
}

/* LANES pixels: logits in, labels out (engine.h has the rule), scores added where `valid`. */
static ivec score_pixels(const vec logits[ENGINE_CLASSES], ivec valid, struct sums *sums)
{
    vec best = logits[1], total = {0}, p[ENGINE_CLASSES];
    ivec label = (ivec){0} + 1;

    for (int c = 2; c < ENGINE_CLASSES; c++) {
        label = choose(logits[c] > best, (ivec){0} + c, label); /* a tie keeps the lower class */
        best = max_of(logits[c], best);
    }
    vec highest = max_of(best, logits[0]), top = exp2_of(best - highest);
    for (int c = 0; c < ENGINE_CLASSES; c++)
        total += p[c] = exp2_of(logits[c] - highest);
    ivec is_lesion = 2 * p[0] < total;
    vec share = (vec)(valid & (ivec)(1 / total));
    vec lesion = (vec)(is_lesion & (ivec)share);
    for (int c = 0; c < ENGINE_CLASSES; c++) {
        sums->lanes[c] += p[c] * share;
        sums->lanes[ENGINE_CLASSES + c] += p[c] * lesion;
    }
    sums->lanes[SUMS - 1] += top * lesion;
    return label & is_lesion;
}

static void do_row(const struct classes_job *job, const float *upper, const float *lower, float f,
                   int content_w, uint8_t *labels, struct sums *sums)
{
    struct sums local = *sums; /* in registers: `labels` may point anywhere */
    size_t pitch = row_pitch(job->w);
    ivec lane;

    for (int i = 0; i < LANES; i++)
        lane[i] = i;
    for (int x = 0; x < job->w; x += LANES) {
        vec logits[ENGINE_CLASSES];
        for (int c = 0; c < ENGINE_CLASSES; c++) {
            vec a = load_f32(upper + c * pitch + x), b = load_f32(lower + c * pitch + x);
            logits[c] = a + (b - a) * f;
        }
        ivec label = score_pixels(logits, lane + x < content_w, &local);
        store_bytes(labels + x, label);
    }
    *sums = local;
}

static void flush_sums(struct sums *sums, struct engine_scores *scores)
{
    for (int c = 0; c < ENGINE_CLASSES; c++) {
        scores->all_sum[c] += sum_lanes(sums->lanes[c]);
        scores->lesion_sum[c] += sum_lanes(sums->lanes[ENGINE_CLASSES + c]);
    }
    scores->lesion_top_sum += sum_lanes(sums->lanes[SUMS - 1]);
    *sums = (struct sums){0};
}

static uint32_t count_lesion(const uint8_t *labels, int n)
{
    uint32_t count = 0;

    for (int i = 0; i < n; i++)
        count += labels[i] != 0;
    return count;
}

void KERNEL(classes)(const struct classes_job *job)
{
    size_t pitch = row_pitch(job->w);
    float *fractions = job->scratch, *wide = fractions + pitch;
    uint8_t *labels = (uint8_t *)(wide + 2 * (size_t)ENGINE_CLASSES * pitch);
    struct engine_image *image = job->image;
    struct sums sums = {0};
    int held[2] = {-1, -1}; /* which row of logits each half of `wide` holds */

    /* no lane past a row's end computes on what nobody wrote */
    memset(fractions, 0, (1 + 2 * (size_t)ENGINE_CLASSES) * pitch * sizeof(float));
    for (int x = 0; x < job->w; x++)
        fractions[x] = job->columns[x].f;
    for (int y = 0; y < job->h; y++) {
        struct tap t = job->rows[y];
        const int needed[2] = {t.lo, t.hi};
        for (int k = 0; k < 2; k++) {
            float *half = wide + (size_t)(needed[k] & 1) * ENGINE_CLASSES * pitch;
            if (held[needed[k] & 1] != needed[k])
                widen_row(job, needed[k], fractions, half);
            held[needed[k] & 1] = needed[k];
        }
        bool content = y < image->content_h;
        do_row(job, wide + (size_t)(t.lo & 1) * ENGINE_CLASSES * pitch,
               wide + (size_t)(t.hi & 1) * ENGINE_CLASSES * pitch, t.f,
               content ? image->content_w : 0, labels, &sums);
        memcpy(image->class_map + (size_t)y * job->w, labels, (size_t)job->w);
        if (content)
            image->scores.lesion_px += count_lesion(labels, image->content_w);
        if (y % FLUSH_ROWS == FLUSH_ROWS - 1 || y == job->h - 1)
            flush_sums(&sums, &image->scores);
    }
    image->scores.content_px = (uint32_t)image->content_w * (uint32_t)image->content_h;
}
