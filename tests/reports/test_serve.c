/* A real reporter process on a socket: what it says and when it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/wire.h"
#include "tests/reports/made.h"
#include "tests/reports/page.h"

struct child {
    pid_t pid;
    int fd;
    struct buf pending;
    struct wire_message message;
};

static void start(struct child *c, const struct made *m)
{
    char config[400];
    struct settings settings;
    struct err err = {0};
    int pair[2];

    memset(c, 0, sizeof(*c));
    made_settings(m, &settings, "html,pdf,json", "en");
    FILE *f = NULL;
    snprintf(config, sizeof(config), "%s/config", m->out);
    f = fopen(config, "w");
    assert_non_null(f);
    fprintf(f, "output = %s\nspool = %s\nmodel = %s\nlog-level = error\n", settings.output,
            settings.spool, settings.model);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    c->pid = fork();
    if (c->pid == 0) {
        dup2(pair[1], WIRE_FD);
        execl(BINARY_DIR "/bin/lentigo-reports", "lentigo-reports", "--config", config,
              (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    c->fd = pair[0];
    assert_int_equal(wire_read(c->fd, &c->pending, &c->message, &err), 1);
    assert_int_equal(c->message.kind, WIRE_HELLO);
    assert_int_equal(c->message.version, WIRE_VERSION);
    assert_string_equal(c->message.role, "reporter");
    assert_in_range(c->message.credit, 1, 64);
}

/* The next message that is no STATS; false at the end of the stream. */
static bool next(struct child *c)
{
    struct err err = {0};
    int got;

    do
        got = wire_read(c->fd, &c->pending, &c->message, &err);
    while (got == 1 && c->message.kind == WIRE_STATS);
    assert_int_not_equal(got, -1);
    return got == 1;
}

static void send_study(struct child *c, const char *id, const char *dir)
{
    struct wire_message *m = &c->message;
    struct err err = {0};

    memset(m, 0, sizeof(*m));
    m->kind = WIRE_STUDY;
    m->attempt = 1;
    snprintf(m->id, sizeof(m->id), "%s", id);
    snprintf(m->dir, sizeof(m->dir), "%s", dir);
    assert_int_equal(wire_write(c->fd, m, &err), 0);
}

static int end(struct child *c)
{
    int status = -1;

    close(c->fd);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    buf_release(&c->pending);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void studies_are_reported(void **state)
{
    enum { N = 6 };
    struct child c;
    struct study s;
    char dir[N][SPOOL_PATH_SIZE], id[WIRE_ID_SIZE], path[SPOOL_PATH_SIZE + 32];
    bool seen[N] = {false};

    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof(id), "P%d", i);
        made_fill(&s, id, 1 + i % 3);
        made_study(*state, &s, page_five, dir[i]);
    }
    start(&c, *state);
    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof(id), "u/k%d", i);
        send_study(&c, id, dir[i]);
    }
    for (int i = 0; i < N; i++) {
        assert_true(next(&c));
        assert_int_equal(c.message.kind, WIRE_REPORTED);
        int k = c.message.id[3] - '0';
        assert_in_range(k, 0, N - 1);
        assert_false(seen[k]);
        seen[k] = true;
        assert_true(c.message.risk[0]);
        snprintf(path, sizeof(path), "%s/report.json", dir[k]);
        assert_int_equal(access(path, F_OK), 0);
    }
    assert_int_equal(end(&c), 0); /* end of file is the end */
}

static void bad_study_does_not_stop_the_others(void **state)
{
    struct child c;
    struct study s;
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 1);
    made_study(*state, &s, NULL, dir);
    start(&c, *state);
    send_study(&c, "u/none", "/nonexistent/study");
    send_study(&c, "u/k0", dir);
    assert_true(next(&c));
    assert_int_equal(c.message.kind, WIRE_FAILED);
    assert_string_equal(c.message.id, "u/none");
    assert_int_equal(c.message.stage, STAGE_REPORT);
    assert_int_equal(c.message.attempt, 1);
    assert_true(next(&c));
    assert_int_equal(c.message.kind, WIRE_REPORTED);
    assert_string_equal(c.message.id, "u/k0");
    assert_int_equal(end(&c), 0);
}

static void drain_finishes_what_came_before(void **state)
{
    struct child c;
    struct study s;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 1);
    made_study(*state, &s, NULL, dir);
    start(&c, *state);
    send_study(&c, "u/k0", dir);
    memset(&c.message, 0, sizeof(c.message));
    c.message.kind = WIRE_DRAIN;
    assert_int_equal(wire_write(c.fd, &c.message, &err), 0);
    assert_true(next(&c));
    assert_int_equal(c.message.kind, WIRE_REPORTED);
    assert_false(next(&c)); /* ends by itself */
    assert_int_equal(end(&c), 0);
}

static void figures_come_while_idle(void **state)
{
    struct child c;
    struct err err = {0};

    start(&c, *state);
    assert_int_equal(wire_read(c.fd, &c.pending, &c.message, &err), 1);
    assert_int_equal(c.message.kind, WIRE_STATS);
    assert_int_equal(c.message.stages[STAGE_REPORT].lanes, 1);
    assert_true(c.message.memory_kb > 1000);
    assert_int_equal(end(&c), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(studies_are_reported, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(bad_study_does_not_stop_the_others, page_setup,
                                        page_teardown),
        cmocka_unit_test_setup_teardown(drain_finishes_what_came_before, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(figures_come_while_idle, page_setup, page_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
