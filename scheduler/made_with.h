/* made_with.h -- <spool>/made_with.json: what the results of this spool are made with, written when its
 * first worker says HELLO and compared with every later one. Workers of one scheduler agree with one
 * another anyway; this holds from one scheduler to the next, so that no restart with another model or
 * size mixes two settings in one spool. An int8 model's ranges and the program's version are not in it. */
#ifndef SCHEDULER_MADE_WITH_H
#define SCHEDULER_MADE_WITH_H

#include <stdbool.h>

#include "common/err.h"
#include "queue/spool.h"
#include "scheduler/child.h"

/* Write or compare. `decode` is the setting: a GPU's decoder gives other pixels than the processor's.
 * ERR_CONFIG: it was made with something else, or the file says nothing that can be compared; with
 * `may_differ` it is written anew instead, what it said before kept under "earlier". ERR_AGAIN: the
 * disk; nothing may be computed before this went well. Blocks on the disk, mostly once in the life of
 * a spool. Loop's thread. */
int made_with_check(const struct spool *s, const struct child_facts *facts, const char *decode,
                    bool may_differ, struct err *err);

#endif
