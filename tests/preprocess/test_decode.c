/* Every harmless packaging of a picture gives the picture; everything else gives its reason. */
#include "tests/preprocess/support.h"

#include <fcntl.h>
#include <unistd.h>

#include "preprocess/encode.h"

enum { W = 600, H = 450, SIZE = 256 };

static struct decoder *decoder;
static struct picture wanted; /* measuring image of the plain PNG */

static int setup(void **state)
{
    (void)state;
    decoder = support_decoder(NULL, 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    decoder_close(decoder);
    return 0;
}

/* ---- the same picture ---- */

static VipsImage *plain(VipsImage *in)
{
    return g_object_ref(in);
}

static VipsImage *wide(VipsImage *in)
{
    VipsImage *t, *out;

    assert_int_equal(vips_linear1(in, &t, 257, 0, NULL), 0);
    assert_int_equal(vips_cast_ushort(t, &out, NULL), 0);
    g_object_unref(t);
    out->Type = VIPS_INTERPRETATION_RGB16;
    return out;
}

static VipsImage *opaque(VipsImage *in)
{
    VipsImage *out;

    assert_int_equal(vips_addalpha(in, &out, NULL), 0);
    return out;
}

static VipsImage *wide_opaque(VipsImage *in)
{
    VipsImage *t = opaque(in), *out = wide(t);

    g_object_unref(t);
    return out;
}

static VipsImage *cmyk(VipsImage *in)
{
    VipsImage *out;

    assert_int_equal(vips_icc_export(in, &out, "output_profile", "cmyk", NULL) &&
                         vips_icc_transform(in, &out, "cmyk", "input_profile", "srgb", NULL),
                     0);
    return out;
}

static VipsImage *cmyk_bare(VipsImage *in)
{
    VipsImage *out = cmyk(in);

    vips_image_remove(out, VIPS_META_ICC_NAME);
    return out;
}

static VipsImage *tagged(VipsImage *in)
{
    VipsImage *out;

    assert_int_equal(vips_icc_transform(in, &out, "srgb", "input_profile", "srgb", NULL), 0);
    return out;
}

static VipsImage *p3(VipsImage *in)
{
    VipsImage *out;

    assert_int_equal(vips_icc_transform(in, &out, "p3", "input_profile", "srgb", NULL), 0);
    return out;
}

static const struct {
    const char *name, *how;
    VipsImage *(*make)(VipsImage *in);
    int max; /* levels of difference allowed */
    double mean;
    const char *format;
} packagings[] = {
    {"png",              ".png",                                       plain,       0,  0,   "png" },
    {"png interlaced",   ".png[interlace]",                            plain,       0,  0,   "png" },
    {"png 16 bit",       ".png",                                       wide,        0,  0,   "png" },
    {"png alpha",        ".png",                                       opaque,      0,  0,   "png" },
    {"png alpha 16 bit", ".png",                                       wide_opaque, 0,  0,   "png" },
    {"png palette",      ".png[palette,dither=0]",                     plain,       24, 3,   "png" },
    {"png sRGB tag",     ".png",                                       tagged,      1,  0.2, "png" },
    {"png P3",           ".png",                                       p3,          4,  0.7, "png" },
    {"tiff",             ".tif",                                       plain,       0,  0,   "tiff"},
    {"tiff lzw",         ".tif[compression=lzw,predictor=horizontal]", plain,       0,  0,   "tiff"},
    {"tiff zip tiled",   ".tif[compression=deflate,tile]",             plain,       0,  0,   "tiff"},
    {"tiff 16 bit",      ".tif[compression=zstd]",                     wide,        0,  0,   "tiff"},
    {"tiff jpeg",        ".tif[compression=jpeg,Q=95]",                plain,       12, 1,   "tiff"},
    {"bigtiff",          ".tif[bigtiff]",                              plain,       0,  0,   "tiff"},
    {"tiff cmyk",        ".tif",                                       cmyk,        40, 5,   "tiff"},
    {"webp lossless",    ".webp[lossless]",                            plain,       0,  0,   "webp"},
    {"webp",             ".webp[Q=95]",                                plain,       16, 2,   "webp"},
    {"jpeg",             ".jpg[Q=97]",                                 plain,       8,  1,   "jpeg"},
    {"jpeg progressive", ".jpg[Q=97,interlace]",                       plain,       8,  1,   "jpeg"},
    {"jpeg arithmetic",  ".jpg[Q=97,no_subsample]",                    plain,       8,  1,   "jpeg"},
    {"jpeg P3",          ".jpg[Q=97]",                                 p3,          10, 1.5, "jpeg"},
    {"jpeg cmyk",        ".jpg[Q=97]",                                 cmyk,        40, 5,   "jpeg"},
    {"jpeg cmyk bare",   ".jpg[Q=97]",                                 cmyk_bare,   40, 5,   "jpeg"},
};

static void packagings_give_the_same_picture(void **state)
{
    VipsImage *picture = support_picture(W, H);

    (void)state;
    for (size_t i = 0; i < sizeof(packagings) / sizeof(*packagings); i++) {
        VipsImage *made = packagings[i].make(picture);
        struct file f = support_save(made, packagings[i].how);
        struct decoded out = support_decode(decoder, f.bytes, f.n, SIZE, i);

        if (out.reason != REASON_NONE)
            fail_msg("%s: %s: %s", packagings[i].name, reason_word(out.reason), out.err.msg);
        if (!wanted.rgb)
            wanted = support_keep(out.display);
        struct difference d = support_compare(wanted, out.display);
        if (d.max > packagings[i].max || d.mean > packagings[i].mean)
            fail_msg("%s: differs by %d, %.3f on average", packagings[i].name, d.max, d.mean);
        assert_string_equal(out.format, packagings[i].format);
        assert_int_equal(out.width, W);
        assert_int_equal(out.height, H);
        assert_false(out.is_grey);
        assert_false(out.is_degraded);
        assert_int_equal(out.network.w, 256);
        assert_int_equal(out.network.h, 192);
        g_free(f.bytes);
        g_object_unref(made);
    }
    g_object_unref(picture);
}

static void wanted_is_the_picture_itself(void **state)
{
    VipsImage *picture = support_picture(W, H);
    size_t n;
    uint8_t *rgb = vips_image_write_to_memory(picture, &n);

    (void)state;
    assert_memory_equal(rgb, wanted.rgb, n);
    g_free(rgb);
    g_object_unref(picture);
}

/* libvips updates an EXIF block that is there, and for JPEG and TIFF makes one. */
static void set_orientation(VipsImage *image, int o)
{
    const uint8_t exif[] = {'E', 'x',  'i', 'f', 0, 0, 'M', 'M', 0, '*',        0, 0, 0, 8, 0, 1,
                            1,   0x12, 0,   3,   0, 0, 0,   1,   0, (uint8_t)o, 0, 0, 0, 0, 0, 0};

    vips_image_set_blob_copy(image, VIPS_META_EXIF_NAME, exif, sizeof(exif));
    vips_image_set_int(image, VIPS_META_ORIENTATION, o);
}

/* JPEG cannot be turned without a change. */
static void check_upright(struct picture as, struct picture is, const char *how, int o,
                          const char *what)
{
    struct difference d = support_compare(as, is);

    if (d.max > (strstr(how, "jpg") ? 10 : 0))
        fail_msg("%s orientation %d: the %s differs by %d", how, o, what, d.max);
}

static void all_orientations_come_out_upright(void **state)
{
    /* How the upright picture has to be stored so that tag o turns it upright again. */
    static const struct {
        bool transpose;
        VipsAngle angle;
    } stored[9] = {
        [1] = {false, VIPS_ANGLE_D0  },
          [2] = {true,  VIPS_ANGLE_D0  },
        [3] = {false, VIPS_ANGLE_D180},
          [4] = {true,  VIPS_ANGLE_D180},
        [5] = {true,  VIPS_ANGLE_D270},
          [6] = {false, VIPS_ANGLE_D270},
        [7] = {true,  VIPS_ANGLE_D90 },
          [8] = {false, VIPS_ANGLE_D90 },
    };
    static const char *const hows[] = {".tif", ".png", ".webp[lossless]", ".jpg[Q=97]"};
    VipsImage *upright = support_picture(W, H);

    (void)state;
    for (size_t k = 0; k < sizeof(hows) / sizeof(*hows); k++) {
        struct picture network = {0}, field = {0};

        for (int o = 1; o <= 8; o++) {
            VipsImage *mirrored, *turned, *image;

            /* `transpose` here is a mirror over the vertical axis, before the turn. */
            if (stored[o].transpose)
                assert_int_equal(vips_flip(upright, &mirrored, VIPS_DIRECTION_HORIZONTAL, NULL), 0);
            else
                mirrored = g_object_ref(upright);
            assert_int_equal(vips_rot(mirrored, &turned, stored[o].angle, NULL), 0);
            assert_int_equal(vips_copy(turned, &image, NULL), 0);
            set_orientation(image, o);
            struct file f = support_save(image, hows[k]);
            struct decoded out = support_decode(decoder, f.bytes, f.n, SIZE, (uint64_t)o);

            assert_int_equal(out.reason, REASON_NONE);
            assert_int_equal(out.orientation, o);
            assert_int_equal(out.width, W);
            assert_int_equal(out.height, H);
            if (!network.rgb) {
                network = support_keep(out.network);
                field = support_keep(out.field);
            }
            check_upright(wanted, out.display, hows[k], o, "display copy");
            check_upright(network, out.network, hows[k], o, "network input");
            check_upright(field, out.field, hows[k], o, "field");
            g_free(f.bytes);
            g_object_unref(image);
            g_object_unref(turned);
            g_object_unref(mirrored);
        }
        g_free((void *)(uintptr_t)network.rgb);
        g_free((void *)(uintptr_t)field.rgb);
    }
    g_object_unref(upright);
}

static void grey_is_grey_in_any_packaging(void **state)
{
    static const char *const hows[] = {".png", ".jpg[Q=97]", ".tif", ".webp[lossless]"};
    VipsImage *picture = support_picture(W, H), *one, *three;

    (void)state;
    assert_int_equal(vips_colourspace(picture, &one, VIPS_INTERPRETATION_B_W, NULL), 0);
    assert_int_equal(vips_colourspace(one, &three, VIPS_INTERPRETATION_sRGB, NULL), 0);
    VipsImage *const both[] = {one, three};
    for (size_t k = 0; k < sizeof(hows) / sizeof(*hows); k++)
        for (int i = 0; i < 2; i++) {
            struct file f = support_save(both[i], hows[k]);
            struct decoded out = support_decode(decoder, f.bytes, f.n, SIZE, 0);

            assert_int_equal(out.reason, REASON_NONE);
            assert_true(out.is_grey);
            g_free(f.bytes);
        }
    g_object_unref(three);
    g_object_unref(one);
    g_object_unref(picture);
}

static void transparent_is_white(void **state)
{
    uint8_t rgba[32 * 32 * 4] = {0}; /* black, and wholly transparent */
    VipsImage *image =
        vips_image_new_from_memory_copy(rgba, sizeof(rgba), 32, 32, 4, VIPS_FORMAT_UCHAR);
    struct file f = support_save(image, ".png");
    struct decoded out = support_decode(decoder, f.bytes, f.n, 32, 0);

    (void)state;
    assert_int_equal(out.reason, REASON_NONE);
    for (int i = 0; i < 32 * 32 * 3; i++)
        assert_int_equal(out.field.rgb[i], 255);
    g_free(f.bytes);
    g_object_unref(image);
}

static void sizes_fit_what_was_asked_for(void **state)
{
    static const struct {
        int w, h, size;
        enum reason reason;
        int content_w, content_h, network_w, network_h, field_w, field_h, display_w, display_h;
    } cases[] = {
        {200,  150,  256, REASON_NONE,      256, 192, 256, 192, 200, 150, 200,  150 },
        {200,  150,  512, REASON_NONE,      256, 192, 256, 192, 200, 150, 200,  150 },
        {600,  450,  256, REASON_NONE,      256, 192, 256, 192, 256, 192, 600,  450 },
        {600,  450,  512, REASON_NONE,      512, 384, 512, 384, 256, 192, 600,  450 },
        {450,  600,  512, REASON_NONE,      384, 512, 384, 512, 192, 256, 450,  600 },
        {300,  200,  512, REASON_NONE,      300, 200, 304, 200, 256, 171, 300,  200 },
        {6000, 4000, 512, REASON_NONE,      512, 341, 512, 344, 256, 171, 1600, 1067},
        {2047, 2046, 512, REASON_NONE,      512, 512, 512, 512, 256, 256, 1600, 1599},
        {1300, 1000, 512, REASON_NONE,      512, 394, 512, 400, 256, 197, 1300, 1000},
        {16,   5000, 512, REASON_NONE,      2,   512, 8,   512, 1,   256, 5,    1600},
        {17,   17,   256, REASON_NONE,      256, 256, 256, 256, 17,  17,  17,   17  },
        {1,    5000, 512, REASON_TOO_SMALL, 0,   0,   0,   0,   0,   0,   0,    0   },
        {15,   400,  512, REASON_TOO_SMALL, 0,   0,   0,   0,   0,   0,   0,    0   },
    };
    static const char *const hows[] = {".jpg", ".png[compression=1]"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases) * 2; i++) {
        size_t c = i / 2;
        VipsImage *image = support_picture(cases[c].w, cases[c].h);
        struct file f = support_save(image, hows[i % 2]);
        struct decoded out = support_decode(decoder, f.bytes, f.n, cases[c].size, 0);

        print_message("%d x %d %s: %.1f ms CPU\n", cases[c].w, cases[c].h, hows[i % 2],
                      (double)out.cpu_us / 1000);
        assert_int_equal(out.reason, cases[c].reason);
        assert_int_equal(out.content_w, cases[c].content_w);
        assert_int_equal(out.content_h, cases[c].content_h);
        assert_int_equal(out.network.w, cases[c].network_w);
        assert_int_equal(out.network.h, cases[c].network_h);
        assert_int_equal(out.field.w, cases[c].field_w);
        assert_int_equal(out.field.h, cases[c].field_h);
        assert_int_equal(out.display.w, cases[c].display_w);
        assert_int_equal(out.display.h, cases[c].display_h);
        for (int y = 0; y < out.network.h; y++)
            for (int x = y < out.content_h ? out.content_w : 0; x < out.network.w; x++)
                assert_int_equal(out.network.rgb[(y * out.network.w + x) * 3], 128);
        g_free(f.bytes);
        g_object_unref(image);
    }
}

