#include "cli/hand_in.h"

#include "cli/gate.h"
#include "cli/take_in.h"
#include "common/clock.h"
#include "common/text.h"
#include "common/when.h"
#include "queue/client.h"

enum { REDIS_MS = 5000 };

struct asking {
    struct hand_in *h;
    struct gate gate;
};

static int admit(void *ctx, const struct intake_offer *offer, struct err *err)
{
    struct asking *a = ctx;

    if (a->h->confirm && a->h->confirm(a->h->ctx, err))
        return -1;
    return gate_admit(&a->gate, offer, err);
}

static int prepare(const struct settings *s, struct intake_request *request, struct err *err)
{
    if (!text_is_utf8(s->site, strlen(s->site)))
        return err_set(err, ERR_CONFIG, "--site is no UTF-8");
    if (!s->not_before[0])
        return 0;
    return when_parse(s->not_before, clock_wall_ms(), &request->not_before_ms, err)
               ? err_wrap(err, "--not-before")
               : 0;
}

int hand_in(struct hand_in *h, struct err *err)
{
    const struct settings *s = h->settings;
    struct asking a = {.h = h};
    struct intake_request request = {
        .input = h->input,
        .encoding = s->encoding,
        .job_class = s->job_class,
        .site = s->site,
        .is_foreign = h->is_foreign,
        .admit = admit,
        .admit_ctx = &a,
    };

    h->retry_s = 0;
    h->is_at_fault = false;
    if (prepare(s, &request, err) || gate_open(&a.gate, s, h->spool, err))
        return -1;
    request.waiting = a.gate.left;
    int ret = take_in_upload(h->spool, &request, &h->result, err);
    h->retry_s = a.gate.retry_s ? a.gate.retry_s : GATE_RETRY_S;
    h->is_at_fault = ret && err->code == ERR_CONFIG;
    gate_close(&a.gate);
    return ret;
}

int hand_in_tell(const struct settings *s, struct err *err)
{
    struct queue_client *client = NULL;

    if (queue_client_open(&client, s->redis, REDIS_MS, err))
        return -1;
    int ret = queue_client_tell(client, "rescan", err);
    queue_client_close(client);
    return ret;
}
