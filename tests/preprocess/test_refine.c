/* The input made from the measuring image against the one that the decode child makes. */
#include "tests/preprocess/support.h"

#include <stdlib.h>

#include "preprocess/refine.h"

static struct decoder *decoder;

static int open_decoder(void **state)
{
    (void)state;
    decoder = support_decoder(NULL, 20);
    return 0;
}

static int close_decoder(void **state)
{
    (void)state;
    decoder_close(decoder);
    return 0;
}

static struct picture refined(const struct decoded *d, int size)
{
    struct frame f = refine_frame(d, size);
    uint8_t *rgb = malloc((size_t)f.padded.w * (size_t)f.padded.h * 3);

    assert_non_null(rgb);
    assert_int_equal(refine_picture(d, &f, rgb), 0);
    return (struct picture){rgb, f.padded.w, f.padded.h};
}

static struct file picture_file(int w, int h, int orientation, const char *how)
{
    VipsImage *made = support_picture(w, h), *image = NULL;

    assert_int_equal(vips_copy(made, &image, NULL), 0);
    if (orientation != 1)
        vips_image_set_int(image, VIPS_META_ORIENTATION, orientation);
    struct file f = support_save(image, how);
    g_object_unref(image);
    g_object_unref(made);
    return f;
}

/* Largest difference between the child's input of `size` and ours from a decode at another size. */
static int worst_difference(const struct file *f, int size)
{
    const int coarse = 64;
    struct decoded wanted = support_decode(decoder, f->bytes, f->n, size, 0);
    struct picture kept = support_keep(wanted.network);
    struct decoded d = support_decode(decoder, f->bytes, f->n, coarse, 0);
    struct picture made = refined(&d, size);

    assert_int_equal(d.reason, REASON_NONE);
    assert_int_equal(refine_frame(&d, size).content.w, wanted.content_w);
    assert_int_equal(refine_frame(&d, size).content.h, wanted.content_h);
    int worst = support_compare(kept, made).max;
    g_free((void *)(uintptr_t)kept.rgb);
    free((void *)(uintptr_t)made.rgb);
    return worst;
}

static void is_what_the_child_would_have_made(void **state)
{
    static const struct {
        int w, h, size, orientation, off;
    } cases[] = {
        {600,  450,  256, 1, 0},
        {600,  450,  320, 1, 0},
        {200,  150,  256, 1, 0}, /* grown */
        {512,  341,  224, 6, 0},
        {301,  203,  192, 7, 0},
        {1024, 768,  512, 3, 0},
        {100,  900,  256, 8, 0},
        {2400, 1800, 256, 1, 1}, /* shrunk twice: one more rounding */
    };
    static const char *const hows[] = {".jpg", ".png[compression=1]"};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
        size_t c = i / 2;
        struct file f = picture_file(cases[c].w, cases[c].h, cases[c].orientation, hows[i % 2]);
        int worst = worst_difference(&f, cases[c].size);
        if (worst > cases[c].off)
            fail_msg("%d x %d %s at %d: differs by %d", cases[c].w, cases[c].h, hows[i % 2],
                     cases[c].size, worst);
        g_free(f.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_the_child_would_have_made),
    };

    return cmocka_run_group_tests(tests, open_decoder, close_decoder);
}
