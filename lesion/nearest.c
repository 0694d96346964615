/* nearest.c -- the class map at the original's resolution. */
#include "lesion/nearest.h"

#include <string.h>

#include "lesion/measure.h"

void nearest_starts(int *starts, int from, int to)
{
    double step = nearest_step(from, to);
    int k = 0;

    for (int position = 0; position < to; position++)
        for (int source = nearest_index(position, step); k <= source; k++)
            starts[k] = position;
    for (; k <= from; k++)
        starts[k] = to;
}

void lesion_full_map(const struct lesion_input *in, uint8_t *out)
{
    double step_x = nearest_step(in->content_w, in->width);
    double step_y = nearest_step(in->content_h, in->height);
    int last_source = -1;

    for (int y = 0; y < in->height; y++) {
        uint8_t *row = out + (size_t)y * (size_t)in->width;
        int source = nearest_index(y, step_y);
        const uint8_t *from = in->class_map + (size_t)source * (size_t)in->map_w;
        if (source == last_source) {
            memcpy(row, row - in->width, (size_t)in->width);
            continue;
        }
        for (int x = 0; x < in->width; x++)
            row[x] = from[nearest_index(x, step_x)];
        last_source = source;
    }
}
