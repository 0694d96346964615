#include "common/settings_table.h"

#define AT(field) offsetof(struct settings, field)
#define PIPELINE  (COMMAND_RUN | COMMAND_SCHEDULER | COMMAND_WORKER)
#define NETWORK   (PIPELINE | COMMAND_PREDICT | COMMAND_EVAL | COMMAND_BENCH | COMMAND_DOCTOR)
#define TOOLS     (COMMAND_STATUS | COMMAND_DOCTOR | COMMAND_TOP | COMMAND_RECOVER)
#define QUEUE     (COMMAND_SUBMIT | COMMAND_SCHEDULER | TOOLS)
#define OPERATE   (COMMAND_CANCEL | COMMAND_ASIDE | COMMAND_RETRY | COMMAND_PAUSE)
#define REPORT    (COMMAND_RUN | COMMAND_SUBMIT | COMMAND_SCHEDULER | COMMAND_REPORTS)

/* clang-format off */
const struct setting settings_table[] = {
    {"output",         'o', SETTING_PATH,   AT(output),         0, 0,          "",     NULL, COMMAND_RUN | COMMAND_MODEL | COMMAND_QUANTIZE | COMMAND_SCHEDULER | COMMAND_REPORTS | COMMAND_DATASET, "OUT", "folder (or file) to write"},
    {"size",           0,   SETTING_NUMBER, AT(size),           0, 4096,       "0",    "auto", NETWORK | COMMAND_MODEL | COMMAND_QUANTIZE, "N", "longest side of the network input, px (0: the size the model was trained for; auto: small for all, larger where in doubt)"},
    {"precision",      0,   SETTING_CHOICE, AT(precision),      0, 0,          "auto", "auto|f32|bf16|fp16|int8", NETWORK, "P", "auto, f32, bf16, fp16 or int8"},
    {"device",         0,   SETTING_WORD,   AT(device),         0, 0,          "auto", NULL, NETWORK, "D", "auto, cpu or cuda:N (run: several with commas; auto: every GPU, else the processor)"},
    {"backend",        0,   SETTING_CHOICE, AT(backend),        0, 0,          "auto", "auto|ref|onednn|cudnn", NETWORK, "B", "auto, ref, onednn or cudnn"},
    {"model",          'm', SETTING_PATH,   AT(model),          0, 0,          "",     NULL, NETWORK | COMMAND_QUANTIZE | COMMAND_REPORTS | COMMAND_SUBMIT, "DIR", "model folder (default: the starter model that came with lentigo)"},
    {"jobs",           'j', SETTING_NUMBER, AT(jobs),           0, 1024,       "0",    NULL, NETWORK, "N", "compute streams of each worker (0: one per core)"},
    {"threads",        0,   SETTING_NUMBER, AT(threads),        0, 1024,       "0",    NULL, COMMAND_PREDICT | COMMAND_BENCH, "N", "cores that work on one image together (0: predict all, bench one)"},
    {"batch",          0,   SETTING_NUMBER, AT(batch),          1, 1024,       "8",    NULL, NETWORK, "N", "images in one pass of the network, at most"},
    {"check-seconds",  0,   SETTING_NUMBER, AT(check_seconds),  1, 86400,      "600",  NULL, PIPELINE, "S", "time between checks of the device with a known picture, s (always one at the start)"},
    {"reports",        0,   SETTING_CHOICE, AT(reports),        0, 0,          "html,pdf,json", "html,pdf,json|json|none", REPORT | COMMAND_DOCTOR | COMMAND_RECOVER | COMMAND_BENCH, "KINDS", "html,pdf,json or json or none"},
    {"language",       0,   SETTING_CHOICE, AT(language),       0, 0,          "en",   "en|zh", REPORT, "L", "language of the reports: en or zh"},
    {"encoding",       0,   SETTING_WORD,   AT(encoding),       0, 0,          "",     NULL, COMMAND_RUN | COMMAND_SUBMIT, "NAME", "character set of the manifest when it is not UTF-8, such as GB18030"},
    {"decoders",       0,   SETTING_NUMBER, AT(decoders),       0, 256,        "0",    NULL, NETWORK, "N", "images decoded at once by each worker, each in a sandboxed process (0: one per core)"},
    {"slots",          0,   SETTING_NUMBER, AT(slots),          0, 1024,       "0",    NULL, NETWORK, "N", "shared-memory slots of each worker between decoders and network (0: by the other settings)"},
    {"decode-seconds", 0,   SETTING_NUMBER, AT(decode_seconds), 1, 3600,       "20",   NULL, NETWORK, "S", "time limit for decoding one image, s"},
    {"decode-mb",      0,   SETTING_NUMBER, AT(decode_mb),      64, 65536,     "1024", NULL, NETWORK, "MB", "memory limit for decoding one image, MiB"},
    {"pixels-max",     0,   SETTING_NUMBER, AT(pixels_max),     1, 2000,       "120",  NULL, NETWORK, "MP", "largest image accepted, megapixels"},
    {"spool",          0,   SETTING_PATH,   AT(spool),          0, 0,          "/var/spool/lentigo", NULL, QUEUE | OPERATE | COMMAND_WORKER | COMMAND_REPORTS, "DIR", "the installation's spool"},
    {"redis",          0,   SETTING_PATH,   AT(redis),          0, 0,          "127.0.0.1:6379", NULL, QUEUE, "ADDR", "Redis: host:port or the path of a unix socket"},
    {"node",           0,   SETTING_WORD,   AT(node),           0, 0,          "",     NULL, COMMAND_SCHEDULER, "NAME", "name of this machine in the queue (default: its host name)"},
    {"class",          0,   SETTING_CHOICE, AT(job_class),      0, 0,          "bulk", "interactive|bulk|training", COMMAND_SUBMIT, "C", "priority class: interactive, bulk or training"},
    {"lease-ms",       0,   SETTING_NUMBER, AT(lease_ms),       1000, 3600000, "30000", NULL, COMMAND_RUN | COMMAND_SCHEDULER, "MS", "how long a worker may go without progress before its image is given to another"},
    {"workers",        0,   SETTING_NUMBER, AT(workers),        0, 64,         "0",    NULL, COMMAND_RUN | COMMAND_SCHEDULER, "N", "worker processes on this machine, or for each of its GPUs (0: one for each GPU or, without any, for each NUMA node)"},
    {"reporters",      0,   SETTING_NUMBER, AT(reporters),      1, 64,         "1",    NULL, COMMAND_RUN | COMMAND_SCHEDULER, "N", "report processes on this machine"},
    {"allow-volatile", 0,   SETTING_FLAG,   AT(allow_volatile), 0, 0,          "no",   NULL, COMMAND_SCHEDULER, NULL, "accept a Redis without append-only file or with eviction (logged)"},
    {"why",            0,   SETTING_PATH,   AT(why),            0, 0,          "",     NULL, COMMAND_CANCEL | COMMAND_RETRY | COMMAND_PAUSE, "TEXT", "why this is asked for; kept with who and when"},
    {"reason",         0,   SETTING_WORD,   AT(reason),         0, 0,          "",     NULL, COMMAND_ASIDE | COMMAND_RETRY, "R", "only images set aside for this reason, such as decode_timeout"},
    {"repair",         0,   SETTING_FLAG,   AT(repair),         0, 0,          "no",   NULL, COMMAND_DOCTOR, NULL, "mend what can be mended without loss; no scheduler may be at work"},
    {"mask",           0,   SETTING_PATH,   AT(mask),           0, 0,          "",     NULL, COMMAND_PREDICT, "DIR", "write class maps as palette PNG into DIR"},
    {"data",           0,   SETTING_PATH,   AT(data),           0, 0,          "",     NULL, COMMAND_EVAL, "DIR", "labelled set: images/, masks/, labels.csv"},
    {"calibrate",      0,   SETTING_PATH,   AT(calibrate),      0, 0,          "",     NULL, COMMAND_QUANTIZE, "DIR", "pictures to measure ranges on: a labelled set (then figures are measured too) or any folder"},
    {"split",          0,   SETTING_CHOICE, AT(split),          0, 0,          "test", "train|val|test|all", COMMAND_EVAL, "S", "train, val, test or all"},
    {"percent",        0,   SETTING_WORD,   AT(percent),        0, 0,          "80,10,10", NULL, COMMAND_DATASET, "A,B,C", "shares of train, val and test, whole percentages"},
    {"replace",        0,   SETTING_FLAG,   AT(replace),        0, 0,          "no",   NULL, COMMAND_DATASET, NULL, "deal out again pictures that have a split already"},
    {"fit-policy",     0,   SETTING_PATH,   AT(fit_policy),     0, 0,          "",     NULL, COMMAND_EVAL, "FILE", "choose thresholds on this split and write them as a policy"},
    {"fit-size",       0,   SETTING_PATH,   AT(fit_size),       0, 0,          "",     NULL, COMMAND_EVAL, "FILE", "choose the sizes of --size auto on this split and write them with their policy"},
    {"min-side",       0,   SETTING_NUMBER, AT(min_side),       0, 65535,      "0",    NULL, COMMAND_EVAL, "PX", "leave out images whose longest side is shorter than this"},
    {"replicates",     0,   SETTING_NUMBER, AT(replicates),     0, 100000,     "1000", NULL, COMMAND_EVAL, "N", "how often lesions are drawn again for 95 % intervals (0: no intervals)"},
    {"limit",          0,   SETTING_NUMBER, AT(limit),          0, 10000000,   "0",    NULL, COMMAND_EVAL | COMMAND_BENCH | COMMAND_QUANTIZE, "N", "images at most (0: all; quantize: 128)"},
    {"rounds",         0,   SETTING_NUMBER, AT(rounds),         1, 1000,       "5",    NULL, COMMAND_BENCH, "N", "rounds; the median is reported"},
    {"layers",         0,   SETTING_FLAG,   AT(layers),         0, 0,          "no",   NULL, COMMAND_BENCH, NULL, "a line for each layer"},
    {"patients",       0,   SETTING_NUMBER, AT(patients),       1, 100000,     "12",   NULL, COMMAND_DEMO, "N", "patients of the synthetic upload"},
    {"seed",           0,   SETTING_NUMBER, AT(seed),           0, 1000000000, "1",    NULL, COMMAND_DEMO | COMMAND_DATASET | COMMAND_EVAL, "S", "seed of everything drawn by chance"},
    {"json",           0,   SETTING_FLAG,   AT(json),           0, 0,          "no",   NULL, COMMAND_STATUS | COMMAND_BENCH | COMMAND_MODEL | COMMAND_DOCTOR | COMMAND_ASIDE | COMMAND_RECOVER, NULL, "print JSON"},
    {"plain",          0,   SETTING_FLAG,   AT(plain),          0, 0,          "no",   NULL, COMMAND_TOP, NULL, "one frame as plain text, no terminal control"},
    {"snapshot",       0,   SETTING_FLAG,   AT(snapshot),       0, 0,          "no",   NULL, COMMAND_TOP, NULL, "one frame as JSON"},
    {"config",         0,   SETTING_PATH,   AT(config),         0, 0,          "",     NULL, COMMAND_ALL, "FILE", "read settings from FILE (key = value, # starts a comment)"},
    {"log-level",      0,   SETTING_CHOICE, AT(log_level),      0, 0,          "info", "error|warn|info|debug|trace", COMMAND_ALL, "L", "error, warn, info, debug or trace"},
    {"dump-config",    0,   SETTING_FLAG,   AT(dump_config),    0, 0,          "no",   NULL, COMMAND_ALL, NULL, "print the settings in force and stop"},
    {"help",           'h', SETTING_FLAG,   AT(help),           0, 0,          "no",   NULL, COMMAND_ALL, NULL, "this page"},
    {"version",        'V', SETTING_FLAG,   AT(version),        0, 0,          "no",   NULL, COMMAND_ALL, NULL, "print the version"},
};
/* clang-format on */

const size_t settings_table_length = sizeof(settings_table) / sizeof(*settings_table);
