#include "preprocess/mask_png.h"

#include <string.h>

#include <zlib.h>

#include "common/classes.h"

enum {
    SIDE_MAX = 65535,
    CLASSES = CLASS_COUNT,
    END = 256,     /* symbols of deflate (RFC 1951, 3.2.5) */
    LENGTHS = 257, /* 257..284 with extra bits, 285 for LENGTH_MAX */
    SYMBOLS = 286,
    LENGTH_MIN = 3,
    LENGTH_MAX = 258,
    ADLER = 65521,
    CHUNK = 4096,
};

struct code {
    uint16_t bits; /* first bit lowest */
    uint8_t length;
};

struct writer {
    struct buf *out;
    uint64_t held; /* bits not yet in the chunk */
    int n_held;
    size_t n_chunk;
    uint8_t chunk[CHUNK];
    uint32_t a, b; /* halves of the Adler-32 sum */
    int last;      /* byte before, -1 at first */
    struct code codes[SYMBOLS];
};

/* ---- bits ---- */

static void flush(struct writer *w)
{
    buf_add(w->out, w->chunk, w->n_chunk);
    w->n_chunk = 0;
}

/* At most 32 of them. */
static void put(struct writer *w, uint32_t bits, int n)
{
    w->held |= (uint64_t)bits << w->n_held;
    for (w->n_held += n; w->n_held >= 8; w->n_held -= 8) {
        if (w->n_chunk == CHUNK)
            flush(w);
        w->chunk[w->n_chunk++] = (uint8_t)w->held;
        w->held >>= 8;
    }
}

static void put_code(struct writer *w, int symbol)
{
    put(w, w->codes[symbol].bits, w->codes[symbol].length);
}

/* ---- the one Huffman code ---- */

/* Background, and the longest match, are what rows are made of. Complete: the sum of 2^-length is
 * 1. */
static int length_of(int symbol)
{
    if (symbol < CLASSES)
        return symbol ? 5 : 3;
    if (symbol < END)
        return 0;
    if (symbol == SYMBOLS - 1)
        return 2;
    return symbol < LENGTHS + 5 ? 7 : 6; /* END among the first */
}

/* Codes of one length follow each other in the order of the symbols (RFC 1951, 3.2.2). */
static void codes_make(struct writer *w)
{
    unsigned code = 0;

    for (int length = 1; length <= 7; length++, code <<= 1)
        for (int symbol = 0; symbol < SYMBOLS; symbol++) {
            if (length_of(symbol) != length)
                continue;
            unsigned mirrored = 0;
            for (int i = 0; i < length; i++)
                mirrored |= (code >> i & 1) << (length - 1 - i);
            w->codes[symbol] = (struct code){(uint16_t)mirrored, (uint8_t)length};
            code++;
        }
}

/* Three bits for each length, which stand in the order that the format lists them; codes of equal
 * length are numbers, the highest bit first. 18 says "11 and more zeros". */
static void put_length(struct writer *w, int length)
{
    static const uint8_t mirrored[] = {0, 4, 2, 6, 1, 5, 3, 7};
    static const uint8_t listed[] = {0, 1, 2, 3, 5, 6, 7, 18};
    int i = 0;

    while (listed[i] != length)
        i++;
    put(w, mirrored[i], 3);
}

/* The block's head: which symbol has a code of which length. */
static void put_code_lengths(struct writer *w)
{
    enum { ORDERED = 19 };
    static const uint8_t order[ORDERED] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                           11, 4,  12, 3, 13, 2, 14, 1, 15};

    put(w, 1 | 2 << 1, 3); /* the last block, with codes of its own */
    put(w, SYMBOLS - LENGTHS, 5);
    put(w, 2 - 1, 5); /* distances 1 and 2, so that their code is complete as well */
    put(w, ORDERED - 4, 4);
    for (int i = 0; i < ORDERED; i++)
        put(w, order[i] < 4 || (order[i] > 4 && order[i] < 8) || order[i] == 18 ? 3 : 0, 3);
    for (int symbol = 0; symbol < CLASSES; symbol++)
        put_length(w, length_of(symbol));
    put_length(w, 18);
    put(w, 138 - 11, 7);
    put_length(w, 18);
    put(w, END - CLASSES - 138 - 11, 7);
    for (int symbol = END; symbol < SYMBOLS; symbol++)
        put_length(w, length_of(symbol));
    put_length(w, 1);
    put_length(w, 1);
}

/* ---- runs ---- */

static void put_match(struct writer *w, int length)
{
    int over = length - LENGTH_MIN, extra = 0;

    if (length == LENGTH_MAX) {
        put_code(w, SYMBOLS - 1);
    } else {
        while (over >> extra > 7)
            extra++;
        put_code(w, LENGTHS + 4 * extra + (over >> extra));
        put(w, (uint32_t)over & ((1u << extra) - 1), extra);
    }
    put(w, 0, 1); /* distance 1 */
}

