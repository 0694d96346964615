/* cmd_statement.c -- the conservation statements of a spool, and their proof. */
#include <inttypes.h>

#include "cli/commands.h"
#include "cli/commands_queue.h"
#include "cli/open_spool.h"
#include "queue/statement.h"

enum { LINES_MAX = 50 };

struct reading {
    bool is_json;
    int n;
    struct statement last;
    int64_t wrong, mended;
};

static int print_statement(void *ctx, const struct statement *s, const json_t *text,
                           struct err *err)
{
    struct reading *r = ctx;
    const struct statement_counts *c = &s->total;

    r->last = *s;
    if (r->is_json) {
        char *line = json_line(text);
        if (!line)
            return err_set(err, ERR_NOMEM, "statement");
        puts(line);
        free(line);
    } else {
        if (!r->n)
            printf("%-20s %9s %9s %9s %9s %9s %9s %9s\n", "statement", "carried", "received",
                   "reopened", "done", "set aside", "cancelled", "left");
        printf("%-20.*s %9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64
               " %9" PRId64 "\n",
               (int)(strlen(s->file) - strlen(".json")), s->file, c->carried, c->received,
               c->reopened, c->done, c->set_aside, c->cancelled, c->left);
    }
    r->n++;
    return 0;
}

static void print_wrong(void *ctx, const char *where, const char *what)
{
    struct reading *r = ctx;

    if (r->wrong++ < LINES_MAX)
        printf("%s: %s\n", where, what);
}

static void print_mended(void *ctx, const char *where, const char *what)
{
    struct reading *r = ctx;

    if (r->mended++ < LINES_MAX)
        printf("%s: %s\n", where, what);
}

static void conclude(const struct reading *r)
{
    if (r->wrong > LINES_MAX)
        printf("... and %" PRId64 " more\n", r->wrong - LINES_MAX);
    if (r->mended)
        printf("damaged results that were mended, as the spool's log says: %" PRId64 "\n",
               r->mended);
    if (r->wrong)
        printf("NOT AS STATED: %" PRId64 "\n", r->wrong);
    else
        printf("all is as stated, in %d statement%s up to number %" PRId64 ", sha256 %s\n", r->n,
               r->n == 1 ? "" : "s", r->last.number, r->last.sha256);
}

static int show(struct reading *r, const struct settings *s, const char *out, struct err *err)
{
    struct spool *spool = NULL;
    const struct statement_listener listener = {print_wrong, print_mended, r};
    int64_t wrong;
    struct err why = {0};

    if (open_spool(&spool, s, out, err))
        return -1;
    int ret = statement_each(spool, print_statement, r, &why);
    if (ret && !s->verify)
        err_set(err, ERR_AGAIN, "%s (lentigo statement --verify names all)", why.msg);
    if (!ret && !r->n && !r->is_json)
        printf("no statement yet: the first is made at the end of a run, or of a day (UTC)\n");
    if (s->verify) {
        ret = statement_verify(spool, &listener, &wrong, err);
        if (!ret && !r->is_json)
            conclude(r);
    }
    spool_close(spool);
    return ret;
}

int cmd_statement(const struct settings *s, int argc, char **argv)
{
    struct reading r = {.is_json = s->json};
    struct err err = {0};
    int ret = -1;

    if (argc > 1)
        err_set(&err, ERR_INPUT, "statement: lentigo statement [OUT] [--verify]");
    else
        ret = show(&r, s, argc ? argv[0] : NULL, &err);
    if (ret)
        return command_fail(&err);
    return r.wrong ? STATUS_UNFINISHED : STATUS_OK;
}