/* Shrink-on-load must not move or discolour the picture. */
static void jpeg_scales_agree_with_png(void **state)
{
    VipsImage *image = support_picture(6000, 4000);
    struct file png = support_save(image, ".png[compression=1]");
    struct file jpeg = support_save(image, ".jpg[Q=97]");
    struct decoded out = support_decode(decoder, png.bytes, png.n, 512, 0);
    struct picture kept = support_keep(out.display);

    (void)state;
    out = support_decode(decoder, jpeg.bytes, jpeg.n, 512, 0);
    struct difference d = support_compare(kept, out.display);
    assert_true(d.max <= 8);
    assert_true(d.mean < 0.8);
    g_free((void *)(uintptr_t)kept.rgb);
    g_free(jpeg.bytes);
    g_free(png.bytes);
    g_object_unref(image);
}

/* Of a class map whose pixels all differ from their neighbours, no mean is a class of any of them. */
static void a_large_mask_keeps_its_own_pixels(void **state)
{
    enum { MAP_W = 2500, MAP_H = 1900 };
    uint8_t *map = malloc((size_t)MAP_W * MAP_H);
    struct err err = {0};
    struct decoded out;
    struct buf png;

    (void)state;
    assert_non_null(map);
    for (int i = 0; i < MAP_W * MAP_H; i++)
        map[i] = (i % MAP_W + i / MAP_W) % 2 ? 7 : 1;
    buf_init(&png, 1 << 24);
    assert_int_equal(encode_grey_png(map, MAP_W, MAP_H, &png, &err), 0);
    int fd = support_fd(png.data, png.len);
    const struct decode_request request = {
        .fd = fd, .size = SIZE, .want_display = true, .is_mask = true};
    assert_int_equal(decoder_wait(decoder, &request, &out, &err), 0);
    assert_int_equal(out.display.w, DECODE_DISPLAY_MAX);
    assert_int_equal(out.display.h, 1216);
    for (int i = 0; i < out.display.w * out.display.h; i++) {
        int x = (2 * (i % out.display.w) + 1) * MAP_W / (2 * out.display.w);
        int y = (2 * (i / out.display.w) + 1) * MAP_H / (2 * out.display.h);
        assert_int_equal(out.display.rgb[3 * i], map[y * MAP_W + x]);
    }
    close(fd);
    buf_release(&png);
    free(map);
}

