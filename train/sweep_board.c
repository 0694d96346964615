#include "train/sweep_board.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "train/sweep_spec.h"

struct sweep_result sweep_result_of(enum sweep_status status)
{
    return (struct sweep_result){.status = status,
                                 .score = (double)NAN,
                                 .mean_jaccard = (double)NAN,
                                 .failure_rate = (double)NAN,
                                 .auc_malignant = (double)NAN,
                                 .balanced_accuracy = (double)NAN};
}

struct sweep_result *sweep_board_at(const struct sweep_board *b, int rung, int trial)
{
    return &b->all[(size_t)rung * (size_t)b->n + (size_t)trial];
}

/* Is trial `a` before `c` by their results? */
static bool is_better(const struct sweep_result *x, int a, const struct sweep_result *y, int c)
{
    return x->score > y->score || (x->score >= y->score && a < c);
}

static int share(int n, int keep)
{
    return (n + keep - 1) / keep;
}

/* Who of `in` goes on after `rung`, whose results are all there. Returns how many. */
static int promote(const struct sweep_board *b, int rung, bool *in)
{
    bool next[SWEEP_TRIALS_MAX] = {false};
    int entrants = 0, n = 0;

    for (int i = 0; i < b->n; i++)
        entrants += in[i];
    while (n < share(entrants, b->keep)) {
        int best = -1;
        for (int i = 0; i < b->n; i++) {
            const struct sweep_result *r = sweep_board_at(b, rung, i);
            if (in[i] && !next[i] && r->status == SWEEP_DONE &&
                (best < 0 || is_better(r, i, sweep_board_at(b, rung, best), best)))
                best = i;
        }
        if (best < 0)
            break;
        next[best] = true;
        n++;
    }
    memcpy(in, next, (size_t)b->n * sizeof(*in));
    return n;
}

static bool is_over(const struct sweep_board *b, int rung, const bool *in)
{
    for (int i = 0; i < b->n; i++)
        if (in[i] && sweep_board_at(b, rung, i)->status == SWEEP_OPEN)
            return false;
    return true;
}

int sweep_board_rung(const struct sweep_board *b, bool *in)
{
    int n = b->n;

    for (int i = 0; i < b->n; i++)
        in[i] = true;
    for (int rung = 0; rung < b->rungs; rung++) {
        if (n && !is_over(b, rung, in))
            return rung;
        if (rung + 1 < b->rungs)
            n = promote(b, rung, in);
    }
    return b->rungs;
}

int sweep_board_size(const struct sweep_board *b, int rung)
{
    int n = b->n;

    for (int r = 0; r < rung; r++)
        n = share(n, b->keep);
    return n;
}

const struct sweep_result *sweep_board_latest(const struct sweep_board *b, int trial)
{
    for (int rung = b->rungs - 1; rung >= 0; rung--)
        if (sweep_board_at(b, rung, trial)->status != SWEEP_OPEN)
            return sweep_board_at(b, rung, trial);
    return NULL;
}

/* Place among the groups of a ranking. */
static int group_of(const struct sweep_result *r)
{
    static const int groups[] = {
        [SWEEP_DONE] = 0, [SWEEP_OPEN] = 1, [SWEEP_FAILED] = 2, [SWEEP_SET_ASIDE] = 3};

    return groups[r ? r->status : SWEEP_OPEN];
}

static bool is_before(const struct sweep_board *b, int i, int k)
{
    const struct sweep_result *x = sweep_board_latest(b, i), *y = sweep_board_latest(b, k);

    if (group_of(x) != group_of(y))
        return group_of(x) < group_of(y);
    return group_of(x) == 0 ? is_better(x, i, y, k) : i < k;
}

int sweep_board_rank(const struct sweep_board *b, int *order)
{
    int done = 0;

    for (int i = 0; i < b->n; i++) {
        int at = i;
        while (at > 0 && is_before(b, i, order[at - 1])) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
        done += group_of(sweep_board_latest(b, i)) == 0;
    }
    return done;
}
