/* Leases in a real Redis: renewed, finished, fenced, reclaimed, given back, lost with Redis. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "queue/broker.h"
#include "queue/client.h"
#include "tests/queue/redis.h"

enum { JOBS = 64, LEASE_MS = 600000, HANG_US = 120000000 }; /* leases are over by grow_old alone */

/* One scheduler as the broker sees it: what it was told last. */
struct peer {
    struct broker *b;
    int fd;
    short events;
    int readies, downs, puts, looks, agains, finishes, leases;
    bool has_epoch, is_same;
    char why[128];
    int added, n, remaining, attempt, n_lost;
    int remaining_of[JOBS]; /* by tag */
    uint32_t tag;
    struct broker_lease lease[JOBS], lost[JOBS];
    char id[JOBS][128];
    struct broker_look look;
};

static struct test_redis redis;
static const int none_first[BROKER_CLASSES];

static void on_watch(void *ctx, int fd, bool read, bool write)
{
    struct peer *p = ctx;

    p->fd = fd;
    p->events = (short)((read ? POLLIN : 0) | (write ? POLLOUT : 0));
}

static void on_unwatch(void *ctx, int fd)
{
    struct peer *p = ctx;

    assert_int_equal(p->fd, fd);
    p->fd = -1;
}

static void on_ready(void *ctx, bool has_epoch, bool is_same)
{
    struct peer *p = ctx;

    p->readies++;
    p->has_epoch = has_epoch;
    p->is_same = is_same;
}

static void on_down(void *ctx, const char *why)
{
    struct peer *p = ctx;

    p->downs++;
    snprintf(p->why, sizeof(p->why), "%s", why);
}

static void on_put(void *ctx, int added)
{
    struct peer *p = ctx;

    p->puts++;
    p->added += added;
}

static void on_leased(void *ctx, const struct broker_leased *jobs, int n)
{
    struct peer *p = ctx;

    assert_true(n <= JOBS);
    p->leases++;
    p->n = n;
    for (int i = 0; i < n; i++) {
        p->lease[i] = jobs[i].lease;
        snprintf(p->id[i], sizeof(p->id[i]), "%s/%s/%d", jobs[i].job.upload, jobs[i].job.study,
                 jobs[i].job.n);
    }
}

static void on_lost(void *ctx, const struct broker_lease *lease)
{
    struct peer *p = ctx;

    p->lost[p->n_lost++ % JOBS] = *lease;
}

static void on_finished(void *ctx, uint32_t tag, int remaining)
{
    struct peer *p = ctx;

    p->finishes++;
    p->tag = tag;
    p->remaining = p->remaining_of[tag % JOBS] = remaining;
}

static void on_again(void *ctx, uint32_t tag, int attempt)
{
    struct peer *p = ctx;

    p->agains++;
    p->tag = tag;
    p->attempt = attempt;
}

static void on_look(void *ctx, const struct broker_look *look)
{
    struct peer *p = ctx;

    p->looks++;
    p->look = *look;
}

static void turn(struct peer *p)
{
    struct pollfd fd = {p->fd, p->events, 0};

    if (poll(&fd, p->fd >= 0, 20) > 0) {
        if (fd.revents & (POLLIN | POLLERR | POLLHUP))
            broker_on_readable(p->b);
        if (p->fd >= 0 && (fd.revents & POLLOUT))
            broker_on_writable(p->b);
    }
    broker_tick(p->b, clock_mono_us() / 1000);
}

/* Turn the loop until `*count` reaches `wanted`. */
static void run_until(struct peer *p, const int *count, int wanted)
{
    int64_t end = clock_mono_us() + HANG_US;

    while (*count < wanted && clock_mono_us() < end)
        turn(p);
    assert_true(*count >= wanted);
}

static void peer_new(struct peer *p, const char *name, const char *shard, int command_ms)
{
    const struct broker_options options = {.address = redis.socket,
                                           .consumer = name,
                                           .node = name,
                                           .shard = shard,
                                           .lease_ms = LEASE_MS,
                                           .command_ms = command_ms};
    const struct broker_events events = {p,           on_watch, on_unwatch, on_ready,
                                         on_down,     on_put,   on_leased,  on_lost,
                                         on_finished, on_again, on_look};
    struct err err = {0};

    memset(p, 0, sizeof(*p));
    p->fd = -1;
    assert_int_equal(broker_new(&p->b, &options, &events, &err), 0);
}

