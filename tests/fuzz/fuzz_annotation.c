/* LabelMe's and COCO's files, up to the class map; what is drawn comes back from its own outlines. */
#include <string.h>

#include "dataset/coco.h"
#include "dataset/labelme.h"
#include "tests/fuzz/fuzz.h"

enum { SIDE_MAX = 200 };

static struct class_map_row words[] = {
    {"a",    1               },
    {"cut",  CLASS_MAP_HOLE  },
    {"dx",   CLASS_MAP_DX    },
    {"none", CLASS_MAP_IGNORE},
};
static const struct class_map map = {.rows = words, .n = 4};
static uint8_t classes[SIDE_MAX * SIDE_MAX], again[SIDE_MAX * SIDE_MAX];

static void check_drawing(const struct annotation *a, int w, int h)
{
    const struct labelme_picture picture = {classes, w, h, w, h, "a.jpg"};
    struct annotation back;
    struct err err = {0};
    json_t *object;

    if (annotation_draw(a, classes, w, h, 3, &err))
        return;
    fuzz_accepted();
    for (int i = 0; i < w * h; i++)
        fuzz_expect(classes[i] < 8, "every pixel is of a class");
    fuzz_expect(!labelme_write(&object, &picture, &err), err.msg);
    int ret = labelme_read(&back, object, &map, &err);
    fuzz_expect(!ret || err.code == ERR_LIMIT, err.msg); /* more shapes than anybody draws */
    if (!ret) {
        fuzz_expect(!annotation_draw(&back, again, w, h, 0, &err), err.msg);
        fuzz_expect(!memcmp(classes, again, (size_t)w * (size_t)h), "outlines draw the same map");
        annotation_release(&back);
    }
    json_decref(object);
}

static int side(int wanted, int otherwise)
{
    return wanted > 0 && wanted <= SIDE_MAX ? wanted : otherwise;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct annotation a;
    struct coco c;
    json_t *object = json_parse((const char *)data, size, "input", &err);

    if (!object)
        return 0;
    if (!labelme_read(&a, object, &map, &err)) {
        check_drawing(&a, side(a.width, 64), side(a.height, 48));
        annotation_release(&a);
    }
    err = (struct err){0};
    if (!coco_read(&c, object, &map, &err)) {
        for (int i = 0; i < c.n; i++)
            check_drawing(&c.pictures[i].drawn, side(c.pictures[i].drawn.width, 64),
                          side(c.pictures[i].drawn.height, 48));
        coco_release(&c);
    }
    json_decref(object);
    return 0;
}
