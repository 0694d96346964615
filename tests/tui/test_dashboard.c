/* The whole picture at every size. LENTIGO_SWEEP=1 takes each size; otherwise every third. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/tui/fake_stats.h"
#include "tui/dashboard.h"

struct picture {
    struct reading reading;
    struct stats shown;
    struct view view;
    struct scene scene;
};

static struct picture *picture_new(enum fake_fill fill, int n)
{
    struct picture *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->reading.link = n ? READING_LIVE : READING_WAITING;
    p->reading.n = n;
    for (int i = 0; i < n; i++)
        fake_stats(&p->reading.nodes[i], fill, i);
    reading_select(&p->shown, &p->reading, 0);
    p->scene = (struct scene){&p->reading, &p->shown, &p->view, "/data/friday-out", false};
    return p;
}

static char *drawn(struct picture *p, int rows, int cols)
{
    struct frame f;
    struct buf out;

    frame_init(&f, rows, cols, false);
    dashboard_draw(&f, &p->scene);
    assert_int_equal(f.overlaps, 0);
    buf_init(&out, 1 << 20);
    frame_add_text(&f, &out);
    frame_release(&f);
    return buf_take(&out);
}

static void expect(struct picture *p, int rows, int cols, const char *const *texts)
{
    char *screen = drawn(p, rows, cols);

    for (; *texts; texts++)
        if (!strstr(screen, *texts))
            fail_msg("%dx%d lacks \"%s\":\n%s", cols, rows, *texts, screen);
    free(screen);
}

static void expect_not(struct picture *p, int rows, int cols, const char *text)
{
    char *screen = drawn(p, rows, cols);

    if (strstr(screen, text))
        fail_msg("%dx%d has \"%s\":\n%s", cols, rows, text, screen);
    free(screen);
}

/* The cells behind the frame's are sentinels: a write over the end is seen without a sanitizer. */
static void draw_between_sentinels(struct picture *p, int rows, int cols)
{
    enum { GUARD = 64 };
    const struct cell sentinel = {0x5eed, 0x5eed};
    size_t n = (size_t)rows * (size_t)cols;
    struct cell *cells = calloc(n + 2 * GUARD, sizeof(*cells));
    struct frame f = {.rows = rows, .cols = cols, .cells = cells + GUARD};

    assert_non_null(cells);
    for (int i = 0; i < GUARD; i++)
        cells[i] = cells[GUARD + n + (size_t)i] = sentinel;
    dashboard_draw(&f, &p->scene);
    if (f.overlaps)
        fail_msg("%dx%d: %d cells written twice", cols, rows, f.overlaps);
    for (int i = 0; i < GUARD; i++) {
        assert_memory_equal(&cells[i], &sentinel, sizeof(sentinel));
        assert_memory_equal(&cells[GUARD + n + (size_t)i], &sentinel, sizeof(sentinel));
    }
    free(cells);
}

static void areas_stay_inside_and_apart(int rows, int cols, int n_nodes)
{
    struct layout l = layout_make(rows, cols, n_nodes);
    const struct area *areas[] = {&l.header,  &l.nodes,    &l.totals,   &l.chart,
                                  &l.machine, &l.stages,   &l.queue,    &l.sentence,
                                  &l.footer,  &l.lists[0], &l.lists[1], &l.lists[2]};
    int n = l.is_tabbed ? 10 : 12;
    unsigned char taken[70 * 220] = {0};

    if (l.is_too_small)
        return;
    /* a part is whole or not there */
    assert_true(l.stages.rows == 0 || l.stages.rows == 1 + STAGE_COUNT);
    assert_true(l.queue.rows == 0 || l.queue.rows >= 1 + STATS_CLASSES);
    assert_true(l.chart.rows == 0 || l.chart.rows >= 4);
    assert_true(l.machine.rows == 0 || l.machine.rows >= 4);
    assert_true(l.totals.rows >= 2 && l.lists[0].rows >= 3);
    for (int i = 0; i < n; i++)
        for (int r = areas[i]->row; r < areas[i]->row + areas[i]->rows; r++)
            for (int c = areas[i]->col; c < areas[i]->col + areas[i]->cols; c++) {
                if (r < 0 || r >= rows || c < 0 || c >= cols || taken[r * cols + c]++)
                    fail_msg("%dx%d: part %d at row %d column %d", cols, rows, i, r, c);
            }
}

