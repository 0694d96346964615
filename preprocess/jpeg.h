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

/* Decode `bytes` into `o` (up to and without outputs_end). 0, or -1 and `v` says why. */
int jpeg_read(const uint8_t *bytes, size_t n, struct outputs *o, struct verdict *v);

#endif
