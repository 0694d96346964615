/* A run of `lentigo train` on a GPU that is played on the host (tests/engine/fake_cuda.h): it ends with the
 * weights of a run on the processor but for rounding, and with the same bits when the device was lost
 * on the way and the same command was given again. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/status.h"
#include "tests/engine/fake_cuda.h"
#include "tests/train/small_set.h"
#include "train/bank.h"
#include "train/tools.h"

static char dir[] = "/tmp/lentigo-test-held-XXXXXX"; /* made by setup */
static struct settings settings;                     /* paths of 4 kB; one a process */

static int setup(void **state)
{
    static const struct small_picture pictures[] = {
        {"a", "NV",  "train", 64, 48},
        {"b", "MEL", "train", 48, 64},
        {"c", "NV",  "val",   64, 64},
    };

    (void)state;
    if (!mkdtemp(dir))
        return -1;
    setenv("LENTIGO_CACHEDIR", dir, 1);
    small_set_write(dir, pictures, sizeof(pictures) / sizeof(*pictures));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    small_set_remove(dir);
    return 0;
}

/* The status of a run into `name`. */
static int train(const char *name, const char *flags)
{
    char words[2000], program[] = "train";
    char *argv[60] = {program}, *rest = words;
    struct err err = {0};
    int argc = 1, first;

    snprintf(words, sizeof(words),
             "--data %s -o %s/%s --size 32 --batch 2 --iters 4 --save-every 2 --validate-every 2 "
             "--unchecked --augment off --threads 1 --loaders 1 %s",
             dir, dir, name, flags);
    for (char *w = strsep(&rest, " "); w; w = strsep(&rest, " "))
        if (*w)
            argv[argc++] = w;
    if (settings_load(&settings, COMMAND_TRAIN, argc, argv, &first, &err))
        fail_msg("%s", err.msg);
    return train_model(&settings, 0, NULL);
}

static void read_run(struct bank *b, const char *name)
{
    char path[200];
    struct err err = {0};
    int missing;

    snprintf(path, sizeof(path), "%s/%s/last", dir, name);
    if (bank_init(b, &err) || bank_read_model(b, path, &missing, &err))
        fail_msg("%s", err.msg);
}

/* How far the weights of two runs are apart, relative to the first's. */
static double apart(const char *one, const char *other)
{
    struct bank a, b;
    double off = 0, size = 0;

    read_run(&a, one);
    read_run(&b, other);
    for (size_t i = 0; i < a.total; i++) {
        double d = (double)a.block[i] - (double)b.block[i];
        off += d * d;
        size += (double)a.block[i] * (double)a.block[i];
    }
    bank_release(&a);
    bank_release(&b);
    return sqrt(off / size);
}

/* Beside how far a run goes from where it began, that of one which stays there. */
static void runs_on_both_end_alike(void **state)
{
    static const char *const flags[] = {
        "--precision f32 --weights f32 --size 64 --lr 0.0001",
        "--precision f32 --weights f32 --size 64 --lr 0.0001 --loss ce+lovasz --accumulate 2 --ema "
        "0.9",
    };

    (void)state;
    assert_int_equal(
        train("still", "--device cpu --precision f32 --weights f32 --size 64 --lr 1e-9"),
        STATUS_OK);
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        char words[300], cpu[8], gpu[8];
        snprintf(cpu, sizeof(cpu), "cpu%zu", i);
        snprintf(gpu, sizeof(gpu), "gpu%zu", i);
        snprintf(words, sizeof(words), "--device cpu %s", flags[i]);
        assert_int_equal(train(cpu, words), STATUS_OK);
        snprintf(words, sizeof(words), "--device cuda:0 %s", flags[i]);
        assert_int_equal(train(gpu, words), STATUS_OK);
        print_message("%s: weights are %.1e apart, and went %.1e\n", flags[i], apart(cpu, gpu),
                      apart("still", cpu));
        assert_true(apart(cpu, gpu) < 0.05 * apart("still", cpu));
        assert_int_equal(fake_cuda_alive(), 0);
    }
}

static void a_lost_device_costs_no_bit(void **state)
{
    static const char flags[] = "--device cuda:0 --precision bf16 --lr 0.001";
    static const long at[] = {200, 900}; /* before a state is saved, and after */

    (void)state;
    assert_int_equal(train("whole", flags), STATUS_OK);
    for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
        char name[8], words[200];
        snprintf(name, sizeof(name), "lost%zu", i);
        snprintf(words, sizeof(words), "%s --resume", flags);
        fake_cuda_break_at(at[i]);
        int status = train(name, flags);
        print_message("lost at work %ld: status %d\n", at[i], status);
        assert_int_not_equal(status, STATUS_OK);
        assert_int_equal(fake_cuda_alive(), 0);
        fake_cuda_reset();
        assert_int_equal(train(name, words), STATUS_OK);
        assert_true(apart("whole", name) == 0);
    }
}

static void no_gpu_is_said(void **state)
{
    (void)state;
    fake_cuda_devices(0, cudaErrorNoDevice);
    assert_int_equal(train("none", "--device cuda:0"), STATUS_CONFIG);
    fake_cuda_reset();
    assert_int_equal(train("ninth", "--device cuda:8"), STATUS_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_on_both_end_alike),
        cmocka_unit_test(a_lost_device_costs_no_bit),
        cmocka_unit_test(no_gpu_is_said),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
