/* vips_colour.h -- pixels in any colour space into rows of 8-bit sRGB, through libvips. */
#ifndef PREPROCESS_VIPS_COLOUR_H
#define PREPROCESS_VIPS_COLOUR_H

#include <vips/vips.h>

#include "preprocess/vips_module.h"

/* Push all rows of a picture in memory into `o`. */
int colour_push(const struct colour_source *source, struct outputs *o, struct verdict *v);

/* The same for a lazy libvips image with whatever profile, depth and alpha it carries: alpha goes
 * onto white. Rows are computed in this thread, strip by strip from the top. */
int colour_push_image(VipsImage *image, struct outputs *o, struct verdict *v);

/* What libvips and GLib complained about since the last call becomes notes or a refusal. */
int colour_take_messages(struct verdict *v);

#endif
