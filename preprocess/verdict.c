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
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see va_start here
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
 * leave the pixels whole, so none of these degrades. */
static const struct {
    const char *part; /* of the message */
    enum reason reason;
} known[] = {
    {"known incorrect sRGB profile", REASON_NONE         }, /* libpng; old Photoshop */
    {"iCCP: ",                       REASON_NONE         }, /* libpng; profile left out */
    {"tEXt: ",                       REASON_NONE         },
    {"zTXt: ",                       REASON_NONE         },
    {"iTXt: ",                       REASON_NONE         },
    {"eXIf: ",                       REASON_NONE         },
    {"cHRM",                         REASON_NONE         },
    {"gAMA: ",                       REASON_NONE         },
    {"sBIT: ",                       REASON_NONE         },
    {"tIME: ",                       REASON_NONE         },
    {"pHYs: ",                       REASON_NONE         },
    {"bKGD: ",                       REASON_NONE         },
    {"text chunks, only",            REASON_NONE         }, /* vips png */
    {"Unknown field with tag",       REASON_NONE         }, /* libtiff */
    {"tag ignored",                  REASON_NONE         }, /* libtiff: null count */
    {"unknown EXIF resolution unit", REASON_NONE         },
    {"error reading resolution",     REASON_NONE         },
    {"unknown JFIF resolution unit", REASON_NONE         },
    {"ignoring nclx profile",        REASON_NONE         }, /* vips heif */
    {"exif: ",                       REASON_NONE         },
    {"IO error during reading",      REASON_TRUNCATED    }, /* libtiff: past the end */
    {"Read error",                   REASON_TRUNCATED    }, /* libtiff */
    {"nd of file",                   REASON_TRUNCATED    }, /* libheif */
    {"failed to allocate",           REASON_DECODE_MEMORY}, /* glib */
    {"out of memory",                REASON_DECODE_MEMORY},
    {"Out of memory",                REASON_DECODE_MEMORY},
    {"nsufficient memory",           REASON_DECODE_MEMORY}, /* libpng, libjpeg in TIFF */
    {"Memory allocation",            REASON_DECODE_MEMORY}, /* libheif */
    {"Security limit exceeded",      REASON_TOO_LARGE    }, /* libheif */
    {"Unsupported feature",          REASON_UNSUPPORTED  }, /* libheif */
    {"compression support is not",   REASON_UNSUPPORTED  }, /* libtiff */
    {"Compression scheme",           REASON_UNSUPPORTED  }, /* libtiff */
    {"unsupported",                  REASON_UNSUPPORTED  }, /* vips tiff, png */
};

/* libheif looks for one more box behind the last one; what is missing before, it reports. */
static const char silent[] = "source: bad seek";

int verdict_message(struct verdict *v, const char *message)
{
    if (strstr(message, silent))
        return 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (!strstr(message, known[i].part))
            continue;
        if (known[i].reason != REASON_NONE)
            return verdict_refuse(v, known[i].reason, "%s", message);
        verdict_note(v, false, message);
        return 0;
    }
    return verdict_refuse(v, REASON_DAMAGED, "%s", message);
}
