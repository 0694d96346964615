#include "reports/fonts_priv.h"

#include <assert.h>
#include <fontconfig/fontconfig.h>
#include <unistd.h>

#include "common/place.h"

enum { SIZES_MAX = 16 };

struct fonts {
    FcConfig *config;
    PangoFontMap *map;
    PangoContext *contexts[LANGUAGE_COUNT];
    struct {
        double size;
        bool is_bold;
        PangoFontDescription *description;
    } sizes[SIZES_MAX];
    int n_sizes;
};

static bool has_family(FcConfig *config, const char *family)
{
    FcFontSet *set = FcConfigGetFonts(config, FcSetSystem);

    for (int i = 0; set && i < set->nfont; i++) {
        FcChar8 *name = NULL;
        if (FcPatternGetString(set->fonts[i], FC_FAMILY, 0, &name) == FcResultMatch &&
            !strcmp((const char *)name, family))
            return true;
    }
    return false;
}

static int load_config(struct fonts *f, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (place_data(path, "fonts.conf", err))
        return -1;
    f->config = FcConfigCreate();
    if (!f->config)
        return err_set(err, ERR_NOMEM, "no memory for the font configuration");
    if (access(path, R_OK) || !FcConfigParseAndLoad(f->config, (const FcChar8 *)path, FcTrue) ||
        !FcConfigBuildFonts(f->config))
        return err_set(err, ERR_CONFIG, "%s: not readable as font configuration", path);
    if (!has_family(f->config, "DejaVu Sans") || !has_family(f->config, "Droid Sans Fallback"))
        return err_set(
            err, ERR_CONFIG,
            "%s: DejaVu Sans or Droid Sans Fallback not found (Debian: fonts-dejavu-core, "
            "fonts-droid-fallback)",
            path);
    /* The whole process's: pango's own call for one font map is declared in a header that draws in
     * FreeType's, which use names that common/banned.h forbids. */
    return FcConfigSetCurrent(f->config) ? 0 : err_set(err, ERR_NOMEM, "no memory for fonts");
}

static PangoContext *make_context(PangoFontMap *map, enum language l)
{
    PangoContext *context = pango_font_map_create_context(map);
    cairo_font_options_t *options = cairo_font_options_create();

    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    pango_cairo_context_set_font_options(context, options);
    cairo_font_options_destroy(options);
    pango_cairo_context_set_resolution(context, 72);
    pango_context_set_round_glyph_positions(context, FALSE);
    /* Never the locale's: it picks among glyph variants and line breaking rules. */
    pango_context_set_language(context, pango_language_from_string(string_of(l, S_LANG)));
    pango_context_set_base_dir(context, PANGO_DIRECTION_LTR);
    return context;
}

int fonts_open(struct fonts **out, struct err *err)
{
    struct fonts *f = calloc(1, sizeof(*f));

    if (!f)
        return err_set(err, ERR_NOMEM, "no memory for fonts");
    if (load_config(f, err)) {
        fonts_close(f);
        return -1;
    }
    f->map = pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT);
    for (int l = 0; l < LANGUAGE_COUNT; l++)
        f->contexts[l] = make_context(f->map, (enum language)l);
    *out = f;
    return 0;
}

void fonts_close(struct fonts *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->n_sizes; i++)
        pango_font_description_free(f->sizes[i].description);
    for (int l = 0; l < LANGUAGE_COUNT; l++)
        if (f->contexts[l])
            g_object_unref(f->contexts[l]);
    if (f->map)
        g_object_unref(f->map);
    if (f->config)
        FcConfigDestroy(f->config);
    free(f);
}

PangoContext *fonts_context(struct fonts *f, enum language l)
{
    return f->contexts[l];
}

const PangoFontDescription *fonts_description(struct fonts *f, double size, bool is_bold)
{
    int i = 0;

    while (i < f->n_sizes && (f->sizes[i].size != size || f->sizes[i].is_bold != is_bold))
        i++;
    if (i < f->n_sizes)
        return f->sizes[i].description;
    assert(i < SIZES_MAX); /* the pages use a handful of sizes, written in the code */
    PangoFontDescription *d = pango_font_description_from_string("DejaVu Sans");
    pango_font_description_set_absolute_size(d, size * PANGO_SCALE);
    pango_font_description_set_weight(d, is_bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    f->sizes[i].size = size;
    f->sizes[i].is_bold = is_bold;
    f->sizes[i].description = d;
    f->n_sizes++;
    return d;
}
