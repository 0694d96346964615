/* intake.h -- an upload becomes part of the spool: all of it, or nothing.
 *
 * Reads the folder or manifest, links or copies the originals, writes study.json for each study
 * and upload.json, syncs, and renames the whole into uploads/. The upload's id is a digest of its
 * content (files, digests, fields of the manifest; not the order of rows, nor the others), so the
 * same upload handed in twice is one upload. */
#ifndef QUEUE_INTAKE_H
#define QUEUE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queue/spool.h"

struct intake_request {
    const char *input;     /* folder or manifest.csv */
    const char *encoding;  /* of the manifest, "" = UTF-8 */
    const char *leave_out; /* OUT when it lies inside input, or NULL */
    const char *job_class; /* of upload.json; NULL = bulk */
    int64_t accepted_ms;   /* wall clock, or SOURCE_DATE_EPOCH's when set */
    /* Does a file with these first bytes look like a picture? (preprocess/sniff.h; the queue sees
     * no pixels.) A file that does not, and has no picture's extension, is listed under "others".
     * Called by several threads at once. */
    bool (*is_picture)(const uint8_t *head, size_t n);
    /* Called now and then, by any thread, with the number of files seen so far; may be NULL. */
    void (*progress)(void *ctx, int files);
    void *ctx;
    int threads; /* that look at files and write studies; 0 = see crew.h. Same bytes with any. */
};

struct intake_result {
    char upload[64];
    int images, studies, others;
    int set_aside;  /* of images: named, but not there or no regular file */
    bool was_there; /* this very upload had been accepted before */
};

/* ERR_CONFIG: manifest or input wrong (nothing was taken). ERR_AGAIN: disk full or I/O error
 * (nothing was taken; the same call later may work). Several processes may call it at once. */
int intake_accept(struct spool *s, const struct intake_request *request, struct intake_result *out,
                  struct err *err);

/* Remove what an intake left in incoming/ when it was cut off; what a living process builds stays.
 * `*removed` receives how many. */
int intake_sweep(const struct spool *s, int *removed, struct err *err);

#endif
