/* sniff.h -- what a file is, by its first bytes; names and extensions play no part.
 *
 * Only kinds with a loader of ours are let through. Other well-known formats are told apart so that
 * a clinic reads "a PDF document" instead of "no picture". */
#ifndef PREPROCESS_SNIFF_H
#define PREPROCESS_SNIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preprocess/verdict.h"

enum image_kind { KIND_NONE, KIND_JPEG, KIND_PNG, KIND_TIFF, KIND_WEBP, KIND_HEIC, KIND_COUNT };

/* "jpeg", "png" ...; "" for KIND_NONE and anything out of range. */
const char *kind_name(int kind);

/* KIND_NONE after a refusal: EMPTY, NOT_AN_IMAGE or UNSUPPORTED with the format's name. */
enum image_kind sniff(const uint8_t *bytes, size_t n, struct verdict *v);

/* Do the first bytes of a file (512 are enough) promise a picture? Of a kind that is let through,
 * its first bytes alone, or DICOM, whose files seldom have an extension. For the intake, which
 * lists other files without a picture's extension as no image. */
bool sniff_is_picture(const uint8_t *head, size_t n);

/* False when the file's own framing (chunks, boxes, strips) reaches past its end: it was cut. JPEG
 * needs no look here, its decoder knows. True when nothing can be said. */
bool sniff_is_whole(enum image_kind kind, const uint8_t *bytes, size_t n);

#endif
