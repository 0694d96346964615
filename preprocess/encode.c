#include "preprocess/encode.h"

#include <setjmp.h>

#include <png.h>
#include <turbojpeg.h>

enum { SIDE_MAX = 65535, LEVEL = 3 /* of zlib */ };

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

struct pixels {
    const uint8_t *bytes;
    int w, h;
    int channels; /* 1 grey, 3 RGB */
};

static void write_png(png_structp png, png_infop info, const struct pixels *p, struct buf *out)
{
    png_set_write_fn(png, out, on_png_write, on_png_flush);
    png_set_compression_level(png, LEVEL);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    png_set_IHDR(png, info, (png_uint_32)p->w, (png_uint_32)p->h, 8,
                 p->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int y = 0; y < p->h; y++)
        png_write_row(png, p->bytes + (size_t)y * (size_t)p->w * (size_t)p->channels);
    png_write_end(png, info);
}

static int encode_pixels(const struct pixels *p, struct buf *out, struct err *err)
{
    if (sides_check(p->w, p->h, err))
        return -1;
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, err, on_png_error, on_png_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return err_set(err, ERR_NOMEM, "no memory for the PNG encoder");
    }
    if (setjmp(png_jmpbuf(png)) == 0)
        write_png(png, info, p, out);
    png_destroy_write_struct(&png, &info);
    return err->code == ERR_OK ? buf_check(out, "PNG", err) : -1;
}

int encode_png(const uint8_t *rgb, int w, int h, struct buf *out, struct err *err)
{
    return encode_pixels(&(struct pixels){rgb, w, h, 3}, out, err);
}

int encode_grey_png(const uint8_t *grey, int w, int h, struct buf *out, struct err *err)
{
    return encode_pixels(&(struct pixels){grey, w, h, 1}, out, err);
}