static void peer_open_at(struct peer *p, const char *name, const char *shard)
{
    struct err err = {0};

    peer_new(p, name, shard, 0);
    assert_int_equal(broker_connect(p->b, &err), 0);
    run_until(p, &p->readies, 1);
}

static void peer_open(struct peer *p, const char *name)
{
    peer_open_at(p, name, NULL);
}

static void put(struct peer *p, int class, int n)
{
    struct broker_job jobs[JOBS];

    for (int i = 0; i < n; i++)
        jobs[i] = (struct broker_job){"up", "st", i};
    broker_put(p->b, class, jobs, n);
    run_until(p, &p->puts, p->puts + 1);
}

static void lease(struct peer *p, int max)
{
    broker_lease(p->b, max, none_first);
    run_until(p, &p->leases, p->leases + 1);
}

/* The first `n` leases of "a", of class 1, become what they are when their time is over. */
static void grow_old(const struct peer *p, int n)
{
    static const char words[] = "xclaim 'lentigo:{s0}:jobs:bulk' lentigo a 0";
    char command[256];

    for (int i = 0; i < n; i++) {
        const char *entry = p->lease[i].entry;
        snprintf(command, sizeof(command),
                 TEST_REDIS_CLI " -s %s %s %s idle %d justid | grep -q %s", redis.socket, words,
                 entry, 2 * LEASE_MS, entry);
        FILE *f = popen(command, "r"); // NOLINT(cert-env33-c)
        assert_true(f && !pclose(f));
    }
}

static void finish(struct peer *p, int i, int total)
{
    struct broker_job job = {"up", "st", i};

    broker_finish(p->b, &p->lease[i], &job, total, "done", 7);
    run_until(p, &p->finishes, p->finishes + 1);
    assert_int_equal(p->tag, 7);
}

static void look(struct peer *p)
{
    broker_look(p->b);
    run_until(p, &p->looks, p->looks + 1);
}

static void jobs_are_leased_once_in_order_of_class(void **state)
{
    static struct peer a, b;

    (void)state;
    peer_open(&a, "a");
    peer_open(&b, "b");
    assert_false(a.has_epoch);
    put(&a, 1, 5);
    put(&a, 1, 5); /* the same again: nothing new */
    assert_int_equal(a.added, 5);
    const struct broker_job urgent[] = {
        {"up", "other", 0},
        {"up", "other", 0}
    }; /* twice in one call */
    broker_put(a.b, 0, urgent, 2);
    run_until(&a, &a.puts, 3);
    assert_int_equal(a.added, 6);
    lease(&a, 3);
    assert_int_equal(a.n, 3);
    assert_string_equal(a.id[0], "up/other/0");
    assert_string_equal(a.id[1], "up/st/0");
    assert_int_equal(a.lease[0].attempt, 1);
    lease(&b, 10);
    assert_int_equal(b.n, 3);
    assert_string_equal(b.id[0], "up/st/2");
    look(&a);
    assert_int_equal(a.look.classes[0].leased, 1);
    assert_int_equal(a.look.classes[1].leased, 5);
    assert_int_equal(a.look.classes[1].ready, 0);
    assert_int_equal(a.look.classes[2].oldest_ms, -1);
    assert_true(a.look.classes[1].oldest_ms > 0);
    broker_free(a.b);
    broker_free(b.b);
}

static void lease_least(struct peer *p, int max, const int least[BROKER_CLASSES])
{
    broker_lease(p->b, max, least);
    run_until(p, &p->leases, p->leases + 1);
}

static void each_class_gets_its_least_first(void **state)
{
    static const int least[BROKER_CLASSES] = {0, 2, 1};
    struct peer p;

    (void)state;
    peer_open(&p, "n1");
    for (int class = 0; class < BROKER_CLASSES; class ++) {
        struct broker_job jobs[8];
        for (int i = 0; i < 8; i++)
            jobs[i] = (struct broker_job){"up", broker_class_word(class), i};
        broker_put(p.b, class, jobs, 8);
        run_until(&p, &p.puts, p.puts + 1);
    }
    lease_least(&p, 6, least);
    int of[BROKER_CLASSES] = {0};
    for (int i = 0; i < p.n; i++)
        of[p.lease[i].class]++;
    assert_int_equal(of[0], 3);
    assert_int_equal(of[1], 2);
    assert_int_equal(of[2], 1);
    lease_least(&p, 2, (const int[]){0, 9, 9}); /* never more than was asked for */
    assert_int_equal(p.n, 2);
    assert_int_equal(p.lease[0].class, 1);
    broker_free(p.b);
}

