#include "preprocess/refine.h"

#include "preprocess/resize.h"

struct frame refine_frame(const struct decoded *d, int size)
{
    return frame_of((struct slot_size){d->width, d->height}, size);
}

int refine_picture(const struct decoded *d, const struct frame *f, uint8_t *rgb)
{
    const struct picture *from = &d->measure;
    struct resizer r;

    if (resizer_init(&r, from->w, from->h, f->content.w, f->content.h))
        return -1;
    resizer_set_output(&r, rgb, (size_t)f->padded.w * 3);
    for (int y = 0; y < from->h; y++)
        resizer_push(&r, from->rgb + (size_t)y * (size_t)from->w * 3);
    resizer_release(&r);
    frame_pad(f, rgb);
    return 0;
}
