/* The tools' calls against a real Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "queue/client.h"
#include "tests/queue/redis.h"

static struct stats figures[3];

static void set_node(const struct test_redis *redis, const char *node, const char *text)
{
    char command[256], path[128];

    snprintf(path, sizeof(path), "%s/text", redis->dir);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    snprintf(command, sizeof(command),
             TEST_REDIS_CLI " -s %s -x set 'lentigo:{s0}:node:%s' < %s >/dev/null", redis->socket,
             node, path);
    FILE *cli = popen(command, "r"); // NOLINT(cert-env33-c)
    assert_int_equal(pclose(cli), 0);
    unlink(path);
}

static void figures_of_all_nodes_are_read(void **state)
{
    struct test_redis redis;
    struct queue_client *c;
    struct err err = {0};
    int n = -1;

    (void)state;
    test_redis_open(&redis);
    assert_int_equal(queue_client_open(&c, redis.socket, 1000, &err), 0);
    assert_int_equal(queue_client_stats(c, figures, 3, &n, &err), 0);
    assert_int_equal(n, 0);
    for (int i = 2; i >= 1; i--) {
        struct stats *s = &figures[0];
        char node[8];
        memset(s, 0, sizeof(*s));
        snprintf(node, sizeof(node), "n%d", i);
        snprintf(s->node, sizeof(s->node), "%s", node);
        json_t *object = stats_to_json(s);
        char *line = json_line(object);
        set_node(&redis, node, line);
        free(line);
        json_decref(object);
    }
    set_node(&redis, "broken", "{\"node\":1}");
    assert_int_equal(queue_client_stats(c, figures, 3, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(figures[0].node, "n1");
    assert_string_equal(figures[1].node, "n2");
    queue_client_close(c);
    test_redis_close(&redis);
}

static void ask_redis(const struct test_redis *redis, const char *words)
{
    char command[256];

    snprintf(command, sizeof(command), TEST_REDIS_CLI " -s %s %s >/dev/null", redis->socket, words);
    FILE *cli = popen(command, "r"); // NOLINT(cert-env33-c)
    assert_non_null(cli);
    assert_int_equal(pclose(cli), 0);
}

static void an_image_is_seen_to_come_and_go(void **state)
{
    struct test_redis redis;
    struct queue_client *c;
    struct err err = {0};
    int64_t done = -1;
    bool is_queued = true;

    (void)state;
    test_redis_open(&redis);
    assert_int_equal(queue_client_open(&c, redis.socket, 1000, &err), 0);
    assert_int_equal(queue_client_look_at(c, "up/st/0", &is_queued, &done, &err), 0);
    assert_true(!is_queued && !done);
    ask_redis(&redis, "sadd 'lentigo:{s0}:queued' up/st/0");
    ask_redis(&redis, "hincrby 'lentigo:{s0}:counters' done 7");
    assert_int_equal(queue_client_look_at(c, "up/st/0", &is_queued, &done, &err), 0);
    assert_true(is_queued && done == 7);
    assert_int_equal(queue_client_look_at(c, "up/st/1", &is_queued, &done, &err), 0);
    assert_false(is_queued);
    queue_client_close(c);
    test_redis_close(&redis);
}

static void a_volatile_redis_is_refused(void **state)
{
    struct test_redis redis;
    struct queue_client *c;
    struct err err = {0};

    (void)state;
    test_redis_open(&redis);
    assert_int_equal(queue_client_open(&c, redis.socket, 1000, &err), 0);
    assert_int_equal(queue_client_check(c, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "appendonly is no"));
    queue_client_close(c);
    test_redis_close(&redis);
}

static void a_redis_that_is_away_is_transient(void **state)
{
    struct queue_client *c = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(queue_client_open(&c, "/tmp/lentigo-no-such-socket", 100, &err), -1);
    assert_int_equal(err.code, ERR_AGAIN);
    assert_null(c);
}

static void a_redis_that_does_not_answer_is_called_so(void **state)
{
    struct test_redis redis;
    struct queue_client *c;
    struct err err = {0};
    char command[256];
    int64_t bytes;

    (void)state;
    test_redis_open(&redis);
    snprintf(command, sizeof(command), TEST_REDIS_CLI " -s %s client pause 60000 all >/dev/null",
             redis.socket);
    FILE *cli = popen(command, "r"); // NOLINT(cert-env33-c)
    assert_int_equal(pclose(cli), 0);
    assert_int_equal(queue_client_open(&c, redis.socket, 100, &err), 0);
    assert_int_equal(queue_client_memory(c, &bytes, &err), -1);
    assert_int_equal(err.code, ERR_AGAIN);
    assert_non_null(strstr(err.msg, "no answer in time"));
    queue_client_close(c);
    test_redis_close(&redis);
}

static void bad_addresses_are_named(void **state)
{
    static const char *const bad[] = {"",     "nohost", ":1",    "host:",  "host:0",  "host:65536",
                                      "h:1x", "h:1#",   "h:1#x", "h:1#-1", "/s#65536"};
    char path[200];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct queue_client *c;
        struct err err = {0};
        if (!queue_client_open(&c, bad[i], 100, &err))
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(err.code, ERR_CONFIG);
    }
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = 0;
    struct queue_client *c;
    struct err err = {0};
    assert_int_equal(queue_client_open(&c, path, 100, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_all_nodes_are_read),
        cmocka_unit_test(an_image_is_seen_to_come_and_go),
        cmocka_unit_test(a_volatile_redis_is_refused),
        cmocka_unit_test(a_redis_that_is_away_is_transient),
        cmocka_unit_test(a_redis_that_does_not_answer_is_called_so),
        cmocka_unit_test(bad_addresses_are_named),
    };

    test_redis_skip_if_missing();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
