#include "engine/onednn/learn_plan.h"

#include <stdlib.h>

#include "engine/onednn/learn_dense.h"

/* ---- memory ------------------------------------------------------------------------------ */

static size_t take(struct learn_plan *p, size_t bytes)
{
    size_t at = p->arena_bytes;

    p->arena_bytes += (bytes + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN;
    return at;
}

static size_t map_bytes(const struct learn_plan *p, int layer, size_t elem_size)
{
    struct shape s = p->shapes[layer];

    return (size_t)p->n * (size_t)s.h * (size_t)s.w * (size_t)s.c * elem_size;
}

static size_t planes_bytes(const struct learn_plan *p, int layer)
{
    struct shape s = p->shapes[layer];

    return (size_t)p->n * (size_t)s.c * plane_size(s.h, s.w) * sizeof(float);
}

static size_t output_bytes(const struct learn_plan *p, int layer, size_t elem_size)
{
    if (learn_is_plane(layer) || network[layer].op == LAYER_STATS)
        return planes_bytes(p, layer);
    return map_bytes(p, layer, learn_is_logits(layer) ? sizeof(float) : elem_size);
}

/* The context module's resizes are made inside its sum. */
static bool is_in_sum(int layer)
{
    return layer == L_UP1 || layer == L_UP2 || layer == L_UP4;
}

static void place_layer(struct learn_plan *p, int i, size_t elem_size)
{
    const struct layer *l = &network[i];
    bool has_inner = l->op == LAYER_CONV;
    bool has_map = l->op != LAYER_INPUT && l->op != LAYER_AVERAGE && !is_in_sum(i) &&
                   (learn_wants_map(i) || learn_is_logits(i));
    size_t back = LEARN_NOWHERE;

    if (learn_has_back(i))
        back = output_bytes(p, l->in[0], elem_size);
    p->map[i] = has_map ? take(p, output_bytes(p, i, elem_size)) : LEARN_NOWHERE;
    p->inner[i] = has_inner ? take(p, output_bytes(p, i, elem_size)) : LEARN_NOWHERE;
    p->back[i] = back == LEARN_NOWHERE ? back : take(p, back);
    if (l->op == LAYER_STATS) /* the gradient by the attention's output */
        p->back[i] = take(p, planes_bytes(p, i) / STATS_CHANNELS);
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What one of our loops wants: rows of the stem and its weights' sums, the resized branch of a fusion
 * block and sums of what it was resized from. */
static size_t thread_bytes(const struct learn_plan *p, size_t elem_size)
{
    size_t need = (stem_scratch(p->w) + LEARN_OWN_SUMS) * sizeof(float);

    for (int i = 0; i < LAYER_COUNT; i++) {
        struct shape big = p->shapes[i], small = p->shapes[network[i].in[0]];
        if (network[i].op == LAYER_RESIZE)
            need = most(need, (size_t)big.c * ((size_t)big.h * (size_t)big.w * elem_size +
                                               (size_t)small.h * (size_t)small.w * sizeof(float)));
    }
    return (need + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN;
}

static void lay_out(struct learn_plan *p, const struct learn_shared *shared)
{
    size_t elem_size = shared->kernels->base->elem_size, packed = 0, scratch;

    p->rgb_at = take(p, map_bytes(p, L_IN, 1));
    for (int i = L_F0; i < LAYER_COUNT; i++)
        place_layer(p, i, elem_size);
    p->thread_bytes = thread_bytes(p, elem_size);
    scratch = p->thread_bytes * (size_t)shared->threads;
    for (int i = L_F0; i < LAYER_COUNT; i++) {
        packed = most(packed, dense_packed_bytes(p, i));
        scratch = most(scratch, dense_scratch_bytes(p, i));
    }
    p->weights_at = take(p, packed);
    p->scratch_at = take(p, scratch);
}

/* ---- gradients --------------------------------------------------------------------------- */

int learn_plan_sources(const struct learn_plan *p, const struct learn_shared *shared, char *arena,
                       int layer, struct learn_source out[LEARN_SOURCES_MAX])
{
    size_t elem_size = shared->kernels->base->elem_size;
    struct learn_part parts[LEARN_SOURCES_MAX];
    int n = learn_sources(layer, parts);

    for (int i = 0; i < n; i++) {
        size_t at = p->back[parts[i].reader] + (size_t)parts[i].before * elem_size;
        out[i] = (struct learn_source){arena + at, (size_t)parts[i].step};
    }
    return n;
}

/* ---- the whole --------------------------------------------------------------------------- */

static struct tap *make_taps(int from, int to, struct err *err)
{
    struct tap *taps = malloc((size_t)to * sizeof(*taps));

    if (!taps)
        err_set(err, ERR_NOMEM, "out of memory for a resize to %d", to);
    for (int i = 0; taps && i < to; i++)
        taps[i].f = (float)resize_tap(from, to, i, &taps[i].lo, &taps[i].hi);
    return taps;
}

static int make_layer(struct learn_plan *p, const struct learn_shared *shared, int i,
                      struct err *err)
{
    const struct layer *l = &network[i];

    if (l->op == LAYER_RESIZE) {
        struct shape from = p->shapes[l->in[0]], to = p->shapes[i];
        p->taps[i][0] = make_taps(from.h, to.h, err);
        p->taps[i][1] = make_taps(from.w, to.w, err);
        return p->taps[i][0] && p->taps[i][1] ? 0 : -1;
    }
    if (!learn_is_dense(i))
        return 0;
    struct direct_shape shape = {.engine = shared->engine,
                                 .type = shared->type,
                                 .n = p->n,
                                 .layer = i,
                                 .in = p->shapes[l->in[0]],
                                 .out = p->shapes[i]};
    p->ways[i] = dense_way(shared->type, i, p->shapes[i]);
    return p->ways[i] == WAY_DIRECT ? direct_init(&p->direct[i], &shape, err) : 0;
}

int learn_plan_new(struct learn_plan **out, const struct learn_shared *shared, int n, int h, int w,
                   struct err *err)
{
    struct learn_plan *p = calloc(1, sizeof(*p));

    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory for a plan");
    p->n = n;
    p->h = h;
    p->w = w;
    network_shapes(p->shapes, h, w);
    for (int i = L_F0; i < LAYER_COUNT; i++)
        if (make_layer(p, shared, i, err)) {
            learn_plan_free(p);
            return -1;
        }
    lay_out(p, shared);
    *out = p;
    return 0;
}

void learn_plan_free(struct learn_plan *p)
{
    if (!p)
        return;
    for (int i = 0; i < LAYER_COUNT; i++) {
        direct_release(&p->direct[i]);
        free(p->taps[i][0]);
        free(p->taps[i][1]);
    }
    free(p);
}
