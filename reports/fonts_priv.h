/* fonts_priv.h -- what sheet.c draws text with. */
#ifndef REPORTS_FONTS_PRIV_H
#define REPORTS_FONTS_PRIV_H

#include <pango/pangocairo.h>
#include <stdbool.h>

#include "reports/fonts.h"
#include "reports/strings.h"

struct fonts_text {
    enum language language;
    double size; /* points */
    bool is_bold;
    PangoAlignment align;
    double w; /* points; 0 = one line, as wide as it is */
    const char *text;
};

/* A text in DejaVu Sans at 72 dpi (one unit is one point), unhinted. The reference is the caller's,
 * the layout is not his to change: it is kept, because most texts of a report stand in the next one,
 * too, and laying them out is a fifth of a report's time. */
PangoLayout *fonts_layout(struct fonts *f, const struct fonts_text *t);

#endif
