#include "preprocess/exif.h"

#include <stdbool.h>
#include <string.h>

struct reader {
    const uint8_t *bytes;
    size_t n;
    bool is_big_endian;
};

/* 0 past the end: no field that is looked for has the number 0. */
static uint32_t read_at(const struct reader *r, size_t at, int width)
{
    uint32_t value = 0;

    if (at > r->n || r->n - at < (size_t)width)
        return 0;
    for (int i = 0; i < width; i++)
        value = value << 8 | r->bytes[at + (size_t)(r->is_big_endian ? i : width - 1 - i)];
    return value;
}

int exif_orientation(const uint8_t *bytes, size_t n)
{
    if (n >= 6 && !memcmp(bytes, "Exif\0\0", 6)) {
        bytes += 6;
        n -= 6;
    }
    if (n < 8 || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0))
        return 1;

    struct reader r = {bytes, n, bytes[0] == 'M'};
    size_t directory = read_at(&r, 4, 4);
    uint32_t entries = read_at(&r, directory, 2);

    for (uint32_t i = 0; i < entries; i++) {
        size_t at = directory + 2 + (size_t)i * 12; /* tag, type, count, value: 2+2+4+4 bytes */

        if (read_at(&r, at, 2) != 0x0112)
            continue;
        uint32_t value = read_at(&r, at + 2, 2) == 3 ? read_at(&r, at + 8, 2) : 0;
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}
