/* Decoding by nvJPEG, with nvJPEG and CUDA's driver played on the host (fake_nvjpeg.h, fake_driver.c):
 * the same pictures as from the children within limits, the same verdicts, and children for the rest.
 * What it cannot show: nvJPEG's own pixels and time (tests/gpu/run --only jpeg). */
#include "tests/preprocess/support.h"

#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "preprocess/batcher.h"
#include "tests/preprocess/fake_nvjpeg.h"

/* Levels of 255. The children take a large picture's half, quarter or eighth in the frequencies and
 * interpolate chroma; a GPU takes every pixel and may copy chroma. */
enum { MAX_OFF = 8 };
static const double mean_off = 1.0;

enum { SLOTS = 100, SECONDS = 2 };

static struct decoder *ours, *gpu; /* children only; with nvJPEG */

static struct decoder *open_decoder(bool wants_nvjpeg)
{
    const struct decoder_config config = {.slots = SLOTS,
                                          .children = 2,
                                          .size_max = 512,
                                          .seconds = SECONDS,
                                          .memory_mb = 512,
                                          .megapixels_max = 60,
                                          .wants_nvjpeg = wants_nvjpeg};
    struct decoder *d = NULL;
    struct err err = {0};

    if (decoder_open(&d, &config, &err))
        fail_msg("decoder_open: %s", err.msg);
    return d;
}

static VipsImage *as_is(VipsImage *in)
{
    return g_object_ref(in);
}

static VipsImage *grey(VipsImage *in)
{
    VipsImage *out = NULL;

    assert_int_equal(vips_colourspace(in, &out, VIPS_INTERPRETATION_B_W, NULL), 0);
    return out;
}

static VipsImage *with_profile(VipsImage *in, const char *profile)
{
    VipsImage *out = NULL;

    assert_int_equal(vips_icc_transform(in, &out, profile, "input_profile", "srgb", NULL), 0);
    return out;
}

static VipsImage *srgb(VipsImage *in)
{
    return with_profile(in, "srgb");
}

static VipsImage *p3(VipsImage *in)
{
    return with_profile(in, "p3");
}

static VipsImage *cmyk(VipsImage *in)
{
    return with_profile(in, "cmyk");
}

static struct file make(int w, int h, VipsImage *(*change)(VipsImage *), const char *how,
                        int orientation)
{
    VipsImage *picture = support_picture(w, h), *copy = NULL, *changed;

    assert_int_equal(vips_copy(picture, &copy, NULL), 0);
    changed = change(copy);
    if (orientation) {
        VipsImage *turned = NULL;

        assert_int_equal(vips_copy(changed, &turned, NULL), 0);
        vips_image_set_int(turned, VIPS_META_ORIENTATION, orientation);
        g_object_unref(changed);
        changed = turned;
    }
    struct file f = support_save(changed, how);
    g_object_unref(changed);
    g_object_unref(copy);
    g_object_unref(picture);
    return f;
}

static void expect_near(const char *what, struct picture a, struct picture b)
{
    struct difference d = support_compare(a, b);

    if (d.max > MAX_OFF || d.mean > mean_off)
        fail_msg("%s: off by %d, %.3f in the mean", what, d.max, d.mean);
}

static void expect_same(const char *what, const struct decoded *a, const struct decoded *b)
{
    if (a->reason != b->reason || a->orientation != b->orientation || a->width != b->width ||
        a->height != b->height || a->is_grey != b->is_grey || a->is_degraded != b->is_degraded ||
        strcmp(a->format, b->format) != 0 || strcmp(a->note, b->note) != 0 ||
        a->content_w != b->content_w || a->content_h != b->content_h)
        fail_msg("%s: another answer: reason %d and %d", what, a->reason, b->reason);
}

