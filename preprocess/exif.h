/* exif.h -- the one EXIF field that changes what a picture shows. */
#ifndef PREPROCESS_EXIF_H
#define PREPROCESS_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* Orientation 1..8 (EXIF 2.3, tag 0x0112) of an EXIF block with or without its "Exif\0\0" mark;
 * 1, upright, when it is missing or makes no sense. */
int exif_orientation(const uint8_t *bytes, size_t n);

#endif
