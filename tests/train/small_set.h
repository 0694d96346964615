/* small_set.h -- a labelled set of a few pictures on disk, for tests. */
#ifndef TESTS_TRAIN_SMALL_SET_H
#define TESTS_TRAIN_SMALL_SET_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/settings.h"
#include "preprocess/encode.h"

struct small_picture {
    const char *id, *dx, *split;
    int w, h;
};

/* Of the decoders: two, and limits as without flags. The rest is zero. */
static inline const struct settings *small_set_settings(void)
{
    static struct settings s; /* several paths of 4 kB */

    s.decoders = 2;
    s.decode_seconds = 20;
    s.decode_mb = 1024;
    s.pixels_max = 120;
    return &s;
}

static inline void small_set_fail(const struct err *err)
{
    fprintf(stderr, "small set: %s\n", err->msg);
    abort();
}

/* A lesion of the class's own brightness: left of the middle, wider than high. */
static inline int small_set_is_lesion(const struct small_picture *p, int x, int y)
{
    int dx = 5 * x - 2 * p->w, dy = 4 * y - 2 * p->h; /* from (2/5 w, h/2) */
    long a = (long)dx * p->h, b = (long)dy * p->w;
    return a * a + b * b < (long)p->w * p->w * p->h * p->h;
}

static inline void small_set_put(const char *dir, const struct small_picture *p)
{
    size_t n = (size_t)p->w * (size_t)p->h;
    uint8_t *rgb = malloc(3 * n), *mask = malloc(3 * n);
    struct err err = {0};
    struct buf file;
    char path[4096];

    if (!rgb || !mask)
        abort();
    for (int y = 0; y < p->h; y++)
        for (int x = 0; x < p->w; x++) {
            size_t at = 3 * ((size_t)y * (size_t)p->w + (size_t)x);
            int is_lesion = small_set_is_lesion(p, x, y);
            rgb[at] = (uint8_t)(is_lesion ? 90 : 210);
            rgb[at + 1] = (uint8_t)((is_lesion ? 50 : 160) + 40 * x / p->w);
            rgb[at + 2] = (uint8_t)((is_lesion ? 40 : 140) + 40 * y / p->h);
            memset(mask + at, is_lesion ? 255 : 0, 3);
        }
    buf_init(&file, 1 << 26);
    if (encode_jpeg(rgb, p->w, p->h, 95, &file, &err) ||
        path_format(path, sizeof(path), &err, "%s/images/%s.jpg", dir, p->id) ||
        file_write(path, file.data, file.len, &err))
        small_set_fail(&err);
    buf_clear(&file);
    if (encode_png(mask, p->w, p->h, &file, &err) ||
        path_format(path, sizeof(path), &err, "%s/masks/%s.png", dir, p->id) ||
        file_write(path, file.data, file.len, &err))
        small_set_fail(&err);
    buf_release(&file);
    free(rgb);
    free(mask);
}

static inline void small_set_write(const char *dir, const struct small_picture *pictures, int n)
{
    struct err err = {0};
    struct buf labels;
    char path[4096];

    snprintf(path, sizeof(path), "%s/images", dir);
    if (dir_make(path, &err))
        small_set_fail(&err);
    snprintf(path, sizeof(path), "%s/masks", dir);
    if (dir_make(path, &err))
        small_set_fail(&err);
    buf_init(&labels, 1 << 20);
    buf_add_text(&labels, "id,dx,split\n");
    for (int i = 0; i < n; i++) {
        small_set_put(dir, &pictures[i]);
        buf_printf(&labels, "%s,%s,%s\n", pictures[i].id, pictures[i].dx, pictures[i].split);
    }
    snprintf(path, sizeof(path), "%s/labels.csv", dir);
    if (file_write(path, labels.data, labels.len, &err))
        small_set_fail(&err);
    buf_release(&labels);
}

/* Remove a folder of a test's own and all below. */
static inline void small_set_remove(const char *dir)
{
    char command[4200];

    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    FILE *shell = popen(command, "w");
    if (shell)
        pclose(shell);
}

#endif