static void what_is_not_wanted_is_not_there(void **state)
{
    VipsImage *image = support_picture(W, H);
    struct file f = support_save(image, ".jpg");
    int fd = support_fd(f.bytes, f.n);
    struct decode_request request = {.slot = 1, .fd = fd, .size = SIZE};
    struct decoded out;
    struct err err = {0};

    (void)state;
    assert_int_equal(decoder_wait(decoder, &request, &out, &err), 0);
    assert_int_equal(out.reason, REASON_NONE);
    assert_null(out.display.rgb);
    assert_int_equal(out.display.w, 0);
    assert_int_equal(out.measure.w, 0);
    assert_int_equal(out.field.w, DECODE_FIELD_MAX);
    request.want_measure = true;
    assert_int_equal(decoder_wait(decoder, &request, &out, &err), 0);
    assert_int_equal(out.measure.w, W);
    struct difference d = support_compare(wanted, out.measure);
    assert_true(d.max <= 10);
    close(fd);
    g_free(f.bytes);
    g_object_unref(image);
}

/* A slot that held much gives its pages back at the next submit, but not those that a device reads. */
static void kept_inputs_stay_where_they_are(void **state)
{
    VipsImage *image = support_picture(2000, 2000);
    struct file f = support_save(image, ".jpg");
    int large = support_fd(f.bytes, f.n), broken = support_fd("no picture", 10);
    struct decoder *own = support_decoder(NULL, 20);

    (void)state;
    for (int is_kept = 0; is_kept < 2; is_kept++) {
        struct decode_request request = {
            .slot = 1, .fd = large, .size = SIZE, .want_measure = true, .want_display = true};
        struct slot_inputs in = {0};
        struct decoded out;
        struct err err = {0};
        if (is_kept)
            in = decoder_keep_inputs(own, 1, SIZE);
        assert_int_equal(decoder_wait(own, &request, &out, &err), 0);
        assert_int_equal(out.reason, REASON_NONE);
        const uint8_t *rgb = out.network.rgb;
        size_t bytes = (size_t)out.network.w * (size_t)out.network.h * 3;
        uint64_t before = 0, after = 0;
        for (size_t i = 0; i < bytes; i++)
            before += rgb[i];
        request.fd = broken;
        assert_int_equal(decoder_wait(own, &request, &out, &err), 0);
        assert_int_not_equal(out.reason, REASON_NONE);
        for (size_t i = 0; i < bytes; i++)
            after += rgb[i];
        assert_true(before > 0);
        assert_true(after == (is_kept ? before : 0));
        assert_true(!is_kept ||
                    (in.at == rgb && in.bytes >= bytes && (uintptr_t)in.at % 4096 == 0));
    }
    decoder_close(own);
    close(large);
    close(broken);
    g_free(f.bytes);
    g_object_unref(image);
}

