/* fonts.h -- the two font families of a report, set up once a process and used for every page.
 *
 * Read through a private fonts.conf: the machine's fonts, its settings and the user's locale have
 * no say, so a PDF is the same everywhere. */
#ifndef REPORTS_FONTS_H
#define REPORTS_FONTS_H

#include "common/err.h"

struct fonts;

/* fonts.conf is found as common/place.h says. ERR_CONFIG when it or a font is missing; the text names
 * the Debian packages. One at a time in a process. */
int fonts_open(struct fonts **out, struct err *err);
void fonts_close(struct fonts *f); /* NULL is fine */

#endif
