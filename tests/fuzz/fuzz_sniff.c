/* What the decode child looks at before any decoder does: first bytes, framing, EXIF, profiles. */
#include "preprocess/exif.h"
#include "preprocess/profile.h"
#include "preprocess/sniff.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verdict v = {0};
    enum image_kind kind = sniff(data, size, &v);
    int orientation = exif_orientation(data, size);

    fuzz_expect((kind == KIND_NONE) == (v.reason != REASON_NONE), "a refusal has a reason");
    fuzz_expect(orientation >= 1 && orientation <= 8, "orientation is 1 to 8");
    if (kind != KIND_NONE)
        sniff_is_whole(kind, data, size);
    sniff_is_picture(data, size < 512 ? size : 512);
    for (int colours = 1; colours <= 4; colours++)
        profile_use(data, size, colours);
    return 0;
}
