/* cmd_doctor.c -- doctor and recover: what checkup.h finds and mends, for a person or as JSON.
 * The doctor works without Redis, and beside a run. */
#include "cli/checkup.h"
#include "cli/commands.h"
#include "cli/commands_queue.h"

static int doctor(struct checkup *c, const struct settings *s, const char *out, struct err *err)
{
    if (checkup_open(c, s, out, err))
        return -1;
    if (s->repair ? checkup_mend(c, false, err) : checkup_look(c, err))
        return -1;
    return checkup_print(c, s->json, err);
}

int cmd_doctor(const struct settings *s, int argc, char **argv)
{
    struct checkup c = {0};
    struct err err = {0};
    int ret = -1;

    if (argc > 1)
        err_set(&err, ERR_INPUT, "doctor: lentigo doctor [OUT] (see lentigo doctor --help)");
    else
        ret = doctor(&c, s, argc ? argv[0] : NULL, &err);
    int status = ret ? command_fail(&err) : checkup_status(&c);
    checkup_close(&c);
    return status;
}

/* A run's Redis comes with the run; an installation's must be there to be filled. */
static int recover(struct checkup *c, const struct settings *s, const char *out, struct err *err)
{
    if (checkup_open(c, s, out, err) || checkup_mend(c, true, err) ||
        checkup_print(c, s->json, err))
        return -1;
    if (out || c->redis)
        return 0;
    return err_set(err, ERR_AGAIN,
                   "recover: the spool is in order, but Redis could not be filled: %s; the "
                   "scheduler's start does it too",
                   c->no_redis);
}

int cmd_recover(const struct settings *s, int argc, char **argv)
{
    struct checkup c = {.waits_for_start = true};
    struct err err = {0};
    int ret = -1;

    if (argc > 1)
        err_set(&err, ERR_INPUT, "recover: lentigo recover [OUT] (see lentigo recover --help)");
    else
        ret = recover(&c, s, argc ? argv[0] : NULL, &err);
    int status = ret ? command_fail(&err) : checkup_status(&c);
    checkup_close(&c);
    return status;
}