/* By both; what the GPU gave back must be the same bytes. */
static void compare(const char *what, const struct file *f, bool is_plain)
{
    struct decoded a = support_decode(ours, f->bytes, f->n, 256, 1),
                   b = support_decode(gpu, f->bytes, f->n, 256, 2);

    assert_false(a.is_by_nvjpeg);
    if (b.is_by_nvjpeg != is_plain)
        fail_msg("%s: by nvJPEG: %d", what, b.is_by_nvjpeg);
    expect_same(what, &a, &b);
    if (a.reason != REASON_NONE)
        return;
    const struct picture pairs[][2] = {
        {a.network, b.network},
        {a.field,   b.field  },
        {a.measure, b.measure},
        {a.display, b.display}
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        if (is_plain)
            expect_near(what, pairs[i][0], pairs[i][1]);
        else
            assert_int_equal(support_compare(pairs[i][0], pairs[i][1]).max, 0);
}

static const struct {
    const char *name;
    int w, h;
    const char *how;
    VipsImage *(*change)(VipsImage *);
    bool is_plain;
} kinds[] = {
    {"4:2:0",           600,  450,  ".jpg[Q=85]",                    as_is, true },
    {"4:4:4",           600,  450,  ".jpg[Q=95]",                    as_is, true },
    {"odd sides",       601,  443,  ".jpg[Q=85]",                    as_is, true },
    {"small",           40,   17,   ".jpg[Q=85]",                    as_is, true },
    {"large",           3000, 2000, ".jpg[Q=85]",                    as_is, true },
    {"grey",            600,  450,  ".jpg[Q=90]",                    grey,  true },
    {"sRGB's profile",  600,  450,  ".jpg[Q=90]",                    srgb,  true },
    {"optimised codes", 600,  450,  ".jpg[Q=85,optimize_coding]",    as_is, true },
    {"marks",           600,  450,  ".jpg[Q=85,restart-interval=4]", as_is, true },
    {"another profile", 600,  450,  ".jpg[Q=90]",                    p3,    false},
    {"CMYK",            600,  450,  ".jpg[Q=90]",                    cmyk,  false},
    {"progressive",     600,  450,  ".jpg[Q=90,interlace]",          as_is, false},
    {"too small",       15,   300,  ".jpg[Q=90]",                    as_is, false},
    {"another format",  600,  450,  ".png",                          as_is, false},
};

static void kinds_come_out_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct file f = make(kinds[i].w, kinds[i].h, kinds[i].change, kinds[i].how, 0);

        compare(kinds[i].name, &f, kinds[i].is_plain);
        g_free(f.bytes);
    }
}

static void orientations_are_kept(void **state)
{
    char name[20];

    (void)state;
    for (int o = 1; o <= 8; o++) {
        struct file f = make(300, 200, as_is, ".jpg[Q=85]", o);

        snprintf(name, sizeof(name), "orientation %d", o);
        compare(name, &f, true);
        g_free(f.bytes);
    }
}

/* The place of a marker, there `before` times before, in a file of ours, whose segments come first. */
static uint8_t *find(const struct file *f, int marker, int before)
{
    for (size_t i = 0; i + 1 < f->n; i++)
        if (f->bytes[i] == 0xff && f->bytes[i + 1] == marker && before-- == 0)
            return f->bytes + i;
    fail_msg("no marker %x", (unsigned)marker);
    return NULL;
}