/* `n` times `value`. */
static void put_run(struct writer *w, int value, int n)
{
    uint64_t count = (uint64_t)n, v = (uint64_t)value;

    w->b = (uint32_t)((w->b + count * w->a + v * (count * (count + 1) / 2)) % ADLER);
    w->a = (uint32_t)((w->a + count * v) % ADLER);
    if (value != w->last) {
        put_code(w, value);
        n--;
    }
    w->last = value;
    while (n >= LENGTH_MIN) {
        int length = n < LENGTH_MAX ? n : LENGTH_MAX;
        if (n > LENGTH_MAX && n < LENGTH_MAX + LENGTH_MIN)
            length = LENGTH_MAX - LENGTH_MIN; /* what is left is long enough again */
        put_match(w, length);
        n -= length;
    }
    for (; n > 0; n--)
        put_code(w, value);
}

/* First place after `x` with another class. Eight at a time: runs are long. */
static int run_end(const uint8_t *row, int x, int w)
{
    uint64_t same = row[x] * UINT64_C(0x0101010101010101), eight;
    int value = row[x];

    for (; x + 8 <= w; x += 8) {
        memcpy(&eight, row + x, 8);
        if (eight != same)
            break;
    }
    while (x < w && row[x] == value)
        x++;
    return x;
}

static int start_of(const int *starts, int k)
{
    return starts ? starts[k] : k;
}

static int put_row(struct writer *w, const struct mask_png *m, int y, struct err *err)
{
    const uint8_t *row = m->classes + (size_t)y * (size_t)m->stride;

    put_run(w, 0, 1); /* this row has no filter */
    for (int x = 0, end; x < m->map_w; x = end) {
        end = run_end(row, x, m->map_w);
        if (row[x] >= CLASSES)
            return err_set(err, ERR_BUG, "class %d at %d, %d of a mask", row[x], x, y);
        int n = start_of(m->columns, end) - start_of(m->columns, x);
        if (n)
            put_run(w, row[x], n);
    }
    return 0;
}

/* ---- the file ---- */

static void add_number(struct buf *out, uint32_t n)
{
    const uint8_t bytes[] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

    buf_add(out, bytes, sizeof(bytes));
}

/* Puts the chunk's length and checksum to what was added since `from`, where its length stands. */
static void chunk_end(struct buf *out, size_t from)
{
    if (out->failed)
        return;
    uint32_t n = (uint32_t)(out->len - from - 8);
    for (int i = 0; i < 4; i++)
        out->data[from + (size_t)i] = (char)(n >> (24 - 8 * i));
    add_number(out, (uint32_t)crc32(0, (const Bytef *)out->data + from + 4, n + 4));
}

static size_t chunk_begin(struct buf *out, const char type[5])
{
    size_t from = out->len;

    add_number(out, 0);
    buf_add(out, type, 4);
    return from;
}

static void add_heads(struct buf *out, uint32_t w, uint32_t h)
{
    static const uint8_t kind[] = {8, 3, 0, 0, 0}; /* 8 bits, palette, not interlaced */

    buf_add(out, "\x89PNG\r\n\x1a\n", 8);
    size_t from = chunk_begin(out, "IHDR");
    add_number(out, w);
    add_number(out, h);
    buf_add(out, kind, sizeof(kind));
    chunk_end(out, from);
    from = chunk_begin(out, "PLTE");
    for (int k = 0; k < CLASSES; k++)
        buf_add(out, class_colour(k), 3);
    chunk_end(out, from);
}

static int add_pixels(struct buf *out, const struct mask_png *m, struct err *err)
{
    struct writer w = {.out = out, .a = 1, .last = -1};
    size_t from = chunk_begin(out, "IDAT");

    codes_make(&w);
    put(&w, 0x0178, 16); /* zlib: deflate, made fast */
    put_code_lengths(&w);
    for (int y = 0; y < m->map_h; y++)
        for (int n = start_of(m->rows, y + 1) - start_of(m->rows, y); n; n--)
            if (put_row(&w, m, y, err))
                return -1;
    put_code(&w, END);
    put(&w, 0, (8 - w.n_held) % 8);
    flush(&w);
    add_number(out, w.b << 16 | w.a);
    chunk_end(out, from);
    return 0;
}

int mask_png_encode(const struct mask_png *m, struct buf *out, struct err *err)
{
    int w = start_of(m->columns, m->map_w), h = start_of(m->rows, m->map_h);

    if (w < 1 || h < 1 || w > SIDE_MAX || h > SIDE_MAX)
        return err_set(err, ERR_LIMIT, "a mask of %d x %d pixels cannot be written", w, h);
    add_heads(out, (uint32_t)w, (uint32_t)h);
    if (add_pixels(out, m, err))
        return -1;
    chunk_end(out, chunk_begin(out, "IEND"));
    return buf_check(out, "PNG", err);
}
