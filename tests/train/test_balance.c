/* `dataset balance` and `dataset show` on a small set on disk. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/status.h"
#include "tests/train/small_set.h"
#include "train/pictures.h"
#include "train/tools.h"
#include "train/weights.h"

enum { N = 7 };

static const struct small_picture pictures[N] = {
    {"a", "MEL", "train", 100, 60 },
    {"b", "NV",  "train", 64,  64 },
    {"c", "NV",  "train", 128, 128},
    {"d", "NV",  "train", 90,  120},
    {"e", "MEL", "train", 64,  64 },
    {"f", "NV",  "val",   97,  71 },
    {"g", "DF",  "test",  33,  90 },
};

static char dir[] = "/tmp/lentigo-balance-XXXXXX";

static const struct settings *settings_of(const char *sampling, const char *out)
{
    static struct settings s; /* several paths of 4 kB */

    s = *small_set_settings();
    snprintf(s.sampling, sizeof(s.sampling), "%s", sampling);
    snprintf(s.augment, sizeof(s.augment), "medium,grey=1");
    snprintf(s.output, sizeof(s.output), "%s", out);
    s.seed = 4;
    return &s;
}

static int balance(const char *sampling, const char *out)
{
    char *operands[] = {dir};

    return dataset_balance(settings_of(sampling, out), 1, operands);
}

static void weights_are_written_and_read(void **state)
{
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    const struct cache_config config = {
        .data = dir, .dir = dir, .bound = 64, .settings = small_set_settings()};
    struct cache *c = NULL;
    struct err err = {0};
    float w[N];
    int rows[N];

    (void)state;
    assert_int_equal(balance("even", ""), STATUS_OK);
    assert_int_equal(cache_open(&c, &config, &err), 0);
    int n = cache_rows(c, "train", rows);
    assert_int_equal(n, 5);
    assert_int_equal(weights_read(w, c, rows, n, dir, &err), 0);
    for (int i = 0; i < n; i++) {
        assert_string_equal(cache_label(c, rows[i])->id, ids[i]);
        assert_true(fabsf(w[i] - (i == 0 || i == 4 ? 1.25F : 0.83333F)) < 1e-4F);
    }
    /* A picture of the val split has none. */
    n = cache_rows(c, "all", rows);
    assert_int_equal(weights_read(w, c, rows, n, dir, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "no weight for f"));
    cache_close(c);
}

struct count {
    const struct labels *labels;
    int of[8], copies, pixels, grey;
};

static int count_one(void *context, int row, const struct cache_picture *p, struct err *err)
{
    struct count *count = context;
    const struct label *l = &count->labels->rows[row];

    (void)err;
    count->of[l->class] += !strcmp(l->split, "train");
    count->copies += strstr(l->id, "-aug") != NULL;
    for (int i = 0; strstr(l->id, "-aug") && i < p->w * p->h; i++) {
        const uint8_t *at = p->rgb + 3 * i;
        count->pixels += p->label[i] == l->class;
        count->grey += abs(at[0] - 128) < 3 && abs(at[1] - 128) < 3 && abs(at[2] - 128) < 3;
    }
    if (!strncmp(l->id, "a", 1)) {
        assert_int_equal(p->w, 100);
        assert_int_equal(p->h, 60);
    }
    return 0;
}

/* The new set is one that can be read, with as many MEL as NV in train and the others as they were. */
static void copies_even_the_classes_that_train(void **state)
{
    char out[64];
    struct labels labels;
    struct err err = {0};

    (void)state;
    snprintf(out, sizeof(out), "%s/even", dir);
    assert_int_equal(balance("even", out), STATUS_OK);
    assert_int_equal(labels_read(&labels, out, "all", 0, &err), 0);
    assert_int_equal(labels.n, N + 1);
    struct count count = {.labels = &labels};
    const struct pictures_request request = {
        .data = out,
        .rows = labels.rows,
        .n = labels.n,
        .bound = 256,
        .take = count_one,
        .settings = small_set_settings(),
        .context = &count,
    };
    if (pictures_decode(&request, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(count.of[1], 3);
    assert_int_equal(count.of[2], 3);
    assert_int_equal(count.copies, 1);
    assert_true(count.pixels > 100 * 60 / 20);
    assert_true(count.grey < 100 * 60 / 50); /* no padding: a mask cannot say "ignored" */
    labels_release(&labels);
    /* Never into a set that is there. */
    assert_int_equal(balance("even", out), STATUS_CONFIG);
}

static void a_sheet_is_drawn(void **state)
{
    char path[64], *operands[] = {dir};
    struct err err = {0};
    struct buf file;

    (void)state;
    snprintf(path, sizeof(path), "%s/sheet.png", dir);
    struct settings *s = malloc(sizeof(*s));
    *s = *settings_of("root", path);
    s->size = 32;
    s->limit = 3;
    assert_int_equal(dataset_show(s, 1, operands), STATUS_OK);
    buf_init(&file, 1 << 24);
    assert_int_equal(file_read(path, &file, &err), 0);
    const uint8_t *head = (const uint8_t *)file.data + 16; /* of IHDR: width, height */
    assert_int_equal(head[2] << 8 | head[3], 4 + 8 * 36);
    assert_int_equal(head[6] << 8 | head[7], 4 + 3 * 36);
    buf_release(&file);
    s->output[0] = 0;
    assert_int_equal(dataset_show(s, 1, operands), STATUS_USAGE);
    free(s);
}

static int make_dir(void **state)
{
    (void)state;
    log_init("test", LOG_ERROR);
    if (!mkdtemp(dir))
        return -1;
    small_set_write(dir, pictures, N);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    small_set_remove(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_written_and_read),
        cmocka_unit_test(copies_even_the_classes_that_train),
        cmocka_unit_test(a_sheet_is_drawn),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
