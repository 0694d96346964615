/* docs/settings.md, written from the table so that it cannot disagree with the program. */
#include "common/settings_table.h"

static const struct {
    enum settings_command bit;
    const char *name;
} commands[] = {
    {COMMAND_RUN,       "run"              },
    {COMMAND_SUBMIT,    "submit"           },
    {COMMAND_STATUS,    "status"           },
    {COMMAND_PREDICT,   "predict"          },
    {COMMAND_EVAL,      "eval"             },
    {COMMAND_MODEL,     "model"            },
    {COMMAND_BENCH,     "bench"            },
    {COMMAND_DEMO,      "demo-data"        },
    {COMMAND_DOCTOR,    "doctor"           },
    {COMMAND_TOP,       "top"              },
    {COMMAND_SCHEDULER, "lentigo-scheduler"},
    {COMMAND_WORKER,    "lentigo-worker"   },
    {COMMAND_REPORTS,   "lentigo-reports"  },
    {COMMAND_QUANTIZE,  "model quantize"   },
    {COMMAND_CANCEL,    "cancel"           },
    {COMMAND_ASIDE,     "set-aside"        },
    {COMMAND_RETRY,     "retry"            },
    {COMMAND_PAUSE,     "pause and resume" },
    {COMMAND_DATASET,   "dataset"          },
    {COMMAND_TRAIN,     "train"            },
    {COMMAND_SWEEP,     "train sweep"      },
    {COMMAND_CALIBRATE, "model calibrate"  },
    {COMMAND_WATCH,     "watch"            },
};

static void print_commands(unsigned bits, FILE *out)
{
    const char *comma = "";

    if (bits == COMMAND_ALL) {
        fputs("all", out);
        return;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        if (bits & commands[i].bit) {
            fprintf(out, "%s%s", comma, commands[i].name);
            comma = ", ";
        }
}

static void print_range(const struct setting *row, FILE *out)
{
    switch (row->type) {
    case SETTING_FLAG: fputs("yes or no", out); break;
    case SETTING_NUMBER:
        fprintf(out, "%ld to %ld%s%s", row->min, row->max, row->choices ? " or " : "",
                row->choices ? row->choices : "");
        break;
    case SETTING_REAL: fprintf(out, "%ld to %ld, with a fraction", row->min, row->max); break;
    case SETTING_CHOICE:
        for (const char *c = row->choices; *c; c++)
            fputs(*c == '|' ? " or " : (char[]){*c, 0}, out);
        break;
    case SETTING_WORD: fputs("a word", out); break;
    case SETTING_PATH: fputs("a path", out); break;
    }
}

void settings_document(FILE *out)
{
    fputs("# Settings\n\n"
          "Written by `lentigo help settings`; a test compares. Each is a flag (`--size 256`), a\n"
          "line of the file that `--config` names (`size = 256`) and an environment variable\n"
          "(`LENTIGO_SIZE=256`). A flag goes before the environment, that before the file, that\n"
          "before the default.\n\n"
          "| name | default | values | what | commands |\n|---|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < settings_table_length; i++) {
        const struct setting *row = &settings_table[i];
        fprintf(out, "| `%s` | %s | ", row->name, row->initial);
        print_range(row, out);
        fprintf(out, " | %s | ", row->help);
        print_commands(row->commands, out);
        fputs(" |\n", out);
    }
}
