/* store.h -- what a seat takes out of the spool for a worker elsewhere, and puts into it for him.
 *
 * `root` is the spool's, `id` "<upload>/<study key>/<n>". Any thread; no state. */
#ifndef REMOTE_STORE_H
#define REMOTE_STORE_H

#include "common/json.h"
#include "queue/result.h"
#include "remote/protocol.h"

/* Append the study.json of "<upload>/<study key>" as another machine gets it: enough to work on its images,
 * nothing of who the patient is but what the names of files tell. ERR_INPUT, ERR_NOMEM, ERR_LIMIT. */
int store_study(const char *root, const char *study, struct buf *out, struct err *err);

/* The original, opened for reading; the caller closes `*fd`. ERR_INPUT: it is not there. */
int store_original(const char *root, const char *id, int *fd, uint64_t *size, struct err *err);

/* A picture of the result (not PROTOCOL_RESULT), in its place, not durable yet. ERR_AGAIN: full disk. */
int store_picture(const char *root, const char *id, enum protocol_file file, const void *bytes,
                  size_t n, struct err *err);

/* One result of a batch. */
struct store_result {
    const char *id;
    json_t *result; /* as results/<n>.json has it */
};

/* The status in a results/<n>.json: RESULT_DONE or RESULT_SET_ASIDE; RESULT_NONE: it is no such thing that a
 * worker may hand in. */
enum result_status store_status_of(const json_t *result);

/* Put the results and their pictures in their places and make all durable. What was terminal before
 * stays. ERR_AGAIN: the disk failed; some may be there, and the same again does no harm. */
int store_commit(const char *root, const struct store_result *results, int n, struct err *err);

#endif
