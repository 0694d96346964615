/* settings.h -- every setting of every program, in one table (settings_table.c).
 *
 * The table makes the flags, the configuration file, the environment (LENTIGO_<NAME>), --help,
 * --dump-config and docs/settings.md. Precedence: default < file < environment < flag. An unknown
 * key or a value out of range is ERR_CONFIG and names file and line.
 *
 * A parent hands its settings to a child program as a file: settings_write, then --config. */
#ifndef COMMON_SETTINGS_H
#define COMMON_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/err.h"

/* Which command takes a row; a bit each. */
enum settings_command {
    COMMAND_RUN = 1 << 0,
    COMMAND_SUBMIT = 1 << 1,
    COMMAND_STATUS = 1 << 2,
    COMMAND_PREDICT = 1 << 3,
    COMMAND_EVAL = 1 << 4,
    COMMAND_MODEL = 1 << 5,
    COMMAND_BENCH = 1 << 6,
    COMMAND_DEMO = 1 << 7,
    COMMAND_DOCTOR = 1 << 8,
    COMMAND_TOP = 1 << 9,
    COMMAND_SCHEDULER = 1 << 10,
    COMMAND_WORKER = 1 << 11,
    COMMAND_REPORTS = 1 << 12,
    COMMAND_QUANTIZE = 1 << 13,
    COMMAND_CANCEL = 1 << 14,
    COMMAND_ASIDE = 1 << 15,
    COMMAND_RETRY = 1 << 16,
    COMMAND_PAUSE = 1 << 17, /* and resume */
    COMMAND_DATASET = 1 << 18,
    COMMAND_TRAIN = 1 << 19,
    COMMAND_RECOVER = 1 << 20,
    COMMAND_STATEMENT = 1 << 21,
    COMMAND_REPLAY = 1 << 22,
    COMMAND_SWEEP = 1 << 23,
    COMMAND_CALIBRATE = 1 << 24,
    COMMAND_WATCH = 1 << 25,
    COMMAND_SEAT = 1 << 26,
    COMMAND_JOIN = 1 << 27,
    COMMAND_ALL = (1 << 28) - 1,
};

enum {
    SETTINGS_PATH_SIZE = 4096,
    SETTINGS_WORD_SIZE = 64,
    SETTINGS_ROWS_MAX = 128,
    SETTINGS_AUTO = -1, /* a number that is "auto" */
};

