/* loader.h -- PNG, TIFF, WebP and HEIC through the one libvips loader each, and libvips's start. */
#ifndef PREPROCESS_LOADER_H
#define PREPROCESS_LOADER_H

#include <stddef.h>
#include <stdint.h>

#include "preprocess/outputs.h"
#include "preprocess/sniff.h"
#include "preprocess/verdict.h"

/* Once in the zygote: libvips up, untrusted loaders blocked, no cache, no module but HEIF. 0 or -1.
 * No thread is started here: the zygote forks. */
int loader_init(void);

/* From now on `on_fatal` hears the message with which GLib is about to abort. */
void loader_watch(void (*on_fatal)(void *ctx, const char *text), void *ctx);

/* Decode any allowed kind into `o`, without outputs_end. 0, or -1 and `v` says why. */
int loader_read(enum image_kind kind, const uint8_t *bytes, size_t n, struct outputs *o,
                struct verdict *v);

#endif
