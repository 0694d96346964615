#include "preprocess/profile.h"

#include <math.h>
#include <string.h>

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static double fixed(const uint8_t *p) /* s15Fixed16Number */
{
    return (int32_t)be32(p) / 65536.0;
}

/* The tag's data, NULL when it is missing or reaches past the end. */
static const uint8_t *tag_find(const uint8_t *icc, size_t n, const char *name, size_t *size)
{
    uint32_t count = be32(icc + 128);

    for (uint32_t i = 0; i < count && 132 + (size_t)i * 12 + 12 <= n; i++) {
        const uint8_t *entry = icc + 132 + (size_t)i * 12;
        uint32_t at = be32(entry + 4);

        if (memcmp(entry, name, 4) != 0)
            continue;
        *size = be32(entry + 8);
        return at <= n && *size <= n - at && *size >= 12 ? icc + at : NULL;
    }
    return NULL;
}

static bool has_colorant(const uint8_t *icc, size_t n, const char *name, const double xyz[3])
{
    size_t size;
    const uint8_t *tag = tag_find(icc, n, name, &size);

    if (!tag || size < 20)
        return false;
    for (int i = 0; i < 3; i++)
        if (fabs(fixed(tag + 8 + (size_t)i * 4) - xyz[i]) > 0.002)
            return false;
    return true;
}

/* The curve's value at half signal: sRGB has 0.2140, a plain 2.2 power 0.2176, linear 0.5. */
static bool has_srgb_curve(const uint8_t *icc, size_t n, const char *name)
{
    size_t size;
    const uint8_t *tag = tag_find(icc, n, name, &size);
    double half = 0;

    if (!tag)
        return false;
    if (!memcmp(tag, "curv", 4)) {
        uint32_t count = be32(tag + 8);

        if (count < 256 || count > (size - 12) / 2)
            return false;
        const uint8_t *middle = tag + 12 + (size_t)((count - 1) / 2) * 2;
        half = (double)(be16(middle) + be16(middle + (count % 2 ? 0 : 2))) / 2 / 65535;
    } else if (!memcmp(tag, "para", 4) && be16(tag + 8) == 3 && size >= 32) {
        double g = fixed(tag + 12), a = fixed(tag + 16), b = fixed(tag + 20);
        half = pow(a * 0.5 + b, g);
    }
    return fabs(half - 0.2140) < 0.0015;
}

/* Colorants of IEC 61966-2-1 adapted to D50, as every maker of sRGB profiles rounds them. */
static bool is_srgb(const uint8_t *icc, size_t n)
{
    return has_colorant(icc, n, "rXYZ", (const double[]){0.4361, 0.2225, 0.0139}) &&
           has_colorant(icc, n, "gXYZ", (const double[]){0.3851, 0.7169, 0.0971}) &&
           has_colorant(icc, n, "bXYZ", (const double[]){0.1431, 0.0606, 0.7141}) &&
           has_srgb_curve(icc, n, "rTRC") && has_srgb_curve(icc, n, "gTRC") &&
           has_srgb_curve(icc, n, "bTRC");
}

enum profile_use profile_use(const uint8_t *icc, size_t n, int colours)
{
    const char *space = colours == 1 ? "GRAY" : colours == 3 ? "RGB " : "CMYK";

    if (!n)
        return PROFILE_NONE;
    if (n < 132 || memcmp(icc + 36, "acsp", 4) != 0 || memcmp(icc + 16, space, 4) != 0)
        return PROFILE_BROKEN;
    return colours == 3 && is_srgb(icc, n) ? PROFILE_NONE : PROFILE_APPLY;
}
