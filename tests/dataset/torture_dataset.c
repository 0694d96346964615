/* The readers and writers of labelled pictures while memory and disk fail. */
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "dataset/coco.h"
#include "dataset/isic.h"
#include "dataset/labelme.h"
#include "dataset/labels.h"
#include "dataset/table.h"
#include "tests/torture/torture.h"

enum { W = 40, H = 30 };

static const char labelme[] = "{\"shapes\":[{\"label\":\"MEL\",\"points\":[[1,1],[30,2],[20,25]],"
                              "\"group_id\":1},{\"label\":\"x\","
                              "\"points\":[[9,9],[12,12]],\"shape_type\":\"rectangle\",\"group_"
                              "id\":1,\"flags\":{\"hole\":true}},"
                              "{\"label\":\"NV\",\"points\":[[9,9],[9,12]],\"shape_type\":"
                              "\"circle\"}],\"imagePath\":\"a.jpg\"}";
static const char coco[] =
    "{\"images\":[{\"id\":1,\"file_name\":\"a\",\"width\":40,\"height\":30}],\"categories\":[{"
    "\"id\":1,"
    "\"name\":\"DF\"}],\"annotations\":[{\"image_id\":1,\"category_id\":1,\"segmentation\":[[1,1,9,"
    "1,9,9]]},"
    "{\"image_id\":1,\"category_id\":1,\"segmentation\":{\"size\":[30,40],\"counts\":[600,600]}},"
    "{\"image_id\":1,\"category_id\":1,\"segmentation\":{\"size\":[30,40],\"counts\":\"hb0hb0\"}}]"
    "}";

static const struct class_map map = {0};

static int draw(const struct annotation *a, struct buf *made, struct err *err)
{
    uint8_t classes[W * H];

    if (annotation_draw(a, classes, W, H, 0, err))
        return -1;
    buf_add(made, classes, sizeof(classes));
    return buf_check(made, "classes", err);
}

static int run_labelme(const char *dir, struct buf *made, struct err *err)
{
    struct annotation a = {0};

    (void)dir;
    json_t *object = json_parse(labelme, sizeof(labelme) - 1, "labelme", err);
    if (!object)
        return -1;
    int ret = labelme_read(&a, object, &map, err) || draw(&a, made, err) ? -1 : 0;
    annotation_release(&a);
    json_decref(object);
    return ret;
}

static int run_outlines(const char *dir, struct buf *made, struct err *err)
{
    uint8_t classes[W * H] = {0};
    const struct labelme_picture picture = {classes, W, H, W, H, "a.jpg"};
    json_t *object = NULL;

    memset(classes + 5 * W, 3, 10 * W);
    memset(classes + 8 * W + 4, 0, 9);
    if (labelme_write(&object, &picture, err))
        return -1;
    char *line = json_line(object);
    json_decref(object);
    buf_add_text(made, line ? line : "");
    free(line);
    return line ? buf_check(made, "line", err) : err_set(err, ERR_NOMEM, "%s", dir);
}

static int run_coco(const char *dir, struct buf *made, struct err *err)
{
    struct coco c = {0};

    (void)dir;
    json_t *object = json_parse(coco, sizeof(coco) - 1, "coco", err);
    if (!object)
        return -1;
    int ret = coco_read(&c, object, &map, err);
    if (!ret)
        ret = draw(&c.pictures[0].drawn, made, err);
    coco_release(&c);
    json_decref(object);
    return ret;
}

static void setup_isic(const char *dir)
{
    static const char text[] = "image,MEL,NV\nx,1,0\ny,0,1\n",
                      words[] = "wart = BKL\nline = ignore\n";

    torture_write(dir, "t.csv", text, sizeof(text) - 1);
    torture_write(dir, "classes.txt", words, sizeof(words) - 1);
}

static int run_isic(const char *dir, struct buf *made, struct err *err)
{
    char path[512];
    struct class_map m;
    struct isic isic;

    snprintf(path, sizeof(path), "%s/classes.txt", dir);
    if (class_map_read(&m, path, err))
        return -1;
    snprintf(path, sizeof(path), "%s/t.csv", dir);
    int ret = isic_read(&isic, path, &m, err);
    if (!ret)
        buf_printf(made, "%s %d %s %d", isic.rows[0].id, isic.rows[0].class, isic.rows[1].id,
                   isic.rows[1].class);
    if (!ret)
        isic_release(&isic);
    class_map_release(&m);
    return ret ? -1 : buf_check(made, path, err);
}

static void setup_table(const char *dir)
{
    static const char text[] = "id,dx,note\na,NV,\"x, y\"\nb,MEL,\n";

    torture_write(dir, "labels.csv", text, sizeof(text) - 1);
}

static int run_table(const char *dir, struct buf *made, struct err *err)
{
    char path[512];
    struct table t;

    snprintf(path, sizeof(path), "%s/labels.csv", dir);
    if (table_read(&t, path, err))
        return -1;
    int ret = table_want_column(&t, "split", err);
    if (!ret) {
        table_set(&t, 1, table_column(&t, "split"), "val");
        ret = table_write(&t, path, err);
        buf_add_text(made, table_cell(&t, 1, 3));
    }
    table_release(&t);
    return ret ? -1 : buf_check(made, path, err);
}

/* The old table or the new one, whole. */
static void check_table(const char *dir, bool has_failed)
{
    struct buf text;

    buf_init(&text, 1000);
    torture_read(dir, "labels.csv", &text);
    bool is_new = strstr(text.data, "b,MEL,,val\n") != NULL;
    torture_expect(is_new || (has_failed && strstr(text.data, "b,MEL,\n")), "a half table");
    buf_release(&text);
}

int main(void)
{
    const struct torture drawn = {.name = "labelme", .run = run_labelme, .is_nameless = true};
    const struct torture outlines = {.name = "outlines", .run = run_outlines, .is_nameless = true};
    const struct torture one_file = {.name = "coco", .run = run_coco, .is_nameless = true};
    const struct torture isic = {.name = "isic", .setup = setup_isic, .run = run_isic};
    const struct torture table = {
        .name = "table", .setup = setup_table, .run = run_table, .check = check_table};

    torture_run(&drawn);
    torture_run(&outlines);
    torture_run(&one_file);
    torture_run(&isic);
    torture_run(&table);
    return 0;
}