struct settings {
    /* the network */
    long size; /* px, longest side of the network input; 0 = the model's; SETTINGS_AUTO = a coarse
                  pass for all and a fine one where in doubt (lesion/size_plan.h) */
    char precision[SETTINGS_WORD_SIZE]; /* auto|f32|bf16|fp16|int8 */
    char device[SETTINGS_WORD_SIZE];    /* auto|cpu|cuda:N */
    char backend[SETTINGS_WORD_SIZE];   /* auto|ref|onednn|cudnn */
    char model[SETTINGS_PATH_SIZE]; /* folder with weights.safetensors, card.json, policy.json */
    long jobs;                      /* compute streams; 0 = one per core */
    long threads;       /* of one stream; 0 = all cores to predict and train, one to bench */
    long batch;         /* images a batch, at most */
    long check_seconds; /* between checks of the device with a known picture */
    /* decoding */
    long decoders;                   /* sandboxed children at once; 0 = one per core */
    long slots;                      /* shared-memory slots; 0 = decoders + 2 batches a lane */
    char decode[SETTINGS_WORD_SIZE]; /* auto|cpu|nvjpeg */
    long decode_seconds;             /* wall time for one image */
    long decode_mb;                  /* MiB of memory for one image */
    long pixels_max;                 /* megapixels of an original, from its header */
    /* the queue */
    char spool[SETTINGS_PATH_SIZE];
    char redis[SETTINGS_PATH_SIZE];      /* unix socket path, or host:port */
    char node[SETTINGS_WORD_SIZE];       /* name of this machine; empty = its host name */
    char job_class[SETTINGS_WORD_SIZE];  /* interactive|bulk|training */
    char not_before[SETTINGS_WORD_SIZE]; /* common/when.h; empty = at once */
    char site[SETTINGS_WORD_SIZE];       /* of uploads whose manifest names none; may be empty */
    char quotas[SETTINGS_PATH_SIZE];     /* file of images a day for each site; empty = none */
    long backlog_max;                    /* images that may wait; 0 = any number */
    char marker[SETTINGS_WORD_SIZE];     /* file that says that an upload is complete */
    double quiet_seconds;                /* without a change; 0 = never enough by itself */
    double look_seconds;                 /* between looks at a watched folder, at most */
    long lease_ms;
    long workers;   /* worker processes on this node */
    long reporters; /* report processes on this node */
    /* workers on other machines (remote/protocol.h) */
    char seats[SETTINGS_PATH_SIZE];       /* addresses, with commas; empty = none */
    char listen[SETTINGS_WORD_SIZE];      /* address of one seat */
    char token[SETTINGS_PATH_SIZE];       /* file with the secret that both sides have */
    char certificate[SETTINGS_PATH_SIZE]; /* PEM; empty = no TLS */
    char key[SETTINGS_PATH_SIZE];         /* PEM, of the certificate */
    char authority[SETTINGS_PATH_SIZE];   /* PEM; empty = the system's */
    bool allow_volatile;
    bool allow_mixed;
    char why[SETTINGS_PATH_SIZE];    /* of an operator's order; for its record */
    char reason[SETTINGS_WORD_SIZE]; /* of images set aside (reason.h); empty = any */
    char work[SETTINGS_WORD_SIZE];   /* images|nothing: of a worker */
    bool verify;                     /* statements */
    bool repair;                     /* what the doctor finds */
    /* a run and its reports */
    char output[SETTINGS_PATH_SIZE];
    char reports[SETTINGS_WORD_SIZE];  /* html,pdf,json|json|none */
    char language[SETTINGS_WORD_SIZE]; /* en|zh */
    char encoding[SETTINGS_WORD_SIZE]; /* of the manifest; empty = UTF-8 or stop */
    /* tools */
    char mask[SETTINGS_PATH_SIZE];
    char tta[SETTINGS_WORD_SIZE];     /* none|flips */
    char compare[SETTINGS_PATH_SIZE]; /* model folder, or table of figures (rows.h) */
    char table[SETTINGS_PATH_SIZE];   /* of figures, to write */
    char page[SETTINGS_PATH_SIZE];    /* HTML of an evaluation to write */
    bool robustness;                  /* figures with artefacts drawn on */
    char data[SETTINGS_PATH_SIZE];
    char calibrate[SETTINGS_PATH_SIZE]; /* pictures, labelled or not */
    char split[SETTINGS_WORD_SIZE];
    char classes[SETTINGS_PATH_SIZE]; /* what annotators' labels mean */
    char images[SETTINGS_PATH_SIZE];
    char points[SETTINGS_WORD_SIZE]; /* auto|displayed|stored */
    bool skip_bad;
    char percent[SETTINGS_WORD_SIZE]; /* "80,10,10": train, val, test */
    bool replace;                     /* splits that are there already */
    bool with_test;                   /* the test split's figures into the card */
    long min_side;                    /* px, of the longest side; smaller images are left out */
    long replicates;                  /* draws of lesions for intervals; 0 = no intervals */
    long limit;                       /* images at most; 0 = all */
    long rounds;
    long patients;
    long seed;
    bool layers;
    bool json;
    bool plain;
    bool snapshot;
    /* training: train/plan.h says what each means */
    long iters;
    long stop_at; /* iteration; 0 = iters */
    double lr;
    char sizes[SETTINGS_WORD_SIZE]; /* "" = size alone */
    char init[SETTINGS_PATH_SIZE];  /* model folder or weights; "" = drawn by seed */
    bool resume;
    bool unchecked;
    char schedule[SETTINGS_WORD_SIZE];  /* poly|cosine|constant */
    long warm_up;                       /* iterations */
    char optimiser[SETTINGS_WORD_SIZE]; /* sgd|adamw */
    double momentum, weight_decay;
    bool spare_norms;
    double clip, ema;
    long accumulate;
    char loss[SETTINGS_WORD_SIZE];          /* train/loss.h: loss_parse */
    char heads[SETTINGS_WORD_SIZE];         /* three coefficients */
    char class_weights[SETTINGS_WORD_SIZE]; /* eight; "" = all 1 */
    char teacher[SETTINGS_PATH_SIZE];       /* model folder; "" = none */
    double teacher_weight;
    double ohem_kept;
    char augment[SETTINGS_PATH_SIZE];  /* dataset/augment.h: augment_parse */
    char sampling[SETTINGS_WORD_SIZE]; /* uniform|root|even */
    char cache[SETTINGS_PATH_SIZE];    /* folder of decoded pictures; "" = <data>/cache */
    long loaders;                      /* threads that augment; 0 = as many as compute */
    long validate_every, save_every;   /* iterations */
    char weights[SETTINGS_WORD_SIZE];  /* bf16|f32: of best/ and last/ */
    /* every program */
    char config[SETTINGS_PATH_SIZE];
    char log_level[SETTINGS_WORD_SIZE];
    bool dump_config;
    bool help;
    bool version;
    bool is_given[SETTINGS_ROWS_MAX]; /* by file, environment or flag; in the order of the table */
};

/* Fill `s` for `command`. `argv[0]` is the command's name and is skipped. On return `*first` is the
 * index in argv of the first operand; flags and operands may stand in any order (argv is
 * permuted). ERR_CONFIG for file and environment; ERR_INPUT for a bad flag (exit status 64). */
int settings_load(struct settings *s, enum settings_command command, int argc, char **argv,
                  int *first, struct err *err);

/* The rows of `command` with their help, one a line. */
void settings_help(enum settings_command command, FILE *out);

/* The whole table as Markdown: docs/settings.md. */
void settings_document(FILE *out);

/* Every row that differs from its default as `key = value`, for --dump-config and for children. */
int settings_format(const struct settings *s, struct buf *out, struct err *err);
int settings_write(const struct settings *s, const char *path, struct err *err);
int settings_dump(const struct settings *s, FILE *out, struct err *err);

/* Put every row into the environment, for the programs that are started from here: a file named to
 * them goes behind the environment that the user happens to have, and knows nothing of our flags.
 * Before any thread. */
int settings_export(const struct settings *s, struct err *err);

/* "log-level" becomes "LENTIGO_LOG_LEVEL". */
void settings_environment_name(const char *name, char out[SETTINGS_WORD_SIZE]);

/* Set the row called `name` as a flag would, whether there is one or not. ERR_INPUT. */
int settings_set(struct settings *s, const char *name, const char *value, struct err *err);

/* Has `command` a flag called `name`? */
bool settings_takes(enum settings_command command, const char *name);

/* Append the value of the row called `name` as a configuration file would have it; -1: no such row. */
int settings_value(const struct settings *s, const char *name, struct buf *out);

/* Did file, environment or flag say what the row called `name` holds, its default or not? */
bool settings_is_given(const struct settings *s, const char *name);

/* Does the row called `name` hold its default? An unknown name does. */
bool settings_is_default(const struct settings *s, const char *name);

#endif
