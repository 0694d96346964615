/* walk.h -- what the spool holds, read beside the event loop.
 *
 * A walk reads the contents of the uploads that the index does not have yet and the results that lie
 * there, and writes the results of images that intake had set aside. Contents that are not there, or tell
 * of a study that is not, are made anew from the studies. It runs in libuv's
 * thread pool; the index is only changed when the finished walk is taken in, on the loop's thread. */
#ifndef SCHEDULER_WALK_H
#define SCHEDULER_WALK_H

#include <stdatomic.h>

#include "common/reason.h"
#include "queue/order.h"
#include "queue/spool.h"
#include "queue/terms.h"
#include "scheduler/index.h"

struct walk_image {
    int n;
    enum result_status status;
    enum reason reason;
    char risk[16];
    double malignant_probability;
};

struct walk_study {
    char upload[64], key[32];
    int class, n_images;
    int64_t not_before_ms; /* wall clock */
    size_t first;          /* its images in the walk's */
    bool has_report;
};

struct walk {
    const struct spool *spool;
    const struct index *index; /* not changed while the walk runs */
    bool want_reports;
    atomic_bool is_cancelled; /* set from outside: end soon */
    struct walk_study *studies;
    struct walk_image *images;
    size_t n_studies, cap_studies, n_images, cap_images;
    struct terms terms; /* of the upload at hand, its name among them */
    bool has_written;
    struct err err;
};

/* Any thread. The outcome is in w->err. */
void walk_run(struct walk *w);
void walk_release(struct walk *w);

/* Result of an image that ended without the worker: set aside for `reason`. Not synced. */
int walk_write_aside(const char *study_dir, const struct study_image *image, enum reason reason,
                     const char *detail, struct err *err);

/* The same for one that `order` cancels. */
int walk_write_cancelled(const char *study_dir, const struct study_image *image,
                         const struct order *order, struct err *err);

#endif
