#include "scene.h"

#include "lesion/contour.h"

static struct contour_point points[LESION_CONTOUR_MAX];

/* Walk and simplify the part that holds the first mask pixel; `mask` is h * w. */
static int trace(const uint8_t *mask, int w, int h, int *n_edges)
{
    uint8_t *shape = calloc((size_t)(w + 2) * (size_t)(h + 2), 1);
    struct edge_middle *edges = calloc(contour_edges_max(w, h), sizeof(*edges));
    int first = 0;

    while (!mask[first])
        first++;
    for (int y = 0; y < h; y++)
        memcpy(shape + (y + 1) * (w + 2) + 1, mask + y * w, (size_t)w);
    *n_edges = contour_walk(shape, w, h, first % w, first / w, edges);
    int n = contour_simplify(edges, *n_edges, 1, 1, points);
    free(shape);
    free(edges);
    return n;
}

/* Twice the signed area; positive for clockwise on a screen (y down). */
static double area2(int n)
{
    double sum = 0;

    for (int i = 0; i < n; i++) {
        const struct contour_point *p = points + i, *q = points + (i + 1) % n;
        sum += (double)p->x * q->y - (double)q->x * p->y;
    }
    return sum;
}

static void disc_is_a_circle(void **state)
{
    enum { W = 120, H = 100 };
    uint8_t mask[W * H];
    int n_edges;

    (void)state;
    for (int i = 0; i < W * H; i++)
        mask[i] = disc_cover(i % W, i / W, 60, 50, 40, 0) > 0;
    int n = trace(mask, W, H, &n_edges);
    assert_in_range(n, 12, 150);
    for (int i = 0; i < n; i++)
        assert_true(fabs(hypot(points[i].x - 60, points[i].y - 50) - 40) < 0.8);
    assert_true(fabs(area2(n) / 2 - 3.14159265 * 1600) < 40);
}

static void one_pixel_keeps_a_polygon_around_it(void **state)
{
    uint8_t mask[9] = {0, 0, 0, 0, 1};
    int n_edges;

    (void)state;
    int n = trace(mask, 3, 3, &n_edges);
    assert_int_equal(n_edges, 4);
    assert_true(n >= 3);
    assert_true(area2(n) > 0);
    for (int i = 0; i < n; i++)
        assert_true(fabs(points[i].x - 1.5) <= 0.5 && fabs(points[i].y - 1.5) <= 0.5);
}

static void full_map_runs_along_the_frame(void **state)
{
    enum { W = 40, H = 30 };
    uint8_t mask[W * H];
    int n_edges;

    (void)state;
    memset(mask, 1, sizeof(mask));
    int n = trace(mask, W, H, &n_edges);
    assert_int_equal(n_edges, 2 * (W + H));
    assert_true(fabs(area2(n) / 2 - W * H) < 0.2 * 2 * (W + H)); /* half the tolerance */
}

static void corner_joint_is_walked_round_as_one(void **state)
{
    uint8_t mask[16] = {1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1};
    int n_edges;

    (void)state;
    trace(mask, 4, 4, &n_edges);
    assert_int_equal(n_edges, 16);
}

/* A thin spike out and back must keep its tip. */
static void spike_keeps_its_tip(void **state)
{
    enum { W = 100, H = 40 };
    uint8_t mask[W * H] = {0};
    float right = 0;
    int n_edges;

    (void)state;
    for (int y = 10; y < 30; y++)
        memset(mask + y * W + 5, 1, 20);
    memset(mask + 20 * W + 25, 1, 60);
    int n = trace(mask, W, H, &n_edges);
    for (int i = 0; i < n; i++)
        right = fmaxf(right, points[i].x);
    assert_true(right > 83.5f);
}

/* The same with a spike so thin that its two sides lie within the tolerance of each other. */
static void way_back_on_the_same_line_keeps_the_tip(void **state)
{
    enum { LENGTH = 100 };
    struct edge_middle edges[2 * LENGTH];
    float right = 0;

    (void)state;
    for (int i = 0; i < LENGTH; i++) {
        edges[i] = (struct edge_middle){2 * i, 0};
        edges[2 * LENGTH - 1 - i] = (struct edge_middle){2 * i, 0};
    }
    int n = contour_simplify(edges, 2 * LENGTH, 1, 1, points);
    for (int i = 0; i < n; i++)
        right = fmaxf(right, points[i].x);
    assert_true(right > LENGTH - 2);
}

/* A spiral and a comb over 512 x 512 pass the limit of points many times over. */
static void wild_shapes_stay_within_the_limit(void **state)
{
    enum { S = 512 };
    uint8_t *mask = calloc(S, S);
    int n_edges;

    (void)state;
    for (int turn = 0, lo = 0, hi = S - 1; lo < hi; turn++, lo += 2, hi -= 2) {
        memset(mask + lo * S + (turn ? lo - 2 : 0), 1, (size_t)(hi - lo + 1 + (turn ? 2 : 0)));
        for (int y = lo; y <= hi; y++)
            mask[y * S + hi] = 1;
        memset(mask + hi * S + lo, 1, (size_t)(hi - lo + 1));
        for (int y = lo + 2; y <= hi; y++)
            mask[y * S + lo] = 1;
    }
    assert_in_range(trace(mask, S, S, &n_edges), 3, LESION_CONTOUR_MAX);
    assert_true(n_edges > 100000);

    memset(mask, 1, S);
    for (int y = 1; y < S; y++)
        for (int x = 0; x < S; x++)
            mask[y * S + x] = x % 2 == 0;
    assert_in_range(trace(mask, S, S, &n_edges), 3, LESION_CONTOUR_MAX);
    assert_true(n_edges > 200000);
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++)
            mask[y * S + x] = (x + y) % 2 == 0; /* joined by corners only */
    assert_in_range(trace(mask, S, S, &n_edges), 1, LESION_CONTOUR_MAX);
    free(mask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disc_is_a_circle),
        cmocka_unit_test(one_pixel_keeps_a_polygon_around_it),
        cmocka_unit_test(full_map_runs_along_the_frame),
        cmocka_unit_test(corner_joint_is_walked_round_as_one),
        cmocka_unit_test(spike_keeps_its_tip),
        cmocka_unit_test(way_back_on_the_same_line_keeps_the_tip),
        cmocka_unit_test(wild_shapes_stay_within_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