/* Also what was given back, which comes first otherwise. */
static void nothing_is_leased_of_a_class_that_is_left_out(void **state)
{
    struct peer p;

    (void)state;
    peer_open(&p, "n1");
    put(&p, 1, 3);
    lease(&p, 1);
    broker_release(p.b, &p.lease[0]);
    lease_least(&p, 3, (const int[]){0, -1, 0});
    assert_int_equal(p.n, 0);
    lease(&p, 3);
    assert_int_equal(p.n, 3);
    broker_free(p.b);
}

static void what_comes_back_is_in_the_queue_once(void **state)
{
    struct broker_job job = {"up", "st", 0};
    struct peer p;

    (void)state;
    peer_open(&p, "n1");
    put(&p, 1, 1);
    lease(&p, 1);
    finish(&p, 0, 1);
    assert_int_equal(p.remaining, 0);
    broker_reopen(p.b, 1, &job, "done");
    broker_reopen(p.b, 1, &job, "done");
    put(&p, 1, 1);
    assert_int_equal(p.added, 1); /* that of the beginning */
    lease(&p, 5);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.lease[0].attempt, 1);
    finish(&p, 0, 1);
    assert_int_equal(p.remaining, 0);
    broker_free(p.b);
}

static void finishing_counts_down_the_study_and_repeats_change_nothing(void **state)
{
    static struct peer a;

    (void)state;
    peer_open(&a, "a");
    put(&a, 1, 3);
    lease(&a, 3);
    broker_seed(a.b, "up", "st", (int[]){3, 4}, 2); /* five images, two had results before */
    finish(&a, 0, 5);
    assert_int_equal(a.remaining, 2);
    finish(&a, 0, 5);
    assert_int_equal(a.remaining, -1);
    finish(&a, 1, 5);
    finish(&a, 2, 5);
    assert_int_equal(a.remaining, 0);
    look(&a);
    assert_int_equal(a.look.classes[1].ready + a.look.classes[1].leased, 0);
    broker_free(a.b);
}

/* Each by itself: one that is not ours, one of an old attempt and one that is finished twice cost the
 * others nothing. */
static void what_is_finished_together_is_fenced_one_by_one(void **state)
{
    static struct peer a, b;

    (void)state;
    peer_open(&a, "a");
    peer_open(&b, "b");
    put(&a, 1, 6);
    lease(&b, 1);
    lease(&a, 5);
    a.lease[5] = b.lease[0]; /* up/st/0, of another */
    a.lease[4].attempt++;
    for (int i = 0; i < 6; i++)
        broker_finish(a.b, &a.lease[i], &(struct broker_job){"up", "st", (i + 1) % 6}, 6, "done",
                      (uint32_t)i);
    broker_finish(a.b, &a.lease[0], &(struct broker_job){"up", "st", 1}, 6, "done", 6);
    assert_false(broker_is_idle(a.b));
    run_until(&a, &a.finishes, 7);
    assert_true(broker_is_idle(a.b));
    for (int i = 0; i < 7; i++)
        assert_int_equal(a.remaining_of[i], i < 4 ? 5 - i : -1);
    look(&a);
    assert_int_equal(a.look.classes[1].leased, 2);
    assert_int_equal(a.look.classes[1].ready, 0);
    broker_free(a.b);
    broker_free(b.b);
}

/* Gathered or not, Redis hears it in the order in which it was said. */
static void what_was_finished_is_finished_before_what_is_asked_next(void **state)
{
    struct broker_job job = {"up", "st", 0};
    struct peer p;

    (void)state;
    peer_open(&p, "n1");
    put(&p, 1, 1);
    lease(&p, 1);
    broker_finish(p.b, &p.lease[0], &job, 1, "done", 7);
    broker_reopen(p.b, 1, &job, "done");
    lease(&p, 1);
    assert_int_equal(p.finishes, 1);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.lease[0].attempt, 1);
    broker_free(p.b);
}

static void more_than_fit_into_one_call_are_finished(void **state)
{
    enum { MANY = 2 * BROKER_GATHER_MAX + 1 };
    struct broker_lease lease = {.class = 1, .attempt = 1, .entry = "1-1"}; /* nobody's */
    struct peer p;

    (void)state;
    peer_open(&p, "n1");
    for (int i = 0; i < MANY; i++)
        broker_finish(p.b, &lease, &(struct broker_job){"up", "st", i}, MANY, "done", 7);
    run_until(&p, &p.finishes, MANY);
    assert_int_equal(p.downs, 0);
    broker_free(p.b);
}

