#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"

/* What `speak` writes to stderr, in static memory until the next call. */
static const char *heard(void (*speak)(void))
{
    static char text[1 << 20]; /* one test runs at a time */
    FILE *file = tmpfile();
    int stderr_was = dup(STDERR_FILENO);

    dup2(fileno(file), STDERR_FILENO);
    speak();
    dup2(stderr_was, STDERR_FILENO);
    close(stderr_was);
    rewind(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = 0;
    fclose(file);
    return text;
}

static void speak_levels(void)
{
    log_init("worker", LOG_WARN);
    log_event(LOG_ERROR, "disk.full", "free_mb=%d", 3);
    log_event(LOG_WARN, "image.set_aside", "job=%s", "b-17");
    log_event(LOG_INFO, "not.heard", "x=%d", 1);
}

static void levels_and_keys(void **state)
{
    const char *text = heard(speak_levels);

    (void)state;
    assert_memory_equal(text, "ts=20", 5);
    assert_non_null(strstr(text, "Z level=error program=worker pid="));
    assert_non_null(strstr(text, " event=disk.full free_mb=3\n"));
    assert_non_null(strstr(text, " level=warn "));
    assert_non_null(strstr(text, " event=image.set_aside job=b-17\n"));
    assert_null(strstr(text, "not.heard"));
}

static void speak_oddly(void)
{
    static char big[3000]; /* too much for one line */

    log_init("worker", LOG_INFO);
    log_event(LOG_INFO, "odd", "why=%s", "a\nlevel=error event=forged\x1b[2J");
    memset(big, 'x', sizeof(big) - 1);
    log_event(LOG_INFO, "big", "why=%s", big);
    log_event(LOG_INFO, "plain", "x=%d", 1);
}

static void a_line_stays_one_line(void **state)
{
    const char *text = heard(speak_oddly);
    const char *end = strchr(text, '\n');
    const char *end_of_big = strchr(end + 1, '\n');

    (void)state;
    assert_memory_equal(end - 4, "?[2J\n", 5);
    assert_int_equal(end_of_big - end, 1024);
    assert_non_null(strstr(end_of_big, "event=plain x=1\n"));
    assert_null(strchr(strchr(end_of_big + 1, '\n') + 1, '\n'));
}

static void *chatter(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_event(LOG_INFO, "chat", "who=%s end=yes", (const char *)arg);
    return NULL;
}

static void speak_together(void)
{
    static const char *const who[] = {"aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"};
    pthread_t thread[3];

    log_init("worker", LOG_INFO);
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, chatter, (void *)(uintptr_t)who[i]);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
}

static void lines_of_threads_do_not_mix(void **state)
{
    const char *at = heard(speak_together);
    int lines = 0;

    (void)state;
    for (; *at; lines++, at = strchr(at, '\n') + 1) {
        assert_memory_equal(at, "ts=20", 5);
        const char *end = strchr(at, '\n');
        assert_memory_equal(end - 8, " end=yes", 8);
        assert_int_equal(end[-9], end[-24]); /* all of `who` is one letter */
    }
    assert_int_equal(lines, 1500);
}

static void quoting(void **state)
{
    char out[64], small[8], least[3];

    (void)state;
    assert_string_equal(log_quote(out, sizeof(out), "plain text"), "\"plain text\"");
    assert_string_equal(log_quote(out, sizeof(out), "a\"b\\c\nd\x7f"),
                        "\"a\\x22b\\x5cc\\x0ad\\x7f\"");
    assert_string_equal(log_quote(out, sizeof(out), ""), "\"\"");
    assert_string_equal(log_quote(small, sizeof(small), "abcdefgh"), "\"a\"");
    assert_string_equal(log_quote(small, sizeof(small), "\n\n\n"), "\"\\x0a\"");
    assert_string_equal(log_quote(least, sizeof(least), "abc"), "\"\"");
}

static void level_names(void **state)
{
    (void)state;
    assert_int_equal(log_level_of("error"), LOG_ERROR);
    assert_int_equal(log_level_of("trace"), LOG_TRACE);
    assert_int_equal(log_level_of("Error"), -1);
    assert_int_equal(log_level_of(""), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_and_keys),
        cmocka_unit_test(a_line_stays_one_line),
        cmocka_unit_test(lines_of_threads_do_not_mix),
        cmocka_unit_test(quoting),
        cmocka_unit_test(level_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
