/* record.h -- what the worker writes down beside an image's entry: its model, mask and copies. */
#ifndef WORKER_RECORD_H
#define WORKER_RECORD_H

#include "common/buf.h"
#include "lesion/entry.h"
#include "queue/spool.h"
#include "worker/item.h"
#include "worker/subject.h"

/* The "model" object of results (queue/result.h). The caller owns it; NULL when memory is gone. */
json_t *record_model(const struct subject *subject);

/* Scratch of one lane for display copies and encoded files. */
struct record_scratch {
    uint8_t *pixels; /* grows to the largest display copy */
    size_t capacity;
    int *starts; /* columns, then rows: which pixels of the original a pixel of the map covers */
    size_t n_starts;
    struct buf file;
};

int record_scratch_init(struct record_scratch *s, struct err *err);
void record_scratch_release(struct record_scratch *s);

/* <prefix>.mask.png, at the size of the original as displayed. ERR_NOMEM, ERR_AGAIN (disk). */
int record_mask(struct record_scratch *s, const char *path, const struct lesion_input *in,
                struct err *err);

/* results/<n>.mask.png and, when a display copy is wanted, .display.jpg and .overlay.jpg. */
int record_pictures(struct record_scratch *s, const struct item *item,
                    const struct lesion_input *in, const struct lesion_measures *measures,
                    struct err *err);

#endif
