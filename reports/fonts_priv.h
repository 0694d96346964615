/* fonts_priv.h -- what sheet.c draws text with. */
#ifndef REPORTS_FONTS_PRIV_H
#define REPORTS_FONTS_PRIV_H

#include <pango/pangocairo.h>
#include <stdbool.h>

#include "reports/fonts.h"
#include "reports/strings.h"

/* A context for this language at 72 dpi (one unit is one point), unhinted. Borrowed. */
PangoContext *fonts_context(struct fonts *f, enum language l);

/* DejaVu Sans of this size in points. Borrowed; kept, so that a page asks pango for no font twice. */
const PangoFontDescription *fonts_description(struct fonts *f, double size, bool is_bold);

#endif