/* ---- what is refused ---- */

static void cut_files_are_refused(void **state)
{
    static const char *const hows[] = {
        ".jpg",
        ".jpg[interlace]",
        ".jpg[restart_interval=4]",
        ".png",
        ".png[interlace]",
        ".png[palette]",
        ".tif",
        ".tif[compression=lzw]",
        ".tif[compression=jpeg]",
        ".tif[bigtiff]",
        ".tif[compression=deflate,tile]",
        ".webp",
        ".webp[lossless]",
        ".heic",
    };
    static const int percents[] = {1, 10, 50, 95, 99};
    VipsImage *image = support_picture(W, H);

    (void)state;
    for (size_t i = 0; i < sizeof(hows) / sizeof(*hows); i++) {
        struct file f = {0};

        if (vips_image_write_to_buffer(image, hows[i], (void **)&f.bytes, &f.n, NULL)) {
            print_message("%s: libvips here cannot write it\n", hows[i]);
            vips_error_clear();
            continue;
        }
        assert_int_equal(support_decode(decoder, f.bytes, f.n, SIZE, 0).reason, REASON_NONE);
        for (size_t k = 0; k < sizeof(percents) / sizeof(*percents) + 1; k++) {
            /* the last round: two bytes less than all */
            size_t n = k < sizeof(percents) / sizeof(*percents) ? f.n * (size_t)percents[k] / 100
                                                                : f.n - 2;
            struct decoded out = support_decode(decoder, f.bytes, n, SIZE, 0);

            if (out.reason != REASON_TRUNCATED && out.reason != REASON_DAMAGED)
                fail_msg("%s cut to %zu of %zu bytes: %s %s", hows[i], n, f.n,
                         reason_word(out.reason), out.err.msg);
            if (out.reason == REASON_DAMAGED)
                print_message("%s cut to %zu of %zu: damaged: %s\n", hows[i], n, f.n, out.err.msg);
            assert_int_equal(out.signal, 0);
            assert_int_equal(out.err.code, ERR_INPUT);
        }
        g_free(f.bytes);
    }
    g_object_unref(image);
}

