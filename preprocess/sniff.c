#include "preprocess/sniff.h"

#include <string.h>

static const char *const names[KIND_COUNT] = {"", "jpeg", "png", "tiff", "webp", "heic"};

const char *kind_name(int kind)
{
    return kind > KIND_NONE && kind < KIND_COUNT ? names[kind] : "";
}

/* kind NONE: known, and refused under this name. AVIF is refused because no camera or phone that a
 * clinic uses writes it, and its decoders are the youngest code here. */
static const struct {
    int at;
    const char *magic;
    size_t len;
    enum image_kind kind;
    const char *name;
} magics[] = {
    {0,   "\xff\xd8\xff",                     3,  KIND_JPEG, "JPEG"                  },
    {0,   "\x89PNG\r\n\x1a\n",                8,  KIND_PNG,  "PNG"                   },
    {0,   "II*\0",                            4,  KIND_TIFF, "TIFF"                  },
    {0,   "MM\0*",                            4,  KIND_TIFF, "TIFF"                  },
    {0,   "II+\0\x08\0\0\0",                  8,  KIND_TIFF, "BigTIFF"               },
    {0,   "MM\0+\0\x08\0\0",                  8,  KIND_TIFF, "BigTIFF"               },
    {128, "DICM",                             4,  KIND_NONE, "a DICOM file"          },
    {0,   "GIF8",                             4,  KIND_NONE, "a GIF picture"         },
    {0,   "%PDF-",                            5,  KIND_NONE, "a PDF document"        },
    {0,   "\0\0\0\x0cjP  \r\n\x87\n",         12, KIND_NONE, "a JPEG 2000 picture"   },
    {0,   "\xff\x4f\xff\x51",                 4,  KIND_NONE, "a JPEG 2000 picture"   },
    {0,   "\xff\x0a",                         2,  KIND_NONE, "a JPEG XL picture"     },
    {0,   "\0\0\0\x0cJXL \r\n\x87\n",         12, KIND_NONE, "a JPEG XL picture"     },
    {0,   "II\xbc",                           3,  KIND_NONE, "a JPEG XR picture"     },
    {0,   "8BPS",                             4,  KIND_NONE, "a Photoshop document"  },
    {0,   "IIRO",                             4,  KIND_NONE, "a camera raw file"     },
    {0,   "IIU\0",                            4,  KIND_NONE, "a camera raw file"     },
    {0,   "FUJIFILMCCD-RAW",                  15, KIND_NONE, "a camera raw file"     },
    {0,   "\0\0\x01\0",                       4,  KIND_NONE, "an icon"               },
    {0,   "PK\x03\x04",                       4,  KIND_NONE, "a ZIP archive"         },
    {0,   "Rar!",                             4,  KIND_NONE, "a RAR archive"         },
    {0,   "7z\xbc\xaf\x27\x1c",               6,  KIND_NONE, "a 7-Zip archive"       },
    {0,   "\x1f\x8b",                         2,  KIND_NONE, "a gzip archive"        },
    {0,   "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8,  KIND_NONE, "an old Office document"},
    {0,   "\x1a\x45\xdf\xa3",                 4,  KIND_NONE, "a video"               },
    {0,   "SIMPLE  =",                        9,  KIND_NONE, "a FITS file"           },
    {0,   "v/1\x01",                          4,  KIND_NONE, "an OpenEXR picture"    },
    {0,   "<svg",                             4,  KIND_NONE, "an SVG drawing"        },
};

static bool has(const uint8_t *bytes, size_t n, size_t at, const char *magic, size_t len)
{
    return n >= at + len && !memcmp(bytes + at, magic, len);
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* Is `brand` the major one or among the compatible ones of an ISO media file (ISO 14496-12)? */
static bool has_brand(const uint8_t *bytes, size_t n, const char *brand)
{
    size_t end = be32(bytes) < n ? be32(bytes) : n;

    for (size_t at = 8; at + 4 <= end; at += 4)
        if (at != 12 && !memcmp(bytes + at, brand, 4)) /* 12: the minor version */
            return true;
    return false;
}

/* HEVC still pictures only: heic and heix (10 bits), heim and heis (multilayer, read as plain). */
static enum image_kind sniff_media(const uint8_t *bytes, size_t n, struct verdict *v)
{
    static const char *const still[] = {"heic", "heix", "heim", "heis"};
    const char *name = "a video";

    if (has_brand(bytes, n, "avif") || has_brand(bytes, n, "avis"))
        name = "an AVIF picture";
    else if (has_brand(bytes, n, "crx "))
        name = "a camera raw file";
    else if (!memcmp(bytes + 8, "hevc", 4) || !memcmp(bytes + 8, "msf1", 4))
        name = "a HEIF picture sequence";
    else
        for (size_t i = 0; i < sizeof(still) / sizeof(*still); i++)
            if (has_brand(bytes, n, still[i]))
                return KIND_HEIC;
    verdict_refuse(v, REASON_UNSUPPORTED, "%s", name);
    return KIND_NONE;
}

/* "BM" alone is too weak a mark: the header's size field must be one of those in use. */
static bool is_bmp(const uint8_t *bytes, size_t n)
{
    return has(bytes, n, 0, "BM", 2) && n >= 18 && le32(bytes + 14) >= 12 &&
           le32(bytes + 14) <= 124;
}

static bool is_svg(const uint8_t *bytes, size_t n)
{
    return has(bytes, n, 0, "<?xml", 5) && memmem(bytes, n < 1024 ? n : 1024, "<svg", 4);
}

enum image_kind sniff(const uint8_t *bytes, size_t n, struct verdict *v)
{
    if (!n) {
        verdict_refuse(v, REASON_EMPTY, "0 bytes");
        return KIND_NONE;
    }
    for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
        if (!has(bytes, n, (size_t)magics[i].at, magics[i].magic, magics[i].len))
            continue;
        if (magics[i].kind == KIND_NONE)
            verdict_refuse(v, REASON_UNSUPPORTED, "%s", magics[i].name);
        return magics[i].kind;
    }
    if (has(bytes, n, 0, "RIFF", 4) && has(bytes, n, 8, "WEBP", 4))
        return KIND_WEBP;
    if (n >= 16 && has(bytes, n, 4, "ftyp", 4))
        return sniff_media(bytes, n, v);
    if (is_bmp(bytes, n))
        verdict_refuse(v, REASON_UNSUPPORTED, "a BMP picture");
    else if (is_svg(bytes, n))
        verdict_refuse(v, REASON_UNSUPPORTED, "an SVG drawing");
    else if (has(bytes, n, 0, "\x89PNG", 4) || has(bytes, n, 0, "\xff\xd8", 2))
        verdict_refuse(v, REASON_TRUNCATED, "%zu bytes, a picture's first ones", n);
    else
        verdict_refuse(v, REASON_NOT_AN_IMAGE, "unknown first bytes");
    return KIND_NONE;
}

bool sniff_is_picture(const uint8_t *head, size_t n)
{
    struct verdict v = {0};

    return sniff(head, n, &v) != KIND_NONE || v.reason == REASON_TRUNCATED ||
           has(head, n, 128, "DICM", 4);
}

static bool png_is_whole(const uint8_t *bytes, size_t n)
{
    for (size_t at = 8; n - at >= 12; at += 12 + be32(bytes + at)) {
        if (!memcmp(bytes + at + 4, "IEND", 4))
            return true;
        if (be32(bytes + at) > n - at - 12)
            return false;
    }
    return false;
}

static bool media_is_whole(const uint8_t *bytes, size_t n)
{
    size_t at = 0;

    while (n - at >= 8) {
        uint64_t size = be32(bytes + at);

        if (size == 0) /* to the end of the file */
            return true;
        if (size == 1 && n - at >= 16)
            size = (uint64_t)be32(bytes + at + 8) << 32 | be32(bytes + at + 12);
        if (size < 8 || size > n - at)
            return size < 8;
        at += size;
    }
    return at == n;
}

/* The first directory usually stands behind the pixels, so a cut file mostly points past its end.
 * What else is short, libtiff finds. */
static bool tiff_is_whole(const uint8_t *bytes, size_t n)
{
    bool is_little = bytes[0] == 'I', is_big = bytes[2] == '+' || bytes[3] == '+';
    uint32_t (*read32)(const uint8_t *) = is_little ? le32 : be32;

    if (n < (is_big ? 16U : 8U))
        return false;
    if (!is_big)
        return read32(bytes + 4) < n;
    uint64_t low = read32(bytes + (is_little ? 8 : 12)),
             high = read32(bytes + (is_little ? 12 : 8));
    return (high << 32 | low) < n;
}

bool sniff_is_whole(enum image_kind kind, const uint8_t *bytes, size_t n)
{
    switch (kind) {
    case KIND_PNG: return png_is_whole(bytes, n);
    case KIND_WEBP: return n >= 12 && (uint64_t)le32(bytes + 4) + 8 <= n;
    case KIND_HEIC: return media_is_whole(bytes, n);
    case KIND_TIFF: return tiff_is_whole(bytes, n);
    default: return true;
    }
}
