/* jpeg_plain.h -- which JPEG files a decoder that is not ours may be given, and what of them.
 *
 * Plain is: baseline, one scan, 8 bits, grey or YCbCr with chroma of half or full size, no colours to
 * convert, and segments that say what they need in the lengths they claim. Such a file is written anew
 * with nothing in it but tables, frame and scan: no EXIF, no profile, no byte that was not looked at
 * (of the entropy-coded data: its markers). Nearly all cameras write plain files.
 *
 * What is not plain is no verdict on the file: jpeg.h reads it, and refuses it where it must. */
#ifndef PREPROCESS_JPEG_PLAIN_H
#define PREPROCESS_JPEG_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jpeg_plain {
    int w, h, components; /* px as stored; 1 or 3 */
    int orientation;      /* EXIF, 1..8 */
    uint8_t *bytes;       /* n; the caller frees them */
    size_t n;
};

/* False: not plain, or no memory; `out` holds nothing then. */
bool jpeg_plain_make(struct jpeg_plain *out, const uint8_t *bytes, size_t n);

#endif
