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

/* An upload that would come in. */
struct intake_offer {
    int images;
    json_t *sites;  /* {"<site>": images}, see sites.h; borrowed during the call */
    const char *at; /* the moment, as its accepted_at would say */
};

struct intake_request {
    const char *input;     /* folder or manifest.csv */
    const char *encoding;  /* of the manifest, "" = UTF-8 */
    const char *leave_out; /* OUT when it lies inside input, or NULL */
    const char *job_class; /* of upload.json; NULL = bulk */
    const char *site;      /* of studies for which the manifest names none; NULL or "" = none */
    bool is_foreign;       /* others may still write to INPUT: its files get no second name */
    int64_t not_before_ms; /* nothing of it is begun before; 0 = at once */
    int64_t accepted_ms;   /* wall clock, or SOURCE_DATE_EPOCH's when set */
    /* Does a file with these first bytes look like a picture? (preprocess/sniff.h; the queue sees
     * no pixels.) A file that does not, and has no picture's extension, is listed under "others".
     * Called by several threads at once. */
    bool (*is_picture)(const uint8_t *head, size_t n);
    /* Called now and then, by any thread, with the number of files seen so far; may be NULL. */
    void (*progress)(void *ctx, int files);
    void *ctx;
    /* May it come in now? -1 with ERR_AGAIN turns it away. Called by the thread that accepts, once all is
     * known and before anything was written; no other intake asks or begins meanwhile. Not called
     * for what was accepted before; NULL: yes. */
    int (*admit)(void *admit_ctx, const struct intake_offer *offer, struct err *err);
    void *admit_ctx;
    int64_t waiting; /* images accepted before whose results still need room on the disk */
    int threads; /* that look at files and write studies; 0 = see crew.h. Same bytes with any. */
};

struct intake_result {
    char upload[64];
    int images, studies, others;
    int set_aside;         /* of images: named, but not there or no regular file */
    bool was_there;        /* this very upload had been accepted before */
    int64_t not_before_ms; /* as it stands in the spool: what was said first; 0 = at once */
};

/* ERR_CONFIG: manifest or input wrong (nothing was taken). ERR_AGAIN: disk full or I/O error
 * (nothing was taken; the same call later may work). Several processes may call it at once. */
int intake_accept(struct spool *s, const struct intake_request *request, struct intake_result *out,
                  struct err *err);

/* Remove what an intake left in incoming/ when it was cut off; what a living process builds stays.
 * `*removed` receives how many. */
int intake_sweep(const struct spool *s, int *removed, struct err *err);

#endif
