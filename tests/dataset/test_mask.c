#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/classes.h"
#include "dataset/mask.h"

enum { W = 40, H = 30, N = W * H };

static uint8_t rgb[N * 3], classes[N];

static void paint(int i, const uint8_t colour[3])
{
    memcpy(rgb + 3 * (size_t)i, colour, 3);
}

static void black_and_white(void **state)
{
    static const uint8_t white[3] = {255, 255, 255}, edge[3] = {140, 140, 140};
    struct err err = {0};

    (void)state;
    memset(rgb, 0, sizeof(rgb));
    paint(5, white);
    paint(6, edge);
    assert_int_equal(mask_read(classes, rgb, W, H, 4, &err), 0);
    assert_int_equal(classes[4], 0);
    assert_int_equal(classes[5], 4);
    assert_int_equal(classes[6], 4);
    assert_int_equal(mask_main_class(classes, N), 4);
}

/* Every class in both ways of writing it; between two of them something that is neither. */
static void class_maps(void **state)
{
    static const uint8_t between[3] = {120, 100, 90};
    struct err err = {0};

    (void)state;
    for (int is_palette = 0; is_palette < 2; is_palette++) {
        for (int i = 0; i < N; i++) {
            int k = i % W / 5;
            paint(i,
                  is_palette ? class_colour(k) : (uint8_t[]){(uint8_t)k, (uint8_t)k, (uint8_t)k});
        }
        paint(W + 10, between);
        memset(classes, 99, sizeof(classes));
        assert_int_equal(mask_read(classes, rgb, W, H, 0, &err), 0);
        for (int i = 0; i < N; i++)
            assert_int_equal(classes[i], i == W + 10 ? 1 : i % W / 5);
    }
    assert_int_equal(mask_main_class(classes, 15), 1);
    assert_int_equal(mask_main_class(classes, 5), 0);
}

static void what_is_no_mask_is_refused(void **state)
{
    struct err plain = {0}, map = {0}, other = {0};

    (void)state;
    for (int i = 0; i < N * 3; i++)
        rgb[i] = (uint8_t)(100 + i % 50);
    assert_int_equal(mask_read(classes, rgb, W, H, 2, &plain), -1);
    assert_int_equal(plain.code, ERR_INPUT);
    assert_int_equal(mask_read(classes, rgb, W, H, 0, &map), -1);
    assert_int_equal(map.code, ERR_INPUT);
    /* a class map that came with a diagnosis */
    memset(rgb, 2, sizeof(rgb));
    assert_int_equal(mask_read(classes, rgb, W, H, 2, &other), -1);
    assert_non_null(strstr(other.msg, "empty dx"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(black_and_white),
        cmocka_unit_test(class_maps),
        cmocka_unit_test(what_is_no_mask_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
