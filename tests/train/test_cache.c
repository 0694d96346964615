#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/train/small_set.h"
#include "train/cache.h"

enum { N = 6, BOUND = 128 };

static const struct small_picture pictures[N] = {
    {"a", "MEL", "train", 100, 60 },
    {"b", "NV",  "val",   40,  90 },
    {"c", "NV",  "train", 256, 256},
    {"d", "DF",  "test",  300, 200},
    {"e", "BCC", "train", 128, 128},
    {"f", "NV",  "train", 97,  31 },
};

static char dir[] = "/tmp/lentigo-cache-XXXXXX";

static struct cache_config config_of(const char *data)
{
    static char kept[64]; /* the test's own; one at a time */

    snprintf(kept, sizeof(kept), "%s/kept", dir);
    return (struct cache_config){
        .data = data, .dir = kept, .bound = BOUND, .settings = small_set_settings()};
}

static struct cache *open_set(void)
{
    const struct cache_config config = config_of(dir);
    struct cache *c = NULL;
    struct err err = {0};

    if (cache_open(&c, &config, &err))
        fail_msg("%s", err.msg);
    return c;
}

static void pictures_come_as_they_are(void **state)
{
    struct cache *c = open_set();
    int rows[N];

    (void)state;
    assert_int_equal(cache_count(c), N);
    for (int i = 0; i < N; i++) {
        struct small_picture p = pictures[i];
        struct cache_picture got = cache_picture(c, i);
        int longest = p.w > p.h ? p.w : p.h, off = 0, labels = 0;
        if (longest > BOUND) {
            p.w = (p.w * BOUND + longest / 2) / longest;
            p.h = (p.h * BOUND + longest / 2) / longest;
        }
        assert_string_equal(cache_label(c, i)->id, p.id);
        assert_int_equal(got.class, cache_label(c, i)->class);
        assert_int_equal(got.w, p.w);
        assert_int_equal(got.h, p.h);
        for (int y = 0; y < p.h; y++)
            for (int x = 0; x < p.w; x++) {
                int at = y * p.w + x, is_lesion = small_set_is_lesion(&p, x, y);
                labels += got.label[at] != (is_lesion ? got.class : 0);
                off += (got.rgb[3 * at] < 150) != (got.label[at] != 0);
            }
        /* A smaller copy's outline lies within a pixel of the drawn one. */
        if (labels * 100 > p.w * p.h * (longest > BOUND ? 2 : 0) || off * 100 > p.w * p.h)
            fail_msg("%s: %d labels and %d pixels of %d are off", p.id, labels, off, p.w * p.h);
    }
    assert_int_equal(cache_rows(c, "train", rows), 4);
    assert_int_equal(rows[3], 5);
    assert_int_equal(cache_rows(c, "all", rows), N);
    cache_close(c);
}

/* Melanoma beside vascular lesion, over the display copy's size: between them there is nothing else. */
static void a_large_class_map_gets_no_other_class(void **state)
{
    enum { W = 2300, H = 1700, EDGE = 1151, ROWS_BEFORE = 2 };
    const struct small_picture map = {"map", "", "train", W, H};
    char data[64], kept[80], path[80];
    const struct cache_config config = {
        .data = data, .dir = kept, .bound = 1600, .settings = small_set_settings()};
    uint8_t *classes = malloc((size_t)W * H);
    struct cache *c = NULL;
    struct err err = {0};
    struct buf png;

    (void)state;
    assert_non_null(classes);
    snprintf(data, sizeof(data), "%s/map", dir);
    snprintf(kept, sizeof(kept), "%s/kept", data);
    snprintf(path, sizeof(path), "%s/masks/map.png", data);
    small_set_write(data, &map, 1);
    for (int i = 0; i < W * H; i++)
        classes[i] = i / W < ROWS_BEFORE ? 0 : i % W < EDGE ? 1 : 7;
    buf_init(&png, 1 << 24);
    assert_int_equal(encode_grey_png(classes, W, H, &png, &err), 0);
    assert_int_equal(file_write(path, png.data, png.len, &err), 0);
    if (cache_open(&c, &config, &err))
        fail_msg("%s", err.msg);
    struct cache_picture got = cache_picture(c, 0);
    assert_int_equal(got.w, 1600);
    for (int i = 0; i < got.w * got.h; i++) {
        int x = (2 * (i % got.w) + 1) * W / (2 * got.w),
            y = (2 * (i / got.w) + 1) * H / (2 * got.h);
        if (got.label[i] != classes[y * W + x])
            fail_msg("%d,%d: class %d, not %d", i % got.w, i / got.w, got.label[i],
                     classes[y * W + x]);
    }
    cache_close(c);
    buf_release(&png);
    free(classes);
}

