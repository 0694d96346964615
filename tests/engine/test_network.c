/* The table of layers against the specification's lists, its shapes and its memory plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/file.h"
#include "engine/network.h"
#include "tests/engine/support.h"

static struct param params[PARAM_COUNT];

static int shape_of_text(const char *text, int64_t shape[4])
{
    int rank = 0;

    while (*text && rank < 4) {
        shape[rank++] = *text == 'K' ? 8 : strtol(text, NULL, 10);
        text = strchr(text, 'x');
        if (!text)
            break;
        text++;
    }
    return rank;
}

static const struct param *find(const char *name, size_t n)
{
    for (int i = 0; i < PARAM_COUNT; i++)
        if (strlen(params[i].name) == n && !memcmp(params[i].name, name, n))
            return &params[i];
    return NULL;
}

/* A line: state-dict name, shape, variable, with tabs between; the 2-class file differs from us in
 * the classifiers' first size. */
static void check_line(char *line)
{
    char *tab = strchr(line, '\t'), *second = strchr(tab + 1, '\t');
    int64_t shape[4] = {0};

    const struct param *p = find(line, (size_t)(tab - line));
    if (!p)
        fail_msg("%s is not in the table", line);
    *second = 0;
    assert_string_equal(p->variable, second + 1);
    assert_int_equal(p->rank, shape_of_text(tab + 1, shape));
    if (strstr(p->name, "conv_out.weight"))
        shape[0] = shape[0] == 2 ? ENGINE_CLASSES : shape[0];
    assert_memory_equal(p->shape, shape, (size_t)p->rank * sizeof(*shape));
}

static void names_and_shapes_are_the_specifications(void **state)
{
    char path[TEST_PATH];
    struct buf file;
    struct err err = {0};
    int lines = 0;

    (void)state;
    if (shared_path(path, "spec/params-T-2cls.tsv"))
        skip();
    buf_init(&file, 1 << 20);
    assert_int_equal(file_read(path, &file, &err), 0);
    for (char *at = file.data, *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        *end = 0;
        check_line(at);
    }
    assert_int_equal(lines, PARAM_COUNT);
    buf_release(&file);
}

static int by_variable(const void *a, const void *b)
{
    return strcmp(((const struct param *)a)->variable, ((const struct param *)b)->variable);
}

static void record_order_is_the_specifications(void **state)
{
    char path[TEST_PATH];
    struct buf file;
    struct err err = {0};
    struct param sorted[PARAM_COUNT_INFERENCE];
    int i = 0;

    (void)state;
    if (shared_path(path, "spec/pdiparams-order-T-2cls.tsv"))
        skip();
    memcpy(sorted, params, sizeof(sorted));
    qsort(sorted, PARAM_COUNT_INFERENCE, sizeof(*sorted), by_variable);
    buf_init(&file, 1 << 20);
    assert_int_equal(file_read(path, &file, &err), 0);
    for (char *at = file.data, *end; (end = strchr(at, '\n')); at = end + 1, i++) {
        char *tab = strchr(at, '\t'), *second = strchr(tab + 1, '\t');
        *tab = *second = 0;
        assert_string_equal(sorted[i].variable, at);
        assert_string_equal(sorted[i].name, tab + 1);
    }
    assert_int_equal(i, PARAM_COUNT_INFERENCE);
    buf_release(&file);
}

static void rows_fit_together(void **state)
{
    size_t values = 0;

    (void)state;
    for (int i = 1; i < LAYER_COUNT; i++) {
        const struct layer *l = &network[i];
        int channels = 0, inputs = layer_inputs(l);
        assert_non_null(l->name);
        assert_true(inputs > 0);
        for (int k = 0; k < inputs; k++) {
            assert_in_range(l->in[k], 0, i - 1);
            channels += network[l->in[k]].channels;
        }
        if (l->op == LAYER_CONCAT)
            assert_int_equal(channels, l->channels);
    }
    for (int i = 0; i < PARAM_COUNT_INFERENCE; i++) {
        size_t n = 1;
        for (int k = 0; k < params[i].rank; k++)
            n *= (size_t)params[i].shape[k];
        values += n;
    }
    /* specification 3: 8,039,125 with 2 classes; 6 more classes of 32 inputs */
    assert_int_equal(values, 8039125 + 6 * 32);
}

static void sizes_are_rounded_up(void **state)
{
    struct shape s[LAYER_COUNT];

    (void)state;
    network_shapes(s, 300, 451);
    assert_int_equal(s[L_F0].h, 150);
    assert_int_equal(s[L_F0].w, 226);
    assert_int_equal(s[L_LOGITS].h, 38);
    assert_int_equal(s[L_LOGITS].w, 57);
    assert_int_equal(s[L_F7].h, 10);
    assert_int_equal(s[L_F7].w, 15);
    assert_int_equal(s[L_BIN4].h, 4);
    assert_int_equal(s[L_UP1].w, 15);
    assert_int_equal(s[L_Y0].w, 57);
    network_shapes(s, 1, 1);
    for (int i = 0; i < LAYER_COUNT; i++)
        assert_true(s[i].h > 0 && s[i].w > 0);
}

/* Run the plan: each layer fills its bytes with its number; what it reads must still be there. */
static void living_outputs_share_no_bytes(void **state)
{
    struct shape s[LAYER_COUNT];
    size_t bytes[LAYER_COUNT] = {0};
    struct memory_plan plan;

    (void)state;
    network_shapes(s, 65, 97);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        bytes[i] = (size_t)s[i].h * (size_t)s[i].w * (size_t)s[i].c;
    network_memory(&plan, bytes, NULL, false);
    unsigned char *memory = calloc(1, plan.total);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        for (int k = 0; k < layer_inputs(&network[i]); k++) {
            int in = network[i].in[k];
            for (size_t b = 0; b < bytes[in]; b++)
                assert_int_equal(memory[plan.offset[in] + b], in);
        }
        assert_true(plan.offset[i] + bytes[i] <= plan.total);
        memset(memory + plan.offset[i], i, bytes[i]);
    }
    free(memory);
    size_t shared = plan.total;
    network_memory(&plan, bytes, NULL, true);
    assert_true(shared < plan.total / 3);
}

static void resize_taps_are_half_pixel(void **state)
{
    int lo, hi;

    (void)state;
    assert_float_equal(resize_tap(2, 4, 0, &lo, &hi), 0, 0); /* clamped at the edge */
    assert_int_equal(lo, 0);
    assert_float_equal(resize_tap(2, 4, 1, &lo, &hi), 0.25, 1e-12);
    assert_int_equal(hi, 1);
    assert_float_equal(resize_tap(2, 4, 3, &lo, &hi), 0.25, 1e-12);
    assert_int_equal(lo, 1);
    assert_int_equal(hi, 1);
    assert_float_equal(resize_tap(1, 7, 6, &lo, &hi), 0, 1);
    assert_int_equal(lo + hi, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_shapes_are_the_specifications),
        cmocka_unit_test(record_order_is_the_specifications),
        cmocka_unit_test(rows_fit_together),
        cmocka_unit_test(sizes_are_rounded_up),
        cmocka_unit_test(living_outputs_share_no_bytes),
        cmocka_unit_test(resize_taps_are_half_pixel),
    };
    network_params(params);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