/* As what was sent and not answered is: `down` is the only word of it. */
static void what_was_gathered_ends_with_the_connection(void **state)
{
    struct err err = {0};
    struct peer p;

    (void)state;
    peer_open(&p, "n1");
    put(&p, 1, 1);
    lease(&p, 1);
    broker_finish(p.b, &p.lease[0], &(struct broker_job){"up", "st", 0}, 1, "done", 7);
    broker_drop(p.b, "for the test");
    assert_int_equal(p.downs, 1);
    assert_true(broker_is_idle(p.b));
    assert_int_equal(broker_connect(p.b, &err), 0);
    run_until(&p, &p.readies, 2);
    look(&p);
    assert_int_equal(p.finishes, 0);
    assert_int_equal(p.look.classes[1].leased, 1);
    broker_free(p.b);
}

static void a_late_owner_is_refused(void **state)
{
    static struct peer a, b;

    (void)state;
    peer_open(&a, "a");
    peer_open(&b, "b");
    put(&a, 1, 1);
    lease(&a, 1);
    grow_old(&a, 1);
    lease(&b, 1);
    assert_int_equal(b.n, 1);
    assert_int_equal(b.lease[0].attempt, 2);
    broker_renew(a.b, &a.lease[0], 1);
    run_until(&a, &a.n_lost, 1);
    assert_string_equal(a.lost[0].entry, a.lease[0].entry);
    finish(&a, 0, 1);
    assert_int_equal(a.remaining, -1);
    broker_again(a.b, &a.lease[0], 1);
    run_until(&a, &a.agains, 1);
    assert_int_equal(a.attempt, -1);
    broker_release(a.b, &a.lease[0]); /* must not steal it */
    broker_discard(a.b, &a.lease[0], &(struct broker_job){"up", "st", 0});
    look(&a);
    finish(&b, 0, 1);
    assert_int_equal(b.remaining, 0);
    broker_free(a.b);
    broker_free(b.b);
}

static void an_old_attempt_of_the_same_owner_is_refused(void **state)
{
    static struct peer a;

    (void)state;
    peer_open(&a, "a");
    put(&a, 1, 1);
    lease(&a, 1);
    broker_again(a.b, &a.lease[0], 9);
    run_until(&a, &a.agains, 1);
    assert_int_equal(a.attempt, 2);
    finish(&a, 0, 1);
    assert_int_equal(a.remaining, -1);
    a.lease[0].attempt = 2;
    finish(&a, 0, 1);
    assert_int_equal(a.remaining, 0);
    broker_free(a.b);
}

static void a_renewed_lease_is_not_reclaimed(void **state)
{
    static struct peer a, b;

    (void)state;
    peer_open(&a, "a");
    peer_open(&b, "b");
    put(&a, 1, 2);
    lease(&a, 2);
    grow_old(&a, 2);
    broker_renew(a.b, &a.lease[1], 1);
    look(&a);
    assert_int_equal(a.n_lost, 0);
    lease(&b, 2);
    assert_int_equal(b.n, 1);
    assert_string_equal(b.id[0], "up/st/0");
    finish(&a, 1, 2);
    assert_int_equal(a.remaining, 1);
    broker_free(a.b);
    broker_free(b.b);
}

static void a_given_back_job_comes_next_with_a_higher_attempt(void **state)
{
    static struct peer a, b;

    (void)state;
    peer_open(&a, "a");
    peer_open(&b, "b");
    put(&a, 1, 3);
    lease(&a, 2);
    broker_release(a.b, &a.lease[1]);
    look(&a);
    lease(&b, 1);
    assert_int_equal(b.n, 1);
    assert_string_equal(b.id[0], "up/st/1");
    assert_int_equal(b.lease[0].attempt, 2);
    broker_free(a.b);
    broker_free(b.b);
}

static void a_restarted_scheduler_gets_its_jobs_back_at_once(void **state)
{
    static struct peer a, b;

    (void)state;
    peer_open(&a, "a");
    peer_open(&b, "b");
    put(&a, 1, 4);
    lease(&a, 2);
    lease(&b, 1);
    broker_free(a.b);
    peer_open(&a, "a");
    broker_recover(a.b);
    lease(&a, 4);
    assert_int_equal(a.n, 3);
    assert_string_equal(a.id[0], "up/st/0");
    assert_int_equal(a.lease[0].attempt, 2);
    assert_string_equal(a.id[2], "up/st/3"); /* up/st/2 is b's */
    broker_free(a.b);
    broker_free(b.b);
}

