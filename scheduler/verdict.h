/* verdict.h -- what becomes of an item whose process failed: the poison rule, and nothing else.
 *
 * A crash counts against an item only when it was witnessed while the item was alone: then nothing
 * else can have caused it. Any other death makes every item in flight a suspect; each runs alone
 * next and either ends well or is witnessed (design section 5). */
#ifndef SCHEDULER_VERDICT_H
#define SCHEDULER_VERDICT_H

#include <stdbool.h>

#include "common/err.h"

enum { VERDICT_CRASHES_MAX = 3, VERDICT_DEATHS_MAX = 10 };

enum verdict {
    VERDICT_GIVE_BACK,   /* to the queue, as if it had never been leased */
    VERDICT_LATER,       /* once more after a pause; the machine is to blame, not the item */
    VERDICT_SUSPECT,     /* once more, alone; nothing counted */
    VERDICT_CRASH,       /* counted as a crash; once more, alone */
    VERDICT_UNEXPLAINED, /* counted as an unexplained death; once more, alone */
    VERDICT_STOP         /* configuration: stop the whole program */
};

/* The process answered FAILED for one item. `signal`: its own child died of it while it held only
 * this item, else 0. `is_alone`: the item was sent to run alone. */
enum verdict verdict_of_failure(enum err_code code, int signal, bool is_alone);

/* How a process ended that held items. */
struct death {
    int status, signal; /* exit status (common/status.h) when `signal` is 0 */
    int n_held;
    bool by_us; /* we killed it because nothing moved for the time of a lease: it is explained */
};

enum verdict verdict_of_death(const struct death *death);

/* Of a process that works on each item in a process apart: may an item have ended it all the same? Not
 * when a signal did that anybody may send, and it had finished an item before (`has_worked`). */
bool verdict_is_in_doubt(const struct death *death, bool has_worked);

#endif
