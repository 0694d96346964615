#include <stdlib.h>
#include <string.h>

#include "cli/demo_upload.h"
#include "preprocess/encode.h"

enum { FILE_MAX = 1 << 28, JPEG_QUALITY = 92 };

enum reason demo_kind_reason(enum demo_kind kind)
{
    switch (kind) {
    case DEMO_PICTURE:
    case DEMO_BLURRED:
    case DEMO_REPEAT: return REASON_NONE;
    case DEMO_TRUNCATED: return REASON_TRUNCATED;
    case DEMO_DAMAGED: return REASON_DAMAGED;
    case DEMO_EMPTY: return REASON_EMPTY;
    case DEMO_TEXT: return REASON_NOT_AN_IMAGE;
    case DEMO_GIF: return REASON_UNSUPPORTED;
    case DEMO_BOMB: return REASON_TOO_LARGE;
    case DEMO_MISSING: return REASON_MISSING_FILE;
    }
    return REASON_INTERNAL;
}

static void add_le(struct buf *out, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        buf_add(out, &byte, 1);
    }
}

/* Baseline TIFF 6.0, little endian: header, one directory, then the pixels in one strip. `depth`
 * bits a sample. */
static void add_tiff(const struct demo_picture *p, int depth, struct buf *out)
{
    enum { ENTRIES = 10, SHORT = 3, LONG = 4, BITS_AT = 8 + 2 + ENTRIES * 12 + 4 };
    uint32_t samples = (uint32_t)p->w * (uint32_t)p->h * 3, width = (uint32_t)depth / 8;
    const uint32_t entries[ENTRIES][4] = {
        {256, LONG,  1, (uint32_t)p->w }, /* width */
        {257, LONG,  1, (uint32_t)p->h }, /* height */
        {258, SHORT, 3, BITS_AT        }, /* bits a sample, three of them */
        {259, SHORT, 1, 1              }, /* not compressed */
        {262, SHORT, 1, 2              }, /* RGB */
        {273, LONG,  1, BITS_AT + 6    }, /* where the strip is */
        {277, SHORT, 1, 3              }, /* samples a pixel */
        {278, LONG,  1, (uint32_t)p->h }, /* rows in the strip */
        {279, LONG,  1, samples * width}, /* bytes in the strip */
        {284, SHORT, 1, 1              }, /* samples side by side */
    };

    buf_add(out, "II*", 4);
    add_le(out, 8, 4);
    add_le(out, ENTRIES, 2);
    for (int i = 0; i < ENTRIES; i++) {
        add_le(out, entries[i][0], 2);
        add_le(out, entries[i][1], 2);
        add_le(out, entries[i][2], 4);
        add_le(out, entries[i][3], 4);
    }
    add_le(out, 0, 4);
    for (int i = 0; i < 3; i++)
        add_le(out, (uint32_t)depth, 2);
    for (uint32_t i = 0; i < samples; i++)
        add_le(out, p->rgb[i] * (depth == 16 ? 257U : 1U), depth / 8);
}

int demo_file_good(const struct demo_picture *p, enum demo_format format, struct buf *out,
                   struct err *err)
{
    switch (format) {
    case DEMO_JPEG: return encode_jpeg(p->rgb, p->w, p->h, JPEG_QUALITY, out, err);
    case DEMO_PNG: return encode_png(p->rgb, p->w, p->h, out, err);
    case DEMO_TIFF: add_tiff(p, 8, out); break;
    case DEMO_TIFF16: add_tiff(p, 16, out); break;
    }
    return buf_check(out, "TIFF", err);
}

/* A chunk of a PNG with its CRC (polynomial of ISO 3309). */
static void add_chunk(struct buf *out, const char *type, const void *bytes, uint32_t n)
{
    uint8_t head[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    uint32_t crc = UINT32_MAX;

    buf_add(out, head, 4);
    size_t start = out->len;
    buf_add(out, type, 4);
    buf_add(out, bytes, n);
    for (size_t i = start; i < out->len; i++) {
        crc ^= (uint8_t)out->data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    crc = ~crc;
    uint8_t tail[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                       (uint8_t)crc};
    buf_add(out, tail, 4);
}

/* 50,000 x 50,000 RGB in under a hundred bytes. */
static void add_bomb(struct buf *out)
{
    static const uint8_t header[13] = {0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50, 8, 2, 0, 0, 0};
    static const uint8_t nothing[8] = {0x78, 0x9c, 0x03, 0, 0, 0, 0, 1}; /* zlib of no bytes */

    buf_add(out, "\x89PNG\r\n\x1a\n", 8);
    add_chunk(out, "IHDR", header, sizeof(header));
    add_chunk(out, "IDAT", nothing, sizeof(nothing));
    add_chunk(out, "IEND", "", 0);
}

static void add_gif(struct buf *out)
{
    static const uint8_t gif[] = {'G', 'I',  'F',  '8',  '9', 'a', 1, 0,    1, 0, 0x80, 0,
                                  0,   0xff, 0xff, 0xff, 0,   0,   0, 0x2c, 0, 0, 0,    0,
                                  1,   0,    1,    0,    0,   2,   2, 0x44, 1, 0, 0x3b};

    buf_add(out, gif, sizeof(gif));
}

/* A good file, cut to `keep` thousandths or with one byte in its middle turned. */
static int add_spoiled(const struct demo_picture *p, enum demo_kind kind, struct buf *out,
                       struct err *err)
{
    enum demo_format format = kind == DEMO_TRUNCATED ? DEMO_JPEG : DEMO_PNG;
    struct buf good;
    int ret = -1;

    buf_init(&good, FILE_MAX);
    if (!demo_file_good(p, format, &good, err)) {
        if (kind == DEMO_DAMAGED)
            good.data[good.len / 2] ^= 0x55;
        buf_add(out, good.data, kind == DEMO_TRUNCATED ? good.len * 11 / 20 : good.len);
        ret = buf_check(out, "spoiled file", err);
    }
    buf_release(&good);
    return ret;
}

int demo_file_broken(const struct demo_picture *p, enum demo_kind kind, struct buf *out,
                     struct err *err)
{
    if (kind == DEMO_TRUNCATED || kind == DEMO_DAMAGED)
        return add_spoiled(p, kind, out, err);
    if (kind == DEMO_TEXT)
        buf_add_text(out, "Picture to follow by post.\nPhoto wird nachgereicht.\n照片稍后补交。\n");
    else if (kind == DEMO_GIF)
        add_gif(out);
    else if (kind == DEMO_BOMB)
        add_bomb(out);
    return buf_check(out, "broken file", err); /* EMPTY: no bytes at all */
}