static void be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A whole PNG whose head claims w x h; the checksum is right, the pixels are not there. */
static struct file png_claiming(uint32_t w, uint32_t h)
{
    VipsImage *image = support_picture(64, 64);
    struct file f = support_save(image, ".png");

    be32(f.bytes + 16, w);
    be32(f.bytes + 20, h);
    uint32_t crc = ~0U;
    for (int i = 12; i < 29; i++)
        for (int bit = 0; bit < 8; bit++) {
            uint32_t b = (crc ^ (uint32_t)(f.bytes[i] >> bit)) & 1;
            crc = crc >> 1 ^ (b ? 0xedb88320U : 0);
        }
    be32(f.bytes + 29, ~crc);
    g_object_unref(image);
    return f;
}

static void bombs_are_refused_from_the_header(void **state)
{
    VipsImage *image = support_picture(64, 64);
    struct file jpeg = support_save(image, ".jpg"), png = png_claiming(60000, 60000);
    uint8_t *sof = jpeg.bytes;

    (void)state;
    struct decoded out = support_decode(decoder, png.bytes, png.n, SIZE, 0);
    assert_int_equal(out.reason, REASON_TOO_LARGE);
    assert_int_equal(out.err.code, ERR_LIMIT);
    assert_non_null(strstr(out.err.msg, "60000 x 60000"));
    assert_true(out.cpu_us < 1000000);

    while (sof[0] != 0xff || sof[1] != 0xc0)
        sof++;
    memcpy(sof + 5, (uint8_t[]){0xff, 0x00, 0xff, 0x00}, 4);
    assert_int_equal(support_decode(decoder, jpeg.bytes, jpeg.n, SIZE, 0).reason, REASON_TOO_LARGE);
    g_free(png.bytes);
    png = png_claiming(5000, 64); /* within the limit, but the pixels are missing */
    out = support_decode(decoder, png.bytes, png.n, SIZE, 0);
    assert_true(out.reason == REASON_DAMAGED || out.reason == REASON_TRUNCATED);
    g_free(png.bytes);
    g_free(jpeg.bytes);
    g_object_unref(image);
}

