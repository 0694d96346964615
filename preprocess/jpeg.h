/* jpeg.h -- JPEG through libjpeg-turbo itself.
 *
 * libvips's loader shows the first warning only and never looks at the end of the file, so a cut
 * or spoilt picture can hide behind a harmless message. Here every warning is seen, by number. */
#ifndef PREPROCESS_JPEG_H
#define PREPROCESS_JPEG_H

#include <stddef.h>
#include <stdint.h>

#include "preprocess/outputs.h"
#include "preprocess/verdict.h"
#include "preprocess/vips_module.h"

enum { JPEG_NEEDS_VIPS = 1 };

/* Decode `bytes` into `o` (up to and without outputs_end). 0, or -1 and `v` says why. With `vips`
 * NULL, JPEG_NEEDS_VIPS when colours have to be converted; nothing is decoded then. */
int jpeg_read(const uint8_t *bytes, size_t n, const struct vips_module *vips, struct outputs *o,
              struct verdict *v);

#endif
