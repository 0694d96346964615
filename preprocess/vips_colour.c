#include "preprocess/vips_colour.h"

#include <assert.h>
#include <vips/vips.h>

#include "preprocess/profile.h"

enum { STRIP = 16 }; /* rows; libvips's own strips are 8 or 16 high */

int colour_take_messages(struct verdict *v)
{
    char *text = vips_error_buffer_copy();
    int ret = 0;

    for (char *line = text, *end; ret == 0 && *line; line = end) {
        end = strchr(line, '\n');
        end = end ? (*end = 0, end + 1) : line + strlen(line);
        if (*line)
            ret = verdict_message(v, line);
    }
    g_free(text);
    return ret;
}

/* After a failed call: its messages, and DAMAGED when they alone do not say what is wrong. */
static int refuse_vips(struct verdict *v, const char *what)
{
    char first[160];

    snprintf(first, sizeof(first), "%s", vips_error_buffer());
    first[strcspn(first, "\n")] = 0;
    colour_take_messages(v);
    return verdict_refuse(v, REASON_DAMAGED, "%s: %s", what, first);
}

static int colours_of(const VipsImage *image)
{
    switch (vips_image_guess_interpretation(image)) {
    case VIPS_INTERPRETATION_CMYK: return 4;
    case VIPS_INTERPRETATION_B_W:
    case VIPS_INTERPRETATION_GREY16: return 1;
    default: return image->Bands < 3 ? 1 : 3;
    }
}

static bool is_profile_used(VipsImage *image, struct verdict *v)
{
    const void *icc;
    size_t n;

    if (!vips_image_get_typeof(image, VIPS_META_ICC_NAME) ||
        vips_image_get_blob(image, VIPS_META_ICC_NAME, &icc, &n))
        return false;
    switch (profile_use(icc, n, colours_of(image))) {
    case PROFILE_APPLY: return true;
    case PROFILE_BROKEN:
        verdict_note(v, true, "colour profile does not fit the picture, left out");
        return false;
    case PROFILE_NONE: break;
    }
    return false;
}

/* `out` is 8 or 16 bits of grey or sRGB with at most one more band, alpha; a new reference. */
static int convert(VipsImage *in, VipsImage **out, struct verdict *v)
{
    VipsInterpretation space = vips_image_guess_interpretation(in);

    if (in->BandFmt != VIPS_FORMAT_UCHAR && in->BandFmt != VIPS_FORMAT_USHORT)
        return verdict_refuse(v, REASON_UNSUPPORTED, "samples of type %s",
                              vips_enum_nick(VIPS_TYPE_BAND_FORMAT, in->BandFmt));
    if (is_profile_used(in, v)) {
        if (vips_icc_transform(in, out, "srgb", "embedded", TRUE, "depth", 8, NULL))
            return refuse_vips(v, "colour profile");
        return 0;
    }
    if (space == VIPS_INTERPRETATION_CMYK) {
        if (vips_icc_transform(in, out, "srgb", "input_profile", "cmyk", "depth", 8, NULL))
            return refuse_vips(v, "CMYK");
        return 0;
    }
    if (space == VIPS_INTERPRETATION_LAB || space == VIPS_INTERPRETATION_LABS ||
        space == VIPS_INTERPRETATION_LABQ || space == VIPS_INTERPRETATION_XYZ) {
        if (vips_colourspace(in, out, VIPS_INTERPRETATION_sRGB, NULL))
            return refuse_vips(v, "colour space");
        return 0;
    }
    *out = g_object_ref(in);
    return 0;
}

/* Samples are 8 bits, or 16 of which the upper 8 count (v / 257 rounded differs by one level for
 * no more than half of all v, and v = 257 x, an 8-bit picture in a 16-bit file, is exact). */
static void row_to_rgb(const VipsImage *image, const uint8_t *row, uint8_t *rgb)
{
    bool is_wide = image->BandFmt == VIPS_FORMAT_USHORT;
    int bands = image->Bands, colours = bands < 3 ? 1 : 3;
    bool has_alpha = bands == 2 || bands == 4;

    for (int x = 0; x < image->Xsize; x++, rgb += 3) {
        int s[4] = {0};

        for (int b = 0; b < bands; b++) {
            size_t i = (size_t)x * (size_t)bands + (size_t)b;
            s[b] = is_wide ? ((const uint16_t *)(const void *)row)[i] >> 8 : row[i];
        }
        for (int c = 0; c < 3; c++) {
            int value = s[colours == 1 ? 0 : c];

            if (has_alpha) /* on white */
                value = (value * s[colours] + 255 * (255 - s[colours]) + 127) / 255;
            rgb[c] = (uint8_t)value;
        }
    }
}

static int push_rows(VipsImage *image, struct outputs *o, struct verdict *v)
{
    VipsRegion *region = vips_region_new(image);
    uint8_t *rgb = g_malloc((size_t)image->Xsize * 3);
    int ret = 0;

    for (int y = 0; y < image->Ysize && ret == 0; y += STRIP) {
        VipsRect strip = {0, y, image->Xsize, VIPS_MIN(STRIP, image->Ysize - y)};

        if (vips_region_prepare(region, &strip)) {
            ret = refuse_vips(v, "pixels");
            break;
        }
        for (int i = 0; i < strip.height; i++) {
            row_to_rgb(image, VIPS_REGION_ADDR(region, 0, y + i), rgb);
            outputs_push(o, rgb);
        }
    }
    g_free(rgb);
    g_object_unref(region);
    return ret == 0 ? colour_take_messages(v) : ret;
}

int colour_push_image(VipsImage *image, struct outputs *o, struct verdict *v)
{
    VipsImage *converted = NULL;

    if (convert(image, &converted, v))
        return -1;
    assert(converted);

    int ret;
    if (converted->Bands > 4 ||
        (converted->BandFmt != VIPS_FORMAT_UCHAR && converted->BandFmt != VIPS_FORMAT_USHORT))
        ret = verdict_refuse(v, REASON_UNSUPPORTED, "%d channels of type %s", converted->Bands,
                             vips_enum_nick(VIPS_TYPE_BAND_FORMAT, converted->BandFmt));
    else
        ret = push_rows(converted, o, v);
    g_object_unref(converted);
    return ret;
}

int colour_push(const struct colour_source *source, struct outputs *o, struct verdict *v)
{
    static const VipsInterpretation spaces[] = {[1] = VIPS_INTERPRETATION_B_W,
                                                [3] = VIPS_INTERPRETATION_sRGB,
                                                [4] = VIPS_INTERPRETATION_CMYK};
    size_t n = (size_t)source->size.w * (size_t)source->size.h * (size_t)source->bands;
    VipsImage *memory = vips_image_new_from_memory(
        source->pixels, n, source->size.w, source->size.h, source->bands, VIPS_FORMAT_UCHAR);
    VipsImage *image = NULL;

    if (!memory || vips_copy(memory, &image, "interpretation", spaces[source->bands], NULL)) {
        VIPS_UNREF(memory);
        return refuse_vips(v, "colours");
    }
    if (source->icc)
        vips_image_set_blob_copy(image, VIPS_META_ICC_NAME, source->icc, source->icc_size);

    int ret = colour_push_image(image, o, v);
    g_object_unref(image);
    g_object_unref(memory);
    return ret;
}
