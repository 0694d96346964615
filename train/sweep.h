/* sweep.h -- a search over the settings of `lentigo train`, as a folder that several machines share.
 *
 *   DIR/sweep.json                  what was asked for, and the trials that follow; written once
 *   DIR/made_with.json              what its trainers run on: scores of other arithmetic do not compare
 *   DIR/trials/<trial>/             a run of `lentigo train` (run_folder.h)
 *   DIR/results/<trial>.<round>.json   this trial has ended this round
 *   DIR/deaths/<trial>.jsonl        what its trainers died of
 *   DIR/logs/<trial>.log            what they said
 *   DIR/table.csv, ranking.json, index.html    what a person looks at (sweep_page.h)
 *
 * A trial's part in a round is a job of the class `training` in a queue of the sweep's own (broker.h: its
 * shard), which any number of takers lease from (sweep_taker.h). The job is over when its result is in
 * place; the first one stays (file_adopt_first), and Redis only says who is at which trial: what it has
 * lost is put in again from here. A trial that was left, by whomever, goes on at its last state with the
 * bits that it would have had (trainer.h), since its folder has a lock that only one trainer holds.
 *
 * All trials of a round train with the schedule of their full length and stop at the round's end
 * (stop-at): who goes on is where an undisturbed run would be, and the winner is that run. The price is
 * that early rounds compare runs whose rate is still high. */
#ifndef TRAIN_SWEEP_H
#define TRAIN_SWEEP_H

#include "common/json.h"
#include "common/settings.h"
#include "train/sweep_board.h"
#include "train/sweep_spec.h"

struct sweep {
    char dir[SETTINGS_PATH_SIZE]; /* as it was named */
    char id[32];                  /* "sweep-<16 hex>": the shard of its queue */
    struct sweep_spec spec;
    json_t *settings;           /* text by name: what all trials share */
    struct sweep_value *values; /* board.n,spec.n_axes */
    struct sweep_board board;
};

/* The sweep in `dir`, begun from the file `spec` when there is none. With `spec` NULL there must be one;
 * one that was begun from another spec is ERR_CONFIG and says in what; so is one at all without `resume`.
 * What the spec asks for is ERR_INPUT when a key, a value or a combination has no meaning, and names it.
 * `trainers`: how many share the cores when the spec says nothing of threads. Close it in any case. */
struct sweep_opening {
    const char *dir, *spec;
    bool resume;
    int trainers;
};
int sweep_open(struct sweep *w, const struct sweep_opening *how, struct err *err);
void sweep_close(struct sweep *w); /* safe on a zeroed one */

/* sweep_trial.c: what trial `i` (from 0) is. Names of files and people count from 1. */

/* DIR/<folder>/<trial><ending> */
int sweep_path(char out[SETTINGS_PATH_SIZE], const struct sweep *w, const char *folder, int trial,
               const char *ending, struct err *err);

/* `settings` (text by name) over what defaults, file and environment say to `lentigo train`. ERR_INPUT names
 * what cannot be. */
int sweep_apply(struct settings *out, const json_t *settings, struct err *err);

/* A new object of the caller; NULL when memory is gone. */
json_t *sweep_settings(const struct sweep *w, int trial);

int64_t sweep_end(const struct sweep *w, int trial, int rung); /* iteration at which it stops */

/* Text of an axis of a trial; borrowed from `w`. */
const char *sweep_value(const struct sweep *w, int trial, int axis);

/* "lr 0.02, loss ce", at most `size`. Returns `out`. */
char *sweep_describe(char *out, size_t size, const struct sweep *w, int trial);

/* The command that trains this trial alone, for a shell; appended to `out`. */
int sweep_command(struct buf *out, const struct sweep *w, int trial, struct err *err);

/* sweep_results.c: what became of them. */

/* Takes the results that are in place into the board. One that does not parse (a power cut) is removed
 * and logged: its job is done again. ERR_AGAIN: the disk. */
int sweep_look(struct sweep *w, struct err *err);

/* Reads a trial's result off its folder, as its trainer has left it at the end of `rung`: SWEEP_DONE, or
 * SWEEP_FAILED when nothing was validated. ERR_AGAIN, ERR_INPUT: its log cannot be read. */
int sweep_collect(const struct sweep *w, int trial, int rung, struct sweep_result *out,
                  struct err *err);

/* "done", "failed", "set_aside". */
const char *sweep_status_word(enum sweep_status status);

/* Puts a result in place, durably, and the one that stands there then into the board. ERR_AGAIN. */
int sweep_keep(struct sweep *w, int trial, int rung, const struct sweep_result *result,
               struct err *err);

/* Room again: states and latest weights of the trials that nobody will go on with. */
void sweep_clear(const struct sweep *w);

/* Compares what the trainer of `trial` runs on and was told, as its config.json says, with made_with.json,
 * which the first one writes, and with the trial. ERR_CONFIG says what differs. */
int sweep_agree(const struct sweep *w, int trial, struct err *err);

/* A trainer died. Three crashes (a hang is one) set a trial aside, or ten kills by somebody unknown. */
int sweep_note_death(const struct sweep *w, int trial, bool is_crash, const char *what,
                     struct err *err);

/* 1: its trainers have died too often, `out` is the result that sets it aside; 0: it may go on. */
int sweep_is_hopeless(const struct sweep *w, int trial, struct sweep_result *out, struct err *err);

#endif
