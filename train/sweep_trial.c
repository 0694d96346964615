/* What a trial is: settings, flags, words. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "train/sweep.h"

enum { COMMAND_MAX = 1 << 16 };

int sweep_path(char out[SETTINGS_PATH_SIZE], const struct sweep *w, const char *folder, int trial,
               const char *ending, struct err *err)
{
    return path_format(out, SETTINGS_PATH_SIZE, err, "%s/%s/%04d%s", w->dir, folder, trial + 1,
                       ending);
}

int sweep_apply(struct settings *out, const json_t *settings, struct err *err)
{
    json_t *o = (json_t *)(uintptr_t)settings; /* jansson's iterators take no const */
    char name[] = "train", *argv[] = {name, NULL};
    int first;

    if (settings_load(out, COMMAND_TRAIN, 1, argv, &first, err))
        return -1;
    for (void *at = json_object_iter(o); at; at = json_object_iter_next(o, at))
        if (settings_set(out, json_object_iter_key(at),
                         json_string_value(json_object_iter_value(at)), err))
            return -1;
    return 0;
}

const char *sweep_value(const struct sweep *w, int trial, int axis)
{
    return w->values[(size_t)trial * (size_t)w->spec.n_axes + (size_t)axis].text;
}

json_t *sweep_settings(const struct sweep *w, int trial)
{
    json_t *settings = json_deep_copy(w->settings);

    for (int i = 0; i < w->spec.n_axes; i++)
        json_put(&settings, w->spec.axes[i].key, json_text(sweep_value(w, trial, i)));
    return settings;
}

int64_t sweep_end(const struct sweep *w, int trial, int rung)
{
    const char *iters = json_text_or(w->settings, "iters", "0");

    for (int i = 0; i < w->spec.n_axes; i++)
        if (!strcmp(w->spec.axes[i].key, "iters"))
            iters = sweep_value(w, trial, i);
    return sweep_rung_end(strtoll(iters, NULL, 10), w->spec.rungs, w->spec.keep, rung);
}

char *sweep_describe(char *out, size_t size, const struct sweep *w, int trial)
{
    size_t n = 0;

    out[0] = 0;
    for (int i = 0; i < w->spec.n_axes && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s %s", i ? ", " : "", w->spec.axes[i].key,
                              sweep_value(w, trial, i));
    return out;
}

/* As a shell takes it for one word. */
static void add_word(struct buf *out, const char *word)
{
    static const char plain[] = "-_./,:=+%@";
    const char *c = word;

    while (isalnum((unsigned char)*c) || (*c && strchr(plain, *c)))
        c++;
    if (!*c) {
        buf_add_text(out, word);
        return;
    }
    buf_add_text(out, "'");
    for (c = word; *c; c++)
        if (*c == '\'')
            buf_add_text(out, "'\\''");
        else
            buf_add(out, c, 1);
    buf_add_text(out, "'");
}

/* What has no flag stands before the command, in its environment; a switch that is off is left out. */
static void add_setting(struct buf *words, struct buf *environment, const char *key,
                        const char *value)
{
    char name[SETTINGS_WORD_SIZE];
    bool is_on = !strcmp(value, "yes"), is_flag = settings_takes(COMMAND_TRAIN, key);
    struct buf word;

    buf_init(&word, SETTINGS_PATH_SIZE + SETTINGS_WORD_SIZE);
    settings_environment_name(key, name);
    if (is_flag)
        buf_printf(&word, is_on ? "--%s" : "--%s=", key);
    else
        buf_printf(&word, "%s=", name);
    if (!is_flag || !is_on)
        buf_add_text(&word, value);
    if (!is_flag || strcmp(value, "no") != 0) {
        buf_add_text(words, is_flag ? " " : "");
        add_word(is_flag ? words : environment, word.data ? word.data : "");
        buf_add_text(environment, is_flag ? "" : " ");
    }
    buf_release(&word);
}

/* What would be so without saying it is left out. */
int sweep_command(struct buf *out, const struct sweep *w, int trial, struct err *err)
{
    struct settings *plain = calloc(1, sizeof(*plain)); /* paths of 4 kB */
    json_t *settings = sweep_settings(w, trial), *none = json_object();
    struct buf value, words;
    int ret = plain && settings && none ? sweep_apply(plain, none, err)
                                        : err_set(err, ERR_NOMEM, "out of memory for a command");

    buf_init(&value, COMMAND_MAX);
    buf_init(&words, COMMAND_MAX);
    for (void *at = ret ? NULL : json_object_iter(settings); at;
         at = json_object_iter_next(settings, at)) {
        const char *key = json_object_iter_key(at);
        const char *text = json_string_value(json_object_iter_value(at));
        buf_clear(&value);
        if (settings_value(plain, key, &value) || strcmp(value.data ? value.data : "", text) != 0)
            add_setting(&words, out, key, text);
    }
    buf_printf(out, "lentigo train%s -o RUN", words.data ? words.data : "");
    buf_release(&value);
    buf_release(&words);
    json_decref(settings);
    json_decref(none);
    free(plain);
    return ret;
}
