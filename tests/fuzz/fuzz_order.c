/* A line of the spool's log as an operator's order; what was read is appended and read, twice. */
#include "queue/order.h"
#include "tests/fuzz/fuzz.h"

static void check_same(const struct order *a, const struct order *b)
{
    fuzz_expect(a->kind == b->kind && !strcmp(a->id, b->id) && !strcmp(a->at, b->at),
                "an order comes back as it was given");
    if (a->kind == ORDER_CARRIED_OUT)
        return;
    fuzz_expect(!strcmp(a->target, b->target) || a->kind == ORDER_RETRY, "so does its target");
    fuzz_expect(a->n_images == b->n_images, "so does each of its images");
    for (int i = 0; i < a->n_images; i++)
        fuzz_expect(!strcmp(a->images[i].id, b->images[i].id) &&
                        a->images[i].retries == b->images[i].retries,
                    "so does each of its images");
}

/* The last order of the log. */
static int read_last(void *ctx, const json_t *event, struct err *err)
{
    order_release(ctx);
    return order_read(ctx, event, err) == 1 ? 0 : -1;
}

static void append_and_read(struct spool *spool, const struct order *given, struct order *out)
{
    struct err err = {0};
    int64_t at = 0;

    fuzz_file("log", "", 0); /* or it grows for ever */
    fuzz_expect(!order_append(spool, given, &err), err.msg);
    fuzz_expect(!spool_log_each(spool, &at, read_last, out, &err), "it can be read");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct spool *spool;
    struct order given, once = {0}, twice = {0}; /* the first time "by" and "why" are made clean */
    struct err err = {0};
    json_t *event = json_parse((const char *)data, size, "event", &err);

    if (event && order_read(&given, event, &err) == 1) {
        fuzz_accepted();
        fuzz_expect(spool || !spool_open(&spool, fuzz_dir(), &err), err.msg);
        append_and_read(spool, &given, &once);
        check_same(&given, &once);
        append_and_read(spool, &once, &twice);
        check_same(&once, &twice);
        order_release(&given);
        order_release(&once);
        order_release(&twice);
    }
    json_decref(event);
    return 0;
}
