#include "cli/commands.h"
#include "cli/commands_operate.h"
#include "cli/give_order.h"
#include "cli/open_spool.h"

static int cancel(struct spool *spool, const char *id, const char *why, struct err *err)
{
    struct order order = {.kind = ORDER_CANCEL};
    int changed;

    if (order_target(order.target, spool, id, err) || order_give(spool, &order, why, &changed, err))
        return -1;
    if (changed < 0)
        printf("%s  %s\n", order.target, order_pending(spool));
    else
        printf("%s  images cancelled: %d\n", order.target, changed);
    return 0;
}

int cmd_cancel(const struct settings *s, int argc, char **argv)
{
    struct spool *spool = NULL;
    struct err err = {0};
    int ret = -1;

    if (argc < 1 || argc > 2)
        err_set(&err, ERR_INPUT, "cancel: lentigo cancel ID [OUT] --why TEXT");
    else if (!s->why[0])
        err_set(&err, ERR_INPUT, "cancel: --why is missing; it is kept with who and when");
    else if (!open_spool(&spool, s, argc > 1 ? argv[1] : NULL, &err))
        ret = cancel(spool, argv[0], s->why, &err);
    spool_close(spool);
    return ret ? command_fail(&err) : STATUS_OK;
}
