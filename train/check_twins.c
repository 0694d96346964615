/* What only shows when rows are put side by side: the same patient, lesion or picture on two sides, and
 * classes that a side has nothing of. */
#include <stdlib.h>
#include <string.h>

#include "train/check_set.h"

struct keyed {
    const char *key;
    int row;
};

static int compare_keys(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : x->row - y->row;
}

static const char *side_of(const struct check_row *row)
{
    return row->split < 0 ? "no split" : split_word(row->split);
}

static bool on_two_sides(const struct check_set *c, int a, int b)
{
    return c->rows[a].split >= 0 && c->rows[b].split >= 0 && c->rows[a].split != c->rows[b].split;
}

/* Each row with the first of its key that lies on another side. */
static void compare_run(struct check_set *c, const struct keyed *run, int n, const char *what)
{
    for (int i = 1; i < n; i++)
        for (int k = 0; k < i; k++) {
            const struct check_row *row = &c->rows[run[i].row], *other = &c->rows[run[k].row];
            if (!on_two_sides(c, run[i].row, run[k].row))
                continue;
            check_note(c, CHECK_KIN_SPLIT, run[i].row, "%s (%s) and %s (%s): the same %s", row->id,
                       side_of(row), other->id, side_of(other), what);
            break;
        }
}

static void compare_twins(struct check_set *c, const struct keyed *run, int n)
{
    for (int i = 1; i < n; i++) {
        const struct check_row *row = &c->rows[run[i].row], *other = &c->rows[run[0].row];
        bool apart =
            on_two_sides(c, run[i].row, run[0].row) || on_two_sides(c, run[i].row, run[i - 1].row);
        if (apart && !on_two_sides(c, run[i].row, run[0].row))
            other = &c->rows[run[i - 1].row];
        check_note(c, apart ? CHECK_TWIN_SPLIT : CHECK_TWIN, run[i].row,
                   "%s (%s) and %s (%s): the same file", row->id, side_of(row), other->id,
                   side_of(other));
    }
}

static const char *key_of(const struct check_set *c, int row, int column, bool is_digest)
{
    return is_digest ? c->rows[row].digest : table_cell(&c->table, row, column);
}

/* Runs of equal keys; "" is nobody's. `what` NULL: keys are digests. */
static int compare_equal(struct check_set *c, int column, const char *what, struct err *err)
{
    int n = c->table.n_rows;
    struct keyed *keyed = calloc((size_t)n + 1, sizeof(*keyed));

    if (!keyed)
        return err_set(err, ERR_NOMEM, "%d keys", n);
    for (int i = 0; i < n; i++)
        keyed[i] = (struct keyed){key_of(c, i, column, !what), i};
    qsort(keyed, (size_t)n, sizeof(*keyed), compare_keys);
    for (int from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && !strcmp(keyed[to].key, keyed[from].key);)
            to++;
        if (!*keyed[from].key)
            continue;
        if (what)
            compare_run(c, keyed + from, to - from, what);
        else
            compare_twins(c, keyed + from, to - from);
    }
    free(keyed);
    return 0;
}

static bool are_kin(const struct check_set *c, int i, int j)
{
    const int columns[] = {c->patient, c->lesion};

    for (int k = 0; k < 2; k++) {
        const char *key = table_cell(&c->table, i, columns[k]);
        if (*key && !strcmp(key, table_cell(&c->table, j, columns[k])))
            return true;
    }
    return !strcmp(c->rows[i].digest, c->rows[j].digest);
}

static int take_like(void *ctx, int i, int j, struct err *err)
{
    struct check_set *c = ctx;
    const struct check_row *a = &c->rows[i], *b = &c->rows[j];

    (void)err;
    if (on_two_sides(c, i, j) && !are_kin(c, i, j))
        check_note(c, CHECK_LIKE_SPLIT, j, "%s (%s) and %s (%s): %d of %d bits differ", b->id,
                   side_of(b), a->id, side_of(a), likeness_distance(a->likeness, b->likeness),
                   LIKENESS_BITS);
    return 0;
}

static int compare_likeness(struct check_set *c, struct err *err)
{
    int n = c->table.n_rows;
    struct likeness *all = calloc((size_t)n, sizeof(*all));

    if (!all)
        return err_set(err, ERR_NOMEM, "%d likenesses", n);
    for (int i = 0; i < n; i++)
        all[i] = c->rows[i].likeness;
    int ret = likeness_pairs(all, n, LIKENESS_NEAR, take_like, c, err);
    free(all);
    return ret;
}

/* Without a class in train nothing can learn it; without it in another, nothing is said about it. */
static void check_classes(struct check_set *c)
{
    int count[SPLIT_COUNT][CHECK_CLASSES] = {0}, all[SPLIT_COUNT] = {0};

    for (int i = 0; i < c->table.n_rows; i++) {
        const struct check_row *row = &c->rows[i];
        for (int k = 1; k < CHECK_CLASSES && row->split >= 0; k++)
            count[row->split][k] += row->class ? row->class == k : row->has_class[k];
        if (row->split >= 0)
            all[row->split]++;
    }
    for (int k = 1; k < CHECK_CLASSES; k++) {
        int other = count[SPLIT_VAL][k] + count[SPLIT_TEST][k];
        if (!count[SPLIT_TRAIN][k])
            check_note(c, other ? CHECK_CLASS_UNTAUGHT : CHECK_CLASS_MISSING, -1,
                       "%s: no picture in train, %d in val and test", class_word(k), other);
        for (int s = SPLIT_VAL; s < SPLIT_COUNT && count[SPLIT_TRAIN][k]; s++)
            if (!count[s][k] && all[s])
                check_note(c, CHECK_CLASS_MISSING, -1, "%s: no picture in %s", class_word(k),
                           split_word(s));
    }
    for (int s = 0; s <= SPLIT_VAL; s++)
        if (!all[s])
            check_note(c, CHECK_SPLIT, -1, "no picture in %s", split_word(s));
}

int check_twins(struct check_set *c, struct err *err)
{
    if (compare_equal(c, c->patient, "patient", err) ||
        compare_equal(c, c->lesion, "lesion", err) || compare_equal(c, -1, NULL, err) ||
        compare_likeness(c, err))
        return -1;
    check_classes(c);
    return 0;
}