/* A progressive picture whose last scan is repeated 200 times before its end mark. */
static void endless_scans_are_refused(void **state)
{
    VipsImage *image = support_picture(320, 240);
    struct file f = support_save(image, ".jpg[interlace]");
    size_t scan = f.n - 2;

    (void)state;
    while (f.bytes[scan] != 0xff || f.bytes[scan + 1] != 0xda)
        scan--;
    size_t length = f.n - 2 - scan;
    uint8_t *bomb = g_malloc(f.n + 200 * length), *p = bomb + f.n - 2;
    memcpy(bomb, f.bytes, f.n - 2);
    for (int i = 0; i < 200; i++, p += length)
        memcpy(p, f.bytes + scan, length);
    memcpy(p, "\xff\xd9", 2);
    struct decoded out = support_decode(decoder, bomb, f.n + 200 * length, SIZE, 0);
    assert_int_equal(out.reason, REASON_DAMAGED);
    g_free(bomb);
    g_free(f.bytes);
    g_object_unref(image);
}

static void several_pictures_are_refused(void **state)
{
    VipsImage *one = support_picture(100, 80), *other, *both[2], *tall;

    (void)state;
    assert_int_equal(vips_invert(one, &other, NULL), 0); /* equal WebP frames would be merged */
    both[0] = one;
    both[1] = other;
    assert_int_equal(vips_arrayjoin(both, &tall, 2, "across", 1, NULL), 0);
    vips_image_set_int(tall, VIPS_META_PAGE_HEIGHT, 80);
    static const char *const hows[] = {".tif", ".webp"};
    for (int i = 0; i < 2; i++) {
        struct file f = support_save(tall, hows[i]);
        struct decoded out = support_decode(decoder, f.bytes, f.n, SIZE, 0);

        assert_int_equal(out.reason, REASON_TOO_MANY_PAGES);
        assert_int_equal(out.err.code, ERR_LIMIT);
        g_free(f.bytes);
    }
    g_object_unref(tall);
    g_object_unref(other);
    g_object_unref(one);
}

