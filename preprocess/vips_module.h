/* vips_module.h -- libvips behind a door that is opened only when a file needs it.
 *
 * libvips brings 100 shared libraries. Linked into the programs they cost each start 40 ms and each
 * fork of a decoding child over a millisecond, while nearly all uploads are JPEG and need none of
 * them. So all that uses libvips is one loadable module, lib/lentigo/vips.so beside the programs'
 * bin/; the zygote for JPEG never loads it, a second zygote for everything else does. */
#ifndef PREPROCESS_VIPS_MODULE_H
#define PREPROCESS_VIPS_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "common/settings.h"
#include "preprocess/outputs.h"
#include "preprocess/sniff.h"
#include "preprocess/verdict.h"

struct colour_source {
    const uint8_t *pixels; /* size.h,size.w,bands */
    struct slot_size size;
    int bands;          /* 1 grey, 3 RGB, 4 CMYK (255 = full ink) */
    const uint8_t *icc; /* NULL: grey and RGB are sRGB already, CMYK is a common offset press */
    size_t icc_size;
};

struct vips_module {
    /* Once in the zygote: libvips up, untrusted loaders blocked, no cache, no module but HEIF.
     * 0 or -1. No thread is started here: the zygote forks. */
    int (*start)(void);
    /* From now on `on_fatal` hears the message with which GLib is about to abort. */
    void (*watch)(void (*on_fatal)(void *ctx, const char *text), void *ctx);
    /* Decode anything but JPEG into `o`, without outputs_end. 0, or -1 and `v` says why. */
    int (*read)(enum image_kind kind, const uint8_t *bytes, size_t n, struct outputs *o,
                struct verdict *v);
    /* Convert a picture in memory to sRGB and push its rows into `o`. 0 or -1. */
    int (*push)(const struct colour_source *source, struct outputs *o, struct verdict *v);
};

/* The module's one exported symbol. */
#define VIPS_MODULE_SYMBOL "lentigo_vips_module"
extern const struct vips_module lentigo_vips_module;

enum { VIPS_MODULE_PATH_SIZE = SETTINGS_PATH_SIZE };

/* Where the module is: ../lib/lentigo/vips.so seen from the running program. 0, or -1 when it is
 * not there; `path` then still names the place. */
int vips_module_find(char path[VIPS_MODULE_PATH_SIZE]);

/* Load it for the life of the process; NULL, and the reason in `why`. */
const struct vips_module *vips_module_load(char *why, size_t why_size);

#endif
