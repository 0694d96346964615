/* spool.h -- where everything is kept; the truth that Redis only indexes.
 *
 *   <root>/version                                  "1\n"
 *   <root>/id                                       16 hexadecimal digits: which spool this is
 *   <root>/lock                                     held by the scheduler (flock)
 *   <root>/log                                      JSON lines: decisions, witnessed crashes
 *   <root>/bench                                    `lentigo bench queue` made it: its jobs have no pictures
 *   <root>/made_with.json                           model, policy, precision and size of its results
 *   <root>/watch/<digest of a folder>.json, .lock   what `lentigo watch` waits for there
 *   <root>/incoming/<upload>/...                    being received; swept at the next intake
 *   <root>/uploads/<upload>/upload.json             accepted: this folder was renamed into place
 *   <root>/uploads/<upload>/contents                its studies and their images, in short (contents.h)
 *   <root>/uploads/<upload>/studies/<key>/study.json
 *   <root>/uploads/<upload>/studies/<key>/originals/<n>
 *   <root>/uploads/<upload>/studies/<key>/results/<n>.json  .mask.png  .display.jpg  .overlay.jpg
 *   <root>/uploads/<upload>/studies/<key>/report.json       the study is finished when it is there
 *
 * An image is terminal when its results/<n>.json is there; a study when its report.json is. A
 * result is written by rename and synced before its job is acknowledged. The first result of an
 * image stays (result.h), so a late second one changes nothing. */
#ifndef QUEUE_SPOOL_H
#define QUEUE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/json.h"
#include "queue/study.h"

enum {
    SPOOL_ID_SIZE = 17,
    SPOOL_PATH_SIZE = 4096,
    SPOOL_JSON_MAX = 256 << 20,
    SPOOL_RESULT_MAX = 1 << 20
};

struct spool;

/* Make what is missing under `root` and check the version (ERR_CONFIG when it is another). */
int spool_open(struct spool **out, const char *root, struct err *err);
void spool_close(struct spool *s); /* NULL is fine */
const char *spool_root(const struct spool *s);
const char *spool_id(const struct spool *s); /* drawn by chance when it was made; 16 digits */

/* Say that this spool is for measuring the queue alone, and ask. */
int spool_mark_bench(const struct spool *s, struct err *err);
bool spool_is_bench(const char *root);

/* One holder at a time; ERR_AGAIN names the holder's pid. Given up by spool_close. Waits a second at most for
 * one that was killed. */
int spool_lock(struct spool *s, struct err *err);

/* Pid of the process of this machine that holds the lock, 0 = none. Takes no lock to find out. */
int spool_holder(const struct spool *s);

/* The same for whoever holds the file `path` by flock(2). */
int spool_lock_holder(const char *path);

/* Folder of a study; ERR_LIMIT when the path is too long, ERR_INPUT when a part is no plain name. */
int spool_study_dir(const struct spool *s, const char *upload, const char *key,
                    char out[SPOOL_PATH_SIZE], struct err *err);

/* Cut "<upload>/<key>" (`*n` is -1) or "<upload>/<key>/<n>". -1: it is neither. */
int spool_cut_id(const char *id, char upload[64], char key[32], int *n);

/* Folder of the study and number of the image "<upload>/<key>/<n>" in the spool at `root`, which need
 * not be there. ERR_INPUT: no such id. */
int spool_image_of_id(const char *root, const char *id, char study_dir[SPOOL_PATH_SIZE], int *n,
                      struct err *err);

int spool_study_read(const char *study_dir, struct study *out, struct err *err);

/* Call `visit` for each study of each accepted upload, in order of upload and key; a visit that
 * returns -1 ends the walk with -1. The study is the visitor's only during the call. */
int spool_each_study(const struct spool *s,
                     int (*visit)(void *ctx, const char *study_dir, const struct study *study,
                                  struct err *err),
                     void *ctx, struct err *err);

/* The same of one upload. */
int spool_each_study_of(const struct spool *s, const char *upload,
                        int (*visit)(void *ctx, const char *study_dir, const struct study *study,
                                     struct err *err),
                        void *ctx, struct err *err);

/* Folder of an upload; errors as spool_study_dir. */
int spool_upload_dir(const struct spool *s, const char *upload, char out[SPOOL_PATH_SIZE],
                     struct err *err);

/* upload.json: {"version","upload","accepted_at","input","class","not_before" (or none),"images",
 * "studies","sites":{"<site>":images},"others":[{"file","reason","detail"}]}. The caller owns the object. */
int spool_upload_read(const struct spool *s, const char *upload, json_t **out, struct err *err);
int spool_each_upload(const struct spool *s,
                      int (*visit)(void *ctx, const char *upload, struct err *err), void *ctx,
                      struct err *err);

/* Append one JSON line to the log and sync it. Takes no ownership. */
int spool_log_append(struct spool *s, const json_t *event, struct err *err);

/* Bytes; a reader that begins here sees what is new. 0 where that cannot be told: it sees all. */
int64_t spool_log_size(const struct spool *s);

/* Every line of the log from byte `*at` on, oldest first; `*at` becomes where the next one will
 * begin, so a reader that keeps it sees each line once. A last line that is not whole yet waits; one
 * that a power loss cut is skipped when the next line ends it. */
int spool_log_each(const struct spool *s, int64_t *at,
                   int (*visit)(void *ctx, const json_t *event, struct err *err), void *ctx,
                   struct err *err);

#endif
