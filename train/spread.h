/* spread.h -- work cut into numbered parts, done by a fixed number of threads.
 *
 * Part i is always done by thread i modulo `threads`, so scratch may be kept per thread; results must
 * not depend on which thread does a part. When the system has no further thread to give, the caller's
 * own does the rest. Returns when all parts are done. */
#ifndef TRAIN_SPREAD_H
#define TRAIN_SPREAD_H

enum { SPREAD_THREADS_MAX = 256 };

/* `one` is called once for each part 0..n-1 with the number of its thread, 0..threads-1; `threads`
 * is within 1 to SPREAD_THREADS_MAX. */
void spread(int threads, int n, void (*one)(void *arg, int thread, int part), void *arg);

#endif
