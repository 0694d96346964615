#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataset/coco.h"
#include "dataset/labelme.h"

enum { W = 60, H = 40, N = W * H };

static struct class_map_row words[] = {
    {"melanoma", 1               },
    {"ruler",    CLASS_MAP_IGNORE},
    {"cut",      CLASS_MAP_HOLE  },
    {"lesion",   CLASS_MAP_DX    },
};
static const struct class_map map = {.rows = words, .n = 4};

static json_t *parsed(const char *text)
{
    struct err err = {0};
    json_t *object = json_parse(text, strlen(text), "test", &err);

    if (!object)
        fail_msg("%s", err.msg);
    return object;
}

/* `shapes`: the list's text. */
static int draw(uint8_t classes[N], const char *shapes, int class, struct err *err)
{
    char text[4096];
    struct annotation a;

    snprintf(text, sizeof(text), "{\"imagePath\":\"a.jpg\",\"shapes\":[%s]}", shapes);
    json_t *object = parsed(text);
    int ret = labelme_read(&a, object, &map, err);
    json_decref(object);
    if (!ret)
        ret = annotation_draw(&a, classes, W, H, class, err);
    annotation_release(&a);
    return ret;
}

/* The formatter cannot align tables of macros. */
/* clang-format off */
#define BOX(label, x0, y0, x1, y1, more)                                                           \
    "{\"label\":\"" label "\",\"shape_type\":\"rectangle\",\"points\":[[" #x0 "," #y0 "],[" #x1    \
    "," #y1 "]]" more "}"

static void shapes_cover_one_another(void **state)
{
    static const struct {
        const char *name, *shapes;
        int at_5, at_15, at_25; /* class at x, 10 */
    } cases[] = {
        {"the later over the earlier",  BOX("MEL", 0, 5, 30, 20, "") "," BOX("nv", 10, 5, 20, 20, ""),             1, 2, 1},
        {"a hole without a group",
         BOX("MEL", 0, 5, 30, 20, "") "," BOX("cut", 10, 5, 20, 20, "") "," BOX("NV", 15, 5, 15, 20, ""),
         1,                                                                                                           2, 1},
        {"a hole of its group only",
         BOX("NV", 0, 5, 30, 20, "") "," BOX("MEL", 0, 5, 18, 20, ",\"group_id\":3") "," BOX(
             "MEL", 10, 5, 18, 20, ",\"group_id\":3,\"flags\":{\"hole\":true}"),
         1,                                                                                                           2, 2},
        {"the picture's own diagnosis", BOX("lesion", 0, 5, 8, 20, "") "," BOX("melanoma", 20, 5, 30, 20, ""),     7, 0, 1},
        {"what is to be passed over",   BOX("ruler", 0, 5, 30, 20, "") "," BOX("DF", 15, 0, 15, 39, ""),
         0,                                                                                                           6, 0},
    };

    /* clang-format on */
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint8_t classes[N];
        struct err err = {0};
        if (draw(classes, cases[i].shapes, 7, &err))
            fail_msg("%s: %s", cases[i].name, err.msg);
        const uint8_t *row = classes + 10 * (size_t)W;
        if (row[5] != cases[i].at_5 || row[15] != cases[i].at_15 || row[25] != cases[i].at_25)
            fail_msg("%s: %d %d %d", cases[i].name, row[5], row[15], row[25]);
    }
}

static void bad_shapes_are_named(void **state)
{
    /* clang-format off */
    static const struct {
        const char *name, *shapes, *says;
    } cases[] = {
        {"label",        BOX("MEL", 0, 0, 9, 9, "") "," BOX("naevus", 0, 0, 9, 9, ""),      "shape 2 (\"naevus\"): unknown label"},
        {"line",         "{\"label\":\"MEL\",\"shape_type\":\"line\",\"points\":[[0,0],[1,1]]}", "\"line\" encloses"                  },
        {"point",        "{\"label\":\"MEL\",\"shape_type\":\"point\",\"points\":[[0,0]]}",      "\"point\" encloses"                 },
        {"two points",   "{\"label\":\"MEL\",\"points\":[[0,0],[1,1]]}",                         "polygon of 2 points"                },
        {"one corner",   "{\"label\":\"MEL\",\"shape_type\":\"circle\",\"points\":[[0,0]]}",     "circle of 1 points"                 },
        {"no number",    "{\"label\":\"MEL\",\"points\":[[0,0],[1,1],[\"x\",2]]}",               "not two numbers"                    },
        {"far away",     "{\"label\":\"MEL\",\"points\":[[0,0],[1,1],[1e9,2]]}",                 "shape 1: a point at 1e+09"          },
        {"no list",      "{\"label\":\"MEL\",\"points\":7}",                                     "polygon of 0"                       },
        {"group",        BOX("MEL", 0, 0, 9, 9, ",\"group_id\":\"x\""),                          "group_id"                           },
        {"no diagnosis", BOX("lesion", 0, 0, 9, 9, ""),                                          "there is none"                      },
    };

    /* clang-format on */
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint8_t classes[N];
        struct err err = {0};
        if (draw(classes, cases[i].shapes, 0, &err) != -1 || err.code != ERR_INPUT ||
            !strstr(err.msg, cases[i].says))
            fail_msg("%s: %s", cases[i].name, err.msg);
    }
}

