#include "cli/commands.h"
#include "cli/commands_operate.h"
#include "cli/give_order.h"
#include "cli/open_spool.h"
#include "queue/broker.h"

static int give(const struct settings *s, enum order_kind kind, const char *class, struct err *err)
{
    struct order order = {.kind = kind};
    struct spool *spool = NULL;

    snprintf(order.target, sizeof(order.target), "%s", class ? class : "");
    if (open_spool(&spool, s, NULL, err))
        return -1;
    int ret = order_give(spool, &order, s->why, NULL, err);
    spool_close(spool);
    if (!ret)
        printf("%s  %s, by %s\n", order_word(kind), class ? class : "all classes", order.by);
    return ret;
}

/* A scheduled upload, before its time. */
static int begin(const struct settings *s, const char *id, struct err *err)
{
    struct order order = {.kind = ORDER_BEGIN};
    struct spool *spool = NULL;
    int changed;

    if (open_spool(&spool, s, NULL, err))
        return -1;
    int ret = strchr(id, '/')
                  ? err_set(err, ERR_INPUT, "\"%.80s\": an upload begins as a whole", id)
                  : order_target(order.target, spool, id, err);
    if (!ret)
        ret = order_give(spool, &order, s->why, &changed, err);
    if (!ret && changed < 0)
        printf("%s  %s\n", order.target, order_pending(spool));
    else if (!ret)
        printf("%s  images begun before their time: %d\n", order.target, changed);
    spool_close(spool);
    return ret;
}

static bool is_class(const char *word)
{
    return broker_class_of(word) >= 0;
}

int cmd_pause(const struct settings *s, int argc, char **argv)
{
    struct err err = {0};

    if (argc > 1)
        err_set(&err, ERR_INPUT, "pause: lentigo pause [CLASS] --why TEXT");
    else if (argc && !is_class(argv[0]))
        err_set(&err, ERR_INPUT, "\"%.40s\" is none of interactive, bulk, training", argv[0]);
    else if (!s->why[0])
        err_set(&err, ERR_INPUT,
                "pause: --why is missing; whoever finds the queue paused reads it");
    else if (!give(s, ORDER_PAUSE, argc ? argv[0] : NULL, &err))
        return STATUS_OK;
    return command_fail(&err);
}

int cmd_resume(const struct settings *s, int argc, char **argv)
{
    struct err err = {0};

    if (argc > 1)
        err_set(&err, ERR_INPUT, "resume: lentigo resume [CLASS | UPLOAD]");
    else if (argc && !is_class(argv[0]) ? !begin(s, argv[0], &err)
                                        : !give(s, ORDER_RESUME, argc ? argv[0] : NULL, &err))
        return STATUS_OK;
    return command_fail(&err);
}
