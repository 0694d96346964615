/* A child keeps to the processors that it was given, and its starter loses none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "scheduler/child.h"

static char folder[64];

/* A "worker" that tells how many processors it has and ends. */
static int make_worker(void **state)
{
    char path[128];

    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/lentigo-child-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/lentigo-worker", folder);
    FILE *out = fopen(path, "w");
    if (!out)
        return -1;
    fprintf(out, "#!/bin/sh\nnproc > '%s/told'\n", folder);
    return fclose(out) || chmod(path, 0700) || setenv("LENTIGO_LIBEXEC", folder, 1) ? -1 : 0;
}

static int remove_worker(void **state)
{
    static const char *const paths[] = {"told", "lentigo-worker", ""};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, paths[i]);
        if (remove(path))
            return -1;
    }
    return 0;
}

static void on_ended(void *ctx, struct child *child, int status, int signal)
{
    (void)child;
    (void)signal;
    *(int *)ctx = status;
    child->is_wanted = false;
}

static int processors_told(const cpu_set_t *cpus)
{
    static struct child c; /* zeroed by child_init */
    int status = -2, n = 0;
    struct child_events events = {.ctx = &status, .ended = on_ended};
    char path[128];
    uv_loop_t loop;

    assert_int_equal(uv_loop_init(&loop), 0);
    child_init(&c, CHILD_WORKER, &loop, "", &events);
    if (cpus)
        c.cpus = *cpus;
    child_start(&c, clock_mono_us() / 1000);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(status, 0);
    assert_int_equal(uv_loop_close(&loop), 0);

    snprintf(path, sizeof(path), "%s/told", folder);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%d", &n), 1); // NOLINT(cert-err34-c): checked
    assert_int_equal(fclose(in), 0);
    return n;
}

static void keeps_to_its_processors(void **state)
{
    cpu_set_t ours, after, one;
    int first = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(ours), &ours), 0);
    if (CPU_COUNT(&ours) < 2)
        skip();
    while (!CPU_ISSET((size_t)first, &ours))
        first++;
    CPU_ZERO(&one);
    CPU_SET((size_t)first, &one);

    assert_int_equal(processors_told(&one), 1);
    assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
    assert_true(CPU_EQUAL(&after, &ours));
    assert_int_equal(processors_told(NULL), CPU_COUNT(&ours));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_to_its_processors),
    };

    return cmocka_run_group_tests(tests, make_worker, remove_worker);
}