struct mark {
    struct stat st;
    char path[4096];
};

static struct mark mark_of(const struct cache *c)
{
    struct mark m;

    snprintf(m.path, sizeof(m.path), "%s", cache_path(c));
    assert_int_equal(stat(m.path, &m.st), 0);
    return m;
}

static bool was_made_anew(const struct mark *m)
{
    struct stat now;

    assert_int_equal(stat(m->path, &now), 0);
    return now.st_ino != m->st.st_ino || now.st_mtim.tv_nsec != m->st.st_mtim.tv_nsec;
}

static void a_file_that_fits_is_used_again(void **state)
{
    struct cache *c = open_set();
    struct mark m = mark_of(c);

    (void)state;
    cache_close(c);
    cache_close(open_set());
    assert_false(was_made_anew(&m));
}

enum damage { CUT_TO_NOTHING, CUT_IN_HEAD, CUT_IN_INDEX, CUT_AT_END, LONGER, MAGIC, DIGEST, INDEX };

static void damage(const char *path, enum damage kind)
{
    struct stat st;
    int fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    static const int cuts[] = {0, 20, 200};
    if (kind <= CUT_IN_INDEX)
        assert_int_equal(ftruncate(fd, cuts[kind]), 0);
    else if (kind == CUT_AT_END || kind == LONGER)
        assert_int_equal(ftruncate(fd, st.st_size + (kind == LONGER ? 1 : -1)), 0);
    else
        /* The index says that the first picture, of class 1, is of class 2. */
        assert_int_equal(pwrite(fd, "\2", 1, kind == MAGIC ? 0 : kind == DIGEST ? 30 : 172), 1);
    close(fd);
}

static void a_damaged_file_is_made_anew(void **state)
{
    (void)state;
    for (enum damage kind = CUT_TO_NOTHING; kind <= INDEX; kind++) {
        struct cache *c = open_set();
        struct mark m = mark_of(c);
        size_t n = (size_t)cache_picture(c, 3).w * (size_t)cache_picture(c, 3).h * 3;
        uint8_t *before = malloc(n);
        memcpy(before, cache_picture(c, 3).rgb, n);
        cache_close(c);
        damage(m.path, kind);
        assert_int_equal(stat(m.path, &m.st), 0);
        c = open_set();
        if (!was_made_anew(&m))
            fail_msg("damage %d was not seen", (int)kind);
        assert_memory_equal(before, cache_picture(c, 3).rgb, n);
        cache_close(c);
        free(before);
    }
}

/* Another set's file in its place, which is whole. */
static void a_foreign_file_is_made_anew(void **state)
{
    struct cache_config other = config_of(dir);
    struct cache *c = open_set();
    struct mark m = mark_of(c);
    struct err err = {0};

    (void)state;
    cache_close(c);
    other.bound = 64;
    assert_int_equal(cache_open(&c, &other, &err), 0);
    assert_string_not_equal(cache_path(c), m.path);
    assert_int_equal(cache_picture(c, 2).w, 64);
    assert_int_equal(rename(cache_path(c), m.path), 0);
    cache_close(c);
    c = open_set();
    assert_int_equal(cache_picture(c, 2).w, BOUND);
    cache_close(c);
}

static void a_changed_set_gets_another_file(void **state)
{
    struct cache *c = open_set();
    struct mark m = mark_of(c);
    struct small_picture darker = pictures[0];

    (void)state;
    cache_close(c);
    darker.dx = "NV";
    usleep(20000); /* a time stamp later */
    small_set_put(dir, &darker);
    c = open_set();
    assert_string_not_equal(cache_path(c), m.path);
    cache_close(c);
}

struct bad_case {
    const char *name, *file, *says;
    int w, h; /* of the new mask; 0: the file is cut to nothing */
};