static void every_size(void **state)
{
    static const struct {
        enum fake_fill fill;
        int nodes;
        bool is_help;
        enum reading_link link;
    } kinds[] = {
        {FAKE_EMPTY,  0,                 false, READING_WAITING},
        {FAKE_EMPTY,  1,                 false, READING_LIVE   },
        {FAKE_USUAL,  1,                 true,  READING_LIVE   },
        {FAKE_USUAL,  3,                 false, READING_LOST   },
        {FAKE_WIDEST, 1,                 false, READING_LIVE   },
        {FAKE_WIDEST, READING_NODES_MAX, false, READING_SILENT }
    };
    const char *all = getenv("LENTIGO_SWEEP");
    int step = all && all[0] ? 1 : 3;

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct picture *p = picture_new(kinds[i].fill, kinds[i].nodes);
        p->view.is_help = kinds[i].is_help;
        p->view.is_paused = i % 2;
        p->reading.link = kinds[i].link;
        for (int rows = 1; rows <= 70; rows += step)
            for (int cols = 1 + rows % step; cols <= 220; cols += step) {
                draw_between_sentinels(p, rows, cols);
                areas_stay_inside_and_apart(rows, cols, kinds[i].nodes);
            }
        free(p);
    }
}

static void what_80_by_24_shows(void **state)
{
    static const char *const texts[] = {
        "lentigo  clinic-a  running ",
        "starter 512 px bf16 cpu",
        "run  0:12:34",
        "63 %    58.3 images/s      ETA  0:01:12",
        "received   11,533   done        7,280   set aside      12   open           4,241",
        "flagged        91   urgent          9   review         82   retake            65",
        "Throughput ",
        "images/s, last 84 s",
        "16 cores",
        "memory                   412 MB",
        "busy ms/item waiting lanes",
        "decode ",
        "batch fill ",
        "network   ▸ ━━━━━━━╸  99 %    17.3      36     3",
        "measure     ━━──────  24 %    3.94       5     1",
        "report ",
        "ready leased oldest",
        "bulk        4,221     16  3m12s",
        "The network is the bottleneck: 99 % busy, 36 images wait.",
        "▸Flagged 91  Set aside 12  Workers 3 ",
        "worst first, 1–6 of 91",
        "urgent       98 %      0s  a1b2c3/p0000/0",
        "h help  q quit  Tab list  / filter  s sort  p pause  ↑↓ scroll",
        NULL};
    struct picture *p = picture_new(FAKE_USUAL, 1);

    (void)state;
    expect(p, 24, 80, texts);
    free(p);
}

static void gpus_show_themselves_and_what_holds_them_back(void **state)
{
    static const char *const narrow[] = {"GPU 0      ━━━━━━━━━━━━━╸  96 %",
                                         "71 °C  412 W  memory 25 %", NULL};
    static const char *const two[] = {"GPU 0 ", "ECC 3  heat, power cap  71 °C",   "GPU 1 ",
                                      "lost",   "memory                   412 MB", NULL};
    struct picture *p = picture_new(FAKE_USUAL, 1);

    (void)state;
    expect_not(p, 40, 120, "GPU");
    p->shown.n_gpus = 1;
    p->shown.gpus[0] = (struct stats_gpu){.state = "ok",
                                          .load = 0.96,
                                          .memory = 0.25,
                                          .temperature_c = 71,
                                          .power_w = 412.5,
                                          .ecc_errors = -1};
    expect(p, 24, 80, narrow);
    p->shown.n_gpus = 2;
    p->shown.gpus[1] = (struct stats_gpu){.number = 1, .state = "lost"};
    p->shown.gpus[0].ecc_errors = 3;
    snprintf(p->shown.gpus[0].throttle, sizeof(p->shown.gpus[0].throttle), "heat, power cap");
    expect(p, 40, 120, two);
    free(p);
}

static void first_things_first_when_small(void **state)
{
    static const char *const readable[] = {
        "clinic-a  running", "63 %",       "58.3/s",      "ETA  0:01:12",      "received", "11,533",
        "set aside",         "bottleneck", "▸Flagged 91", "urgent       98 %", "q quit",   NULL};
    static const char *const small[] = {"terminal too small: 35x10", NULL};
    struct picture *p = picture_new(FAKE_USUAL, 1);

    (void)state;
    expect(p, 10, 40, readable);
    expect(p, 10, 35, small);
    expect(p, 34, 60, readable);
    free(p);
}

static void wide_terminals_show_all_lists(void **state)
{
    static const char *const texts[] = {"Flagged 91", "Set aside 12", "Workers 3",
                                        "restarts",   "truncated",    "a1b2c3/p0091/1",
                                        "reporter",   "studies",      "images/s, last 240 s",
                                        NULL};
    static const char *const stacked[] = {"Flagged 91", "Set aside 12",   "Workers 3", "restarts",
                                          "truncated",  "a1b2c3/p0091/1", "reporter",  NULL};
    struct picture *p = picture_new(FAKE_USUAL, 1);

    (void)state;
    expect(p, 60, 200, texts);
    expect(p, 60, 100, stacked);
    free(p);
}

static void what_is_unknown_is_never_zero(void **state)
{
    struct picture *p = picture_new(FAKE_EMPTY, 1);

    (void)state;
    expect_not(p, 24, 80, "0 %");
    expect_not(p, 24, 80, "0.00");
    expect_not(p, 24, 80, "0:00:00");
    expect_not(p, 24, 80, "0 MB");
    free(p);
}

