/* commands_engine.h -- the commands that work on a model alone: `model` and `bench engine`.
 *
 * Each takes its operands (the command's words and flags gone) and returns an exit status: 0, 1
 * (could not be finished), 64 (usage) or 78 (configuration). Results go to stdout, errors to
 * stderr. */
#ifndef CLI_COMMANDS_ENGINE_H
#define CLI_COMMANDS_ENGINE_H

#include "common/settings.h"

/* `model import SRC [GRAPH.json] -o DIR` and `model show DIR [--json]`; argv[0] is import or show. */
int cmd_model(const struct settings *s, int argc, char **argv);

/* `bench engine --size --batch --precision --jobs --rounds --layers --json`; no operands. */
int cmd_bench_engine(const struct settings *s, int argc, char **argv);

#endif
