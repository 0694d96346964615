#include "worker/worst.h"

#include "common/shrink.h"
#include "preprocess/encode.h"

enum { QUALITY = 82, DASH = 4 };

struct small {
    uint8_t *rgb; /* h,w,3 */
    int w, h;
};

static int make_small(struct small *s, const struct picture *from, struct err *err)
{
    int longest = from->w > from->h ? from->w : from->h;
    struct shrink shrink = {.w = from->w, .h = from->h};
    int made = 0;

    s->w = shrink.to_w = shrink_side(from->w, longest, WORST_SIDE);
    s->h = shrink.to_h = shrink_side(from->h, longest, WORST_SIDE);
    s->rgb = malloc((size_t)s->w * (size_t)s->h * 3);
    shrink.sums = calloc(shrink_sums(from->w), sizeof(*shrink.sums));
    if (!s->rgb || !shrink.sums) {
        free(shrink.sums);
        return err_set(err, ERR_NOMEM, "a small picture of %dx%d", s->w, s->h);
    }
    for (int y = 0; y < from->h && made < s->h; y++)
        made += shrink_push(&shrink, from->rgb + (size_t)y * (size_t)from->w * 3,
                            s->rgb + (size_t)made * (size_t)s->w * 3);
    free(shrink.sums);
    return 0;
}

/* Is the middle of small pixel (x, y) lesion? Outside the picture nothing is. */
static bool is_lesion(const uint8_t *map, const struct metrics_case *seen, const struct small *s,
                      int x, int y)
{
    if (x < 0 || y < 0 || x >= s->w || y >= s->h)
        return false;
    int mx = (int)((2L * x + 1) * seen->w / (2L * s->w));
    int my = (int)((2L * y + 1) * seen->h / (2L * s->h));

    return map[(size_t)my * (size_t)seen->w + (size_t)mx] != 0;
}

static void draw_outline(struct small *s, const uint8_t *map, const struct metrics_case *seen,
                         const uint8_t colour[3], bool is_dashed)
{
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) {
            bool is_edge =
                is_lesion(map, seen, s, x, y) &&
                !(is_lesion(map, seen, s, x - 1, y) && is_lesion(map, seen, s, x + 1, y) &&
                  is_lesion(map, seen, s, x, y - 1) && is_lesion(map, seen, s, x, y + 1));
            if (is_edge && !(is_dashed && (x + y) / DASH % 2))
                memcpy(s->rgb + 3 * ((size_t)y * (size_t)s->w + (size_t)x), colour, 3);
        }
}

int worst_draw(const struct picture *picture, const struct metrics_case *seen, struct buf *out,
               struct err *err)
{
    static const uint8_t truth[3] = {0, 200, 255}, predicted[3] = {255, 140, 0};
    struct small s = {0};
    int ret = -1;

    if (!make_small(&s, picture, err)) {
        draw_outline(&s, seen->is_lesion, seen, truth, false);
        draw_outline(&s, seen->predicted, seen, predicted, true);
        ret = encode_jpeg(s.rgb, s.w, s.h, QUALITY, out, err);
    }
    free(s.rgb);
    return ret;
}
