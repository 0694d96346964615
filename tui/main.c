/* lentigo-top: the dashboard. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "common/version.h"
#include "tui/frame.h"
#include "tui/top.h"

enum { PLAIN_COLS = 80, OUTPUT_MAX = 8 << 20 };

static int fail(const struct err *err)
{
    fprintf(stderr, "lentigo top: %s\n", err->msg);
    return status_of_err(err);
}

static int help(void)
{
    printf(
        "  lentigo top /data/friday-out\n\nusage: lentigo top [OUT] [flags]\n"
        "Dashboard of the run that writes OUT; without OUT of the installation configured here,\n"
        "else of your newest run. Printed once where standard output is no terminal.\n\nflags\n");
    settings_help(COMMAND_TOP, stdout);
    return STATUS_OK;
}

static int write_all(const struct buf *text, struct err *err)
{
    size_t done = 0;

    while (done < text->len) {
        ssize_t n = write(STDOUT_FILENO, text->data + done, text->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(err, ERR_BUG, "standard output: %s", strerror(errno));
        done += (size_t)n;
    }
    return 0;
}

static int columns(void)
{
    const char *text = getenv("COLUMNS");
    long n = text ? strtol(text, NULL, 10) : 0;

    return n > 0 && n <= FRAME_COLS_MAX ? (int)n : PLAIN_COLS;
}

static int print(struct source *source, bool is_snapshot, struct err *err)
{
    struct buf text;
    int ret;

    buf_init(&text, OUTPUT_MAX);
    ret = is_snapshot ? top_snapshot(source, &text, err) : top_plain(source, columns(), &text, err);
    if (!ret)
        ret = write_all(&text, err);
    buf_release(&text);
    return ret;
}

static int dump(const struct settings *s, struct err *err)
{
    struct buf text;
    int ret;

    buf_init(&text, OUTPUT_MAX);
    ret = settings_format(s, &text, err);
    if (!ret)
        ret = write_all(&text, err);
    buf_release(&text);
    return ret;
}

static int show(const struct settings *s, const char *out, struct err *err)
{
    struct source source;
    bool is_live = !s->snapshot && !s->plain && isatty(STDOUT_FILENO);
    enum log_level level = (enum log_level)log_level_of(s->log_level);
    int ret;

    /* A line of log would land in the middle of the picture. */
    log_init("top", is_live && isatty(STDERR_FILENO) ? LOG_ERROR : level);
    ret = source_find(&source, s, out, err);
    if (!ret)
        ret = is_live ? top_watch(&source, err) : print(&source, s->snapshot, err);
    source_close(&source);
    return ret;
}

int main(int argc, char **argv)
{
    static struct settings settings; /* several paths of 4 kB; one a process */
    struct err err = {0};
    int first, ret;

    file_hold_standard();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setlocale(LC_ALL, "");
    if (settings_load(&settings, COMMAND_TOP, argc, argv, &first, &err))
        return fail(&err);
    if (settings.help)
        return help();
    if (settings.version) {
        printf("lentigo-top " LENTIGO_VERSION "\n");
        return STATUS_OK;
    }
    if (argc - first > 1) {
        err_set(&err, ERR_INPUT, "one folder at most (see --help)");
        return fail(&err);
    }
    ret = settings.dump_config ? dump(&settings, &err)
                               : show(&settings, argc > first ? argv[first] : NULL, &err);
    return ret ? fail(&err) : STATUS_OK;
}
