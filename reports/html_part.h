/* html_part.h -- the small parts of an HTML page, every one of them escaping; within
 * reports/html*.c and reports/summary*.c. */
#ifndef REPORTS_HTML_PART_H
#define REPORTS_HTML_PART_H

#include "common/buf.h"
#include "reports/strings.h"

struct html {
    struct buf *out;
    enum language language;
};

void html_raw(struct html *h, const char *markup); /* our own markup, as it is */
void html_string(struct html *h, enum string id);
void html_outside(struct html *h, const char *text); /* text from outside: cleaned, escaped */
void html_buf(struct html *h, struct buf *text);     /* escaped; the buffer is released */

/* <tag>text</tag>; `open` is the tag with its attributes, "p class=\"x\"". */
void html_element(struct html *h, const char *open, enum string id);

/* A relative link to `path`: each byte that is no letter, digit or "-_.~/" as %XX. */
void html_link_path(struct html *h, const char *path);

void html_base64(struct html *h, const void *bytes, size_t n);

/* Where a page's pictures may come from: from within, or from files beside it. */
enum html_pictures { HTML_OWN_PICTURES, HTML_LINKED_PICTURES };

/* From <!DOCTYPE> to <body>: policy against every outside request and script, style, title.
 * `extra_style` may be NULL. */
void html_head(struct html *h, const char *title, const char *extra_style,
               enum html_pictures pictures);
void html_tail(struct html *h);

/* `text` as a quoted CSS string that can end neither the string nor the style element. */
void html_css_string(struct buf *out, const char *text);

extern const char html_style[]; /* html_style.c */

#endif
