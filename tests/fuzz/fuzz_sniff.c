/* What the decode child looks at before any decoder does: first bytes, framing, EXIF, profiles. */
#include <stdlib.h>

#include "preprocess/exif.h"
#include "preprocess/jpeg_plain.h"
#include "preprocess/profile.h"
#include "preprocess/sniff.h"
#include "tests/fuzz/fuzz.h"

static void make_plain(const uint8_t *data, size_t size)
{
    struct jpeg_plain p;

    if (!jpeg_plain_make(&p, data, size))
        return;
    fuzz_expect(p.n <= size && p.n >= 4, "no more than there was");
    fuzz_expect(p.bytes[0] == 0xff && p.bytes[1] == 0xd8 && p.bytes[p.n - 2] == 0xff &&
                    p.bytes[p.n - 1] == 0xd9,
                "from mark to mark");
    fuzz_expect(p.w > 0 && p.h > 0 && (p.components == 1 || p.components == 3) &&
                    p.orientation >= 1 && p.orientation <= 8,
                "what a plain JPEG says of itself");
    free(p.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verdict v = {0};
    enum image_kind kind = sniff(data, size, &v);
    int orientation = exif_orientation(data, size);

    fuzz_expect((kind == KIND_NONE) == (v.reason != REASON_NONE), "a refusal has a reason");
    fuzz_expect(orientation >= 1 && orientation <= 8, "orientation is 1 to 8");
    if (kind != KIND_NONE) {
        fuzz_accepted();
        sniff_is_whole(kind, data, size);
    }
    sniff_is_picture(data, size < 512 ? size : 512);
    make_plain(data, size);
    for (int colours = 1; colours <= 4; colours++)
        profile_use(data, size, colours);
    return 0;
}
