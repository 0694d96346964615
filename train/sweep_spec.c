#include "train/sweep_spec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/random.h"

enum { RUNGS = 3, KEEP = 3, KEEP_MAX = 10, TRIES = 1000 };

static const char *const methods[] = {
    [SWEEP_GRID] = "grid", [SWEEP_RANDOM] = "random", [SWEEP_HALVING] = "halving"};
enum { METHODS = sizeof(methods) / sizeof(*methods) };

static const char *const keys[] = {"method", "axes", "trials", "seed", "rungs", "keep", "settings"};
static const char *const range_keys[] = {"from", "to", "scale", "steps"};

int sweep_value_of(struct sweep_value *out, const json_t *value)
{
    int n = -1;

    if (json_is_string(value))
        n = snprintf(out->text, sizeof(out->text), "%s", json_string_value(value));
    else if (json_is_boolean(value))
        n = snprintf(out->text, sizeof(out->text), "%s", json_is_true(value) ? "yes" : "no");
    else if (json_is_integer(value))
        n = snprintf(out->text, sizeof(out->text), "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        n = snprintf(out->text, sizeof(out->text), "%.15g", json_real_value(value));
    return n < 0 || n >= (int)sizeof(out->text) ? -1 : 0;
}

/* The first key of `object` that is none of the n known ones, or NULL. */
static const char *unknown_key(const json_t *object, const char *const *known, size_t n)
{
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        size_t i = 0;
        while (i < n && strcmp(json_object_iter_key(at), known[i]) != 0)
            i++;
        if (i == n)
            return json_object_iter_key(at);
    }
    return NULL;
}

static int read_list(struct sweep_axis *a, const json_t *list, struct err *err)
{
    size_t n = json_array_size(list);

    if (n < 1 || n > SWEEP_POINTS_MAX)
        return err_set(err, ERR_INPUT, "%zu values; 1 to %d are possible", n, SWEEP_POINTS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct sweep_value *v = &a->points[i];
        if (sweep_value_of(v, json_array_get(list, i)))
            return err_set(err, ERR_INPUT,
                           "value %zu is no text, number, true or false of under "
                           "%d bytes",
                           i + 1, SWEEP_VALUE_SIZE);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(a->points[k].text, v->text))
                return err_set(err, ERR_INPUT, "%.60s stands there twice", v->text);
    }
    a->n = (int)n;
    return 0;
}

static void put_point(struct sweep_value *out, const struct sweep_axis *a, double share)
{
    double x =
        a->is_log ? a->from * pow(a->to / a->from, share) : a->from + (a->to - a->from) * share;

    snprintf(out->text, sizeof(out->text), a->is_whole ? "%.0f" : "%.4g", x);
}

static int read_range(struct sweep_axis *a, const json_t *range, struct err *err)
{
    const char *odd = unknown_key(range, range_keys, sizeof(range_keys) / sizeof(*range_keys));
    const char *scale = json_text_or(range, "scale", "linear");
    int64_t steps = 0;

    if (odd)
        return err_set(err, ERR_INPUT,
                       "\"%.40s\" is no key of a range; there is from, to, scale "
                       "and steps",
                       odd);
    if (json_get_number(range, "from", &a->from, err) || json_get_number(range, "to", &a->to, err))
        return -1;
    a->is_range = true;
    a->is_log = !strcmp(scale, "log");
    a->is_whole = json_is_integer(json_object_get(range, "from")) &&
                  json_is_integer(json_object_get(range, "to"));
    if (!a->is_log && strcmp(scale, "linear") != 0)
        return err_set(err, ERR_INPUT, "scale \"%.40s\" is neither linear nor log", scale);
    if (!(a->from < a->to) || (a->is_log && a->from <= 0))
        return err_set(err, ERR_INPUT, "from %g to %g: from is less than to%s", a->from, a->to,
                       a->is_log ? ", and more than 0 with scale log" : "");
    if (json_object_get(range, "steps") &&
        json_get_int(range, "steps", 2, SWEEP_POINTS_MAX, &steps, err))
        return -1;
    a->n = (int)steps;
    for (int i = 0; i < a->n; i++) {
        put_point(&a->points[i], a, (double)i / (a->n - 1));
        if (i && !strcmp(a->points[i].text, a->points[i - 1].text))
            return err_set(err, ERR_INPUT, "%d steps from %g to %g are not all different", a->n,
                           a->from, a->to);
    }
    return 0;
}

