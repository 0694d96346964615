/* gallery.h -- many picture files through the sandboxed decoders at once.
 *
 * One thread: the caller's. Files are handed out in order and come back as they are done. */
#ifndef TRAIN_GALLERY_H
#define TRAIN_GALLERY_H

#include "common/settings.h"
#include "preprocess/decode.h"

struct gallery {
    struct decoder *decoder;
    int slots;
};

/* As many decoders as cores, or --decoders; limits from the settings. Before any thread and before
 * much memory is held. */
int gallery_open(struct gallery *p, const struct settings *s, struct err *err);
void gallery_close(struct gallery *p); /* safe on a zeroed one */

struct gallery_job {
    int n;
    bool are_masks; /* their `display` is wanted */
    /* The file of picture i: a path that is valid until `take` of it; NULL: there is none, `take` is
     * not called. */
    const char *(*path)(void *ctx, int i);
    /* The pixels are valid during the call. `d->reason` says whether there are any; a file that
     * cannot be opened is REASON_MISSING_FILE or REASON_UNREADABLE. -1 ends the whole. */
    int (*take)(void *ctx, int i, const struct decoded *d, struct err *err);
    void *ctx;
    const char *what; /* for the progress on a terminal, such as "masks" */
};

/* -1: `take` said so, or the decoders are gone. */
int gallery_run(struct gallery *p, const struct gallery_job *job, struct err *err);

#endif
