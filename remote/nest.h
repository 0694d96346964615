/* nest.h -- the folder of a machine that joins: the files of the images in its hands, shaped like a spool.
 *
 *   <root>/uploads/<upload>/studies/<key>/{study.json,originals/<n>,results/<n>.*}
 *
 * They are pictures of patients of somebody else: they lie in memory where there is room, only their owner
 * may read them, and nothing of them stays. A nest whose process was killed is removed by whoever opens
 * the next one; a lock on the folder tells that its process lives. */
#ifndef REMOTE_NEST_H
#define REMOTE_NEST_H

#include "queue/spool.h"

struct nest {
    char root[256];
    int fd; /* of the folder, locked; -1: none */
};

/* Removes what the dead have left, then makes a folder. ERR_AGAIN, ERR_LIMIT. */
int nest_open(struct nest *out, struct err *err);
void nest_close(struct nest *nest); /* and all in it goes */
void nest_clear(const struct nest *nest);

/* The folders of the study of the image "<upload>/<key>/<n>" in the nest at `root`; `study_dir` and `*n` as by
 * spool_image_of_id. ERR_INPUT: no such id; ERR_AGAIN. */
int nest_make_study(const char *root, const char *id, char study_dir[SPOOL_PATH_SIZE], int *n,
                    struct err *err);

/* Remove the image's files; its whole study. What is not there does no harm. */
void nest_forget_image(const char *root, const char *id);
void nest_forget_study(const char *root, const char *id);

#endif
