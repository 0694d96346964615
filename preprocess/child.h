/* child.h -- the process that decodes one image and ends. */
#ifndef PREPROCESS_CHILD_H
#define PREPROCESS_CHILD_H

#include <stdint.h>

#include "preprocess/sandbox.h"
#include "preprocess/slot.h"
#include "preprocess/vips_module.h"

struct child_config {
    const struct sandbox *sandbox;
    struct slot_layout layout;
    int zygote_pid;
    int seconds, memory_mb, megapixels_max;
    void (*hook)(uint64_t tag);     /* decode.h: child_hook */
    const struct vips_module *vips; /* NULL: JPEG in sRGB or grey only */
};

/* Exit status of a child without libvips whose file needs it. */
enum { CHILD_NEEDS_VIPS = 5 };

/* Right after fork: drop every descriptor but `control`, enter the sandbox, wait there for one
 * wire_job, decode it into its slot, exit 0. CHILD_NEEDS_VIPS: the slot is untouched. Any other
 * status: the sandbox could not be entered. */
_Noreturn void child_main(int control, const struct child_config *config);

/* Enter the sandbox and exit 0: shows that it can be had. */
_Noreturn void child_probe(const struct child_config *config);

/* Walk the common paths once in the zygote, with pictures made here, so that the children find
 * libraries bound and GLib's types registered. 0 or -1. */
int child_warm_up(const struct child_config *config);

#endif
