#include "preprocess/jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "preprocess/exif.h"
#include "preprocess/profile.h"

/* Cameras write 1 to 20 scans; a bomb writes thousands, each a pass over all blocks. */
enum { SCANS_MAX = 64 };

/* Some writers leave a byte or two before a marker. More than a few are lost picture data. */
enum { STRAY_MAX = 4 };

struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf out; /* libjpeg leaves through error_exit only */
    struct verdict *verdict;
    const struct vips_module *vips;
    JOCTET *icc;
    unsigned icc_size;
    uint8_t *pixels; /* whole picture, when its colours must be converted; or one row */
};

static struct reader *reader_of(j_common_ptr c)
{
    return c->client_data;
}

static _Noreturn void leave(j_common_ptr c, enum reason reason)
{
    char text[JMSG_LENGTH_MAX];

    c->err->format_message(c, text);
    verdict_refuse(reader_of(c)->verdict, reason, "%s", text);
    longjmp(reader_of(c)->out, 1);
}

static void on_error(j_common_ptr c)
{
    switch (c->err->msg_code) {
    case JERR_OUT_OF_MEMORY: leave(c, REASON_DECODE_MEMORY);
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_ARITH_NOTIMPL: leave(c, REASON_UNSUPPORTED);
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF: leave(c, REASON_TRUNCATED);
    default: leave(c, REASON_DAMAGED);
    }
}

static void on_message(j_common_ptr c, int level)
{
    char text[JMSG_LENGTH_MAX];

    if (level >= 0)
        return;
    switch (c->err->msg_code) {
    case JWRN_JPEG_EOF: leave(c, REASON_TRUNCATED);
    case JWRN_EXTRANEOUS_DATA:
        if (c->err->msg_parm.i[0] > STRAY_MAX)
            leave(c, REASON_DAMAGED);
        break;
    case JWRN_JFIF_MAJOR:
    case JWRN_BOGUS_ICC: break;
    default: leave(c, REASON_DAMAGED);
    }
    c->err->format_message(c, text);
    verdict_note(reader_of(c)->verdict, true, text);
}

static void on_progress(j_common_ptr c)
{
    if (((j_decompress_ptr)c)->input_scan_number > SCANS_MAX) {
        verdict_refuse(reader_of(c)->verdict, REASON_DAMAGED, "more than %d scans", SCANS_MAX);
        longjmp(reader_of(c)->out, 1);
    }
}

static void on_output(j_common_ptr c)
{
    (void)c; /* nothing of ours goes to stderr from the sandbox */
}

static int find_orientation(const struct reader *r)
{
    for (jpeg_saved_marker_ptr m = r->jpeg.marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length >= 6 && !memcmp(m->data, "Exif\0\0", 6))
            return exif_orientation(m->data, m->data_length);
    return 1;
}

/* libjpeg-turbo has fast code for these scales only. */
static void choose_scale(struct reader *r, const struct outputs *o)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    int need = outputs_need(o, (int)j->image_width, (int)j->image_height);
    int longest = (int)(j->image_width > j->image_height ? j->image_width : j->image_height);

    j->scale_num = 1;
    j->scale_denom = 1;
    while (j->scale_denom < 8 && longest / (int)(j->scale_denom * 2) >= need)
        j->scale_denom *= 2;
}

static int read_rows(struct reader *r, struct outputs *o)
{
    struct jpeg_decompress_struct *j = &r->jpeg;

    r->pixels = malloc((size_t)j->output_width * 3);
    if (!r->pixels)
        return verdict_refuse(r->verdict, REASON_DECODE_MEMORY, "no memory for a row");
    while (j->output_scanline < j->output_height) {
        JSAMPROW row = r->pixels;

        if (jpeg_read_scanlines(j, &row, 1) == 1)
            outputs_push(o, row);
    }
    return 0;
}

