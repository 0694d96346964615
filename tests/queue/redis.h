/* redis.h -- a real redis-server on a unix socket of its own, for tests. A step that fails ends the
 * test with its text. */
#ifndef TESTS_QUEUE_REDIS_H
#define TESTS_QUEUE_REDIS_H

#include <sys/types.h>

struct test_redis {
    pid_t pid;
    char dir[64], socket[96];
};

#define TEST_REDIS_CLI "/usr/bin/redis-cli" /* of the package that redis-server needs */

/* Exit status 77 on a machine without redis-server or redis-cli, 1 when REQUIRE_REDIS is set. */
void test_redis_skip_if_missing(void);

/* A folder, and an empty Redis in it that answers. */
void test_redis_open(struct test_redis *r);
void test_redis_close(struct test_redis *r);

void test_redis_start(struct test_redis *r);
void test_redis_kill(struct test_redis *r); /* SIGKILL; start gives an empty one */

#endif
