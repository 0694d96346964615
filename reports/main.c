/* lentigo-reports: HTML, PDF and JSON for each study. Without a word it serves a scheduler on
 * descriptor 3; `summary` writes the four files of a whole run, `bench OUT` measures. */
#include <malloc.h>
#include <signal.h>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "reports/serve.h"
#include "reports/summary.h"

enum { MEMORY_KEPT = 16 << 20 }; /* bytes */

static int usage(const char *text)
{
    fprintf(stderr, "lentigo-reports: %s\n", text);
    return STATUS_USAGE;
}

static int run_word(const char *word, const struct settings *s, int n, char **operands)
{
    if (!strcmp(word, "summary"))
        return n ? usage("summary takes no operand") : summary_run(s);
    if (!strcmp(word, "bench"))
        return n == 1 ? bench_run(s, operands[0]) : usage("bench needs the folder of a run");
    return n ? usage("no operand expected") : serve_run(s);
}

/* A report takes and gives back a few hundred kB, which glibc would return to the kernel each time and
 * fault in again: 0.6 of 4.8 ms for a Chinese one. */
static void keep_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, MEMORY_KEPT);
    (void)mallopt(M_TRIM_THRESHOLD, MEMORY_KEPT);
}

int main(int argc, char **argv)
{
    static struct settings settings; /* several paths of 4 kB; one a process */
    bool has_word = argc > 1 && argv[1][0] != '-';
    const char *word = has_word ? argv[1] : "serve";
    bool is_bench = !strcmp(word, "bench"),
         is_known = is_bench || !strcmp(word, "summary") || !strcmp(word, "serve");
    struct err err = {0};
    int first;

    file_hold_standard();
    keep_memory();
    if (!is_known)
        return usage("the words are serve, summary and bench");
    argc -= has_word;
    argv += has_word;
    if (settings_load(&settings, is_bench ? COMMAND_BENCH : COMMAND_REPORTS, argc, argv, &first,
                      &err)) {
        fprintf(stderr, "lentigo-reports: %s\n", err.msg);
        return err.code == ERR_INPUT ? STATUS_USAGE : STATUS_CONFIG;
    }
    if (settings.help) {
        printf("usage: lentigo-reports [serve|summary|bench OUT] [flags]\n");
        settings_help(is_bench ? COMMAND_BENCH : COMMAND_REPORTS, stdout);
        return 0;
    }
    log_init("reports", (enum log_level)log_level_of(settings.log_level));
    (void)signal(SIGPIPE, SIG_IGN);
    if (!strcmp(word, "serve"))
        (void)signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the whole group; the scheduler decides */
    return run_word(word, &settings, argc - first, argv + first);
}
