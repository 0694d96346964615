/* commands_bench.h -- `lentigo bench`: measured figures as JSON lines (design section 3). */
#ifndef CLI_COMMANDS_BENCH_H
#define CLI_COMMANDS_BENCH_H

#include "common/settings.h"

/* Operands: engine | limit | pipeline INPUT | reports OUT. */
int cmd_bench(const struct settings *s, int argc, char **argv);

/* `lentigo run` on the folder argv[0], reports as JSON, once a round into a new OUT. */
int cmd_bench_pipeline(const struct settings *s, int argc, char **argv);

/* oneDNN's own convolutions alone, one core: `--size --precision --rounds --layers --json`. */
int cmd_bench_limit(const struct settings *s, int argc, char **argv);

#endif
