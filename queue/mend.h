/* mend.h -- put right in the spool what the census found, where that can be done without loss.
 *
 * Nothing is thrown away but what was never finished: a report goes to the study's history/, any
 * other file to <spool>/mended/, under a name that tells where it was. What cannot be mended here
 * (a lost original, a study that does not parse) stays a finding. */
#ifndef QUEUE_MEND_H
#define QUEUE_MEND_H

#include "queue/census.h"

enum { MEND_DID_SIZE = 240 };

/* One finding of spool_examine. The caller holds the spool's lock, so that no scheduler has what is
 * mended in mind. 1: mended, `did` says how, and a line of the spool's log too ({"event":"mended",
 * "finding","where","did","by","at"}); 0: that is not mended here; -1: ERR_AGAIN. The caller syncs. */
int spool_mend(struct spool *s, enum census_finding f, const char *where, char did[MEND_DID_SIZE],
               struct err *err);

#endif
