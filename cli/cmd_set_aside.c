#include "cli/aside_list.h"
#include "cli/commands.h"
#include "cli/commands_operate.h"
#include "cli/open_spool.h"

static int print_json(void *ctx, const struct aside *a, struct err *err)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:i, s:o, s:i, s:b}", "id", a->id, "reason",
                  reason_word(a->reason), "stage", a->stage, "signal", a->signal, "detail",
                  json_text(a->detail), "retries", a->retries, "can_retry", a->has_original);
    char *line = object ? json_line(object) : NULL;

    json_decref(object);
    if (!line)
        return err_set(err, ERR_NOMEM, "set-aside");
    puts(line);
    free(line);
    ++*(int *)ctx;
    return 0;
}

static int print_text(void *ctx, const struct aside *a, struct err *err)
{
    char signal[16] = "-";

    (void)err;
    if (!*(int *)ctx)
        printf("%-40s %-16s %-8s %6s %7s\n", "image", "reason", "stage", "signal", "retries");
    if (a->signal)
        snprintf(signal, sizeof(signal), "%d", a->signal);
    printf("%-40s %-16s %-8s %6s %7d%s\n", a->id, reason_word(a->reason), a->stage, signal,
           a->retries, a->has_original ? "" : "  no original");
    ++*(int *)ctx;
    return 0;
}

static int list(struct spool *spool, const struct settings *s, struct err *err)
{
    enum reason reason = REASON_NONE;
    int n = 0;

    if (s->reason[0]) {
        reason = reason_of(s->reason);
        if (strcmp(s->reason, reason_word(reason)) != 0)
            return err_set(err, ERR_INPUT, "no reason \"%.40s\"", s->reason);
    }
    if (aside_each(spool, "", reason, s->json ? print_json : print_text, &n, err))
        return -1;
    if (!s->json)
        printf("set aside: %d\n", n);
    return 0;
}

int cmd_set_aside(const struct settings *s, int argc, char **argv)
{
    struct spool *spool = NULL;
    struct err err = {0};
    int ret = -1;

    if (argc > 1)
        err_set(&err, ERR_INPUT, "set-aside: lentigo set-aside [OUT] [--reason R] [--json]");
    else if (!open_spool(&spool, s, argc ? argv[0] : NULL, &err))
        ret = list(spool, s, &err);
    spool_close(spool);
    return ret ? command_fail(&err) : STATUS_OK;
}
