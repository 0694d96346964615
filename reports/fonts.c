#include "reports/fonts_priv.h"

#include <assert.h>
#include <fontconfig/fontconfig.h>
#include <unistd.h>

#include "common/place.h"

enum { SIZES_MAX = 16, LAYOUTS_MAX = 1024 };

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
    GHashTable *layouts; /* of struct fonts_text as a string; owns both */
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
    f->layouts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_object_unref);
    *out = f;
    return 0;
}

void fonts_close(struct fonts *f)
{
    if (!f)
        return;
    if (f->layouts)
        g_hash_table_destroy(f->layouts);
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

/* Kept, so that a page asks pango for no font twice. */
static const PangoFontDescription *describe(struct fonts *f, double size, bool is_bold)
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

static PangoLayout *make_layout(struct fonts *f, const struct fonts_text *t)
{
    PangoLayout *layout = pango_layout_new(f->contexts[t->language]);

    pango_layout_set_font_description(layout, describe(f, t->size, t->is_bold));
    pango_layout_set_auto_dir(layout, FALSE); /* a right-to-left name keeps its place */
    pango_layout_set_alignment(layout, t->align);
    if (t->w > 0) {
        pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
        pango_layout_set_width(layout, (int)(t->w * PANGO_SCALE));
    }
    pango_layout_set_text(layout, t->text, -1);
    return layout;
}

/* All go when there are too many: those that are needed come back with the next report. */
PangoLayout *fonts_layout(struct fonts *f, const struct fonts_text *t)
{
    char *key = g_strdup_printf("%d %a %d %d %a %s", (int)t->language, t->size, t->is_bold,
                                (int)t->align, t->w, t->text);
    PangoLayout *layout = g_hash_table_lookup(f->layouts, key);

    if (layout) {
        g_free(key);
        return g_object_ref(layout);
    }
    if (g_hash_table_size(f->layouts) >= LAYOUTS_MAX)
        g_hash_table_remove_all(f->layouts);
    layout = make_layout(f, t);
    g_hash_table_insert(f->layouts, key, layout);
    return g_object_ref(layout);
}