static void what_is_wrong_names_its_file(void **state)
{
    static const struct bad_case cases[] = {
        {"mask of another size", "b", "masks/b.png: a mask of 40 x 91 px", 40, 91},
        {"empty picture",        "c", "images/c.jpg",                      0,  0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char other[64], path[128], kept[128];
        const struct cache_config config = {
            .data = other, .dir = kept, .bound = BOUND, .settings = small_set_settings()};
        struct cache *c = NULL;
        struct err err = {0};
        snprintf(other, sizeof(other), "%s/bad%zu", dir, i);
        snprintf(kept, sizeof(kept), "%s/kept", other);
        small_set_write(other, pictures, N);
        snprintf(path, sizeof(path), "%s/images/%s.jpg", other, cases[i].file);
        if (cases[i].w) {
            struct small_picture p = {cases[i].file, "NV", "train", cases[i].w, cases[i].h};
            struct buf picture;
            buf_init(&picture, 1 << 24);
            assert_int_equal(file_read(path, &picture, &err), 0);
            small_set_put(other, &p);
            assert_int_equal(file_write(path, picture.data, picture.len, &err), 0);
            buf_release(&picture);
        } else {
            assert_int_equal(truncate(path, 0), 0);
        }
        if (cache_open(&c, &config, &err) != -1 || err.code != ERR_CONFIG ||
            !strstr(err.msg, cases[i].says))
            fail_msg("%s: %s", cases[i].name, err.msg);
        snprintf(path, sizeof(path), "find '%s' -type f", kept);
        FILE *left = popen(path, "r");
        assert_int_equal(fgetc(left), EOF);
        pclose(left);
    }
}

/* On a disk of its own that has no room; 2: there is none to be had here. */
static int build_on_full_disk(void)
{
    char full[64], data[64];
    const struct cache_config config = {
        .data = data, .dir = full, .bound = BOUND, .settings = small_set_settings()};
    struct cache *c = NULL;
    struct err err = {0};

    snprintf(full, sizeof(full), "%s/full", dir);
    snprintf(data, sizeof(data), "%s", dir);
    if (mkdir(full, 0700) || unshare(CLONE_NEWNS) ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", full, "tmpfs", 0, "size=64k"))
        return 2;
    int ret = cache_open(&c, &config, &err);
    if (ret != -1 || err.code != ERR_AGAIN || !strstr(err.msg, "No space left")) {
        fprintf(stderr, "full disk: %d %s\n", ret, err.msg);
        return 1;
    }
    char path[96];
    snprintf(path, sizeof(path), "find '%s' -type f", full);
    FILE *left = popen(path, "r");
    ret = left && fgetc(left) == EOF ? 0 : 1;
    if (left)
        pclose(left);
    return ret;
}

static void a_full_disk_is_told_and_leaves_nothing(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0)
        _exit(build_on_full_disk());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Two at once: one makes it, both use it. */
static void two_processes_share_the_work(void **state)
{
    struct cache *c = open_set();
    struct mark m = mark_of(c);
    int status;

    (void)state;
    cache_close(c);
    assert_int_equal(unlink(m.path), 0);
    pid_t child = fork();
    if (child == 0) {
        c = open_set();
        _exit(cache_count(c) == N ? 0 : 1);
    }
    c = open_set();
    m = mark_of(c);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(was_made_anew(&m));
    assert_int_equal(cache_picture(c, 5).w, 97);
    cache_close(c);
}

static void bounds_have_limits(void **state)
{
    struct cache_config config = config_of(dir);
    struct cache *c = NULL;

    (void)state;
    for (int bound = 31; bound <= 1601; bound += 1601 - 31) {
        struct err err = {0};
        config.bound = bound;
        assert_int_equal(cache_open(&c, &config, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
    }
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
        cmocka_unit_test(pictures_come_as_they_are),
        cmocka_unit_test(a_large_class_map_gets_no_other_class),
        cmocka_unit_test(a_file_that_fits_is_used_again),
        cmocka_unit_test(a_damaged_file_is_made_anew),
        cmocka_unit_test(a_foreign_file_is_made_anew),
        cmocka_unit_test(what_is_wrong_names_its_file),
        cmocka_unit_test(a_full_disk_is_told_and_leaves_nothing),
        cmocka_unit_test(two_processes_share_the_work),
        cmocka_unit_test(bounds_have_limits),
        cmocka_unit_test(a_changed_set_gets_another_file),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
