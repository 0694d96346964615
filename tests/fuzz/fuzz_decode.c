/* A picture on the path of a decode child, in this process: magic bytes, one decoder, orientation,
 * colours, sizes, into a slot. The first byte says which pictures are wanted and at what size.
 * fuzz_jpeg is this file built without libvips, which is not ours and slow to start. */
#include <stdlib.h>

#include "preprocess/jpeg.h"
#include "preprocess/sniff.h"
#include "tests/fuzz/fuzz.h"

enum { SIZE_MAX_PX = 512, MEGAPIXELS_MAX = 1 };

static const struct vips_module *module(void)
{
#ifdef WITH_VIPS
    static const struct vips_module *loaded;
    char why[256];

    if (!loaded)
        loaded = vips_module_load(why, sizeof(why));
    fuzz_expect(loaded != NULL, "libvips is there");
    return loaded;
#else
    return NULL;
#endif
}

static int decode(const uint8_t *data, size_t size, struct outputs *o, struct verdict *v)
{
    enum image_kind kind = sniff(data, size, v);

    if (kind == KIND_JPEG)
        return jpeg_read(data, size, module(), o, v);
    if (kind == KIND_NONE)
        return -1;
    return module() ? module()->read(kind, data, size, o, v) : JPEG_NEEDS_VIPS;
}

static void check_head(const struct slot_head *h, const struct slot_layout *l)
{
    fuzz_expect(h->original.w >= 16 && h->original.h >= 16, "the original is no dot");
    fuzz_expect((int64_t)h->original.w * h->original.h <= MEGAPIXELS_MAX * 1000000,
                "the original is within the limit");
    fuzz_expect(h->network.w <= l->network_max && h->network.h <= l->network_max,
                "the network's input fits");
    fuzz_expect(h->content.w >= 1 && h->content.h >= 1 && h->content.w <= h->network.w &&
                    h->content.h <= h->network.h,
                "the content lies in the input");
    fuzz_expect(h->field.w >= 1 && h->field.w <= 256 && h->field.h <= 256, "the field fits");
    fuzz_expect(h->measure.w <= 1024 && h->measure.h <= 1024, "the measuring image fits");
    fuzz_expect(h->display.w <= 1600 && h->display.h <= 1600, "the display copy fits");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int sizes[] = {32, 224, 256, 512};
    static uint8_t *slot;
    const struct slot_layout layout = slot_layout(SIZE_MAX_PX);
    struct slot_head head = {0};
    struct verdict v = {0};

    if (!size)
        return 0;
    if (!slot)
        slot = malloc(layout.size);
    fuzz_expect(slot != NULL, "memory for a slot");
    struct outputs o = {.layout = &layout,
                        .slot = slot,
                        .network_size = sizes[data[0] & 3],
                        .want_measure = data[0] & 4,
                        .want_display = data[0] & 8,
                        .megapixels_max = MEGAPIXELS_MAX};
    int ret = decode(data + 1, size - 1, &o, &v);
    if (ret == 0) {
        fuzz_accepted();
        outputs_end(&o, &head);
        check_head(&head, &layout);
    }
    fuzz_expect(ret >= 0 || v.reason != REASON_NONE, "a refusal has a reason");
    outputs_release(&o);
    return 0;
}
