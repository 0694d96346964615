#include "cli/aside_list.h"
#include "cli/commands.h"
#include "cli/commands_operate.h"
#include "cli/give_order.h"
#include "cli/open_spool.h"

/* Images on their way into orders of ORDER_IMAGES_MAX each. */
struct retry {
    struct spool *spool;
    const char *why;
    struct order order;
    int asked, changed, without_original;
    bool is_pending;
};

static int give(struct retry *r, struct err *err)
{
    int changed = -1;

    if (!r->order.n_images)
        return 0;
    if (order_give(r->spool, &r->order, r->why, &changed, err))
        return -1;
    r->is_pending = r->is_pending || changed < 0;
    r->changed += changed > 0 ? changed : 0;
    r->order.n_images = 0;
    return 0;
}

static int add(void *ctx, const struct aside *a, struct err *err)
{
    struct retry *r = ctx;

    if (!a->has_original) {
        r->without_original++;
        return 0;
    }
    struct order_image *image = &r->order.images[r->order.n_images++];
    memcpy(image->id, a->id, sizeof(image->id));
    image->retries = a->retries;
    r->asked++;
    return r->order.n_images == ORDER_IMAGES_MAX ? give(r, err) : 0;
}

static void tell(const struct retry *r)
{
    if (r->without_original)
        printf("without an original, so left as they are: %d\n", r->without_original);
    if (!r->asked)
        printf("nothing there that was set aside and can be tried again\n");
    else if (r->is_pending)
        printf("images to retry: %d; %s\n", r->asked, order_pending(r->spool));
    else
        printf("images put back into the queue: %d\n", r->changed);
}

static int retry(struct retry *r, const char *id, const char *reason_name, struct err *err)
{
    char target[WIRE_ID_SIZE] = "";
    enum reason reason = reason_name[0] ? reason_of(reason_name) : REASON_NONE;

    if (reason_name[0] && strcmp(reason_name, reason_word(reason)) != 0)
        return err_set(err, ERR_INPUT, "no reason \"%.40s\"", reason_name);
    if (id && order_target(target, r->spool, id, err))
        return -1;
    r->order = (struct order){.kind = ORDER_RETRY,
                              .images = calloc(ORDER_IMAGES_MAX, sizeof(*r->order.images))};
    if (!r->order.images)
        return err_set(err, ERR_NOMEM, "retry");
    int ret = aside_each(r->spool, target, reason, add, r, err) || give(r, err) ? -1 : 0;
    order_release(&r->order);
    if (!ret)
        tell(r);
    return ret;
}

int cmd_retry(const struct settings *s, int argc, char **argv)
{
    struct retry r = {.why = s->why};
    struct err err = {0};
    int n_ids = s->reason[0] ? 0 : 1, ret = -1;

    if (argc < n_ids || argc > n_ids + 1)
        err_set(&err, ERR_INPUT,
                "retry: lentigo retry ID [OUT], or lentigo retry --reason R [OUT]");
    else if (!open_spool(&r.spool, s, argc > n_ids ? argv[n_ids] : NULL, &err))
        ret = retry(&r, n_ids ? argv[0] : NULL, s->reason, &err);
    spool_close(r.spool);
    return ret ? command_fail(&err) : STATUS_OK;
}