static int read_axis(struct sweep_axis *a, const char *key, const json_t *value, struct err *err)
{
    if (strlen(key) >= sizeof(a->key))
        return err_set(err, ERR_INPUT, "no setting has so long a name");
    memcpy(a->key, key, strlen(key) + 1);
    if (json_is_array(value))
        return read_list(a, value, err);
    if (json_is_object(value))
        return read_range(a, value, err);
    return err_set(err, ERR_INPUT, "neither a list of values nor a range with from and to");
}

static int read_axes(struct sweep_spec *out, const json_t *object, struct err *err)
{
    json_t *axes = json_object_get(object, "axes");

    if (!json_is_object(axes) || json_object_size(axes) < 1 ||
        json_object_size(axes) > SWEEP_AXES_MAX)
        return err_set(err, ERR_INPUT, "key \"axes\": an object of 1 to %d settings to try",
                       SWEEP_AXES_MAX);
    for (void *at = json_object_iter(axes); at; at = json_object_iter_next(axes, at)) {
        const char *key = json_object_iter_key(at);
        if (read_axis(&out->axes[out->n_axes++], key, json_object_iter_value(at), err))
            return err_wrap(err, "axis \"%.40s\"", key);
    }
    return 0;
}

static int read_method(struct sweep_spec *out, const json_t *object, struct err *err)
{
    const char *word;

    if (json_get_text(object, "method", &word, err))
        return -1;
    for (int i = 0; i < METHODS; i++)
        if (!strcmp(word, methods[i])) {
            out->method = (enum sweep_method)i;
            return 0;
        }
    return err_set(err, ERR_INPUT, "key \"method\": \"%.40s\" is none of grid, random, halving",
                   word);
}

/* A whole number that only some methods have; `out` stays without it. */
static int read_number(int *out, const json_t *object, const char *key, int64_t range[2],
                       struct err *err)
{
    int64_t n;

    if (!json_object_get(object, key))
        return 0;
    if (range[1] == 0)
        return err_set(err, ERR_INPUT, "key \"%s\": not with this method", key);
    if (json_get_int(object, key, range[0], range[1], &n, err))
        return -1;
    *out = (int)n;
    return 0;
}

static int read_numbers(struct sweep_spec *out, const json_t *object, struct err *err)
{
    bool halves = out->method == SWEEP_HALVING;
    int64_t trials[] = {1, out->method == SWEEP_GRID ? 0 : SWEEP_TRIALS_MAX};
    int64_t rungs[] = {2, halves ? SWEEP_RUNGS_MAX : 0}, keep[] = {2, halves ? KEEP_MAX : 0};

    out->seed = 1;
    out->rungs = halves ? RUNGS : 1;
    out->keep = KEEP;
    if (json_object_get(object, "seed") &&
        json_get_int(object, "seed", 0, 1000000000, &out->seed, err))
        return -1;
    return read_number(&out->trials, object, "trials", trials, err) ||
                   read_number(&out->rungs, object, "rungs", rungs, err) ||
                   read_number(&out->keep, object, "keep", keep, err)
               ? -1
               : 0;
}

static int check_together(const struct sweep_spec *s, struct err *err)
{
    if (s->method == SWEEP_RANDOM && !s->trials)
        return err_set(err, ERR_INPUT, "key \"trials\": how many does random draw?");
    for (int i = 0; i < s->n_axes && !s->trials; i++)
        if (!s->axes[i].n)
            return err_set(err, ERR_INPUT, "axis \"%s\": a grid needs \"steps\" of a range",
                           s->axes[i].key);
    return 0;
}