static void states_are_said_in_words(void **state)
{
    static const char *const paused[] = {" PAUSED ", "p go on", NULL};
    static const char *const lost[] = {"no connection since 0", " PAUSED", "received", NULL};
    static const char *const silent[] = {"no figures since 0", "received", NULL};
    static const char *const waiting[] = {"No figures yet.", "Watching /data/friday-out", NULL};
    static const char *const filtered[] = {" filter: ", "p0_", "Esc clears", NULL};
    struct picture *p = picture_new(FAKE_USUAL, 1);

    (void)state;
    p->view.is_paused = true;
    expect(p, 24, 80, paused);
    p->reading.link = READING_LOST;
    expect(p, 24, 80, lost);
    expect(p, 8, 38, lost);
    p->reading.link = READING_SILENT;
    expect(p, 24, 80, silent);
    p->view.is_filtering = true;
    snprintf(p->view.filter, sizeof(p->view.filter), "p0");
    expect(p, 24, 80, filtered);
    free(p);
    p = picture_new(FAKE_EMPTY, 0);
    expect(p, 24, 80, waiting);
    free(p);
}

static void an_operators_pause_says_who_and_why(void **state)
{
    static const char *const one[] = {"bulk paused by anna: moving the disks", NULL};
    static const char *const all[] = {"All classes paused by anna: moving the disks", NULL};
    struct picture *p = picture_new(FAKE_USUAL, 2);

    (void)state;
    for (int i = 1; i < STATS_CLASSES + 1; i++) {
        struct stats_class *c = &p->reading.nodes[1].classes[i % STATS_CLASSES];
        snprintf(c->paused_at, sizeof(c->paused_at), "2026-11-26T02:00:00.000Z");
        snprintf(c->paused_by, sizeof(c->paused_by), "anna");
        snprintf(c->paused_why, sizeof(c->paused_why), "moving the disks");
        reading_select(&p->shown, &p->reading, 0); /* all machines */
        if (i == 1)
            expect(p, 24, 80, one);
    }
    expect(p, 24, 80, all);
    free(p);
}

static void old_figures_are_faded(void **state)
{
    struct picture *p = picture_new(FAKE_USUAL, 1);
    struct frame f;

    (void)state;
    p->reading.link = READING_LOST;
    frame_init(&f, 24, 80, false);
    dashboard_draw(&f, &p->scene);
    assert_false(f.cells[0].style & STYLE_FADED);
    assert_true(f.cells[2 * 80].style & STYLE_FADED);
    assert_false(f.cells[23 * 80].style & STYLE_FADED);
    frame_release(&f);
    free(p);
}

/* Numbers change, places do not: every letter of a label stays where it is from tick to tick. */
static void nothing_jumps(void **state)
{
    static const char *const labels[] = {"ETA",    "images/s", "set aside", "urgent", "ms/item",
                                         "leased", "cores",    "Set aside", "scroll", NULL};
    int places[16];

    (void)state;
    for (int tick = 0; tick < 90; tick += 3) {
        struct picture *p = picture_new(FAKE_USUAL, 1);
        fake_stats(&p->reading.nodes[0], FAKE_USUAL, tick);
        p->reading.nodes[0].done = tick % 2 ? 7 : 11000;
        p->reading.nodes[0].images_per_s = tick % 2 ? 0.8 : 1234;
        reading_select(&p->shown, &p->reading, 0);
        struct frame f;
        frame_init(&f, 24, 80, true);
        dashboard_draw(&f, &p->scene);
        for (int k = 0; labels[k]; k++) {
            int at = -1;
            for (int i = 0; i < 24 * 80 && at < 0; i++) {
                size_t n = 0;
                while (labels[k][n] && f.cells[i + (int)n].ch == (unsigned char)labels[k][n])
                    n++;
                at = labels[k][n] ? -1 : i;
            }
            assert_true(at >= 0);
            if (tick)
                assert_int_equal(at, places[k]);
            places[k] = at;
        }
        frame_release(&f);
        free(p);
    }
}

static void one_frame_for_print_has_no_keys(void **state)
{
    struct picture *p = picture_new(FAKE_USUAL, 1);

    (void)state;
    p->scene.is_still = true;
    expect_not(p, 60, 80, "h help");
    expect_not(p, 60, 80, "▸Flagged");
    free(p);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size),
        cmocka_unit_test(what_80_by_24_shows),
        cmocka_unit_test(gpus_show_themselves_and_what_holds_them_back),
        cmocka_unit_test(first_things_first_when_small),
        cmocka_unit_test(wide_terminals_show_all_lists),
        cmocka_unit_test(what_is_unknown_is_never_zero),
        cmocka_unit_test(states_are_said_in_words),
        cmocka_unit_test(an_operators_pause_says_who_and_why),
        cmocka_unit_test(old_figures_are_faded),
        cmocka_unit_test(nothing_jumps),
        cmocka_unit_test(one_frame_for_print_has_no_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
