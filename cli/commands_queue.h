/* commands_queue.h -- the commands that hand uploads in and check that nothing was lost. */
#ifndef CLI_COMMANDS_QUEUE_H
#define CLI_COMMANDS_QUEUE_H

#include "common/settings.h"

/* submit INPUT: into the spool, then a word to the schedulers. When only the word fails the upload
 * is accepted all the same (status 75; the same command again tells them). */
int cmd_submit(const struct settings *s, int argc, char **argv);

/* doctor [OUT]: the spool of the run OUT, else --spool. Status 1 when there are findings. */
int cmd_doctor(const struct settings *s, int argc, char **argv);

#endif
