#include "reports/sheet.h"

#include <cairo-pdf.h>

#include "reports/fonts_priv.h"

enum { THINGS_MAX = 200000 };

enum thing_kind { THING_TEXT, THING_FILL, THING_FRAME, THING_PICTURE, THING_OUTLINE };

struct thing {
    enum thing_kind kind;
    int page;
    struct sheet_box box;
    unsigned colour;
    double line;
    PangoLayout *layout; /* TEXT; a reference of ours */
    struct sheet_picture picture;
    struct sheet_point *points; /* OUTLINE; owned */
    int n_points;
};

struct sheet {
    struct fonts *fonts; /* borrowed */
    enum language language;
    struct thing *things;
    int n, cap, page, pages;
    enum err_code failed;
};

int sheet_new(struct sheet **out, struct fonts *fonts, enum language l, struct err *err)
{
    struct sheet *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, ERR_NOMEM, "no memory for a sheet");
    s->fonts = fonts;
    s->language = l;
    s->pages = 1;
    *out = s;
    return 0;
}

void sheet_free(struct sheet *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n; i++) {
        if (s->things[i].layout)
            g_object_unref(s->things[i].layout);
        free(s->things[i].points);
    }
    free(s->things);
    free(s);
}

void sheet_turn_to(struct sheet *s, int page)
{
    s->page = page;
    if (page >= s->pages)
        s->pages = page + 1;
}

int sheet_page(const struct sheet *s)
{
    return s->page;
}

/* NULL when the sheet has failed. */
static struct thing *add_thing(struct sheet *s, enum thing_kind kind, struct sheet_box box)
{
    if (s->failed)
        return NULL;
    if (s->n == s->cap) {
        int cap = s->cap ? 2 * s->cap : 256;
        struct thing *grown =
            cap <= THINGS_MAX ? realloc(s->things, (size_t)cap * sizeof(*grown)) : NULL;
        if (!grown) {
            s->failed = cap > THINGS_MAX ? ERR_LIMIT : ERR_NOMEM;
            return NULL;
        }
        s->things = grown;
        s->cap = cap;
    }
    struct thing *t = &s->things[s->n++];
    *t = (struct thing){.kind = kind, .page = s->page, .box = box};
    return t;
}

static PangoLayout *get_layout(struct sheet *s, const struct sheet_type *type, double w,
                               const char *text)
{
    static const PangoAlignment align[] = {PANGO_ALIGN_LEFT, PANGO_ALIGN_RIGHT, PANGO_ALIGN_CENTER};

    return fonts_layout(s->fonts, &(struct fonts_text){.language = s->language,
                                                       .size = type->size,
                                                       .is_bold = type->is_bold,
                                                       .align = align[type->align],
                                                       .w = w,
                                                       .text = text});
}

double sheet_text(struct sheet *s, double x, double y, double w, const struct sheet_type *type,
                  const char *text)
{
    struct thing *t = add_thing(s, THING_TEXT, (struct sheet_box){x, y, w, 0});
    int height;

    if (!t || !text)
        return 0;
    t->colour = type->colour;
    t->layout = get_layout(s, type, w, text);
    pango_layout_get_size(t->layout, NULL, &height);
    t->box.h = (double)height / PANGO_SCALE;
    return t->box.h;
}

double sheet_text_width(struct sheet *s, const struct sheet_type *type, const char *text)
{
    PangoLayout *layout = get_layout(s, type, 0, text);
    int width;

    pango_layout_get_size(layout, &width, NULL);
    g_object_unref(layout);
    return (double)width / PANGO_SCALE;
}

void sheet_fill(struct sheet *s, struct sheet_box box, unsigned colour)
{
    struct thing *t = add_thing(s, THING_FILL, box);

    if (t)
        t->colour = colour;
}

void sheet_frame(struct sheet *s, struct sheet_box box, double line, unsigned colour)
{
    struct thing *t = add_thing(s, THING_FRAME, box);

    if (t) {
        t->colour = colour;
        t->line = line;
    }
}

void sheet_picture(struct sheet *s, struct sheet_box box, const struct sheet_picture *picture)
{
    struct thing *t = add_thing(s, THING_PICTURE, box);

    if (t)
        t->picture = *picture;
}

void sheet_outline(struct sheet *s, const struct sheet_point *points, int n)
{
    struct thing *t = n > 0 ? add_thing(s, THING_OUTLINE, (struct sheet_box){0}) : NULL;

    if (!t)
        return;
    t->points = malloc((size_t)n * sizeof(*points));
    if (!t->points) {
        s->failed = ERR_NOMEM;
        return;
    }
    memcpy(t->points, points, (size_t)n * sizeof(*points));
    t->n_points = n;
}

int sheet_mark(const struct sheet *s)
{
    return s->n;
}

void sheet_move(struct sheet *s, int mark, double dy, int page)
{
    for (int i = mark; i < s->n; i++) {
        struct thing *t = &s->things[i];
        t->page = page;
        t->box.y += dy;
        for (int k = 0; k < t->n_points; k++)
            t->points[k].y += dy;
    }
    sheet_turn_to(s, page);
}

