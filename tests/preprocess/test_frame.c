#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "preprocess/frame.h"

static void input_keeps_the_aspect(void **state)
{
    static const struct {
        const char *name;
        int w, h, size, content_w, content_h, padded_w, padded_h;
    } cases[] = {
        {"4:3",                   600, 450,  256, 256, 192, 256, 192},
        {"3:4",                   450, 600,  256, 192, 256, 192, 256},
        {"padded",                600, 450,  500, 500, 375, 504, 376},
        {"half rounds to even",   400, 250,  4,   4,   2,   8,   8  },
        {"small ones grow a bit", 100, 100,  512, 256, 256, 256, 256},
        {"but not beyond size",   100, 100,  160, 160, 160, 160, 160},
        {"as it is",              300, 200,  512, 300, 200, 304, 200},
        {"thin",                  16,  5000, 512, 2,   512, 8,   512},
        {"a thread",              1,   5000, 256, 1,   256, 8,   256},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct frame f = frame_of((struct slot_size){cases[i].w, cases[i].h}, cases[i].size);
        if (f.content.w != cases[i].content_w || f.content.h != cases[i].content_h ||
            f.padded.w != cases[i].padded_w || f.padded.h != cases[i].padded_h)
            fail_msg("%s: content %dx%d, padded %dx%d", cases[i].name, f.content.w, f.content.h,
                     f.padded.w, f.padded.h);
    }
}

static void padding_is_grey_and_nothing_else(void **state)
{
    const struct frame f = {
        {5, 3},
        {8, 8}
    };
    uint8_t rgb[8 * 8 * 3 + 1];

    (void)state;
    memset(rgb, 7, sizeof(rgb));
    frame_pad(&f, rgb);
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(rgb[(y * 8 + x) * 3 + c], x < 5 && y < 3 ? 7 : FRAME_GREY);
    assert_int_equal(rgb[8 * 8 * 3], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_keeps_the_aspect),
        cmocka_unit_test(padding_is_grey_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
