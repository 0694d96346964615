#include "engine/cudnn/choose.h"

#include <math.h>
#include <string.h>

enum { PLAN_TEXT_MAX = 1 << 20 }; /* bytes; they are 3 kB */

/* The best plan so far. */
struct contest {
    struct graph_plan *best;
    double best_us;
    int left;       /* to be tried */
    struct err why; /* why the last one that failed did */
};

/* Does it want too much? Then `why`. */
static bool is_too_much(const struct choose *how, const struct graph_plan *p, struct err *why)
{
    if (graph_plan_workspace(p) > how->workspace_max)
        err_set(why, ERR_CONFIG, "it wants %zu bytes of workspace", graph_plan_workspace(p));
    else if (how->deterministic && !graph_plan_is_deterministic(p))
        err_set(why, ERR_CONFIG, "%s adds up in any order", graph_plan_engine(p));
    else
        return false;
    return true;
}

/* 0 and *out NULL when the cache does not help. */
static void take_cached(struct graph_plan **out, const struct choose *how, const char *key)
{
    const char *text = how->cache ? plan_cache_get(how->cache, key) : NULL;
    struct err ignored = {0}; /* a plan of another cuDNN, or a damaged one: made again */

    if (text && graph_plan_load(out, how->target, text, strlen(text), &ignored))
        *out = NULL;
    if (*out && is_too_much(how, *out, &ignored)) {
        graph_plan_free(*out);
        *out = NULL;
    }
}

/* Takes `p`: it becomes the best, or is freed. */
static int enter(struct contest *contest, const struct choose *how, const struct conv *c,
                 struct graph_plan *p)
{
    double us = 0;

    if (is_too_much(how, p, &contest->why)) {
        graph_plan_free(p);
        return 0;
    }
    contest->left--;
    if (how->time && how->time(how->ctx, c, p, &us, &contest->why)) {
        graph_plan_free(p);
        return contest->why.code == ERR_CONFIG ? 0 : -1;
    }
    if (contest->best && us >= contest->best_us) {
        graph_plan_free(p);
        return 0;
    }
    graph_plan_free(contest->best);
    contest->best = p;
    contest->best_us = us;
    return 0;
}

static int try_mode(struct contest *contest, const struct choose *how, const struct conv *c,
                    const struct graph *g, cudnnBackendHeurMode_t mode)
{
    struct graph_choices *choices;
    int ret = 0;

    contest->why = (struct err){0};
    if (graph_choices_new(&choices, g, how->target, mode, &contest->why))
        return contest->why.code == ERR_CONFIG ? 0 : -1;
    for (int i = 0; i < graph_choices_count(choices) && contest->left > 0 && !ret; i++) {
        struct graph_plan *p = NULL;
        contest->why = (struct err){0};
        if (!graph_plan_new(&p, choices, i, &contest->why))
            ret = enter(contest, how, c, p);
        else if (contest->why.code == ERR_NOMEM)
            ret = -1;
    }
    graph_choices_free(choices);
    return ret;
}

static int keep(const struct choose *how, const char *key, const struct contest *contest,
                struct err *err)
{
    struct buf text;
    int ret;

    if (!how->cache || !how->time)
        return 0;
    buf_init(&text, PLAN_TEXT_MAX);
    ret = graph_plan_save(contest->best, &text, err) ||
                  plan_cache_put(how->cache, key, text.data, contest->best_us, err)
              ? -1
              : 0;
    buf_release(&text);
    return ret;
}

int choose_plan(struct graph_plan **out, const struct choose *how, const struct conv *c,
                struct err *err)
{
    const int tries = how->time && how->tries > 1 ? how->tries : 1;
    struct contest contest = {.left = tries};
    char key[CONV_TEXT_SIZE];
    struct graph *g;
    int failed;

    *out = NULL;
    take_cached(out, how, conv_text(key, c));
    if (*out)
        return 0;
    if (conv_graph(&g, c, err))
        return -1;
    failed = try_mode(&contest, how, c, g, CUDNN_HEUR_MODE_A);
    contest.left = tries;
    if (!failed && !contest.best)
        failed = try_mode(&contest, how, c, g, CUDNN_HEUR_MODE_FALLBACK);
    graph_free(g);
    if (failed || !contest.best) {
        graph_plan_free(contest.best);
        return err_set(err, contest.why.code ? contest.why.code : ERR_CONFIG, "%s: %s", key,
                       contest.why.msg);
    }
    struct err why = {0};
    (void)keep(how, key, &contest, &why); /* a plan that cannot be cached is a plan all the same */
    *out = contest.best;
    return 0;
}
