/* commands.h -- the commands of lentigo that this program does itself.
 *
 * Each takes the settings of its command and its operands and returns the exit status of design
 * section 3: 0 done, 1 some could not be finished, 64 usage, 75 try again later, 78 configuration.
 * Messages go to stderr, results to stdout. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "common/settings.h"
#include "common/status.h"

int cmd_run(const struct settings *s, int argc, char **argv);

/* train sweep SPEC -o DIR: a search over the settings of training (train/sweep.h), with a Redis of its own
 * or, with --redis, as one taker more. */
int cmd_sweep(const struct settings *s, int argc, char **argv);

/* Print "lentigo: <text>" to stderr; the status that goes with the code. */
int command_fail(const struct err *err);

#endif
