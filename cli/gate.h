/* gate.h -- may an upload come in now, and if not, when is it worth while to ask again?
 *
 * Turned away is an upload that would make more than --backlog-max images wait, or bring a site over
 * its images a day (--quotas). Nobody is turned away for ever: one that is larger than a limit by
 * itself comes in when nothing else stands in its way. What was turned away was not received, so the
 * statements know nothing of it. */
#ifndef CLI_GATE_H
#define CLI_GATE_H

#include "common/settings.h"
#include "queue/intake.h"

struct gate {
    const struct settings *settings;
    const struct spool *spool;
    json_t *quotas;      /* {"<site>": images a day or null}; NULL = none */
    int64_t left;        /* images that wait now; 0 when no scheduler says */
    double images_per_s; /* NAN when unknown */
    int64_t retry_s;     /* of the last refusal */
};

/* Read the quotas and ask the schedulers how much waits; when none answers, only disk and quotas
 * count. ERR_CONFIG: the quotas' file, by name and line. `settings` and `spool` are borrowed. */
int gate_open(struct gate *g, const struct settings *settings, const struct spool *spool,
              struct err *err);
void gate_close(struct gate *g); /* safe on a zeroed one; leaves it zeroed */

/* For intake_request.admit, with `gate` as ctx of the call that asks. ERR_AGAIN: not now; the text says
 * why, retry_s when to ask again. */
int gate_admit(struct gate *g, const struct intake_offer *offer, struct err *err);

/* How long to wait when nothing tells. */
enum { GATE_RETRY_S = 600 };

#endif
