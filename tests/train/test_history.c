/* A run's log: what is read back, what is cut off, and curves that are made of it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "train/curves.h"

static char path[] = "/tmp/lentigo-test-log-XXXXXX"; /* made by setup */

static int setup(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void add(struct history *h, int64_t iteration)
{
    struct history_step step = {iteration, 2.5, 0.01, 7, 30};
    struct err err = {0};

    assert_int_equal(history_add_step(h, &step, &err), 0);
}

static void look(struct history *h, int64_t iteration)
{
    json_t *figures =
        json_pack("{s:f, s:f, s:n}", "mean_jaccard", 0.75, "failure_rate", 0.2, "auc_malignant");
    struct err err = {0};

    assert_int_equal(history_add_look(h, iteration, figures, 0.75, true, &err), 0);
    json_decref(figures);
}

static size_t lines(void)
{
    struct buf text;
    struct err err = {0};
    size_t n = 0;

    buf_init(&text, 1 << 20);
    assert_int_equal(file_read(path, &text, &err), 0);
    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == '\n';
    buf_release(&text);
    return n;
}

static void later_lines_are_cut_off(void **state)
{
    struct history h;
    struct err err = {0};

    (void)state;
    assert_int_equal(history_open(&h, path, 0, &err), 0);
    add(&h, 10);
    look(&h, 10);
    add(&h, 20);
    add(&h, 30);
    history_close(&h);
    FILE *f = fopen(path, "a"); /* a line that a kill cut short */
    assert_non_null(f);
    fputs("{\"iter\":3", f);
    fclose(f);
    assert_int_equal(history_read(&h, path, &err), 0);
    assert_true(h.n_steps == 3 && h.n_looks == 1);
    history_close(&h);
    assert_int_equal(lines(), 4); /* whoever only reads leaves it as it is */
    assert_int_equal(history_open(&h, path, 25, &err), 0);
    assert_int_equal(lines(), 3);
    assert_int_equal(h.n_steps, 2);
    assert_int_equal(h.n_looks, 1);
    assert_true(h.steps[1].iteration == 20 && h.steps[1].loss == 2.5 && h.steps[1].rate == 0.01);
    assert_true(h.looks[0].mean_jaccard == 0.75 && h.looks[0].score == 0.75);
    assert_true(isnan(h.looks[0].auc_malignant));
    add(&h, 30);
    history_close(&h);
    assert_int_equal(lines(), 4);
    assert_int_equal(history_open(&h, path, 100, &err), 0);
    assert_int_equal(h.n_steps, 3);
    history_close(&h);
}

/* The curves' one polyline point for a value, at its place: the panel's inner height is 136 px. */
static void curves_show_values(void **state)
{
    struct history h;
    struct err err = {0};
    struct buf svg;

    (void)state;
    assert_int_equal(history_open(&h, path, 0, &err), 0);
    buf_init(&svg, 1 << 20);
    curves_draw(&svg, &h, 100); /* nothing to show is no reason to fail */
    assert_int_equal(buf_check(&svg, "svg", &err), 0);
    assert_null(strstr(svg.data, ",nan"));
    add(&h, 50);
    look(&h, 100);
    buf_clear(&svg);
    curves_draw(&svg, &h, 100);
    assert_int_equal(buf_check(&svg, "svg", &err), 0);
    assert_non_null(strstr(svg.data, "points=\"387.0,28.0 \""));  /* loss 2.5 = the highest */
    assert_non_null(strstr(svg.data, "points=\"710.0,218.0 \"")); /* 0.75, highest of its panel */
    assert_non_null(strstr(svg.data, "mean Jaccard 0.75"));
    assert_non_null(strstr(svg.data, ">mean of 1 ")); /* of a third, else it were a flat line */
    assert_null(strstr(svg.data, ",nan"));
    buf_release(&svg);
    history_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_lines_are_cut_off),
        cmocka_unit_test(curves_show_values),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