int sweep_spec_read(struct sweep_spec *out, const json_t *object, const char *name, struct err *err)
{
    const char *odd = unknown_key(object, keys, sizeof(keys) / sizeof(*keys));
    const json_t *settings = json_object_get(object, "settings");

    memset(out, 0, sizeof(*out));
    if (!json_is_object(object))
        err_set(err, ERR_INPUT, "a sweep is an object {\"method\", \"axes\", ...}");
    else if (odd)
        err_set(err, ERR_INPUT,
                "\"%.40s\" is no key of a sweep; there is method, axes, trials, "
                "seed, rungs, keep and settings",
                odd);
    else if (settings && !json_is_object(settings))
        err_set(err, ERR_INPUT, "key \"settings\": an object of settings of lentigo train");
    else if (!read_method(out, object, err) && !read_axes(out, object, err) &&
             !read_numbers(out, object, err) && !check_together(out, err))
        return 0;
    return err_wrap(err, "%s", name);
}

/* ---- drawing ---- */

static int count_grid(const struct sweep_spec *s)
{
    int n = 1;

    for (int i = 0; i < s->n_axes && n <= SWEEP_TRIALS_MAX; i++)
        n *= s->axes[i].n;
    return n;
}

static void take_grid(const struct sweep_spec *s, struct sweep_value *out, int trial)
{
    for (int i = s->n_axes - 1; i >= 0; i--) {
        out[i] = s->axes[i].points[trial % s->axes[i].n];
        trial /= s->axes[i].n;
    }
}

static void take_random(const struct sweep_spec *s, struct sweep_value *out, int trial, int attempt)
{
    struct random r;

    random_begin(&r, (uint64_t)s->seed, (uint32_t)trial, (uint32_t)attempt, RANDOM_TRIAL);
    for (int i = 0; i < s->n_axes; i++)
        if (s->axes[i].is_range)
            put_point(&out[i], &s->axes[i], (double)random_next(&r) / UINT32_MAX);
        else
            out[i] = s->axes[i].points[random_below(&r, s->axes[i].n)];
}

static bool is_new(const struct sweep_spec *s, const struct sweep_value *all, int trial)
{
    size_t bytes = (size_t)s->n_axes;

    for (int t = 0; t < trial; t++) {
        size_t i = 0;
        while (i < bytes &&
               !strcmp(all[(size_t)t * bytes + i].text, all[(size_t)trial * bytes + i].text))
            i++;
        if (i == bytes)
            return false;
    }
    return true;
}

static int draw_all(const struct sweep_spec *s, struct sweep_value *out, int n, struct err *err)
{
    for (int t = 0; t < n; t++) {
        struct sweep_value *mine = out + (size_t)t * (size_t)s->n_axes;
        int attempt = 0;
        if (!s->trials) {
            take_grid(s, mine, t);
            continue;
        }
        do
            take_random(s, mine, t, attempt);
        while (!is_new(s, out, t) && ++attempt < TRIES);
        if (attempt == TRIES)
            return err_set(err, ERR_INPUT,
                           "key \"trials\": the axes have no %d different "
                           "combinations (%d were found)",
                           n, t);
    }
    return 0;
}

int sweep_spec_draw(const struct sweep_spec *spec, struct sweep_value **out, int *n,
                    struct err *err)
{
    int count = spec->trials ? spec->trials : count_grid(spec);

    if (count > SWEEP_TRIALS_MAX)
        return err_set(err, ERR_INPUT,
                       "key \"axes\": the grid has over %d trials; draw some by "
                       "random",
                       SWEEP_TRIALS_MAX);
    struct sweep_value *values = calloc((size_t)count * (size_t)spec->n_axes, sizeof(*values));
    if (!values)
        return err_set(err, ERR_NOMEM, "out of memory for %d trials", count);
    if (draw_all(spec, values, count, err)) {
        free(values);
        return -1;
    }
    *out = values;
    *n = count;
    return 0;
}

int64_t sweep_rung_end(int64_t iters, int rungs, int keep, int rung)
{
    int64_t end = iters;

    for (int r = rung; r < rungs - 1; r++)
        end = (end + keep - 1) / keep;
    return end;
}
