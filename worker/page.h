/* page.h -- an evaluation as one HTML file that needs nothing else: tables, drawings, worst pictures. */
#ifndef WORKER_PAGE_H
#define WORKER_PAGE_H

#include "worker/compare.h"
#include "worker/robust.h"

enum { PAGE_WORST = 50 };

/* One of the worst outlines. */
struct page_picture {
    int row;         /* of the judgement */
    struct buf jpeg; /* with both outlines drawn in */
};

struct page {
    const struct judgement *judged;
    const json_t *facts; /* what `eval` prints: model, split, size, precision, backend */
    const struct comparison *compared; /* NULL: with none */
    const char *compared_with;
    const struct robust_row *robust; /* n_robust rows; NULL: not measured */
    int n_robust;
    struct page_picture worst[PAGE_WORST];
    int n_worst;
};

void page_release(struct page *p); /* its pictures; all else is borrowed */

int page_write(const struct page *p, const char *path, struct err *err);

#endif
