/* studies.h -- the study.json of the few studies whose images are at work.
 *
 * Jobs of one study come one after the other; without this a study of many images would be parsed
 * once for each of them. One thread. */
#ifndef QUEUE_STUDIES_H
#define QUEUE_STUDIES_H

#include "queue/spool.h"

enum { STUDIES_KEPT = 8 };

struct studies {
    struct {
        int64_t used; /* 0 = empty */
        struct study study;
        char dir[SPOOL_PATH_SIZE];
    } kept[STUDIES_KEPT];
    int64_t uses;
};

void studies_release(struct studies *k); /* safe on a zeroed one; leaves it zeroed */

/* The record of image `n` of the study in `study_dir`; valid until the next call. ERR_INPUT: it is not
 * there, or the study cannot be read. */
int studies_image(struct studies *k, const char *study_dir, int n, const struct study_image **out,
                  struct err *err);

#endif
