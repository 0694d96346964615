#include "preprocess/jpeg_plain.h"

#include <stdlib.h>
#include <string.h>

#include "preprocess/exif.h"
#include "preprocess/profile.h"

enum {
    M_SOF0 = 0xc0,
    M_DHT = 0xc4,
    M_RST0 = 0xd0,
    M_SOI = 0xd8,
    M_EOI = 0xd9,
    M_SOS = 0xda,
    M_DQT = 0xdb,
    M_DRI = 0xdd,
    M_APP0 = 0xe0,
    M_COM = 0xfe,
};

enum { TABLES = 4, BLOCK = 64, COMPONENTS = 3 };

struct component {
    int id, h, v, table;
};

struct walk {
    const uint8_t *bytes; /* n */
    size_t n, at;
    struct jpeg_plain *out;
    bool has_frame, has_jfif, has_exif, has_profile;
    bool has_quants[TABLES], has_codes[2][TABLES]; /* DC, AC */
    int restart;                                   /* units of the scan between marks; 0: none */
    struct component c[COMPONENTS];
};

static unsigned be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static void keep(struct walk *w, const uint8_t *from, size_t n)
{
    memcpy(w->out->bytes + w->out->n, from, n);
    w->out->n += n;
}

/* ---- tables: `p` of `n` bytes is the segment without its length --------------------------- */

static bool take_quants(struct walk *w, const uint8_t *p, size_t n)
{
    for (; n > BLOCK; p += 1 + BLOCK, n -= 1 + BLOCK) {
        if (p[0] >= TABLES) /* of 16 bits, or no table */
            return false;
        w->has_quants[p[0]] = true;
    }
    return n == 0;
}

/* Are the codes of these lengths a code, with one left over? (T.81, C and F.1.2.1) */
static bool is_code(const uint8_t counts[16], size_t *values)
{
    unsigned room = 1;

    *values = 0;
    for (int i = 0; i < 16; i++) {
        room *= 2;
        if (counts[i] >= room)
            return false;
        room -= counts[i];
        *values += counts[i];
    }
    return *values > 0 && *values <= 256;
}

/* Of a DC code: bits of a difference, of an AC code: zeros before, and bits of a value. */
static bool are_values(const uint8_t *values, size_t n, bool is_ac)
{
    for (size_t i = 0; i < n; i++)
        if (is_ac ? (values[i] & 15) > 10 || (!(values[i] & 15) && values[i] && values[i] != 0xf0)
                  : values[i] > 11)
            return false;
    return true;
}

static bool take_codes(struct walk *w, const uint8_t *p, size_t n)
{
    size_t values;

    while (n > 17) {
        int is_ac = p[0] >> 4, table = p[0] & 15;

        if (is_ac > 1 || table > 1 || !is_code(p + 1, &values) || values > n - 17 ||
            !are_values(p + 17, values, is_ac))
            return false;
        w->has_codes[is_ac][table] = true;
        p += 17 + values;
        n -= 17 + values;
    }
    return n == 0;
}

/* ---- what is left out --------------------------------------------------------------------- */

/* A JFIF of a version that is none is worth a note, which jpeg.c makes. */
static bool take_jfif(struct walk *w, const uint8_t *p, size_t n)
{
    if (n < 5 || memcmp(p, "JFIF", 5) != 0)
        return true;
    w->has_jfif = true;
    return n >= 14 && p[5] == 1;
}

static bool take_exif(struct walk *w, const uint8_t *p, size_t n)
{
    if (n < 6 || memcmp(p, "Exif\0\0", 6) != 0 || w->has_exif)
        return true;
    w->has_exif = true;
    w->out->orientation = exif_orientation(p, n);
    return true;
}

/* sRGB itself, in one piece: nothing to convert. */
static bool take_profile(struct walk *w, const uint8_t *p, size_t n)
{
    enum { MARK = 14 };

    if (n < 12 || memcmp(p, "ICC_PROFILE", 12) != 0)
        return true;
    if (w->has_profile || n <= MARK || p[12] != 1 || p[13] != 1)
        return false;
    w->has_profile = true;
    return profile_use(p + MARK, n - MARK, COMPONENTS) == PROFILE_NONE;
}

static bool take_app(struct walk *w, int marker, const uint8_t *p, size_t n)
{
    switch (marker - M_APP0) {
    case 0: return take_jfif(w, p, n);
    case 1: return take_exif(w, p, n);
    case 2: return take_profile(w, p, n);
    case 14: return n < 12 || memcmp(p, "Adobe", 5) != 0 || p[11] == 1; /* YCbCr */
    default: return true;
    }
}

/* ---- frame and scan ----------------------------------------------------------------------- */

static bool take_component(struct walk *w, int i, const uint8_t *p)
{
    struct component *c = &w->c[i];

    *c = (struct component){p[0], p[1] >> 4, p[1] & 15, p[2]};
    if (c->table >= TABLES)
        return false;
    if (i == 0 && w->out->components == COMPONENTS)
        return c->h >= 1 && c->h <= 2 && c->v >= 1 && c->v <= 2;
    return c->h == 1 && c->v == 1; /* of grey the factors mean nothing; others than 1 are rare */
}

