/* commands_operate.h -- what operators do to a running installation, or to a run.
 *
 * Each order is a line of the spool's log first (queue/order.h): with no scheduler at work it waits
 * there for the next one. `cancel` and `retry` wait a while to tell what came of it. */
#ifndef CLI_COMMANDS_OPERATE_H
#define CLI_COMMANDS_OPERATE_H

#include "common/settings.h"

/* cancel ID [OUT] --why TEXT: "<upload>", "<upload>/<study>" or "<upload>/<study>/<n>", the upload by
 * any beginning that no other has. What is terminal stays as it is. */
int cmd_cancel(const struct settings *s, int argc, char **argv);

/* set-aside [OUT] [--reason R] [--json] */
int cmd_set_aside(const struct settings *s, int argc, char **argv);

/* retry ID [OUT] or retry --reason R [OUT]. What has no original is left out and counted. */
int cmd_retry(const struct settings *s, int argc, char **argv);

/* pause [CLASS] --why TEXT, resume [CLASS]: of an installation only. resume UPLOAD begins one that was
 * handed in with --not-before at once. */
int cmd_pause(const struct settings *s, int argc, char **argv);
int cmd_resume(const struct settings *s, int argc, char **argv);

#endif