/* Each change is one that jpeg_plain.h has to see; what becomes of the picture the children say. */
static void what_is_odd_goes_to_a_child(void **state)
{
    static const struct {
        const char *name;
        int marker, at, value; /* byte behind the marker's begin */
        int before;            /* how often it is there before */
    } odd[] = {
        {"12 bits",               0xc0, 4,  12,   0},
        {"arithmetic",            0xc0, 1,  0xc9, 0},
        {"no height",             0xc0, 5,  0,    0},
        {"a wide factor",         0xc0, 11, 0x41, 0},
        {"an unknown table",      0xc0, 12, 3,    0},
        {"a table of 16 bits",    0xdb, 4,  0x10, 0},
        {"codes that are none",   0xc4, 5,  3,    0},
        {"a difference too big",  0xc4, 21, 14,   0},
        {"a scan's other end",    0xda, 12, 40,   0},
        {"a coefficient too big", 0xc4, 21, 14,   1},
    };
    struct file f = make(600, 256, as_is, ".jpg[Q=85]", 0);

    (void)state;
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        struct file changed = support_copy(&f, f.n);

        find(&changed, odd[i].marker, odd[i].before)[odd[i].at] = (uint8_t)odd[i].value;
        compare(odd[i].name, &changed, false);
        g_free(changed.bytes);
    }
    g_free(f.bytes);
}

/* It is worth a note, which the children make. */
static void a_jfif_of_no_version_goes_to_a_child(void **state)
{
    static const uint8_t jfif[] = {0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0,
                                   1,    2,    0, 0,  1,   0,   1,   0,   0};
    struct file f = make(600, 450, as_is, ".jpg[Q=85]", 0);
    struct file with = {g_malloc(f.n + sizeof(jfif)), f.n + sizeof(jfif)};

    (void)state;
    memcpy(with.bytes, f.bytes, 2);
    memcpy(with.bytes + 2, jfif, sizeof(jfif));
    memcpy(with.bytes + 2 + sizeof(jfif), f.bytes + 2, f.n - 2);
    compare("JFIF 1.2", &with, true);
    with.bytes[11] = 9;
    compare("JFIF 9.2", &with, false);
    g_free(with.bytes);
    g_free(f.bytes);
}

static void what_is_cut_is_refused(void **state)
{
    struct file f = make(600, 450, as_is, ".jpg[Q=85]", 0);

    (void)state;
    for (int percent = 5; percent < 100; percent += 5) {
        struct file cut = support_copy(&f, f.n * (size_t)percent / 100);

        compare("cut", &cut, false);
        g_free(cut.bytes);
    }
    g_free(f.bytes);
}

/* A mark that is missing, and one too many. */
static void marks_are_counted(void **state)
{
    struct file f = make(600, 450, as_is, ".jpg[Q=85,restart-interval=4]", 0);
    uint8_t *dri = find(&f, 0xdd, 0);

    (void)state;
    dri[5] = 5;
    compare("marks at other places", &f, false);
    dri[5] = 4;
    find(&f, 0xd3, 0)[1] = 0xd5;
    compare("marks in another order", &f, false);
    g_free(f.bytes);
}

/* ---- many at once ------------------------------------------------------------------------- */

struct tally {
    int decoded, by_nvjpeg;
};

/* `n` pictures, of which every `every`-th is `odd`. */
static struct tally run_many(struct decoder *d, const struct file *plain, const struct file *odd,
                             int every, int n)
{
    int fds[] = {support_fd(plain->bytes, plain->n), support_fd(odd->bytes, odd->n)};
    struct tally tally = {0};
    struct err err = {0};
    struct decoded out;

    assert_true(n <= SLOTS);
    for (int i = 0; i < n; i++) {
        struct decode_request request = {
            .slot = i, .fd = fds[i % every == every - 1], .size = 128, .tag = (uint64_t)i};
        assert_int_equal(decoder_submit(d, &request, &err), 0);
    }
    for (int got = 0; got < n;) {
        struct pollfd p = {.fd = decoder_fd(d), .events = POLLIN};

        assert_int_equal(poll(&p, 1, 120000), 1);
        while (got < n && decoder_next(d, &out, &err) == 1) {
            got++;
            tally.decoded += out.reason == REASON_NONE;
            tally.by_nvjpeg += out.is_by_nvjpeg;
        }
    }
    close(fds[0]);
    close(fds[1]);
    return tally;
}

