/* hand_in.h -- an upload into the installation's spool, as `submit` and `watch` do it: through the
 * gate, and with a word to the schedulers. */
#ifndef CLI_HAND_IN_H
#define CLI_HAND_IN_H

#include "common/settings.h"
#include "queue/intake.h"

struct hand_in {
    const struct settings *settings;
    struct spool *spool;
    const char *input;
    bool is_foreign; /* as in intake_request */
    /* Asked once more when all of it was read and nothing was written: is it still what was meant?
     * -1 with ERR_AGAIN: no. May be NULL. */
    int (*confirm)(void *ctx, struct err *err);
    void *ctx;

    /* what came of it */
    struct intake_result result; /* of success */
    int64_t retry_s;             /* after ERR_AGAIN: when to ask again */
    bool is_at_fault;            /* the input itself is wrong: it has to be changed first */
};

/* The errors of intake_accept, and ERR_CONFIG for settings that are wrong (is_at_fault is false). */
int hand_in(struct hand_in *h, struct err *err);

/* Tell the schedulers that something came in. ERR_AGAIN. */
int hand_in_tell(const struct settings *s, struct err *err);

#endif
