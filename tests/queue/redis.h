/* redis.h -- a real redis-server on a unix socket of its own, for tests. A machine without one
 * skips the test (exit status 77), unless REQUIRE_REDIS is set. Include after cmocka.h. */
#ifndef TESTS_QUEUE_REDIS_H
#define TESTS_QUEUE_REDIS_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/client.h"

struct test_redis {
    pid_t pid;
    char dir[64], socket[96];
};

static inline void test_redis_skip_if_missing(void)
{
    if (access("/usr/bin/redis-server", X_OK) == 0)
        return;
    exit(getenv("REQUIRE_REDIS") ? 1 : 77); // NOLINT(concurrency-mt-unsafe)
}

/* Start it empty at r->socket and wait until it answers. */
static inline void test_redis_start(struct test_redis *r)
{
    r->pid = fork();
    if (r->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/usr/bin/redis-server", "redis-server", "--port", "0", "--unixsocket", r->socket,
              "--save", "", "--appendonly", "no", "--dir", r->dir, "--logfile", "/dev/null",
              (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500; i++) {
        struct queue_client *c;
        struct err err = {0};
        if (!queue_client_open(&c, r->socket, 1000, &err)) {
            queue_client_close(c);
            return;
        }
        usleep(10000);
    }
    fail_msg("redis-server did not start");
}

static inline void test_redis_open(struct test_redis *r)
{
    char dir[] = "/tmp/lentigo-redis-XXXXXX";

    assert_non_null(mkdtemp(dir));
    *r = (struct test_redis){0};
    snprintf(r->dir, sizeof(r->dir), "%s", dir);
    snprintf(r->socket, sizeof(r->socket), "%s/s", dir);
    test_redis_start(r);
}

static inline void test_redis_kill(struct test_redis *r)
{
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
    unlink(r->socket);
}

static inline void test_redis_close(struct test_redis *r)
{
    test_redis_kill(r);
    assert_int_equal(rmdir(r->dir), 0);
}

#endif
