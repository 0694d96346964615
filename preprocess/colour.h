/* colour.h -- pixels in any colour space into rows of 8-bit sRGB, through libvips. */
#ifndef PREPROCESS_COLOUR_H
#define PREPROCESS_COLOUR_H

#include <stddef.h>
#include <stdint.h>

#include "preprocess/outputs.h"
#include "preprocess/verdict.h"

struct colour_source {
    const uint8_t *pixels; /* size.h,size.w,bands */
    struct slot_size size;
    int bands;          /* 1 grey, 3 RGB, 4 CMYK (255 = full ink) */
    const uint8_t *icc; /* NULL: grey and RGB are sRGB already, CMYK is a common offset press */
    size_t icc_size;
};

/* Push all rows of a picture in memory into `o`. */
int colour_push(const struct colour_source *source, struct outputs *o, struct verdict *v);

struct _VipsImage;

/* The same for a lazy libvips image with whatever profile, depth and alpha it carries: alpha goes
 * onto white. Rows are computed in this thread, strip by strip from the top. */
int colour_push_image(struct _VipsImage *image, struct outputs *o, struct verdict *v);

/* What libvips and GLib complained about since the last call becomes notes or a refusal. */
int colour_take_messages(struct verdict *v);

#endif
