/* result.h -- results/<n>.json: what became of one image.
 *
 * {"version":1,"status":"done|set_aside|cancelled","entry":{the image entry of report.json},
 *  "model":{"name","version","sha256","size","precision","backend","policy_sha256"} or null}
 *  with "coarse_size" as well where "size" was asked for only after a coarse pass left doubt
 * No time, attempt or machine in it: the same work gives the same bytes. */
#ifndef QUEUE_RESULT_H
#define QUEUE_RESULT_H

#include "common/err.h"
#include "common/json.h"

enum result_status { RESULT_NONE, RESULT_DONE, RESULT_SET_ASIDE, RESULT_CANCELLED };

const char *result_status_word(enum result_status s);

/* Write results/<n>.json of the study (rename, not synced: the caller syncs once a batch). Both
 * objects are borrowed; `model` may be NULL. Terminal is terminal: a result that is there already
 * stays, whatever it says, and the new one is dropped without an error. Who has to know which of
 * two writers came first reads it back. */
int result_write(const char *study_dir, int n, enum result_status status, const json_t *entry,
                 const json_t *model, struct err *err);

/* Its two halves, for a syncfs in between (file_draft): nobody sees the draft. Same thread. */
int result_draft(const char *study_dir, int n, enum result_status status, const json_t *entry,
                 const json_t *model, struct err *err);
int result_adopt(const char *study_dir, int n, struct err *err);
void result_discard(const char *study_dir, int n); /* the draft goes; there need be none */

/* RESULT_NONE and 0 when there is none yet. `*out` (may be NULL) is the whole object, owned by the
 * caller. A result that does not parse is removed, logged and answered as none: it is made again. */
int result_read(const char *study_dir, int n, enum result_status *status, json_t **out,
                struct err *err);

/* The same for somebody who only looks: a result that does not parse is ERR_INPUT and stays. */
int result_peek(const char *study_dir, int n, enum result_status *status, json_t **out,
                struct err *err);

#endif
