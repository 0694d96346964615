/* resize.h -- one picture scaled while its rows come in, so that no full-size copy is ever held.
 *
 * Shrinking averages the area a pixel covers, growing is half-pixel centred bilinear with clamped
 * edges: what OpenCV calls INTER_AREA and INTER_LINEAR, with which the published figures of the
 * network were made. vips_resize is a windowed sinc and differs from that by up to tens of levels
 * at edges. Sums are exact integers up to one rounding at the end, so a turned or mirrored
 * packaging of a picture gives exactly the turned or mirrored result. */
#ifndef PREPROCESS_RESIZE_H
#define PREPROCESS_RESIZE_H

#include <stddef.h>
#include <stdint.h>

struct resizer {
    int source_w, source_h, w, h;
    uint8_t *out;  /* h,w,3; borrowed */
    size_t stride; /* bytes */
    int row, out_row;
    uint32_t *sums; /* source_w,3: the output row being gathered; shrinking */
    uint8_t *kept;  /* source_h,source_w,3: growing */
};

/* Either both sides shrink (or stay) or both grow (or stay); sides are 1..65535. 0, or -1 when
 * memory is gone. */
int resizer_init(struct resizer *r, int source_w, int source_h, int w, int h);
void resizer_release(struct resizer *r); /* safe on a zeroed one */

/* Where the pixels go; before the first row. */
void resizer_set_output(struct resizer *r, uint8_t *out, size_t stride);

/* The next of source_h rows; after the last one the output is complete. */
void resizer_push(struct resizer *r, const uint8_t *rgb /* source_w,3 */);

#endif
