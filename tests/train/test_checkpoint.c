/* States of a run: round trip, the two that are kept, and what is broken passed over. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "train/checkpoint.h"

static char dir[] = "/tmp/lentigo-test-state-XXXXXX"; /* made by setup */

static const struct optimiser_config config = {
    .kind = OPTIMISER_ADAMW, .momentum = 0.9, .beta2 = 0.99, .ema = 0.9, .threads = 1};

struct rig {
    struct bank weights;
    struct optimiser o;
};

/* Values that differ from place to place, bank to bank and seed to seed. */
static void fill(struct bank *b, uint64_t seed)
{
    for (int p = 0; p < PARAM_COUNT; p++)
        for (size_t i = 0; i < b->count[p]; i++)
            b->params.at[p][i] = (float)((i * 7919 + (size_t)p + seed * 31) % 9973);
}

static void rig_init(struct rig *r, uint64_t seed)
{
    struct err err = {0};

    assert_int_equal(bank_init(&r->weights, &err), 0);
    fill(&r->weights, seed);
    assert_int_equal(optimiser_init(&r->o, &config, &r->weights, &err), 0);
    fill(&r->o.first, seed + 1);
    fill(&r->o.second, seed + 2);
    fill(&r->o.average, seed + 3);
    r->o.steps = (int64_t)seed;
}

static void rig_release(struct rig *r)
{
    bank_release(&r->weights);
    optimiser_release(&r->o);
}

static void path_of(char out[100], long iteration, const char *suffix)
{
    snprintf(out, 100, "%s/state/%ld%s", dir, iteration, suffix);
}

static const char *state_dir(void)
{
    static char path[100]; /* of this test's folder, the same each time */

    snprintf(path, sizeof(path), "%s/state", dir);
    return path;
}

static void save(const struct rig *r, int64_t iteration)
{
    struct err err = {0};
    struct progress_state s = {
        iteration, 1.5, iteration - 1, 0.25, 3, {512, 17}
    };

    assert_int_equal(checkpoint_save(state_dir(), &s, &r->weights, &r->o, &err), 0);
}

static void same(const struct rig *a, const struct rig *b)
{
    size_t bytes = a->weights.total * sizeof(float);

    assert_memory_equal(a->weights.block, b->weights.block, bytes);
    assert_memory_equal(a->o.first.block, b->o.first.block, bytes);
    assert_memory_equal(a->o.second.block, b->o.second.block, bytes);
    assert_memory_equal(a->o.average.block, b->o.average.block, bytes);
    assert_int_equal(a->o.steps, b->o.steps);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    for (long i = 0; i < 100; i++) {
        char path[100];
        path_of(path, i, ".json");
        unlink(path);
        path_of(path, i, ".safetensors");
        unlink(path);
    }
    rmdir(state_dir());
    return rmdir(dir);
}

static void none_is_no_error(void **state)
{
    struct rig r;
    struct progress_state s;
    struct err err = {0};

    (void)state;
    rig_init(&r, 1);
    assert_int_equal(checkpoint_load(state_dir(), &s, &r.weights, &r.o, &err), 0);
    rig_release(&r);
}

static void round_trip_and_two_kept(void **state)
{
    struct rig a, b;
    struct progress_state s;
    struct err err = {0};
    char path[100];

    (void)state;
    for (uint64_t i = 10; i <= 40; i += 10) {
        rig_init(&a, i);
        save(&a, (int64_t)i);
        if (i < 40)
            rig_release(&a);
    }
    rig_init(&b, 99);
    assert_int_equal(checkpoint_load(state_dir(), &s, &b.weights, &b.o, &err), 1);
    same(&a, &b);
    assert_int_equal(s.iteration, 40);
    assert_int_equal(s.best_iteration, 39);
    assert_true(s.best_score == 1.5 && s.loss_sum == 0.25 && s.loss_count == 3 &&
                s.scaling.scale == 512 && s.scaling.good == 17);
    for (long i = 10; i <= 40; i += 10)
        for (int k = 0; k < 2; k++) {
            path_of(path, i, k ? ".json" : ".safetensors");
            assert_int_equal(access(path, F_OK) == 0, i >= 30);
        }
    rig_release(&a);
    rig_release(&b);
}

/* The state before comes in the place of one that is cut, changed, or has no JSON. */
static void broken_ones_are_passed_over(void **state)
{
    struct rig a, b, c;
    struct progress_state s;
    struct err err = {0};
    char path[100];

    (void)state;
    rig_init(&a, 50);
    rig_init(&b, 60);
    rig_init(&c, 99);
    save(&a, 50);
    save(&b, 60);
    path_of(path, 60, ".safetensors");
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, -1, SEEK_END);
    fputc('x', f);
    fclose(f);
    assert_int_equal(checkpoint_load(state_dir(), &s, &c.weights, &c.o, &err), 1);
    assert_int_equal(s.iteration, 50);
    same(&a, &c);
    for (int k = 0; k < 2; k++) { /* the broken one goes, or 52 would push out 50 */
        path_of(path, 60, k ? ".json" : ".safetensors");
        assert_int_not_equal(access(path, F_OK), 0);
    }

    save(&b, 60);
    path_of(path, 60, ".json");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(checkpoint_load(state_dir(), &s, &c.weights, &c.o, &err), 1);
    assert_int_equal(s.iteration, 50);

    path_of(path, 50, ".safetensors");
    assert_int_equal(truncate(path, 1000), 0);
    path_of(path, 40, ".json"); /* the older one, dropped by now */
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(checkpoint_load(state_dir(), &s, &c.weights, &c.o, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    rig_release(&a);
    rig_release(&b);
    rig_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_no_error),
        cmocka_unit_test(round_trip_and_two_kept),
        cmocka_unit_test(broken_ones_are_passed_over),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
