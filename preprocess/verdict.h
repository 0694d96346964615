/* verdict.h -- what the decoding child says about one image: a reason, a sentence, a note.
 *
 * Inside the child the reason is what counts (the parent derives the error code from it), so this
 * stands where other folders have `struct err`. The first refusal wins. */
#ifndef PREPROCESS_VERDICT_H
#define PREPROCESS_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/reason.h"

struct verdict {
    enum reason reason; /* REASON_NONE while all is well */
    char text[200];
    bool is_degraded;
    char note[96]; /* the first harmless message */
};

/* Record a refusal and return -1. */
int verdict_refuse(struct verdict *v, enum reason reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), nonnull(1, 3)));

/* Record a harmless message; `degrades` when pixels may have suffered from it. */
void verdict_note(struct verdict *v, bool degrades, const char *text);

/* A message that libvips or a library below it wrote: harmless ones become notes, all else refuses.
 * This is the only place that parses message text. 0 or -1. */
int verdict_message(struct verdict *v, const char *message);

#endif
