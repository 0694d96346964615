#include "preprocess/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int verdict_refuse(struct verdict *v, enum reason reason, const char *fmt, ...)
{
    va_list ap;

    if (v->reason != REASON_NONE)
        return -1;
    v->reason = reason;
    va_start(ap, fmt);
    vsnprintf(v->text, sizeof(v->text), fmt, ap);
    va_end(ap);
    return -1;
}

void verdict_note(struct verdict *v, bool degrades, const char *text)
{
    v->is_degraded |= degrades;
    if (!v->note[0])
        snprintf(v->note, sizeof(v->note), "%s", text);
}

/* libvips hands on what the libraries below it say as text only. What is not listed here counts as
 * damage: a guess is worse than a retake. Ancillary chunks and tags that a viewer does not know
 * leave the pixels whole, so they do not degrade. */
static const struct {
    const char *part; /* of the message */
    enum reason reason;
    bool degrades;
} known[] = {
    {"known incorrect sRGB profile", REASON_NONE,          false}, /* libpng; old Photoshop */
    {"iCCP: ",                       REASON_NONE,          false}, /* libpng; profile left out */
    {"tEXt: ",                       REASON_NONE,          false},
    {"zTXt: ",                       REASON_NONE,          false},
    {"iTXt: ",                       REASON_NONE,          false},
    {"eXIf: ",                       REASON_NONE,          false},
    {"cHRM",                         REASON_NONE,          false},
    {"gAMA: ",                       REASON_NONE,          false},
    {"sBIT: ",                       REASON_NONE,          false},
    {"tIME: ",                       REASON_NONE,          false},
    {"pHYs: ",                       REASON_NONE,          false},
    {"bKGD: ",                       REASON_NONE,          false},
    {"text chunks, only",            REASON_NONE,          false}, /* vips png */
    {"Unknown field with tag",       REASON_NONE,          false}, /* libtiff */
    {"tag ignored",                  REASON_NONE,          false}, /* libtiff: null count */
    {"unknown EXIF resolution unit", REASON_NONE,          false},
    {"error reading resolution",     REASON_NONE,          false},
    {"unknown JFIF resolution unit", REASON_NONE,          false},
    {"ignoring nclx profile",        REASON_NONE,          false}, /* vips heif */
    {"exif: ",                       REASON_NONE,          false},
    {"failed to allocate",           REASON_DECODE_MEMORY, false}, /* glib */
    {"out of memory",                REASON_DECODE_MEMORY, false},
    {"Out of memory",                REASON_DECODE_MEMORY, false},
    {"nsufficient memory",           REASON_DECODE_MEMORY, false}, /* libpng, libjpeg in TIFF */
    {"Memory allocation",            REASON_DECODE_MEMORY, false}, /* libheif */
    {"Security limit exceeded",      REASON_TOO_LARGE,     false}, /* libheif */
    {"Unsupported feature",          REASON_UNSUPPORTED,   false}, /* libheif */
    {"compression support is not",   REASON_UNSUPPORTED,   false}, /* libtiff */
    {"Compression scheme",           REASON_UNSUPPORTED,   false}, /* libtiff */
    {"unsupported",                  REASON_UNSUPPORTED,   false}, /* vips tiff, png */
};

int verdict_message(struct verdict *v, const char *message)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (!strstr(message, known[i].part))
            continue;
        if (known[i].reason != REASON_NONE)
            return verdict_refuse(v, known[i].reason, "%s", message);
        verdict_note(v, known[i].degrades, message);
        return 0;
    }
    return verdict_refuse(v, REASON_DAMAGED, "%s", message);
}