static void a_batch_comes_out_whole(void **state)
{
    struct file f = make(300, 200, as_is, ".jpg[Q=85]", 0);
    struct tally t = run_many(gpu, &f, &f, 2, SLOTS);

    (void)state;
    assert_int_equal(t.decoded, SLOTS);
    assert_int_equal(t.by_nvjpeg, SLOTS);
    g_free(f.bytes);
}

static void one_that_is_refused_spoils_no_other(void **state)
{
    struct file f = make(300, 200, as_is, ".jpg[Q=85]", 0),
                odd = make(FAKE_REFUSES, 200, as_is, ".jpg[Q=85]", 0);
    struct tally t = run_many(gpu, &f, &odd, 10, SLOTS);

    (void)state;
    assert_int_equal(t.decoded, SLOTS);
    assert_int_equal(t.by_nvjpeg, SLOTS - SLOTS / 10);
    g_free(f.bytes);
    g_free(odd.bytes);
}

/* With a decoder of its own, as it may lose nvJPEG for good. */
static void expect_all_decoded(int width, int rounds, bool is_there_again)
{
    struct decoder *d = open_decoder(true);
    struct file f = make(300, 200, as_is, ".jpg[Q=85]", 0),
                odd = make(width, 200, as_is, ".jpg[Q=85]", 0);

    for (int i = 0; i < rounds; i++)
        assert_int_equal(run_many(d, &f, &odd, 20, 20).decoded, 20);
    assert_int_equal(run_many(d, &f, &f, 20, 20).by_nvjpeg, is_there_again ? 20 : 0);
    decoder_close(d);
    g_free(f.bytes);
    g_free(odd.bytes);
}

static void a_death_costs_no_picture(void **state)
{
    (void)state;
    expect_all_decoded(FAKE_DIES, 1, true);
    expect_all_decoded(FAKE_DIES, 3, false); /* it is not tried for ever */
}

static void the_fence_stands(void **state)
{
    (void)state;
    expect_all_decoded(FAKE_OPENS, 3, true); /* it is told no, and goes on */
    expect_all_decoded(FAKE_RUNS, 3, false); /* it is ended */
}

static void without_a_gpu_children_decode(void **state)
{
    (void)state;
    assert_int_equal(setenv("FAKE_CUDA_NONE", "1", 1), 0);
    expect_all_decoded(300, 1, false);
    assert_int_equal(unsetenv("FAKE_CUDA_NONE"), 0);
}

static void without_an_engine_its_cores_decode(void **state)
{
    (void)state;
    assert_int_equal(setenv("FAKE_NVJPEG_NO_ENGINE", "1", 1), 0);
    expect_all_decoded(300, 1, true);
    assert_int_equal(unsetenv("FAKE_NVJPEG_NO_ENGINE"), 0);
}

static void one_that_hangs_is_left_behind(void **state)
{
    (void)state;
    expect_all_decoded(FAKE_HANGS, 1, true);
}

static int open_both(void **state)
{
    (void)state;
    ours = open_decoder(false);
    gpu = open_decoder(true);
    return 0;
}

static int close_both(void **state)
{
    (void)state;
    decoder_close(ours);
    decoder_close(gpu);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_come_out_alike),
        cmocka_unit_test(orientations_are_kept),
        cmocka_unit_test(what_is_odd_goes_to_a_child),
        cmocka_unit_test(a_jfif_of_no_version_goes_to_a_child),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(marks_are_counted),
        cmocka_unit_test(a_batch_comes_out_whole),
        cmocka_unit_test(one_that_is_refused_spoils_no_other),
        cmocka_unit_test(a_death_costs_no_picture),
        cmocka_unit_test(the_fence_stands),
        cmocka_unit_test(without_a_gpu_children_decode),
        cmocka_unit_test(without_an_engine_its_cores_decode),
        cmocka_unit_test(one_that_hangs_is_left_behind),
    };

    return cmocka_run_group_tests(tests, open_both, close_both);
}