/* Turned as the decoder turns pictures: where the stored top left corner goes. */
static void turns_like_a_picture(void **state)
{
    static const int corners[9][2] = {
        {0,     0    },
        {0,     0    },
        {W - 1, 0    },
        {W - 1, H - 1},
        {0,     H - 1},
        {0,     0    },
        {H - 1, 0    },
        {H - 1, W - 1},
        {0,     W - 1}
    };
    uint8_t stored[N] = {1}, turned[N];

    (void)state;
    for (int o = 1; o <= 8; o++) {
        annotation_turn(turned, stored, W, H, o);
        assert_int_equal(turned[corners[o][1] * (o > 4 ? H : W) + corners[o][0]], 1);
    }
}

/* Blots of all classes, holes, islands in them, single pixels, diagonals. */
static void make_map(uint8_t classes[N], uint32_t seed)
{
    for (int i = 0; i < N; i++) {
        seed = seed * 1664525U + 1013904223U;
        int x = i % W / 3, y = i / W / 3;
        uint32_t cell = (uint32_t)(x * 7919 + y * 104729) * 2654435761U;
        classes[i] = (seed >> 24) < 40 ? (uint8_t)(seed >> 16 & 7) : (uint8_t)(cell >> 29);
        classes[i] = cell >> 24 & 1 ? classes[i] : 0;
    }
}

static void a_map_comes_back_from_its_outlines(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 40; seed++) {
        uint8_t classes[N], again[N];
        struct annotation a;
        struct err err = {0};
        json_t *object;
        make_map(classes, seed);
        const struct labelme_picture picture = {classes, W, H, W, H, "a.jpg"};
        assert_int_equal(labelme_write(&object, &picture, &err), 0);
        if (labelme_read(&a, object, &map, &err) || annotation_draw(&a, again, W, H, 0, &err))
            fail_msg("%s", err.msg);
        assert_memory_equal(classes, again, N);
        annotation_release(&a);
        json_decref(object);
    }
}

/* One mask of 60 x 40 as pycocotools 2.0.10 packs it, and the same as plain numbers. */
static const char packed[] = "51f00^O0e10e00fM0S10SO0d00YO0o00ZO0b00UO0;02i0BWO2h05XODh0>"
                             "00000FXON02h0:000000^OI37MI37MI37MI37"
                             "MI37MI37MI37MI37MI37MI32GJh04XONh0NXO6h0NXONi08OKXOLh02XOM0Nh0="
                             "1DWO7h0500000JXOLh06XOHh0<000000"
                             "00000n2XOmL19Og00I0TO0U10iN0=0M0]10VN0;04";
static const uint32_t first_runs[] = {5, 1, 22, 1, 4, 1, 57, 1, 78, 1, 4, 1, 39, 1, 10, 1, 30, 1};

static void packed_runs_are_read_as_their_makers_do(void **state)
{
    struct annotation a = {0};
    struct err err = {0};
    uint8_t classes[N];
    int covered = 0, n;
    uint32_t *runs;

    (void)state;
    assert_int_equal(coco_unpack(packed, &runs, &n, &err), 0);
    assert_memory_equal(runs, first_runs, sizeof(first_runs));
    struct shape *s = annotation_add(&a, &err);
    *s = (struct shape){
        .kind = SHAPE_RUNS, .class = 3, .group = GROUP_NONE, .runs = runs, .n_runs = n};
    assert_int_equal(annotation_draw(&a, classes, W, H, 0, &err), 0);
    for (int i = 0; i < N; i++)
        covered += classes[i] == 3;
    assert_int_equal(covered, 966);
    assert_int_equal(classes[5], 0);
    assert_int_equal(classes[5 * W], 3); /* column by column: the sixth pixel is the sixth row */
    annotation_release(&a);
}

