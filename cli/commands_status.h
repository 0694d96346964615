/* commands_status.h -- `lentigo status [OUT] [--json]`: queue, throughput and flagged cases in one
 * page. With OUT of that run, while it lives from its Redis and afterwards from its stats.json (of a
 * search for settings one line from its ranking.json); without OUT of every node of the installation configured here. */
#ifndef CLI_COMMANDS_STATUS_H
#define CLI_COMMANDS_STATUS_H

#include "common/settings.h"

/* 0; 75 when nothing answers; 64 usage. */
int cmd_status(const struct settings *s, int argc, char **argv);

#endif
