#include "tests/queue/redis.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/client.h"

static const char program[] = "/usr/bin/redis-server";

void test_redis_skip_if_missing(void)
{
    if (access(program, X_OK) || access(TEST_REDIS_CLI, X_OK))
        exit(getenv("REQUIRE_REDIS") ? 1 : 77);
}

static void give_up(const char *text)
{
    fprintf(stderr, "redis for tests: %s\n", text);
    exit(1);
}

void test_redis_start(struct test_redis *r)
{
    r->pid = fork();
    if (r->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, "redis-server", "--port", "0", "--unixsocket", r->socket, "--save", "",
              "--appendonly", "no", "--dir", r->dir, "--logfile", "/dev/null", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 12000; i++) {
        struct queue_client *c;
        struct err err = {0};
        if (!queue_client_open(&c, r->socket, 1000, &err)) {
            queue_client_close(c);
            return;
        }
        usleep(10000);
    }
    give_up("no answer within two minutes");
}

void test_redis_open(struct test_redis *r)
{
    char dir[] = "/tmp/lentigo-redis-XXXXXX";

    if (!mkdtemp(dir))
        give_up("no folder");
    *r = (struct test_redis){0};
    snprintf(r->dir, sizeof(r->dir), "%s", dir);
    snprintf(r->socket, sizeof(r->socket), "%s/s", dir);
    test_redis_start(r);
}

void test_redis_kill(struct test_redis *r)
{
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
    unlink(r->socket);
}

void test_redis_close(struct test_redis *r)
{
    test_redis_kill(r);
    if (rmdir(r->dir))
        give_up("its folder is not empty");
}
