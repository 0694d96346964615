#include "dataset/mask.h"

#include <stdlib.h>

#include "common/classes.h"

enum {
    OFF_MAX = 6,     /* a colour's distance in each channel to be that of a class */
    WHITE_MIN = 128, /* a lesion, where the picture has one diagnosis */
    SHARP_MIN = 191, /* black and white are that clear but along outlines */
    SHARP_MAX = 64,  /* the same of black */
    ODD_SHARE = 20,  /* one pixel in so many may be neither */
};

static int off(const uint8_t *a, const uint8_t *b)
{
    int most = 0;

    for (int c = 0; c < 3; c++)
        if (abs(a[c] - b[c]) > most)
            most = abs(a[c] - b[c]);
    return most;
}

/* Class of a pixel of a class map, -1 when it is none. */
static int class_at(const uint8_t *p)
{
    if (p[0] == p[1] && p[1] == p[2] && p[0] < CLASS_COUNT)
        return p[0];
    for (int k = 1; k < CLASS_COUNT; k++)
        if (off(p, class_colour(k)) <= OFF_MAX)
            return k;
    return -1;
}

static int read_map(uint8_t *classes, const uint8_t *rgb, int w, int h)
{
    int odd = 0;

    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            size_t i = (size_t)y * (size_t)w + (size_t)x;
            int class = class_at(rgb + 3 * i);
            odd += class < 0;
            if (class < 0)
                class = x ? classes[i - 1] : y ? classes[i - (size_t)w] : 0;
            classes[i] = (uint8_t) class;
        }
    return odd;
}

static int read_plain(uint8_t *classes, const uint8_t *rgb, size_t n, int class)
{
    int odd = 0;

    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = rgb + 3 * i;
        classes[i] = p[0] >= WHITE_MIN ? (uint8_t) class : 0;
        odd += p[0] != p[1] || p[1] != p[2] || (p[0] > SHARP_MAX && p[0] < SHARP_MIN) ||
               (p[0] && p[0] < CLASS_COUNT);
    }
    return odd;
}

int mask_read(uint8_t *classes, const uint8_t *rgb, int w, int h, int class, struct err *err)
{
    size_t n = (size_t)w * (size_t)h;
    int odd = class ? read_plain(classes, rgb, n, class) : read_map(classes, rgb, w, h);

    if ((size_t)odd <= n / ODD_SHARE)
        return 0;
    if (class)
        return err_set(
            err, ERR_INPUT,
            "no black and white mask: %d of %zu pixels are neither (a class map needs an "
            "empty dx)",
            odd, n);
    return err_set(err, ERR_INPUT,
                   "no class map: %d of %zu pixels have the value or colour of no class (black and "
                   "white needs a dx)",
                   odd, n);
}

int mask_main_class(const uint8_t *classes, size_t n)
{
    size_t count[CLASS_COUNT] = {0};
    int most = 1;

    for (size_t i = 0; i < n; i++)
        count[classes[i]]++;
    for (int k = 2; k < CLASS_COUNT; k++)
        if (count[k] > count[most])
            most = k;
    return count[most] ? most : 0;
}
