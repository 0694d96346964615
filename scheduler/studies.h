/* studies.h -- the study.json of the few studies whose images are being sent out.
 *
 * Jobs of one study come one after the other; without this a study of many images would be parsed
 * once for each of them. */
#ifndef SCHEDULER_STUDIES_H
#define SCHEDULER_STUDIES_H

#include "queue/spool.h"
#include "scheduler/index.h"

enum { STUDIES_KEPT = 8 };

struct studies {
    struct {
        uint32_t place; /* in the index */
        int64_t used;   /* 0 = empty */
        struct study study;
        char dir[SPOOL_PATH_SIZE];
    } kept[STUDIES_KEPT];
    int64_t uses;
};

void studies_release(struct studies *k);

/* The record and folder of an image; both valid until the next call. */
int studies_image(struct studies *k, const struct spool *spool, const struct index *x,
                  uint32_t image, const struct study_image **out, const char **dir,
                  struct err *err);

#endif
