/* The steps of the network on a GPU: all memory is there when it is read, only pools lie in their
 * concatenations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/cudnn/learn_pass.h"
#include "engine/cudnn/steps.h"

static const struct steps_shape shapes[] = {
    {1, 512, 512, 2, false},
    {2, 256, 256, 2, false},
    {3, 96,  160, 2, false},
    {2, 75,  45,  4, false},
    {1, 64,  64,  2, true },
    {1, 1,   1,   2, false}, /* the smallest */
};
enum { SHAPES = sizeof(shapes) / sizeof(*shapes) };

static struct steps steps; /* of the test that runs: large */

/* ---- a memory that remembers who wrote it ------------------------------------------------ */

/* For every two bytes of the arena the layer whose value they are part of; -1 before. */
static int16_t *written;

static size_t elem_of(int layer)
{
    return network[layer].op == LAYER_STATS ? sizeof(float) : steps.shape.elem_size;
}

/* Calls `f` for each half word of the output of `layer`. */
static void each_half(int layer, void (*f)(int layer, int16_t *half))
{
    struct shape s = steps.shapes[layer];
    const struct step_place *p = &steps.place[layer];
    size_t pixels = (size_t)steps.shape.n * (size_t)s.h * (size_t)s.w, elem = elem_of(layer);

    assert_in_range(p->pitch, s.c, 1024);
    for (size_t i = 0; i < pixels; i++) {
        size_t at = p->offset + i * (size_t)p->pitch * elem;
        assert_true(at + (size_t)s.c * elem <= steps.arena_bytes);
        for (size_t k = 0; k < (size_t)s.c * elem / 2; k++)
            f(layer, &written[at / 2 + k]);
    }
}

static void stamp(int layer, int16_t *half)
{
    *half = (int16_t)layer;
}

static void must_be_there(int layer, int16_t *half)
{
    if (*half != layer)
        fail_msg("%s was overwritten by %s", network[layer].name,
                 *half < 0 ? "nothing" : network[*half].name);
}

static void read_map(int layer)
{
    each_half(layer, must_be_there);
}

static void write_map(int layer)
{
    each_half(layer, stamp);
}

/* The parts are there, those that lie in it and those that do not, and the latter still when all of it is. */
static void run_join(int concat)
{
    for (int k = 0; k < LAYER_INPUTS_MAX; k++)
        read_map(network[concat].in[k]);
    write_map(concat);
    for (int k = 0; k < LAYER_INPUTS_MAX; k++)
        if (steps.place[network[concat].in[k]].bytes)
            read_map(network[concat].in[k]);
}

static void run_attend(int blend)
{
    const int *in = network[blend].in;
    int stats = network[network[in[2]].in[0]].in[0];

    read_map(in[0]);
    read_map(network[in[1]].in[0]); /* the map that the step resizes */
    write_map(stats);
    write_map(blend);
    read_map(stats);
    read_map(in[0]);
    read_map(network[in[1]].in[0]);
}

static void run_bins_or_sum(const struct step *step)
{
    static const int bins[] = {L_BIN1, L_BIN2, L_BIN4}, maps[] = {L_CM1, L_CM2, L_CM4};

    if (step->kind == STEP_BINS)
        read_map(L_F7);
    for (int i = 0; i < 3; i++)
        step->kind == STEP_BINS ? write_map(bins[i]) : read_map(maps[i]);
    if (step->kind == STEP_SUM)
        write_map(L_CMS);
}

static void run_step(const struct step *step)
{
    int layer = step->layer;

    switch (step->kind) {
    case STEP_STEM: write_map(layer); break;
    case STEP_CONV:
        read_map(network[layer].in[0]);
        write_map(layer);
        read_map(network[layer].in[0]);
        break;
    case STEP_HALVE:
        read_map(network[layer].in[0]);
        write_map(layer);
        write_map(layer + 1);
        read_map(network[layer].in[0]);
        break;
    case STEP_JOIN: run_join(layer); break;
    case STEP_BINS:
    case STEP_SUM: run_bins_or_sum(step); break;
    case STEP_ATTEND: run_attend(layer); break;
    case STEP_CLASSES: read_map(layer); break;
    }
}

static void what_a_step_reads_is_there(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        steps_make(&steps, &shapes[i]);
        written = malloc(steps.arena_bytes);
        assert_non_null(written);
        memset(written, 0xff, steps.arena_bytes);
        for (int k = 0; k < steps.count; k++)
            run_step(&steps.list[k]);
        free(written);
    }
}