/* More live leases in front than XAUTOCLAIM looks at in one step (ten times COUNT). */
static void an_expired_lease_behind_many_live_ones_is_found(void **state)
{
    static struct peer a, b;

    (void)state;
    peer_open(&a, "a");
    peer_open(&b, "b");
    put(&a, 1, JOBS);
    lease(&a, JOBS);
    assert_int_equal(a.n, JOBS);
    grow_old(&a, JOBS);
    broker_renew(a.b, a.lease, JOBS - 1);
    look(&a);
    lease(&b, 1);
    assert_int_equal(b.n, 1);
    assert_string_equal(b.id[0], "up/st/63");
    broker_free(a.b);
    broker_free(b.b);
}

static void a_redis_that_restarts_empty_is_noticed(void **state)
{
    static struct peer a;
    struct err err = {0};

    (void)state;
    peer_open(&a, "a");
    broker_set_epoch(a.b, "0123456789abcdef");
    put(&a, 1, 2);
    test_redis_kill(&redis);
    run_until(&a, &a.downs, 1);
    assert_false(broker_is_ready(a.b));
    test_redis_start(&redis);
    assert_int_equal(broker_connect(a.b, &err), 0);
    run_until(&a, &a.readies, 2);
    assert_false(a.has_epoch);
    assert_false(a.is_same);
    put(&a, 1, 2);
    assert_int_equal(a.added, 4);
    broker_set_epoch(a.b, "0123456789abcdef");
    look(&a); /* answered in order, so the epoch is there */
    broker_drop(a.b, "for the test");
    assert_int_equal(a.downs, 2);
    assert_string_equal(a.why, "for the test");
    assert_int_equal(broker_connect(a.b, &err), 0);
    run_until(&a, &a.readies, 3);
    assert_true(a.has_epoch);
    assert_true(a.is_same);
    lease(&a, 5);
    assert_int_equal(a.n, 2);
    broker_free(a.b);
}

static void a_flushed_redis_is_noticed(void **state)
{
    static struct peer a;
    struct err err = {0};
    char command[160];

    (void)state;
    peer_open(&a, "a");
    broker_set_epoch(a.b, "0123456789abcdef");
    look(&a);
    assert_true(a.look.has_epoch);
    snprintf(command, sizeof(command), TEST_REDIS_CLI " -s %s flushall >/dev/null", redis.socket);
    FILE *cli = popen(command, "r"); // NOLINT(cert-env33-c)
    assert_int_equal(pclose(cli), 0);
    broker_lease(a.b, 1, none_first); /* its group is gone */
    run_until(&a, &a.downs, 1);
    assert_non_null(strstr(a.why, "NOGROUP"));
    assert_int_equal(broker_connect(a.b, &err), 0);
    run_until(&a, &a.readies, 2);
    assert_false(a.has_epoch);
    broker_free(a.b);
}

static void no_redis_is_down_not_a_hang(void **state)
{
    static struct peer a;
    struct err err = {0};

    (void)state;
    test_redis_kill(&redis);
    peer_new(&a, "a", NULL, 0);
    if (!broker_connect(a.b, &err))
        run_until(&a, &a.downs, 1);
    assert_false(broker_is_ready(a.b));
    broker_free(a.b);
    test_redis_start(&redis);
}

static void a_stalled_redis_is_dropped(void **state)
{
    static struct peer a;
    struct err err = {0};

    (void)state;
    peer_new(&a, "a", NULL, 200);
    assert_int_equal(broker_connect(a.b, &err), 0);
    run_until(&a, &a.readies, 1);
    kill(redis.pid, SIGSTOP);
    broker_lease(a.b, 1, none_first);
    run_until(&a, &a.downs, 1);
    kill(redis.pid, SIGCONT);
    assert_non_null(strstr(a.why, "in time"));
    broker_free(a.b);
}

