#include "train/picture_class.h"

#include <stddef.h>

#include "common/classes.h"

int picture_class(const struct cache *c, int row)
{
    struct cache_picture p = cache_picture(c, row);
    int64_t count[CLASS_COUNT] = {0};
    int most = 0;

    if (cache_label(c, row)->class)
        return cache_label(c, row)->class;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)p.w * p.h; i++)
        if (p.label[i] && p.label[i] < CLASS_COUNT)
            count[p.label[i]]++;
    for (int k = 1; k < CLASS_COUNT; k++)
        if (count[k] > count[most])
            most = k;
    return most;
}
