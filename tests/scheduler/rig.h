/* rig.h -- for test_scheduler and test_restart: a spool, a Redis and a configuration for each case, the
 * scheduler on them, and what became of the images. A step that fails fails the test. */
#ifndef TESTS_SCHEDULER_RIG_H
#define TESTS_SCHEDULER_RIG_H

#include <stdbool.h>
#include <sys/types.h>

#include "queue/result.h"
#include "tests/queue/redis.h"

enum { STUDIES = 6, IMAGES = 7, TOTAL = STUDIES * IMAGES, PATH_SIZE = 512 };
enum { HANG_S = 120 }; /* whoever waits longer waits in vain: a limit of hangs, not of machines */

extern struct test_redis redis;
extern char dir[64]; /* of this case: spool, out, config, log, stdout */
extern pid_t scheduler;
extern const char *program; /* which scheduler; of this case */

/* cmocka's, of a case; what the first makes the second removes. Nothing is handed to the case. */
int rig_setup(void **state);
int rig_teardown(void **state);

const char *in_dir(const char *name); /* valid for four calls */

/* Accepted as intake accepts: whole, by a rename. It has no list of its contents, as those of an older
 * version; image IMAGES - 1 of study 0 was set aside at intake. */
void make_upload_of(const char *class, const char *upload, int first_study, int n);
void make_upload(const char *upload, int first_study, int n); /* bulk */
void make_config(bool is_run, const char *more); /* leases for longer than a busy machine is away */

void start_with(int out);
void start(void);
void be_impatient(void); /* for failures without end: pauses are short (impatient.c) */
void let_go(void);       /* what FAKE_HOLD and FAKE_ASIDE hold, also in later lives */
int wait_for_end(void);  /* its exit status; 1000 + the signal that ended it */
int run(void);

struct count {
    int done, aside, none, reports;
    enum result_status of[STUDIES * 2][IMAGES];
    char reason[STUDIES * 2][IMAGES][32];
};

struct count count_spool(void);
int lines_with(const char *file, const char *text); /* of a file of this case */
void wait_for_lines(const char *file, const char *text, int wanted);
void assert_all_done(void); /* but the one that intake set aside; each study reported */

#endif
