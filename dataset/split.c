#include "dataset/split.h"

#include <stdlib.h>
#include <string.h>

#include "common/classes.h"

enum { TALLIES = CLASS_COUNT + 1 }; /* of each class, and of all */

struct pile {
    int first;    /* number of the set */
    uint64_t key; /* what chance makes of the set's least id */
    const char *id;
    int tally[TALLIES];
};

struct dealing {
    struct pile *piles; /* by the number of the set; empty ones have no id */
    int n;
    const int *percent;
    double wanted[SPLIT_COUNT][TALLIES], have[SPLIT_COUNT][TALLIES];
};

const char *split_word(int split)
{
    static const char *const words[SPLIT_COUNT] = {"train", "val", "test"};

    return words[split];
}

int groups_init(struct groups *g, int n, struct err *err)
{
    *g = (struct groups){.parent = calloc((size_t)n + 1, sizeof(*g->parent)), .n = n};
    if (!g->parent)
        return err_set(err, ERR_NOMEM, "groups of %d pictures", n);
    for (int i = 0; i < n; i++)
        g->parent[i] = i;
    return 0;
}

void groups_release(struct groups *g)
{
    free(g->parent);
    *g = (struct groups){0};
}

int groups_find(struct groups *g, int i)
{
    while (g->parent[i] != i)
        i = g->parent[i] = g->parent[g->parent[i]]; /* halves the way for the next */
    return i;
}

void groups_join(struct groups *g, int i, int j)
{
    i = groups_find(g, i);
    j = groups_find(g, j);
    g->parent[i > j ? i : j] = i < j ? i : j;
}

struct named {
    const char *value;
    int i;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *x = a, *y = b;

    return strcmp(x->value, y->value);
}

int groups_join_equal(struct groups *g, const char *const *values, struct err *err)
{
    struct named *named = calloc((size_t)g->n + 1, sizeof(*named));
    int shared = 0;

    if (!named)
        return err_set(err, ERR_NOMEM, "groups of %d pictures", g->n);
    for (int i = 0; i < g->n; i++)
        named[i] = (struct named){values[i], i};
    qsort(named, (size_t)g->n, sizeof(*named), compare_named);
    for (int i = 1, run = 1; i < g->n; i++) {
        run = *named[i].value && !compare_named(&named[i - 1], &named[i]) ? run + 1 : 1;
        if (run > 1)
            groups_join(g, named[i - 1].i, named[i].i);
        shared += run == 2;
    }
    free(named);
    return shared;
}

int split_parse(int percent[SPLIT_COUNT], const char *text, struct err *err)
{
    const char *at = text;
    int sum = 0;

    for (int i = 0; i < SPLIT_COUNT; i++) {
        char *end;
        long value = strtol(at, &end, 10);
        if (end == at || *at < '0' || *at > '9' || value > 100 || *end != (i < 2 ? ',' : 0))
            goto bad;
        percent[i] = (int)value;
        sum += percent[i];
        at = end + 1;
    }
    if (sum == 100 && percent[SPLIT_TRAIN])
        return 0;
bad:
    return err_set(
        err, ERR_INPUT,
        "percent: \"%.40s\" is not three whole numbers for train,val,test that make 100, "
        "the first over 0, such as 70,15,15",
        text);
}

/* FNV-1a over the id, stirred with the seed by the finaliser of SplitMix64 (Steele 2014). */
static uint64_t draw(uint64_t seed, const char *id)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *id; id++)
        h = (h ^ (uint8_t)*id) * UINT64_C(0x100000001b3);
    h += (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return h ^ h >> 31;
}

static int compare_piles(const void *a, const void *b)
{
    const struct pile *x = a, *y = b;
    int more = y->tally[CLASS_COUNT] - x->tally[CLASS_COUNT];

    if (more)
        return more;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->id && y->id ? strcmp(x->id, y->id) : 0;
}

static void heap_up(struct dealing *d, const struct split_picture *pictures, struct groups *groups,
                    uint64_t seed)
{
    for (int i = 0; i < d->n; i++) {
        struct pile *pile = &d->piles[groups_find(groups, i)];
        pile->first = groups_find(groups, i);
        if (!pile->id || strcmp(pictures[i].id, pile->id) < 0)
            pile->id = pictures[i].id;
        pile->tally[pictures[i].class]++;
        pile->tally[CLASS_COUNT]++;
        for (int s = 0; s < SPLIT_COUNT; s++) {
            d->wanted[s][pictures[i].class] += d->percent[s] / 100.0;
            d->wanted[s][CLASS_COUNT] += d->percent[s] / 100.0;
        }
    }
    for (int i = 0; i < d->n; i++)
        if (d->piles[i].id)
            d->piles[i].key = draw(seed, d->piles[i].id);
    qsort(d->piles, (size_t)d->n, sizeof(*d->piles), compare_piles);
}

/* By how much Pearson's chi-squared between what is there and what is wanted grows. */
static double cost(const struct dealing *d, const struct pile *pile, int split)
{
    double sum = 0;

    for (int k = 0; k < TALLIES; k++)
        if (pile->tally[k]) {
            double over = d->have[split][k] - d->wanted[split][k];
            sum += pile->tally[k] * (2 * over + pile->tally[k]) / d->wanted[split][k];
        }
    return sum;
}

static int choose(const struct dealing *d, const struct pile *pile)
{
    int best = SPLIT_TRAIN;

    for (int s = SPLIT_VAL; s < SPLIT_COUNT; s++)
        if (d->percent[s] && cost(d, pile, s) < cost(d, pile, best))
            best = s;
    return best;
}

int split_assign(uint8_t *out, const struct split_picture *pictures, struct groups *groups,
                 const int percent[SPLIT_COUNT], uint64_t seed, struct err *err)
{
    struct dealing d = {.n = groups->n, .percent = percent};

    d.piles = calloc((size_t)d.n + 1, sizeof(*d.piles));
    if (!d.piles)
        return err_set(err, ERR_NOMEM, "splits of %d pictures", d.n);
    heap_up(&d, pictures, groups, seed);
    for (int i = 0; i < d.n && d.piles[i].id; i++) {
        const struct pile *pile = &d.piles[i];
        int split = choose(&d, pile);
        out[pile->first] = (uint8_t)split;
        for (int k = 0; k < TALLIES; k++)
            d.have[split][k] += pile->tally[k];
    }
    for (int i = 0; i < d.n; i++)
        out[i] = out[groups_find(groups, i)];
    free(d.piles);
    return 0;
}