static bool take_frame(struct walk *w, const uint8_t *p, size_t n)
{
    if (w->has_frame || n < 6 || p[0] != 8)
        return false;
    w->has_frame = true;
    w->out->h = (int)be16(p + 1);
    w->out->w = (int)be16(p + 3);
    w->out->components = p[5];
    if (!w->out->h || !w->out->w || (p[5] != 1 && p[5] != COMPONENTS) || n != 6 + 3 * (size_t)p[5])
        return false;
    for (int i = 0; i < p[5]; i++)
        if (!take_component(w, i, &p[6 + 3 * i]))
            return false;
    /* Without a mark of JFIF the names say what the colours are: these mean YCbCr to everybody. */
    return w->has_jfif || p[5] == 1 || (w->c[0].id == 1 && w->c[1].id == 2 && w->c[2].id == 3);
}

static bool take_scan(struct walk *w, const uint8_t *p, size_t n)
{
    static const uint8_t whole[] = {0, 63, 0};
    int count = w->out->components;

    if (!w->has_frame || n != 4 + 2 * (size_t)count || p[0] != count ||
        memcmp(&p[1 + 2 * count], whole, sizeof(whole)) != 0)
        return false;
    for (int i = 0; i < count; i++) {
        int dc = p[2 + 2 * i] >> 4, ac = p[2 + 2 * i] & 15;

        if (p[1 + 2 * i] != w->c[i].id || dc >= TABLES || ac >= TABLES || !w->has_codes[0][dc] ||
            !w->has_codes[1][ac] || !w->has_quants[w->c[i].table])
            return false;
    }
    return !(w->has_profile && count == 1); /* of grey: jpeg.c has its opinion */
}

/* Units of the scan, of which a mark stands behind each `restart`. */
static size_t units_of(const struct walk *w)
{
    size_t across = 8 * (size_t)w->c[0].h, down = 8 * (size_t)w->c[0].v;

    return ((size_t)w->out->w + across - 1) / across * (((size_t)w->out->h + down - 1) / down);
}

/* The entropy-coded data up to the end mark: as many marks in it as there must be, in their order. */
static bool take_data(struct walk *w)
{
    size_t marks = 0, expected = w->restart ? (units_of(w) - 1) / (size_t)w->restart : 0;
    const uint8_t *p = w->bytes + w->at, *end = w->bytes + w->n, *begin = p;

    while ((p = memchr(p, 0xff, (size_t)(end - p))) && end - p >= 2) {
        if (p[1] == M_EOI) {
            if (marks != expected)
                return false;
            keep(w, begin, (size_t)(p + 2 - begin));
            return true;
        }
        if (p[1] != 0 && p[1] != M_RST0 + (int)(marks++ % 8))
            return false;
        p += 2;
    }
    return false;
}

/* ---- the walk ----------------------------------------------------------------------------- */

static bool take_segment(struct walk *w, int marker, const uint8_t *p, size_t n)
{
    switch (marker) {
    case M_DQT: return take_quants(w, p, n);
    case M_DHT: return take_codes(w, p, n);
    case M_SOF0: return take_frame(w, p, n);
    case M_SOS: return take_scan(w, p, n);
    case M_DRI: w->restart = n == 2 ? (int)be16(p) : 0; return n == 2;
    default:
        return marker == M_COM || (marker & 0xf0) == M_APP0 ? take_app(w, marker, p, n) : false;
    }
}

static bool is_kept(int marker)
{
    return marker != M_COM && (marker & 0xf0) != M_APP0;
}

static bool walk(struct walk *w)
{
    static const uint8_t begin[] = {0xff, M_SOI};

    if (w->n < 4 || memcmp(w->bytes, begin, sizeof(begin)) != 0)
        return false;
    keep(w, begin, sizeof(begin));
    w->at = sizeof(begin);
    while (w->n - w->at >= 4 && w->bytes[w->at] == 0xff) {
        const uint8_t *p = w->bytes + w->at;
        size_t length = be16(p + 2);

        if (length < 2 || length > w->n - w->at - 2 || !take_segment(w, p[1], p + 4, length - 2))
            return false;
        if (is_kept(p[1]))
            keep(w, p, 2 + length);
        w->at += 2 + length;
        if (p[1] == M_SOS)
            return take_data(w);
    }
    return false;
}

bool jpeg_plain_make(struct jpeg_plain *out, const uint8_t *bytes, size_t n)
{
    struct walk w = {.bytes = bytes, .n = n, .out = out};

    *out = (struct jpeg_plain){.orientation = 1, .bytes = malloc(n + 1)};
    if (out->bytes && walk(&w))
        return true;
    free(out->bytes);
    *out = (struct jpeg_plain){0};
    return false;
}
