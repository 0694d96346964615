/* terms.h -- on which terms an upload was handed in, as its upload.json says: class, and the time
 * before which nothing of it is begun. */
#ifndef QUEUE_TERMS_H
#define QUEUE_TERMS_H

#include "queue/spool.h"

struct terms {
    char upload[64];       /* whose they are; "" = none was read yet */
    int class;             /* broker.h */
    int64_t not_before_ms; /* wall clock; 0 = at once */
};

/* Kept when `out` has this upload's already: studies come upload by upload. An upload without a class
 * is bulk. ERR_CONFIG: words of another version. */
int terms_read(struct terms *out, const struct spool *s, const char *upload, struct err *err);

/* The upload is to be begun at once, whatever was said before; durable on return. */
int terms_release(const struct spool *s, const char *upload, struct err *err);

#endif
