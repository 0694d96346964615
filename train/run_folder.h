/* run_folder.h -- a training run on disk.
 *
 *   RUN/config.json         settings, digest of the pictures, what the machine gave; written once
 *   RUN/log.jsonl           a line each few iterations, and one for each validation (history.h)
 *   RUN/state/              what a killed run goes on from (checkpoint.h)
 *   RUN/best/, RUN/last/    model folders: the best validation's weights, and the latest
 *   RUN/pictures/           outlines of a few validation pictures, one set for each validation
 *   RUN/index.html, curves.svg   what a person looks at while it runs
 *   RUN/lock                held by the process that trains */
#ifndef TRAIN_RUN_FOLDER_H
#define TRAIN_RUN_FOLDER_H

#include "common/json.h"
#include "common/settings.h"

struct run_folder {
    char dir[SETTINGS_PATH_SIZE];
    int lock; /* descriptor; -1: none */
};

/* Takes the folder for this process, made when it is not there. Without `resume` one that holds a run
 * already, or anything else, is ERR_CONFIG; with it one that holds none. Another process at it is
 * ERR_AGAIN. */
int run_folder_open(struct run_folder *r, const char *dir, bool resume, struct err *err);
void run_folder_close(struct run_folder *r); /* safe on {.lock = -1} */

/* The precision that the run in `dir` was begun with, as the machine gave it; "" when there is none to be
 * read. Before the folder is taken: a learner is opened first. */
enum { RUN_PRECISION_SIZE = 16 };
void run_folder_precision(char out[RUN_PRECISION_SIZE], const char *dir);

/* Writes config.json, or with `resume` compares: what differs is ERR_CONFIG and named. `config` is
 * {"settings": plan_settings, other keys}. */
int run_folder_agree(const struct run_folder *r, json_t *config, bool resume, struct err *err);

/* Puts best.draft/, which is whole and synced, in the place of best/ in one step: weights, card and
 * thresholds of two validations never stand beside each other. What was best/ is removed. ERR_AGAIN: the
 * disk; best/ stays as it was. */
#define RUN_BEST_DRAFT "best.draft"
int run_folder_adopt_best(const struct run_folder *r, struct err *err);

#endif
