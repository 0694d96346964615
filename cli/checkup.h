/* checkup.h -- what `doctor` and `recover` do alike: look at a spool and its Redis, mend, look
 * again, and tell. */
#ifndef CLI_CHECKUP_H
#define CLI_CHECKUP_H

#include <stdbool.h>

#include "common/json.h"
#include "common/settings.h"
#include "queue/audit.h"

struct finding {
    enum census_finding what;
    char *where; /* owned */
};

struct findings {
    struct finding *rows; /* owned */
    int64_t n, cap;
};

/* Zeroed at first, with the fields above the line set by the caller; ends with checkup_close. */
struct checkup {
    struct spool *spool;
    bool wants_no_reports; /* of a run */
    bool waits_for_start;  /* what a scheduler will do once it starts is no finding */

    int holder;                 /* pid of the scheduler at work, 0 = none */
    struct queue_client *redis; /* NULL: was not asked, `no_redis` says why */
    char no_redis[240];
    struct census census;
    struct audit audit;
    struct findings left; /* of the last look, in the order of their kinds */
    json_t *mended;       /* [{"finding","where","did"}] */
    int64_t jobs;         /* put into Redis, -1 = it was not filled */
};

/* The spool of the run `out` with the Redis of a run that goes on, or (NULL) those of `s`. ERR_CONFIG:
 * there is no spool. A Redis that cannot be reached is noted. */
int checkup_open(struct checkup *c, const struct settings *s, const char *out, struct err *err);
void checkup_close(struct checkup *c);

/* Fill `left`. */
int checkup_look(struct checkup *c, struct err *err);

/* Mend what is left; fill Redis anew when it is amiss, or (`always`) in any case; sync; look again.
 * ERR_AGAIN: a scheduler is at work. */
int checkup_mend(struct checkup *c, bool always, struct err *err);

/* Print it all as text or as one line of JSON. */
int checkup_print(const struct checkup *c, bool as_json, struct err *err);

/* 0, STATUS_MENDED or STATUS_UNFINISHED. */
int checkup_status(const struct checkup *c);

#endif
