#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/train/small_set.h"
#include "train/cache.h"
#include "train/loader.h"

enum { N = 7, BATCH = 4, ITERATIONS = 12 };

static const struct small_picture pictures[N] = {
    {"a", "MEL", "train", 100, 60 },
    {"b", "NV",  "train", 64,  64 },
    {"c", "NV",  "train", 128, 128},
    {"d", "DF",  "train", 90,  120},
    {"e", "BCC", "train", 128, 100},
    {"f", "NV",  "train", 97,  71 },
    {"g", "NV",  "train", 33,  90 },
};

static char dir[] = "/tmp/lentigo-loader-XXXXXX";
static struct cache *cache; /* of all tests; read only */
static const int rows[N] = {6, 5, 4, 3, 2, 1, 0};

static struct loader_config config_of(int threads, int ahead)
{
    struct loader_config c = {
        .cache = cache,
        .rows = rows,
        .n = N,
        .batch = BATCH,
        .sizes = {64, 96, 32},
        .n_sizes = 3,
        .seed = 42,
        .threads = threads,
        .ahead = ahead,
    };
    struct err err = {0};

    if (augment_parse(&c.augment, "strong", &err))
        fail_msg("%s", err.msg);
    return c;
}

static struct loader *open_loader(const struct loader_config *config)
{
    struct loader *l = NULL;
    struct err err = {0};

    if (loader_open(&l, config, &err))
        fail_msg("%s", err.msg);
    return l;
}

/* A copy of a batch. */
struct kept {
    struct batch batch;
    uint8_t *rgb, *label;
    int rows[BATCH];
};

static void take(struct loader *l, struct kept *k)
{
    struct err err = {0};

    if (loader_next(l, &k->batch, &err))
        fail_msg("%s", err.msg);
    size_t n = (size_t)k->batch.n * (size_t)k->batch.w * (size_t)k->batch.h;
    assert_int_equal(k->batch.n, BATCH);
    k->rgb = malloc(3 * n);
    k->label = malloc(n);
    memcpy(k->rgb, k->batch.rgb, 3 * n);
    memcpy(k->label, k->batch.label, n);
    memcpy(k->rows, k->batch.rows, sizeof(k->rows));
}

static void drop(struct kept *k, int n)
{
    for (int i = 0; i < n; i++) {
        free(k[i].rgb);
        free(k[i].label);
    }
}

static void assert_same(const struct kept *a, const struct kept *b)
{
    size_t n = (size_t)a->batch.n * (size_t)a->batch.w * (size_t)a->batch.h;

    assert_int_equal(a->batch.iteration, b->batch.iteration);
    assert_int_equal(a->batch.w, b->batch.w);
    assert_int_equal(a->batch.h, b->batch.h);
    assert_memory_equal(a->rows, b->rows, sizeof(a->rows));
    assert_memory_equal(a->rgb, b->rgb, 3 * n);
    assert_memory_equal(a->label, b->label, n);
}

static void take_run(struct kept *k, const struct loader_config *config)
{
    struct loader *l = open_loader(config);

    for (int i = 0; i < ITERATIONS; i++) {
        take(l, &k[i]);
        assert_int_equal(k[i].batch.iteration, i);
    }
    loader_close(l);
}

static void threads_change_nothing(void **state)
{
    static const int shapes[][2] = {
        {2, 1},
        {4, 3},
        {7, 5}
    };
    const struct loader_config one = config_of(1, 1);
    struct kept straight[ITERATIONS], other[ITERATIONS];

    (void)state;
    take_run(straight, &one);
    for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); s++) {
        const struct loader_config many = config_of(shapes[s][0], shapes[s][1]);
        take_run(other, &many);
        for (int i = 0; i < ITERATIONS; i++)
            assert_same(&straight[i], &other[i]);
        drop(other, ITERATIONS);
    }
    drop(straight, ITERATIONS);
}

static void seek_gives_what_a_straight_run_gives(void **state)
{
    static const int wanted[] = {9, 0, 5, 6, 2};
    const struct loader_config config = config_of(3, 2);
    struct kept straight[ITERATIONS], other;
    struct loader *l = open_loader(&config);

    (void)state;
    take_run(straight, &config);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        loader_seek(l, wanted[i]);
        for (int k = wanted[i]; k < wanted[i] + 3; k++) {
            take(l, &other);
            assert_same(&straight[k], &other);
            drop(&other, 1);
        }
    }
    loader_close(l);
    drop(straight, ITERATIONS);
}

static void the_seed_decides(void **state)
{
    struct loader_config config = config_of(2, 2);
    struct kept a[ITERATIONS], b[ITERATIONS];
    int same = 0;

    (void)state;
    take_run(a, &config);
    config.seed++;
    take_run(b, &config);
    for (int i = 0; i < ITERATIONS; i++)
        same += a[i].batch.w == b[i].batch.w && !memcmp(a[i].rgb, b[i].rgb, 3 * 32 * 32);
    assert_int_equal(same, 0);
    drop(a, ITERATIONS);
    drop(b, ITERATIONS);
}

