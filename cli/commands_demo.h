/* commands_demo.h -- `lentigo demo-data DIR`: a synthetic clinic upload whose truth is known. */
#ifndef CLI_COMMANDS_DEMO_H
#define CLI_COMMANDS_DEMO_H

#include "common/settings.h"

/* `argv` holds the operands alone: one, the folder. Writes DIR/upload (what a clinic would send: a
 * folder per patient and manifest.csv) and DIR/truth (truth.json and a mask per picture) for
 * s->patients and s->seed; the same two give the same bytes. A DIR that holds the upload of another
 * seed or number is refused. Returns the exit status. */
int cmd_demo_data(const struct settings *s, int argc, char **argv);

#endif