void sheet_stretch(struct sheet *s, int mark, double h)
{
    if (mark < s->n)
        s->things[mark].box.h = h;
}

static void set_colour(cairo_t *cr, unsigned colour)
{
    cairo_set_source_rgb(cr, (colour >> 16 & 255) / 255.0, (colour >> 8 & 255) / 255.0,
                         (colour & 255) / 255.0);
}

/* cairo puts the JPEG into the PDF and only asks the surface for its size on the page, so one blank
 * pixel will do: of a surface as large as the picture cairo makes a copy when it is destroyed, which
 * was half of a report's time. NULL when memory is gone. */
static cairo_surface_t *make_surface(const struct sheet_picture *p)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1, 1);
    char id[32];

    int n = snprintf(id, sizeof(id), "picture-%d", p->id);
    unsigned char *name = (unsigned char *)strdup(id);
    if (name &&
        cairo_surface_set_mime_data(surface, CAIRO_MIME_TYPE_JPEG, p->bytes, p->n, NULL, NULL) ==
            CAIRO_STATUS_SUCCESS &&
        cairo_surface_set_mime_data(surface, CAIRO_MIME_TYPE_UNIQUE_ID, name, (unsigned long)n,
                                    free, name) == CAIRO_STATUS_SUCCESS)
        return surface;
    free(name);
    cairo_surface_destroy(surface);
    return NULL;
}

static void draw_picture(struct sheet *s, cairo_t *cr, const struct thing *t)
{
    cairo_surface_t *surface = make_surface(&t->picture);

    if (!surface) {
        s->failed = ERR_NOMEM;
        return;
    }
    cairo_save(cr);
    cairo_translate(cr, t->box.x, t->box.y);
    cairo_scale(cr, t->box.w, t->box.h);
    cairo_set_source_surface(cr, surface, 0, 0);
    cairo_paint(cr);
    cairo_restore(cr);
    cairo_surface_destroy(surface);
}

static void draw_outline(cairo_t *cr, const struct thing *t)
{
    cairo_move_to(cr, t->points[0].x, t->points[0].y);
    for (int i = 1; i < t->n_points; i++)
        cairo_line_to(cr, t->points[i].x, t->points[i].y);
    cairo_close_path(cr);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    set_colour(cr, 0x101010);
    cairo_set_line_width(cr, 2.2);
    cairo_stroke_preserve(cr);
    set_colour(cr, 0xffffff);
    cairo_set_line_width(cr, 0.9);
    cairo_stroke(cr);
}

static void draw_thing(struct sheet *s, cairo_t *cr, const struct thing *t)
{
    const struct sheet_box *b = &t->box;

    set_colour(cr, t->colour);
    switch (t->kind) {
    case THING_TEXT:
        cairo_move_to(cr, b->x, b->y);
        if (t->layout)
            pango_cairo_show_layout(cr, t->layout);
        break;
    case THING_FILL:
        cairo_rectangle(cr, b->x, b->y, b->w, b->h);
        cairo_fill(cr);
        break;
    case THING_FRAME:
        cairo_rectangle(cr, b->x, b->y, b->w, b->h);
        cairo_set_line_width(cr, t->line);
        cairo_stroke(cr);
        break;
    case THING_PICTURE: draw_picture(s, cr, t); break;
    case THING_OUTLINE: draw_outline(cr, t); break;
    }
    cairo_new_path(cr);
}

static cairo_status_t take_bytes(void *ctx, const unsigned char *bytes, unsigned n)
{
    struct buf *out = ctx;

    buf_add(out, bytes, n);
    return out->failed ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

static void draw_pages(struct sheet *s, cairo_t *cr)
{
    for (int page = 0; page < s->pages; page++) {
        for (int i = 0; i < s->n; i++)
            if (s->things[i].page == page)
                draw_thing(s, cr, &s->things[i]);
        cairo_show_page(cr);
    }
}

static int fail_sheet(const struct sheet *s, struct err *err)
{
    return err_set(err, s->failed, "report.pdf: too many things on its pages, or no memory");
}

int sheet_draw(struct sheet *s, const struct sheet_meta *meta, struct buf *out, struct err *err)
{
    if (s->failed)
        return fail_sheet(s, err);
    cairo_surface_t *surface =
        cairo_pdf_surface_create_for_stream(take_bytes, out, SHEET_W, SHEET_H);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, meta->title);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_SUBJECT, meta->subject);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "lentigo");
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, meta->date);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_MOD_DATE, meta->date);
    cairo_t *cr = cairo_create(surface);
    draw_pages(s, cr);
    cairo_status_t drawn = cairo_status(cr);
    cairo_destroy(cr);
    cairo_surface_finish(surface);
    cairo_status_t written = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (buf_check(out, "report.pdf", err))
        return -1;
    if (s->failed)
        return fail_sheet(s, err);
    if (drawn != CAIRO_STATUS_SUCCESS || written != CAIRO_STATUS_SUCCESS)
        return err_set(err, ERR_BUG, "report.pdf: cairo: %s",
                       cairo_status_to_string(drawn ? drawn : written));
    return 0;
}
