#include "tui/frame.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* The drawing characters in use and what stands for them in ASCII. Ranges come first-last. */
static const struct {
    uint32_t first, last;
    char ascii;
} drawings[] = {
    {0x00b7, 0x00b7, '.'}, /* middle dot */
    {0x2013, 0x2013, '-'}, /* en dash */
    {0x2026, 0x2026, '~'}, /* ellipsis */
    {0x2190, 0x2190, '<'}, /* arrows */
    {0x2191, 0x2191, '^'},
    {0x2192, 0x2192, '>'},
    {0x2193, 0x2193, 'v'},
    {0x2500, 0x2500, '-'}, /* light, heavy and half heavy line */
    {0x2501, 0x2501, '='},
    {0x2502, 0x2502, '|'},
    {0x2503, 0x257f, '+'},
    {0x25b8, 0x25b8, '>'}, /* small triangle */
    {0x2800, 0x28ff, ':'}, /* braille */
};

enum { BRAILLE_UPPER = 0x1b }; /* dots of the upper two rows */

static char ascii_of(uint32_t ch)
{
    if (ch < 0x7f)
        return (char)ch;
    if (ch >= 0x2800 && ch <= 0x28ff && !(ch & BRAILLE_UPPER))
        return '.';
    for (size_t i = 0; i < sizeof(drawings) / sizeof(*drawings); i++)
        if (ch >= drawings[i].first && ch <= drawings[i].last)
            return drawings[i].ascii;
    return '?';
}

static int clamped(int v, int max)
{
    return v < 1 ? 1 : v > max ? max : v;
}

void frame_init(struct frame *f, int rows, int cols, bool is_ascii)
{
    *f = (struct frame){.rows = clamped(rows, FRAME_ROWS_MAX),
                        .cols = clamped(cols, FRAME_COLS_MAX),
                        .is_ascii = is_ascii};
    f->cells = calloc((size_t)f->rows * (size_t)f->cols, sizeof(*f->cells));
    if (!f->cells)
        abort(); /* 2.4 MB at most: nothing works any more */
}

void frame_release(struct frame *f)
{
    free(f->cells);
    *f = (struct frame){0};
}

static struct cell *cell_at(struct frame *f, int row, int col)
{
    if (row < 0 || row >= f->rows || col < 0 || col >= f->cols)
        return NULL;
    return &f->cells[(ptrdiff_t)row * f->cols + col];
}

void frame_clear(struct frame *f, struct area at)
{
    for (int r = at.row; r < at.row + at.rows; r++)
        for (int c = at.col; c < at.col + at.cols; c++)
            if (cell_at(f, r, c))
                *cell_at(f, r, c) = (struct cell){0};
}

void frame_put(struct frame *f, int row, int col, uint32_t ch, enum style style)
{
    struct cell *cell = cell_at(f, row, col);

    if (!cell)
        return;
    f->overlaps += cell->ch != 0;
    *cell = (struct cell){f->is_ascii ? (uint32_t)(unsigned char)ascii_of(ch) : ch, style};
}

void frame_fade(struct frame *f, struct area at)
{
    for (int r = at.row; r < at.row + at.rows; r++)
        for (int c = at.col; c < at.col + at.cols; c++)
            if (cell_at(f, r, c))
                cell_at(f, r, c)->style |= STYLE_FADED;
}

/* One column in every terminal: Latin, Greek and Cyrillic without combining marks, and our own
 * drawing characters. */
static bool is_one_column(uint32_t ch)
{
    if (ch < 0x7f)
        return ch >= 0x20;
    if (ch >= 0xa1 && ch <= 0x2ff)
        return ch != 0xad;
    if (ch >= 0x370 && ch <= 0x482)
        return true;
    for (size_t i = 0; i < sizeof(drawings) / sizeof(*drawings); i++)
        if (ch >= drawings[i].first && ch <= drawings[i].last)
            return true;
    return false;
}

uint32_t frame_decode(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (!s[0])
        return 0;
    if (strnlen(*text, n) < n || !text_is_utf8(*text, n)) {
        (*text)++;
        return '?';
    }
    uint32_t ch = n == 1 ? s[0] : s[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++)
        ch = ch << 6 | (s[i] & 0x3f);
    *text += n;
    return is_one_column(ch) ? ch : '?';
}

void frame_encode(struct buf *out, uint32_t ch)
{
    unsigned char s[3];

    if (ch < 0x80) {
        s[0] = (unsigned char)ch;
        buf_add(out, s, 1);
    } else if (ch < 0x800) {
        s[0] = (unsigned char)(0xc0 | ch >> 6);
        s[1] = 0x80 | (ch & 0x3f);
        buf_add(out, s, 2);
    } else {
        s[0] = (unsigned char)(0xe0 | ch >> 12);
        s[1] = 0x80 | (ch >> 6 & 0x3f);
        s[2] = 0x80 | (ch & 0x3f);
        buf_add(out, s, 3);
    }
}

void frame_add_text(const struct frame *f, struct buf *out)
{
    for (int r = 0; r < f->rows; r++) {
        const struct cell *row = &f->cells[(ptrdiff_t)r * f->cols];
        int used = f->cols;
        while (used && (row[used - 1].ch == 0 || row[used - 1].ch == ' '))
            used--;
        for (int c = 0; c < used; c++)
            frame_encode(out, row[c].ch ? row[c].ch : ' ');
        buf_add_text(out, "\n");
    }
}
