/* sheet.h -- the pages of one PDF as a list of things to draw.
 *
 * Everything is placed first and drawn afterwards, because "page n of m" stands on page one. Text
 * is shaped once, when it is placed. What must stay together is placed on one spot and moved to the
 * next page when it does not fit (sheet_mark, sheet_move). Units are points, y grows downwards.
 *
 * Failure is sticky, as in common/buf.h: sheet_draw says at the end what went wrong. */
#ifndef REPORTS_SHEET_H
#define REPORTS_SHEET_H

#include <stdbool.h>

#include "common/buf.h"
#include "reports/fonts.h"
#include "reports/strings.h"

#define SHEET_W 595.276 /* A4 */
#define SHEET_H 841.890

struct sheet;

enum sheet_align { SHEET_LEFT, SHEET_RIGHT, SHEET_CENTRE };

struct sheet_type {
    double size;
    bool is_bold;
    unsigned colour; /* 0xrrggbb */
    enum sheet_align align;
};

struct sheet_box {
    double x, y, w, h;
};

struct sheet_point {
    double x, y;
};

int sheet_new(struct sheet **out, struct fonts *fonts, enum language l, struct err *err);
void sheet_free(struct sheet *s); /* NULL is fine */

/* Where things are placed from now on: page from 0. */
void sheet_turn_to(struct sheet *s, int page);
int sheet_page(const struct sheet *s);

/* Place `text` (UTF-8, plain), broken into lines of at most `w`; returns its height. */
double sheet_text(struct sheet *s, double x, double y, double w, const struct sheet_type *type,
                  const char *text);
/* How wide the text would be on one line. */
double sheet_text_width(struct sheet *s, const struct sheet_type *type, const char *text);

void sheet_fill(struct sheet *s, struct sheet_box box, unsigned colour);
void sheet_frame(struct sheet *s, struct sheet_box box, double line, unsigned colour);

/* A JPEG, embedded as it is and only once however often it is placed. `bytes` is borrowed until
 * sheet_free; `id` tells one picture from another. */
struct sheet_picture {
    const void *bytes;
    size_t n;
    int w, h; /* px */
    int id;
};
void sheet_picture(struct sheet *s, struct sheet_box box, const struct sheet_picture *picture);

/* A closed line through `n` points, light on dark, nothing filled. The points are copied. */
void sheet_outline(struct sheet *s, const struct sheet_point *points, int n);

/* The next thing's number; with it, all that is placed from then on can be moved. */
int sheet_mark(const struct sheet *s);
void sheet_move(struct sheet *s, int mark, double dy, int page);
/* A filled box whose height was not known yet, placed before what lies on it. */
void sheet_stretch(struct sheet *s, int mark, double h);

struct sheet_meta {
    const char *title, *subject, *date; /* date: ISO 8601 in UTC */
};

/* The PDF's bytes appended to `out`: no clock, machine or path in them. */
int sheet_draw(struct sheet *s, const struct sheet_meta *meta, struct buf *out, struct err *err);

#endif
