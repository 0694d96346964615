/* commands_bench.h -- `lentigo bench`: measured figures as JSON lines (design section 3). */
#ifndef CLI_COMMANDS_BENCH_H
#define CLI_COMMANDS_BENCH_H

#include "common/settings.h"

/* Operands: decode FOLDER | engine | limit | pipeline INPUT | queue | reports OUT | train. */
int cmd_bench(const struct settings *s, int argc, char **argv);

/* The sandboxed decoders alone on every file below argv[0]: `--size --decoders --reports --rounds`.
 * Display copies are made when reports want them. */
int cmd_bench_decode(const struct settings *s, int argc, char **argv);

/* `lentigo run` on the folder argv[0], once a round into a new OUT. */
int cmd_bench_pipeline(const struct settings *s, int argc, char **argv);

/* Redis and a scheduler with `--limit` jobs and a worker that does nothing: jobs a second, how long
 * until the first is answered, what one takes in Redis. */
int cmd_bench_queue(const struct settings *s, int argc, char **argv);

/* oneDNN's own convolutions alone, one core: `--size --precision --rounds --layers --json`. */
int cmd_bench_limit(const struct settings *s, int argc, char **argv);

/* Training steps alone: `--size --batch --precision --device --threads --rounds --json`. */
int cmd_bench_train(const struct settings *s, int argc, char **argv);

#endif
