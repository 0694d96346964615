/* aside_list.h -- the images of a spool that were set aside, and what the log tells of them. */
#ifndef CLI_ASIDE_LIST_H
#define CLI_ASIDE_LIST_H

#include <stdbool.h>

#include "common/reason.h"
#include "queue/spool.h"
#include "queue/wire.h"

struct aside {
    char id[WIRE_ID_SIZE];
    enum reason reason;
    char stage[16]; /* "intake", "decode" ... as far as it is known; "none" */
    int signal;     /* that something died of on this image the last time, 0 = none */
    char detail[240];
    int retries;       /* so far */
    bool has_original; /* else only the clinic can help */
};

/* Call `visit` for each image set aside below `target` ("" = everywhere) for `reason` (REASON_NONE =
 * any), in order of upload and study. A visit that returns -1 ends it with -1. */
int aside_each(const struct spool *s, const char *target, enum reason reason,
               int (*visit)(void *ctx, const struct aside *aside, struct err *err), void *ctx,
               struct err *err);

#endif