/* Rows in another colour space: the whole picture, which the scale has made small. */
static int read_whole(struct reader *r)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    size_t row_size = (size_t)j->output_width * (size_t)j->output_components;

    r->pixels = malloc(row_size * j->output_height);
    if (!r->pixels)
        return verdict_refuse(r->verdict, REASON_DECODE_MEMORY, "no memory for %u x %u pixels",
                              j->output_width, j->output_height);
    while (j->output_scanline < j->output_height) {
        JSAMPROW row = r->pixels + (size_t)j->output_scanline * row_size;

        if (jpeg_read_scanlines(j, &row, 1) != 1)
            continue;
        if (j->out_color_space == JCS_CMYK) /* every writer of note stores ink inverted */
            for (size_t i = 0; i < row_size; i++)
                row[i] = (JSAMPLE)(255 - row[i]);
    }
    return 0;
}

static bool is_profile_used(struct reader *r)
{
    int colours = r->jpeg.num_components;

    if (!jpeg_read_icc_profile(&r->jpeg, &r->icc, &r->icc_size))
        return false;
    switch (profile_use(r->icc, r->icc_size, colours)) {
    case PROFILE_APPLY: return true;
    case PROFILE_BROKEN:
        verdict_note(r->verdict, true, "colour profile does not fit the picture, left out");
        return false;
    case PROFILE_NONE: break;
    }
    return false;
}

static int read_picture(struct reader *r, struct outputs *o)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    bool has_profile = is_profile_used(r), is_cmyk = j->num_components == 4;
    bool is_converted = has_profile || is_cmyk;
    struct slot_size original = {(int)j->image_width, (int)j->image_height};

    if (is_converted && !r->vips)
        return JPEG_NEEDS_VIPS;
    choose_scale(r, o);
    j->out_color_space = is_cmyk                                  ? JCS_CMYK
                         : is_converted && j->num_components == 1 ? JCS_GRAYSCALE
                                                                  : JCS_RGB;
    jpeg_start_decompress(j);
    struct slot_size rows = {(int)j->output_width, (int)j->output_height};

    o->orientation = find_orientation(r);
    if (outputs_begin(o, original, rows, r->verdict) ||
        (is_converted ? read_whole(r) : read_rows(r, o)))
        return -1;
    jpeg_finish_decompress(j); /* reads on to the end mark: what was cut shows here at the latest */
    if (!is_converted)
        return 0;

    struct colour_source source = {.pixels = r->pixels,
                                   .size = rows,
                                   .bands = j->output_components,
                                   .icc = has_profile ? r->icc : NULL,
                                   .icc_size = has_profile ? r->icc_size : 0};
    return r->vips->push(&source, o, r->verdict);
}

static int reader_run(struct reader *r, const uint8_t *bytes, size_t n, struct outputs *o)
{
    struct jpeg_decompress_struct *j = &r->jpeg;

    if (setjmp(r->out))
        return -1;
    jpeg_create_decompress(j);
    j->client_data = r;
    j->progress = &r->progress;
    jpeg_mem_src(j, bytes, n);
    jpeg_save_markers(j, JPEG_APP0 + 1, 0xffff);
    jpeg_save_markers(j, JPEG_APP0 + 2, 0xffff);
    jpeg_read_header(j, TRUE);
    if (outputs_check(o, j->image_width, j->image_height, r->verdict))
        return -1;
    if (j->num_components != 1 && j->num_components != 3 && j->num_components != 4)
        return verdict_refuse(r->verdict, REASON_UNSUPPORTED, "JPEG of %d components",
                              j->num_components);
    return read_picture(r, o);
}

int jpeg_read(const uint8_t *bytes, size_t n, const struct vips_module *vips, struct outputs *o,
              struct verdict *v)
{
    struct reader r = {.verdict = v, .vips = vips};

    r.jpeg.err = jpeg_std_error(&r.errors);
    r.jpeg.client_data = &r; /* jpeg_create_decompress keeps it, and may fail */
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    r.errors.output_message = on_output;
    r.progress.progress_monitor = on_progress;

    int ret = reader_run(&r, bytes, n, o);

    jpeg_destroy_decompress(&r.jpeg);
    free(r.icc);
    free(r.pixels);
    return ret;
}