/* clang-format off */
#define COCO(annotations)                                                                          \
    "{\"images\":[{\"id\":7,\"file_name\":\"a.jpg\",\"width\":60,\"height\":40,\"patient_id\":\"p\"}]," \
    "\"categories\":[{\"id\":1,\"name\":\"melanoma\"},{\"id\":2,\"name\":\"wart\"}],\"annotations\":[" annotations  \
    "]}"
/* clang-format on */

static void coco_shapes(void **state)
{
    json_t *object = parsed(COCO(
        "{\"image_id\":7,\"category_id\":1,\"segmentation\":[[1,1,9,1,9,9,1,9],[20,1,29,1,29,9]]},"
        "{\"image_id\":7,\"category_id\":1,\"segmentation\":{\"size\":[40,60],\"counts\":[2390,10]}"
        "}"));
    struct coco c;
    struct err err = {0};
    uint8_t classes[N];

    (void)state;
    if (coco_read(&c, object, &map, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(c.n, 1);
    assert_string_equal(c.pictures[0].patient_id, "p");
    assert_int_equal(c.pictures[0].drawn.n_shapes, 3);
    assert_int_equal(annotation_draw(&c.pictures[0].drawn, classes, W, H, 0, &err), 0);
    assert_int_equal(classes[5 * W + 5], 1);
    assert_int_equal(classes[2 * W + 27], 1);
    assert_int_equal(classes[35 * W + 59], 1);
    assert_int_equal(classes[35 * W + 58], 0);
    coco_release(&c);
    json_decref(object);
}

static void bad_coco_is_named(void **state)
{
    /* clang-format off */
    static const struct {
        const char *name, *text, *says;
    } cases[] = {
        {"other file", "{\"shapes\":[]}", "not COCO's"},
        {"label", COCO("{\"image_id\":7,\"category_id\":2,\"segmentation\":[[1,1,9,1,9,9]]}"), "a.jpg: unknown label \"wart\""},
        {"category", COCO("{\"image_id\":7,\"category_id\":3,\"segmentation\":[[1,1,9,1,9,9]]}"), "category has the id 3"},
        {"picture", COCO("{\"image_id\":8,\"category_id\":1,\"segmentation\":[[1,1,9,1,9,9]]}"), "picture has the id 8"},
        {"box", COCO("{\"image_id\":7,\"category_id\":1,\"bbox\":[1,2,3,4],\"segmentation\":[]}"), "a box is no outline"},
        {"odd", COCO("{\"image_id\":7,\"category_id\":1,\"segmentation\":[[1,1,9,1,9,9,4]]}"), "polygon of 7 numbers"},
        {"size", COCO("{\"image_id\":7,\"category_id\":1,\"segmentation\":{\"size\":[60,40],\"counts\":[0]}}"), "size is not the picture's"},
        {"packed", COCO("{\"image_id\":7,\"category_id\":1,\"segmentation\":{\"size\":[40,60],\"counts\":\"oooo\"}}"), "damaged"},
    };

    /* clang-format on */
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *object = parsed(cases[i].text);
        struct coco c;
        struct err err = {0};
        if (coco_read(&c, object, &map, &err) != -1 || err.code != ERR_INPUT ||
            !strstr(err.msg, cases[i].says))
            fail_msg("%s: %s", cases[i].name, err.msg);
        json_decref(object);
    }
}

static void runs_have_to_fill_the_picture(void **state)
{
    static uint32_t few[] = {5, 6}, many[] = {5, N};

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct shape s = {
            .kind = SHAPE_RUNS, .class = 1, .group = GROUP_NONE, .n_runs = 2, .number = 4};
        struct annotation a = {.shapes = &s, .n_shapes = 1};
        struct err err = {0};
        uint8_t classes[N];
        s.runs = k ? many : few;
        assert_int_equal(annotation_draw(&a, classes, W, H, 0, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        assert_non_null(strstr(err.msg, "shape 4"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_cover_one_another),
        cmocka_unit_test(bad_shapes_are_named),
        cmocka_unit_test(turns_like_a_picture),
        cmocka_unit_test(a_map_comes_back_from_its_outlines),
        cmocka_unit_test(packed_runs_are_read_as_their_makers_do),
        cmocka_unit_test(coco_shapes),
        cmocka_unit_test(bad_coco_is_named),
        cmocka_unit_test(runs_have_to_fill_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
