/* commands_queue.h -- the commands that hand uploads in and check that nothing was lost. */
#ifndef CLI_COMMANDS_QUEUE_H
#define CLI_COMMANDS_QUEUE_H

#include "common/settings.h"

/* submit INPUT: into the spool, then a word to the schedulers. When only the word fails the upload
 * is accepted all the same (status 75; the same command again tells them). One that is turned away for
 * a while ends with 75 too, and with "retry after N s" on stdout (gate.h). */
int cmd_submit(const struct settings *s, int argc, char **argv);

/* watch DIR: hand in each folder that appears in DIR, when it is complete; goes on until a signal ends
 * it. 75: somebody watches DIR already; 78: settings. */
int cmd_watch(const struct settings *s, int argc, char **argv);

/* doctor [OUT] [--repair]: the spool of the run OUT, else --spool with its Redis, when that can be
 * reached. Status 0: clean; 2: it is now, and was not before the repair; 1: there are findings. */
int cmd_doctor(const struct settings *s, int argc, char **argv);

/* recover [OUT]: repair, and fill Redis anew from the spool. Statuses as doctor's, but what waits for
 * a scheduler is no finding; 75: a scheduler is at work, or Redis cannot be reached. */
int cmd_recover(const struct settings *s, int argc, char **argv);

/* statement [OUT] [--verify]: the statements of queue/statement.h; status 1: something is not as it
 * was stated, and is named. */
int cmd_statement(const struct settings *s, int argc, char **argv);

/* replay REPORT: do the report's study once more and compare every byte. Status 1: a part is no longer
 * what it was (then nothing is done), or something came out otherwise; both are named. */
int cmd_replay(const struct settings *s, int argc, char **argv);

#endif