static void other_files_are_named(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum reason reason;
        const char *part;
    } cases[] = {
        {"",                                     0,  REASON_EMPTY,        "0 bytes"},
        {"patient;site\n1;arm\n",                19, REASON_NOT_AN_IMAGE, ""       },
        {"GIF89a\1\0\1\0\0\0\0",                 13, REASON_UNSUPPORTED,  "GIF"    },
        {"%PDF-1.7\n",                           9,  REASON_UNSUPPORTED,  "PDF"    },
        {"<?xml version=\"1.0\"?>\n<svg></svg>", 34, REASON_UNSUPPORTED,  "SVG"    },
        {"\xff\xd8",                             2,  REASON_TRUNCATED,    ""       },
        {"\xff\xd8\xff\xe0",                     4,  REASON_TRUNCATED,    ""       },
        {"\x89PNG\r\n\x1a\n",                    8,  REASON_TRUNCATED,    ""       },
        {"\0\0\0\x18"
         "ftypavif\0\0\0\0avifmif1",    24, REASON_UNSUPPORTED,  "AVIF"   },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct decoded out = support_decode(decoder, cases[i].bytes, cases[i].n, SIZE, i);

        if (out.reason != cases[i].reason)
            fail_msg("case %zu: %s %s", i, reason_word(out.reason), out.err.msg);
        assert_non_null(strstr(out.err.msg, cases[i].part));
    }
}

