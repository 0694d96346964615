#include "tui/pen.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE_LIGHT = 0x2500, LINE_HEAVY = 0x2501, LINE_HALF = 0x2578, ELLIPSIS = 0x2026 };

struct pen pen_on(struct frame *f, struct area at)
{
    return (struct pen){.frame = f, .at = at};
}

void pen_move(struct pen *p, int row, int col)
{
    p->row = row;
    p->col = col;
}

int pen_left(const struct pen *p)
{
    return p->col < p->at.cols ? p->at.cols - p->col : 0;
}

int pen_width(const char *text)
{
    int n = 0;

    while (frame_decode(&text))
        n++;
    return n;
}

static void put(struct pen *p, enum style style, uint32_t ch)
{
    if (p->col >= 0 && p->col < p->at.cols && p->row >= 0 && p->row < p->at.rows)
        frame_put(p->frame, p->at.row + p->row, p->at.col + p->col, ch, style);
    p->col++;
}

void pen_text(struct pen *p, enum style style, const char *text)
{
    uint32_t ch;

    while ((ch = frame_decode(&text)))
        put(p, style, ch);
}

void pen_printf(struct pen *p, enum style style, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    pen_text(p, style, text);
}

static void put_cut(struct pen *p, enum style style, int width, const char *text)
{
    for (int i = 0; i + 1 < width; i++)
        put(p, style, frame_decode(&text));
    if (width > 0)
        put(p, style, ELLIPSIS);
}

void pen_repeat(struct pen *p, enum style style, int width, uint32_t ch)
{
    for (int i = 0; i < width; i++)
        put(p, style, ch);
}

void pen_field(struct pen *p, enum style style, int width, const char *text)
{
    int n = pen_width(text);

    if (n > width) {
        put_cut(p, style, width, text);
        return;
    }
    pen_text(p, style, text);
    pen_repeat(p, style, width - n, ' ');
}

void pen_number(struct pen *p, enum style style, int width, const char *text)
{
    int n = pen_width(text);

    if (n > width) {
        put_cut(p, style, width, text);
        return;
    }
    pen_repeat(p, style, width - n, ' ');
    pen_text(p, style, text);
}

void pen_skip(struct pen *p, int width)
{
    p->col += width;
}

void pen_bar(struct pen *p, enum style style, int width, double share)
{
    int halves = 0;

    if (width <= 0)
        return;
    if (!isnan(share)) {
        share = fmin(fmax(share, 0), 1);
        halves = (int)lround(share * 2 * width);
        if (share > 0 && halves == 0)
            halves = 1;
        if (share < 1 && halves == 2 * width)
            halves--;
    }
    pen_repeat(p, style, halves / 2, LINE_HEAVY);
    if (halves % 2)
        put(p, style, LINE_HALF);
    pen_repeat(p, STYLE_DIM, width - halves / 2 - halves % 2, LINE_LIGHT);
}