static void words_of_the_control_stream_arrive_once(void **state)
{
    static struct peer a;
    struct queue_client *c;
    struct err err = {0};

    (void)state;
    assert_int_equal(queue_client_open(&c, redis.socket, 1000, &err), 0);
    assert_int_equal(queue_client_tell(c, "before", &err), 0);
    peer_open(&a, "a");
    look(&a);
    assert_int_equal(a.look.n_words, 0);
    assert_int_equal(queue_client_tell(c, "rescan", &err), 0);
    assert_int_equal(queue_client_tell(c, "pause", &err), 0);
    look(&a);
    assert_int_equal(a.look.n_words, 2);
    assert_string_equal(a.look.words[0], "rescan");
    assert_string_equal(a.look.words[1], "pause");
    look(&a);
    assert_int_equal(a.look.n_words, 0);
    queue_client_close(c);
    broker_free(a.b);
}

static void a_malformed_entry_is_handed_out_to_be_discarded(void **state)
{
    static struct peer a;
    char command[256];

    (void)state;
    peer_open(&a, "a");
    snprintf(command, sizeof(command),
             TEST_REDIS_CLI " -s %s xadd 'lentigo:{s0}:jobs:bulk' '*' n -3 x y >/dev/null",
             redis.socket);
    FILE *cli = popen(command, "r"); // NOLINT(cert-env33-c)
    assert_int_equal(pclose(cli), 0);
    lease(&a, 5);
    assert_int_equal(a.n, 1);
    assert_string_equal(a.id[0], "//-1");
    broker_discard(a.b, &a.lease[0], &(struct broker_job){"", "", -1});
    look(&a);
    assert_int_equal(a.look.classes[1].ready + a.look.classes[1].leased, 0);
    broker_free(a.b);
}

static int redis_up(void **state)
{
    (void)state;
    test_redis_open(&redis);
    return 0;
}

static int redis_down(void **state)
{
    (void)state;
    test_redis_close(&redis);
    return 0;
}

/* How many keys Redis has with `tag` in their names. */
static int count_keys(const char *tag)
{
    char command[200], line[256];
    int n = 0;

    snprintf(command, sizeof(command), TEST_REDIS_CLI " -s %s keys '*{%s}*'", redis.socket, tag);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        n += strncmp(line, "lentigo:", 8) == 0;
    pclose(f);
    return n;
}

static void queues_of_two_shards_do_not_mix(void **state)
{
    static struct peer images, trials;
    int64_t end = clock_mono_us() + HANG_US;

    (void)state;
    peer_open(&images, "a");
    peer_open_at(&trials, "a", "sweep-1");
    put(&images, 2, 3);
    put(&trials, 2, 2);
    assert_true(images.added == 3 && trials.added == 2);
    lease(&trials, 10);
    assert_int_equal(trials.n, 2);
    finish(&trials, 0, 2);
    lease(&images, 10);
    assert_int_equal(images.n, 3);
    assert_true(count_keys("sweep-1") > 0);
    broker_forget_study(trials.b, "up", "st");
    broker_forget_shard(trials.b);
    while (count_keys("sweep-1") && clock_mono_us() < end)
        turn(&trials);
    assert_int_equal(count_keys("sweep-1"), 0);
    look(&images);
    assert_int_equal(images.look.classes[2].leased, 3);
    broker_free(images.b);
    broker_free(trials.b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, redis_up, redis_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(jobs_are_leased_once_in_order_of_class),
        CASE(each_class_gets_its_least_first),
        CASE(nothing_is_leased_of_a_class_that_is_left_out),
        CASE(what_comes_back_is_in_the_queue_once),
        CASE(finishing_counts_down_the_study_and_repeats_change_nothing),
        CASE(what_is_finished_together_is_fenced_one_by_one),
        CASE(what_was_finished_is_finished_before_what_is_asked_next),
        CASE(more_than_fit_into_one_call_are_finished),
        CASE(what_was_gathered_ends_with_the_connection),
        CASE(a_late_owner_is_refused),
        CASE(an_old_attempt_of_the_same_owner_is_refused),
        CASE(a_renewed_lease_is_not_reclaimed),
        CASE(a_given_back_job_comes_next_with_a_higher_attempt),
        CASE(a_restarted_scheduler_gets_its_jobs_back_at_once),
        CASE(an_expired_lease_behind_many_live_ones_is_found),
        CASE(a_redis_that_restarts_empty_is_noticed),
        CASE(a_flushed_redis_is_noticed),
        CASE(no_redis_is_down_not_a_hang),
        CASE(a_stalled_redis_is_dropped),
        CASE(words_of_the_control_stream_arrive_once),
        CASE(queues_of_two_shards_do_not_mix),
        CASE(a_malformed_entry_is_handed_out_to_be_discarded),
    };

    test_redis_skip_if_missing();
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