/* ---- the rest ---------------------------------------------------------------------------- */

/* What cuDNN reads or writes is dense; the pools, which are ours, lie in their concatenations. */
static void only_pools_are_slices(void **state)
{
    (void)state;
    steps_make(&steps, &shapes[0]);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        for (int k = 0; k < LAYER_INPUTS_MAX && network[i].op == LAYER_CONCAT; k++) {
            int in = network[i].in[k];
            const struct step_place *part = &steps.place[in];
            bool is_slice = network[in].op == LAYER_AVERAGE;
            assert_int_equal(part->offset % 16, 0);
            assert_int_equal(part->pitch, network[is_slice ? i : in].channels);
            assert_int_equal(part->bytes == 0, is_slice);
            if (is_slice) /* the first part of each */
                assert_int_equal(part->offset, steps.place[i].offset);
        }
}

static void every_kind_of_step_is_there(void **state)
{
    static const int expected[] = {
        [STEP_STEM] = 1, [STEP_CONV] = 37, [STEP_HALVE] = 3,  [STEP_JOIN] = 6,
        [STEP_BINS] = 1, [STEP_SUM] = 1,   [STEP_ATTEND] = 3, [STEP_CLASSES] = 1,
    };
    int have[STEP_CLASSES + 1] = {0};

    (void)state;
    steps_make(&steps, &shapes[0]);
    for (int i = 0; i < steps.count; i++)
        have[steps.list[i].kind]++;
    for (int k = 0; k <= STEP_CLASSES; k++)
        assert_int_equal(have[k], expected[k]);
    assert_int_equal(steps.list[steps.count - 1].kind, STEP_CLASSES);
}

static void memory_is_shared(void **state)
{
    struct steps_shape shape = {8, 512, 512, 2, true};
    size_t kept;

    (void)state;
    steps_make(&steps, &shape);
    kept = steps.arena_bytes;
    shape.keep = false;
    steps_make(&steps, &shape);
    /* F2A, F2 and F2D at once are the most that is ever needed: 4 + 2 + 1 MiB an image. */
    assert_int_equal(steps.arena_bytes, 8 * (7 << 20));
    assert_true(kept > 3 * steps.arena_bytes);
}

static void channels_suit_tensor_cores(void **state)
{
    static struct learn_pass pass; /* large */
    struct conv c;

    (void)state;
    steps_make(&steps, &shapes[0]);
    for (int i = 0; i < steps.count; i++) {
        if (steps.list[i].kind != STEP_CONV)
            continue;
        steps_conv(&c, &steps, steps.list[i].layer, CUDNN_DATA_HALF);
        assert_int_equal((c.c | c.k) % 8, 0);
    }
    learn_pass_lay_out(&pass, &(struct learn_shape){2, 40, 24, CUDNN_DATA_HALF, ELEM_F16});
    for (int i = 0; i < LAYER_COUNT; i++) {
        if (!learn_is_dense(i))
            continue;
        learn_conv(&c, &pass, i, GRAPH_WEIGHT_GRADIENT);
        assert_int_equal((c.c | c.k) % 8, 0);
    }
}

/* 2 outputs of 3 inputs, 2x2, in a filter of 4 by 8: k,y,x,c with zeros behind. */
static void filters_are_turned_and_padded(void **state)
{
    const struct conv c = {.c = 8, .k = 4, .kernel = 2, .groups = 1};
    double from[2 * 3 * 4];
    float to[4 * 4 * 8];

    (void)state;
    assert_int_equal(conv_filter_count(&c), 4 * 4 * 8);
    for (int i = 0; i < 24; i++)
        from[i] = i + 1;
    memset(to, 0xff, sizeof(to));
    conv_filter(to, &c, from, 3, 2);
    for (int k = 0; k < 4; k++)
        for (int t = 0; t < 4; t++)
            for (int i = 0; i < 8; i++) {
                float want = k < 2 && i < 3 ? (float)(k * 12 + i * 4 + t + 1) : 0;
                assert_true(to[(k * 4 + t) * 8 + i] == want);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_step_reads_is_there),
        cmocka_unit_test(only_pools_are_slices),
        cmocka_unit_test(every_kind_of_step_is_there),
        cmocka_unit_test(memory_is_shared),
        cmocka_unit_test(channels_suit_tensor_cores),
        cmocka_unit_test(filters_are_turned_and_padded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
