/* page.h -- RUN/index.html and RUN/curves.svg: what a person looks at while a run trains.
 *
 * The page asks for itself again every ten seconds while the run goes on, needs no script, and refers to
 * nothing but pictures in the run's own folder. */
#ifndef TRAIN_PAGE_H
#define TRAIN_PAGE_H

#include "train/history.h"
#include "train/validate.h"

struct page {
    const char *dir;   /* of the run; borrowed, as all below */
    const char *state; /* "training", "done", "stopped: ..." */
    bool is_live;      /* it goes on: the page refreshes itself */
    const json_t *config;
    const struct history *history;
    int64_t iteration, total, best_iteration;
    double eta_s; /* NAN: unknown */
};

/* Writes both files (file_write). */
int page_write(const struct page *p, struct err *err);

/* Keeps the sketches of a validation as RUN/pictures/<iteration>/<k>.jpg. */
int page_keep(const char *dir, int64_t iteration, const struct validation *v, struct err *err);

#endif
