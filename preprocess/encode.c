#include "preprocess/encode.h"

#include <setjmp.h>
#include <stdbool.h>

#include <png.h>
#include <turbojpeg.h>
#include <zlib.h>

/* 0 background, then the seven classes MEL NV BCC AKIEC BKL DF VASC: the colour-blind safe palette
 * of Okabe and Ito (2008), on black. Only for the eye; the class is the pixel's value. */
static const png_color palette[8] = {
    {0,   0,   0  }, /* background */
    {213, 94,  0  }, /* MEL: vermillion */
    {0,   158, 115}, /* NV: bluish green */
    {204, 121, 167}, /* BCC: reddish purple */
    {230, 159, 0  }, /* AKIEC: orange */
    {86,  180, 233}, /* BKL: sky blue */
    {240, 228, 66 }, /* DF: yellow */
    {0,   114, 178}, /* VASC: blue */
};

enum { SIDE_MAX = 65535 };

static int sides_check(int w, int h, struct err *err)
{
    if (w < 1 || h < 1 || w > SIDE_MAX || h > SIDE_MAX)
        return err_set(err, ERR_LIMIT, "a picture of %d x %d pixels cannot be written", w, h);
    return 0;
}

int encode_jpeg(const uint8_t *rgb, int w, int h, int quality, struct buf *out, struct err *err)
{
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    int ret = -1;

    if (sides_check(w, h, err))
        return -1;
    tjhandle j = tjInitCompress();
    if (!j)
        return err_set(err, ERR_NOMEM, "no memory for the JPEG encoder");
    if (tjCompress2(j, rgb, w, 0, h, TJPF_RGB, &bytes, &n, TJSAMP_420, quality, 0)) {
        err_set(err, ERR_BUG, "JPEG encoder: %s", tjGetErrorStr2(j));
    } else {
        buf_add(out, bytes, n);
        ret = buf_check(out, "JPEG", err);
    }
    tjFree(bytes);
    tjDestroy(j);
    return ret;
}

/* libpng calls these; ours must not return from the first. */
static _Noreturn void on_png_error(png_structp png, png_const_charp text)
{
    err_set(png_get_error_ptr(png), ERR_NOMEM, "PNG encoder: %s", text);
    longjmp(png_jmpbuf(png), 1);
}

static void on_png_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text; /* about the options set here, so never */
}

static void on_png_write(png_structp png, png_bytep bytes, size_t n)
{
    buf_add(png_get_io_ptr(png), bytes, n);
}

static void on_png_flush(png_structp png)
{
    (void)png;
}

struct png_job {
    const uint8_t *rows;
    int w, h, bytes_per_pixel;
    int level; /* of zlib */
};

/* A mask is long runs, which zlib's run-length strategy packs at memory speed; filters would only
 * break the runs. */
static void write_png(png_structp png, png_infop info, const struct png_job *job, struct buf *out)
{
    bool is_mask = job->bytes_per_pixel == 1;

    png_set_write_fn(png, out, on_png_write, on_png_flush);
    png_set_compression_level(png, job->level);
    png_set_compression_strategy(png, is_mask ? Z_RLE : Z_DEFAULT_STRATEGY);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, is_mask ? PNG_FILTER_NONE : PNG_FILTER_SUB);
    png_set_IHDR(png, info, (png_uint_32)job->w, (png_uint_32)job->h, 8,
                 is_mask ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (is_mask)
        png_set_PLTE(png, info, palette, sizeof(palette) / sizeof(*palette));
    png_write_info(png, info);
    for (int y = 0; y < job->h; y++)
        png_write_row(png, job->rows + (size_t)y * (size_t)job->w * (size_t)job->bytes_per_pixel);
    png_write_end(png, info);
}

static int encode_rows(const struct png_job *job, struct buf *out, struct err *err)
{
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, err, on_png_error, on_png_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return err_set(err, ERR_NOMEM, "no memory for the PNG encoder");
    }
    if (setjmp(png_jmpbuf(png)) == 0)
        write_png(png, info, job, out);
    png_destroy_write_struct(&png, &info);
    return err->code == ERR_OK ? buf_check(out, "PNG", err) : -1;
}

int encode_mask_png(const uint8_t *classes, int w, int h, struct buf *out, struct err *err)
{
    size_t n = (size_t)w * (size_t)h;

    if (sides_check(w, h, err))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (classes[i] > 7)
            return err_set(err, ERR_BUG, "class %d at pixel %zu of a mask", classes[i], i);
    return encode_rows(&(struct png_job){classes, w, h, 1, 1}, out, err);
}

int encode_png(const uint8_t *rgb, int w, int h, struct buf *out, struct err *err)
{
    if (sides_check(w, h, err))
        return -1;
    return encode_rows(&(struct png_job){rgb, w, h, 3, 3}, out, err);
}
