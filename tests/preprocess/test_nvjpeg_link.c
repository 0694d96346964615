/* The zygote's side of a batcher, which the test plays: whatever it says or does, each picture that it was
 * given comes back once. */
#include "tests/preprocess/support.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preprocess/batcher.h"
#include "preprocess/nvjpeg_link.h"

enum { SLOTS = 200 };

static const struct decoder_config decoder = {.slots = SLOTS, .children = 1, .seconds = 3600};
static struct nvjpeg_link link_;
static int batcher; /* our end of its socket */
static int decoded[SLOTS], given_back[SLOTS], n_back;
static int64_t cpu_of_back;
static int slot_fds[SLOTS]; /* standard input for all: nobody looks at them here */

static void on_decoded(void *ctx, const struct wire_outcome *o)
{
    assert_ptr_equal(ctx, &link_);
    assert_int_equal(o->is_by_nvjpeg, 1);
    decoded[o->slot]++;
}

static void on_given_back(void *ctx, int slot, int64_t cpu_us)
{
    assert_ptr_equal(ctx, &link_);
    given_back[slot]++;
    n_back++;
    cpu_of_back = cpu_us;
}

/* Another batcher, as nvjpeg_link_is_there would start it: a process that waits for its end. */
static void begin(void)
{
    int pair[2];

    link_.pid = fork();
    while (!link_.pid)
        pause();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    link_.sock = pair[0];
    batcher = pair[1];
}

static int setup(void **state)
{
    const struct nvjpeg_link_owner owner = {.decoder = &decoder,
                                            .slot_fds = slot_fds,
                                            .ctx = &link_,
                                            .decoded = on_decoded,
                                            .given_back = on_given_back};

    (void)state;
    memset(decoded, 0, sizeof(decoded));
    memset(given_back, 0, sizeof(given_back));
    n_back = 0;
    if (nvjpeg_link_init(&link_, &owner))
        return -1;
    begin();
    return 0;
}

static void bury(void)
{
    int status;

    assert_int_equal(waitpid(link_.pid, &status, 0), link_.pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    close(batcher);
}

static int teardown(void **state)
{
    (void)state;
    if (link_.sock >= 0) {
        kill(link_.pid, SIGKILL);
        bury();
        close(link_.sock);
    }
    free(link_.given);
    return 0;
}

/* Jobs 1, 2 ... for slots 0, 1 ...; how many it took. */
static int give(int n)
{
    for (int slot = 0; slot < n; slot++)
        if (!nvjpeg_link_give(&link_,
                              &(struct wire_job){.number = (uint64_t)slot + 1, .slot = slot},
                              STDIN_FILENO))
            return slot;
    return n;
}

static void say(struct wire_outcome o)
{
    assert_int_equal(wire_send(batcher, &o, sizeof(o), NULL, 0, 0), 0);
}

static void pictures_are_decoded_or_come_back(void **state)
{
    (void)state;
    say((struct wire_outcome){.end = WIRE_EXITED, .text = "fake"}); /* it stands */
    assert_int_equal(give(3), 3);
    say((struct wire_outcome){.number = 2, .slot = 1, .end = WIRE_NOT_PLAIN, .cpu_us = 7});
    say((struct wire_outcome){.number = 1, .slot = 0, .end = WIRE_EXITED});
    nvjpeg_link_receive(&link_);
    assert_true(link_.is_up);
    assert_int_equal(decoded[0], 1);
    assert_int_equal(given_back[1], 1);
    assert_int_equal(cpu_of_back, 7);
    assert_int_equal(link_.out, 1);
    assert_true(nvjpeg_link_is_there(&link_));
}

static void it_gets_no_more_than_it_can_hold(void **state)
{
    (void)state;
    assert_int_equal(give(SLOTS), BATCHER_AHEAD);
}

/* All that it was given comes back, and it is never asked again. */
static void one_that_lies_is_ended_for_good(void **state)
{
    const struct wire_outcome lies[] = {
        {.number = 9,         .slot = 0,                 .end = WIRE_EXITED}, /* another number */
        {.number = 1,                   .slot = 1,                                  .end = WIRE_EXITED}, /* another's slot */
        {.number = 3, .slot = 2,.end = WIRE_EXITED}, /* given to nobody */
        {.number = 1,          .slot = -1,                         .end = WIRE_EXITED}, /* no slot */
        {.number = 1,         .slot = SLOTS,               .end = WIRE_EXITED}, /* no slot */
        {.number = 1,                   .slot = 0,                                  .end = WIRE_DIED}, /* not its to say */
        {.number = 1, .slot = 0,            .end = WIRE_EXITED, .cpu_us = -1}, /* time runs forward */
        {.end = WIRE_DIED,.text = "no device"}, /* it cannot stand */
    };

    for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
        if (i) {
            teardown(state);
            setup(state);
        }
        assert_int_equal(give(2), 2);
        say(lies[i]);
        say((struct wire_outcome){.number = 2, .slot = 1, .end = WIRE_EXITED}); /* too late */
        nvjpeg_link_receive(&link_);
        assert_int_equal(n_back, 2);
        assert_int_equal(given_back[0], 1);
        assert_int_equal(given_back[1], 1);
        assert_int_equal(decoded[1], 0);
        assert_false(nvjpeg_link_is_there(&link_));
        bury();
    }
}

static void one_that_dies_three_times_is_off(void **state)
{
    (void)state;
    for (int death = 1; death <= 3; death++) {
        assert_int_equal(give(1), 1);
        assert_int_equal(shutdown(batcher, SHUT_RDWR), 0);
        nvjpeg_link_receive(&link_);
        assert_int_equal(given_back[0], death);
        assert_int_equal(link_.out, 0);
        bury();
        assert_int_equal(link_.is_off, death == 3);
        if (death < 3)
            begin();
    }
    assert_false(nvjpeg_link_is_there(&link_));
}

/* Its clock runs from the last answer, and not while it has nothing to do. The next one does not have what
 * it had. */
static void one_that_falls_silent_is_ended(void **state)
{
    (void)state;
    link_.since_us = 0;
    nvjpeg_link_watch(&link_);
    assert_int_equal(give(2), 2);
    nvjpeg_link_watch(&link_);
    assert_int_equal(n_back, 0);
    link_.since_us -= (decoder.seconds + BATCHER_START_S + 1) * INT64_C(1000000);
    nvjpeg_link_watch(&link_);
    assert_int_equal(n_back, 2);
    assert_false(link_.is_off);
    bury();
    begin();
    say((struct wire_outcome){.number = 1, .slot = 0, .end = WIRE_EXITED});
    nvjpeg_link_receive(&link_);
    assert_true(link_.is_off);
    assert_int_equal(decoded[0], 0);
    assert_int_equal(n_back, 2);
    bury();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(pictures_are_decoded_or_come_back), CASE(it_gets_no_more_than_it_can_hold),
        CASE(one_that_lies_is_ended_for_good),   CASE(one_that_dies_three_times_is_off),
        CASE(one_that_falls_silent_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
