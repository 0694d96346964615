/* PNG, TIFF, WebP and HEIC through the one libvips loader each; the start of libvips. */
#include "preprocess/vips_module.h"

#include <stdlib.h>
#include <unistd.h>

#include <gmodule.h>
#include <vips/vips.h>

#include <vips/vector.h>

#include "preprocess/exif.h"
#include "preprocess/vips_colour.h"

/* One process decodes one image, and GLib keeps one log handler per process. */
static struct {
    void (*on_fatal)(void *ctx, const char *text);
    void *ctx;
} watcher;

/* GLib's and libvips's warnings join the errors, where colour_take_messages finds them all. */
static void on_log(const char *domain, GLogLevelFlags level, const char *text, void *ctx)
{
    (void)domain;
    (void)ctx;
    if (level & G_LOG_LEVEL_ERROR && watcher.on_fatal)
        watcher.on_fatal(watcher.ctx, text);
    if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING))
        vips_error("log", "%s", text);
}

static void watch(void (*on_fatal)(void *ctx, const char *text), void *ctx)
{
    watcher.on_fatal = on_fatal;
    watcher.ctx = ctx;
}

/* libvips would load every module it finds (PDF, SVG, ImageMagick, slides: 55 ms, and attack
 * surface) from VIPSHOME/lib; there is nothing there, and HEIF's is opened by its path. */
static int start(void)
{
    static const char *const kinds[] = {"pngload_source", "tiffload_source", "webpload_source",
                                        "heifload_source"};

    unsetenv("VIPS_WARNING"); /* would silence what on_log waits for */
    unsetenv("G_DEBUG");
    setenv("VIPSHOME", "/nonexistent", 1);
    g_log_set_default_handler(on_log, NULL);
    if (vips_init("lentigo"))
        return -1;
    vips_cache_set_max(0);
    vips_concurrency_set(1);
    vips_vector_set_enabled(FALSE); /* writes machine code at run time, which the sandbox forbids */
    vips_block_untrusted_set(TRUE);
    if (!vips_type_find("VipsOperation", "heifload_source")) {
        GModule *heif = g_module_open(VIPS_MODULES "/vips-heif.so", 0);

        if (heif)
            g_module_make_resident(heif);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        GType type = vips_type_find("VipsOperation", kinds[i]);

        if (type) /* a reference for good keeps the class ready */
            g_type_class_ref(type);
    }
    return 0;
}

static int open_kind(enum image_kind kind, VipsSource *source, VipsImage **out)
{
    switch (kind) {
#define OPTIONS "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_WARNING
    case KIND_PNG: return vips_pngload_source(source, out, OPTIONS, NULL);
    case KIND_TIFF: return vips_tiffload_source(source, out, OPTIONS, NULL);
    case KIND_WEBP: return vips_webpload_source(source, out, OPTIONS, NULL);
    case KIND_HEIC: return vips_heifload_source(source, out, OPTIONS, NULL);
#undef OPTIONS
    default: return -1;
    }
}

static int orientation_of(enum image_kind kind, VipsImage *image)
{
    const void *exif;
    size_t n;

    if (kind == KIND_HEIC) /* libheif has turned it */
        return 1;
    if (kind == KIND_TIFF)
        return vips_image_get_orientation(image);
    if (!vips_image_get_typeof(image, VIPS_META_EXIF_NAME) ||
        vips_image_get_blob(image, VIPS_META_EXIF_NAME, &exif, &n))
        return 1;
    return exif_orientation(exif, n);
}

static int read_image(enum image_kind kind, VipsImage *image, struct outputs *o, struct verdict *v)
{
    struct slot_size size = {image->Xsize, image->Ysize};
    int pages = vips_image_get_n_pages(image);

    if (pages > 1)
        return verdict_refuse(v, REASON_TOO_MANY_PAGES, "%d pictures in one file", pages);
    if (outputs_check(o, size.w, size.h, v))
        return -1;
    o->orientation = orientation_of(kind, image);
    if (outputs_begin(o, size, size, v))
        return -1;
    return colour_push_image(image, o, v);
}

/* What went wrong, in order of certainty: the file's framing says it was cut; a message says what;
 * else it is damaged. */
static int refuse_open(enum image_kind kind, struct verdict *v)
{
    char first[160];

    snprintf(first, sizeof(first), "%s", vips_error_buffer());
    first[strcspn(first, "\n")] = 0;
    colour_take_messages(v);
    return verdict_refuse(v, REASON_DAMAGED, "%s: %s", kind_name(kind), first);
}

static int read_kind(enum image_kind kind, const uint8_t *bytes, size_t n, struct outputs *o,
                     struct verdict *v)
{
    VipsSource *source = vips_source_new_from_memory(bytes, n);
    VipsImage *image = NULL;
    int ret = -1;

    vips_error_clear();
    if (!sniff_is_whole(kind, bytes, n))
        verdict_refuse(v, REASON_TRUNCATED, "%s cut after %zu bytes", kind_name(kind), n);
    else if (!source || open_kind(kind, source, &image))
        refuse_open(kind, v);
    else
        ret = read_image(kind, image, o, v);
    VIPS_UNREF(image);
    VIPS_UNREF(source);
    return ret;
}

__attribute__((visibility("default"))) const struct vips_module lentigo_vips_module = {
    .start = start,
    .watch = watch,
    .read = read_kind,
    .push = colour_push,
};