static void devices_and_pipes_are_not_read(void **state)
{
    int ends[2], null = open("/dev/null", O_RDONLY);
    struct err err = {0};
    struct decoded out;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    const int fds[] = {null, ends[0]};
    for (int i = 0; i < 2; i++) {
        struct decode_request request = {.slot = 2, .fd = fds[i], .size = SIZE};

        assert_int_equal(decoder_wait(decoder, &request, &out, &err), 0);
        assert_int_equal(out.reason, REASON_SPECIAL_FILE);
    }
    close(ends[0]);
    close(ends[1]);
    close(null);
}

/* ---- harmless damage ---- */

static struct buf jfif(void)
{
    VipsImage *image = support_picture(W, H);
    struct err err = {0};
    struct buf file;
    size_t n;
    uint8_t *rgb = vips_image_write_to_memory(image, &n);

    buf_init(&file, 1 << 20);
    assert_int_equal(encode_jpeg(rgb, W, H, 97, &file, &err), 0);
    assert_memory_equal(file.data + 6, "JFIF", 4);
    g_free(rgb);
    g_object_unref(image);
    return file;
}

static void harmless_warnings_degrade(void **state)
{
    struct buf f = jfif();

    (void)state;
    f.data[11] = 2; /* JFIF 2.01 */
    struct decoded out = support_decode(decoder, f.data, f.len, SIZE, 0);
    assert_int_equal(out.reason, REASON_NONE);
    assert_true(out.is_degraded);
    assert_non_null(strstr(out.note, "JFIF"));

    /* The same, and real damage, which a reader of first warnings only would never see. */
    memset(f.data + f.len / 2, 0x55, 400);
    memcpy(f.data + f.len / 2, "\xff\xd3", 2);
    out = support_decode(decoder, f.data, f.len, SIZE, 0);
    assert_int_equal(out.reason, REASON_DAMAGED);
    buf_release(&f);

    /* An end mark in the middle, as repair tools leave it: half the picture would be grey. */
    f = jfif();
    memcpy(f.data + f.len / 2, "\xff\xd9", 2);
    out = support_decode(decoder, f.data, f.len, SIZE, 0);
    assert_int_equal(out.reason, REASON_DAMAGED);
    buf_release(&f);

    f = jfif();
    buf_add(&f, "", 1);
    buf_add(&f, "", 1); /* two stray bytes behind the first segment */
    memmove(f.data + 22, f.data + 20, f.len - 22);
    memcpy(f.data + 20, "\x12\x34", 2);
    out = support_decode(decoder, f.data, f.len, SIZE, 0);
    assert_int_equal(out.reason, REASON_NONE);
    assert_true(out.is_degraded);
    assert_non_null(strstr(out.note, "extraneous"));
    buf_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packagings_give_the_same_picture),
        cmocka_unit_test(wanted_is_the_picture_itself),
        cmocka_unit_test(all_orientations_come_out_upright),
        cmocka_unit_test(grey_is_grey_in_any_packaging),
        cmocka_unit_test(transparent_is_white),
        cmocka_unit_test(sizes_fit_what_was_asked_for),
        cmocka_unit_test(jpeg_scales_agree_with_png),
        cmocka_unit_test(a_large_mask_keeps_its_own_pixels),
        cmocka_unit_test(what_is_not_wanted_is_not_there),
        cmocka_unit_test(kept_inputs_stay_where_they_are),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(bombs_are_refused_from_the_header),
        cmocka_unit_test(endless_scans_are_refused),
        cmocka_unit_test(several_pictures_are_refused),
        cmocka_unit_test(other_files_are_named),
        cmocka_unit_test(devices_and_pipes_are_not_read),
        cmocka_unit_test(harmless_warnings_degrade),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
