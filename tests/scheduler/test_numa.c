/* Nodes as /sys would tell them, in a folder of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/numa.h"

static char root[64];

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/lentigo-numa-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    static const char *const paths[] = {
        "node0/cpulist", "node0", "node1/cpulist", "node1", "node4/cpulist", "node4", ""};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        snprintf(path, sizeof(path), "%s/%s", root, paths[i]);
        if (remove(path))
            return -1;
    }
    return 0;
}

static void tell(int node, const char *list)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/node%d", root, node);
    (void)mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/node%d/cpulist", root, node);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(list, out);
    assert_int_equal(fclose(out), 0);
}

/* The first two processors that the test may use; it is skipped on a machine of one. */
static void two_of_ours(int cpus[2])
{
    cpu_set_t ours;
    int n = 0;

    assert_int_equal(sched_getaffinity(0, sizeof(ours), &ours), 0);
    for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
        if (CPU_ISSET((size_t)i, &ours))
            cpus[n++] = i;
    if (n < 2)
        skip();
}

static void a_machine_of_one_node_binds_nobody(void **state)
{
    struct numa numa;

    (void)state;
    numa_read(&numa, root); /* empty */
    assert_int_equal(numa.n, 1);
    assert_true(CPU_COUNT(&numa.cpus[0]) >= 1);
    assert_null(numa_of_worker(&numa, 0, 1));
    assert_null(numa_of_worker(&numa, 1, 2));
}

static void each_worker_keeps_to_a_node(void **state)
{
    char list[64];
    struct numa numa;
    int cpus[2];

    (void)state;
    two_of_ours(cpus);
    snprintf(list, sizeof(list), "%d,900-1000\n", cpus[0]); /* 900: not ours */
    tell(0, list);
    tell(1, "1001-1003\n"); /* none of ours: memory alone, for us */
    snprintf(list, sizeof(list), "%d-%d\n", cpus[1], cpus[1]);
    tell(4, list);
    numa_read(&numa, root);
    assert_int_equal(numa.n, 2);
    for (int node = 0; node < 2; node++) {
        assert_int_equal(CPU_COUNT(&numa.cpus[node]), 1);
        assert_true(CPU_ISSET((size_t)cpus[node], &numa.cpus[node]));
    }
    assert_ptr_equal(numa_of_worker(&numa, 0, 2), &numa.cpus[0]);
    assert_ptr_equal(numa_of_worker(&numa, 1, 2), &numa.cpus[1]);
    assert_ptr_equal(numa_of_worker(&numa, 3, 4), &numa.cpus[1]);
    assert_null(numa_of_worker(&numa, 0, 1)); /* it would leave half of the machine idle */
    assert_null(numa_of_worker(&numa, 0, 3));
}

static void odd_text_is_no_node(void **state)
{
    static const char *const odd[] = {"", "\n", "x", "0-", "-3", "0,,1", "0-99999", "0;1", "0 1"};

    (void)state;
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        struct numa numa;

        tell(0, odd[i]);
        tell(4, odd[i]);
        numa_read(&numa, root);
        assert_int_equal(numa.n, 1);
        assert_null(numa_of_worker(&numa, 0, 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_of_one_node_binds_nobody),
        cmocka_unit_test(each_worker_keeps_to_a_node),
        cmocka_unit_test(odd_text_is_no_node),
    };

    return cmocka_run_group_tests(tests, make_root, remove_root);
}
