#include "preprocess/frame.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "preprocess/decode.h"

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

/* The other side rounds half to even as Python's round, with which the reference figures were
 * made. */
struct slot_size frame_fit(struct slot_size s, int side)
{
    double scale = side / (double)max_int(s.w, s.h);

    return (struct slot_size){max_int(1, (int)nearbyint(s.w * scale)),
                              max_int(1, (int)nearbyint(s.h * scale))};
}

int frame_side(int longest, int size)
{
    int largest = max_int(longest, DECODE_ENLARGE_MAX);

    return size < largest ? size : largest;
}

static int32_t stepped(int32_t side)
{
    return (side + FRAME_STEP - 1) / FRAME_STEP * FRAME_STEP;
}

struct frame frame_of(struct slot_size original, int size)
{
    struct slot_size content =
        frame_fit(original, frame_side(max_int(original.w, original.h), size));

    return (struct frame){
        content, {stepped(content.w), stepped(content.h)}
    };
}

void frame_pad(const struct frame *f, uint8_t *rgb)
{
    size_t row = (size_t)f->padded.w * 3, used = (size_t)f->content.w * 3;

    for (int y = 0; y < f->content.h && used < row; y++)
        memset(rgb + (size_t)y * row + used, FRAME_GREY, row - used);
    for (int y = f->content.h; y < f->padded.h; y++)
        memset(rgb + (size_t)y * row, FRAME_GREY, row);
}
