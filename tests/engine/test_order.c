/* The order in which a plan runs the table: inputs before what reads them, the three parts where
 * the shapes put them, and memory that survives the rounds of a batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/onednn/order.h"

static struct order order_for(int h, int w, struct shape shapes[LAYER_COUNT])
{
    struct order o;

    network_shapes(shapes, h, w);
    order_make(&o, shapes);
    return o;
}

static void every_layer_is_made_before_it_is_read(void **state)
{
    struct shape shapes[LAYER_COUNT];
    struct order o = order_for(512, 512, shapes);

    (void)state;
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        int step = o.run.at[i];
        assert_in_range(step, 0, o.steps - 1);
        assert_int_equal(o.layer[step], order_step_of(i));
        for (int k = 0; k < layer_inputs(&network[i]); k++) {
            int in = network[i].in[k];
            if (order_step_of(in) == order_step_of(i))
                assert_true(in < i);
            else
                assert_true(o.run.at[in] < step);
        }
    }
    assert_int_equal(o.run.at[L_X0], o.run.at[L_F3] + 1);
    assert_int_equal(o.run.at[L_X1], o.run.at[L_F5] + 1);
}

static void small_maps_are_made_for_the_whole_batch(void **state)
{
    static const struct {
        int side;
        int front_last, middle_last; /* L_NONE: no middle */
    } cases[] = {
        {1024, L_NONE, L_NONE},
        {512,  L_F6D,  L_ARM2},
        {384,  L_F4D,  L_ARM1},
        {256,  L_F4D,  L_ARM1},
        {128,  L_F2D,  L_ARM0},
        {1,    L_F2D,  L_ARM0},
    };
    struct shape shapes[LAYER_COUNT];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct order o = order_for(cases[i].side, cases[i].side, shapes);
        int front = o.steps, back = o.steps;
        if (cases[i].front_last != L_NONE) {
            front = o.run.at[cases[i].front_last] + 1;
            back = o.run.at[cases[i].middle_last] + 1;
        }
        if (o.run.front != front || o.run.back != back)
            fail_msg("side %d: parts at %d and %d, not %d and %d", cases[i].side, o.run.front,
                     o.run.back, front, back);
    }
    struct order o = order_for(512, 512, shapes);
    assert_true(order_keeps_all(&o, L_X0) && !order_runs_all(&o, L_X0));
    assert_true(order_keeps_all(&o, L_F7) && order_runs_all(&o, L_F7));
    assert_true(order_keeps_all(&o, L_F6D) && order_keeps_all(&o, L_F6));
    assert_false(order_keeps_all(&o, L_F3)); /* X0 and F4A are in the front with it */
    assert_false(order_keeps_all(&o, L_F1) || order_keeps_all(&o, L_LOGITS));
}

/* ---- memory ---- */

struct memory {
    struct order order;
    size_t one[LAYER_COUNT], bytes[LAYER_COUNT]; /* of an image, of all its copies */
    struct memory_plan plan;
    uint8_t *at;
    int n;
};

static uint8_t *output_of(const struct memory *m, int layer, int image)
{
    return m->at + m->plan.offset[layer] +
           (order_keeps_all(&m->order, layer) ? (size_t)image * m->one[layer] : 0);
}

/* Each value of a layer names layer and image. */
static uint8_t mark_of(int layer, int image)
{
    return (uint8_t)(layer * 3 + image);
}

static void run_marked(const struct memory *m, int step, int image)
{
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        if (m->order.run.at[i] != step)
            continue;
        for (int k = 0; k < layer_inputs(&network[i]); k++) {
            int in = network[i].in[k];
            const uint8_t *from = output_of(m, in, image);
            for (size_t b = 0; b < m->one[in]; b++)
                if (from[b] != mark_of(in, image))
                    fail_msg("image %d: %s finds %s overwritten", image, network[i].name,
                             network[in].name);
        }
        memset(output_of(m, i, image), mark_of(i, image), m->one[i]);
    }
}

static void run_part(const struct memory *m, int from, int to, bool together)
{
    if (together) {
        for (int step = from; step < to; step++)
            for (int image = 0; image < m->n; image++)
                run_marked(m, step, image);
    } else {
        for (int image = 0; image < m->n; image++)
            for (int step = from; step < to; step++)
                run_marked(m, step, image);
    }
}

static void outputs_survive_the_rounds_of_a_batch(void **state)
{
    static const int sides[] = {65, 256, 512, 1024};

    (void)state;
    for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
        struct shape shapes[LAYER_COUNT];
        struct memory m = {.order = order_for(sides[i], sides[i] * 3 / 4, shapes), .n = 3};
        for (int l = 0; l < LAYER_COUNT_INFERENCE; l++) {
            m.one[l] = (size_t)shapes[l].h * (size_t)shapes[l].w * (size_t)shapes[l].c;
            m.bytes[l] = m.one[l] * (order_keeps_all(&m.order, l) ? (size_t)m.n : 1);
        }
        network_memory(&m.plan, m.bytes, &m.order.run, false);
        m.at = calloc(1, m.plan.total);
        run_part(&m, 0, m.order.run.front, false);
        run_part(&m, m.order.run.front, m.order.run.back, true);
        run_part(&m, m.order.run.back, m.order.steps, false);
        free(m.at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_is_made_before_it_is_read),
        cmocka_unit_test(small_maps_are_made_for_the_whole_batch),
        cmocka_unit_test(outputs_survive_the_rounds_of_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