static void each_epoch_has_each_picture_once(void **state)
{
    const struct loader_config config = config_of(3, 3);
    struct loader *l = open_loader(&config);
    int seen[N] = {0}, sizes[3] = {0}, places = 0, first[N], moved = 0;
    struct kept k;

    (void)state;
    for (int i = 0; i < N * 9; i++) {
        take(l, &k);
        sizes[k.batch.w == 64 ? 0 : k.batch.w == 96 ? 1 : 2]++;
        assert_true(k.batch.w == k.batch.h);
        for (int j = 0; j < BATCH; j++) {
            if (places < N)
                first[places] = k.rows[j];
            moved += k.rows[j] != first[places % N];
            seen[k.rows[j]]++;
            places++;
            for (int r = 0; places % N == 0 && r < N; r++)
                assert_int_equal(seen[r], places / N);
        }
        drop(&k, 1);
    }
    assert_true(moved > places / 2); /* another order in each */
    for (int s = 0; s < 3; s++)
        assert_in_range(sizes[s], 9, 36);
    loader_close(l);
}

static void weights_decide_how_often(void **state)
{
    static const float weights[N] = {0, 1, 0, 0, 3, 0, 0};
    struct loader_config config = config_of(2, 2);
    int seen[N] = {0};
    struct kept k;

    (void)state;
    config.weights = weights;
    struct loader *l = open_loader(&config);
    for (int i = 0; i < N * 10; i++) {
        take(l, &k);
        for (int j = 0; j < BATCH; j++)
            seen[k.rows[j]]++;
        drop(&k, 1);
    }
    loader_close(l);
    for (int i = 0; i < N; i++) {
        int share = (int)weights[i] * N * 10 * BATCH / 4, row = rows[i];
        if (abs(seen[row] - share) > 40 / 2)
            fail_msg("picture %d came %d times, not %d", row, seen[row], share);
    }
}

/* Without augmentation a batch holds the pictures themselves. */
static void pictures_and_labels_are_those_of_the_rows(void **state)
{
    struct loader_config config = config_of(2, 2);
    struct err err = {0};
    struct kept k;

    (void)state;
    assert_int_equal(augment_parse(&config.augment, "off", &err), 0);
    config.n_sizes = 1;
    struct loader *l = open_loader(&config);
    for (int i = 0; i < N; i++) {
        take(l, &k);
        for (int j = 0; j < BATCH; j++) {
            int class = cache_picture(cache, k.rows[j]).class, lesion = 0, off = 0;
            for (int p = j * 64 * 64; p < (j + 1) * 64 * 64; p++) {
                assert_true(k.label[p] == 0 || k.label[p] == class);
                lesion += k.label[p] == class;
                off += (k.rgb[3 * p] < 150) != (k.label[p] != 0);
            }
            assert_true(lesion > 64 * 64 / 12 && off < 64 * 64 / 50);
        }
        drop(&k, 1);
    }
    loader_close(l);
}

static void a_failure_names_the_picture_and_stays(void **state)
{
    struct loader_config config = config_of(3, 2);
    struct batch batch;

    (void)state;
    config.augment.shift = 1000;
    struct loader *l = open_loader(&config);
    for (int i = 0; i < 3; i++) {
        struct err err = {0};
        assert_int_equal(loader_next(l, &batch, &err), -1);
        assert_int_equal(err.code, ERR_LIMIT);
        assert_non_null(strstr(err.msg, "picture "));
    }
    loader_close(l);
}

/* Whatever threads are at when it ends. */
static void it_may_be_closed_at_any_time(void **state)
{
    const struct loader_config config = config_of(5, 4);

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct loader *l = open_loader(&config);
        struct kept k;
        for (int n = 0; n < i % 3; n++) {
            take(l, &k);
            drop(&k, 1);
        }
        if (i % 4 == 3)
            loader_seek(l, 100);
        loader_close(l);
    }
    loader_close(NULL);
}

static void bad_configurations_are_refused(void **state)
{
    static const float nothing[N] = {0};

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct loader_config c = config_of(1, 1);
        struct loader *l = NULL;
        struct err err = {0};
        c.n = i == 0 ? 0 : c.n;
        c.batch = i == 1 ? 0 : c.batch;
        c.n_sizes = i == 2 ? 0 : c.n_sizes;
        c.sizes[1] = i == 3 ? 16 : c.sizes[1];
        c.threads = i == 4 ? 0 : c.threads;
        c.weights = i == 5 ? nothing : NULL;
        if (loader_open(&l, &c, &err) != -1 || err.code != ERR_CONFIG)
            fail_msg("case %d: %s", i, err.msg);
    }
}

static int make_set(void **state)
{
    struct err err = {0};
    const struct cache_config config = {
        .data = dir, .dir = dir, .bound = 128, .settings = small_set_settings()};

    (void)state;
    log_init("test", LOG_ERROR);
    if (!mkdtemp(dir))
        return -1;
    small_set_write(dir, pictures, N);
    return cache_open(&cache, &config, &err);
}

static int remove_set(void **state)
{
    (void)state;
    cache_close(cache);
    small_set_remove(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(seek_gives_what_a_straight_run_gives),
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(each_epoch_has_each_picture_once),
        cmocka_unit_test(weights_decide_how_often),
        cmocka_unit_test(pictures_and_labels_are_those_of_the_rows),
        cmocka_unit_test(a_failure_names_the_picture_and_stays),
        cmocka_unit_test(it_may_be_closed_at_any_time),
        cmocka_unit_test(bad_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, make_set, remove_set);
}
