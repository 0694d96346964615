#include "common/text.h"

#include <ctype.h>

#include "common/sha256.h"

/* Length of the UTF-8 sequence at `s`, 0 when it is none. RFC 3629, table 3-7 of Unicode. */
static size_t sequence_length(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max, length;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1},
        {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        if (s[0] < forms[i].first_min || s[0] > forms[i].first_max)
            continue;
        if (forms[i].length > n)
            return 0;
        if (forms[i].length > 1 && (s[1] < forms[i].second_min || s[1] > forms[i].second_max))
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if ((s[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

bool text_is_utf8(const char *bytes, size_t n)
{
    const unsigned char *s = (const unsigned char *)bytes;

    for (size_t i = 0; i < n;) {
        size_t len = sequence_length(s + i, n - i);
        if (!len)
            return false;
        i += len;
    }
    return true;
}

static bool has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

void text_add_name(struct buf *out, const char *name)
{
    if (text_is_utf8(name, strlen(name)) && !has_control(name)) {
        buf_add_text(out, name);
        return;
    }
    for (const unsigned char *s = (const unsigned char *)name; *s; s++) {
        if (*s < 0x20 || *s > 0x7e || *s == '%')
            buf_printf(out, "%%%02X", *s);
        else
            buf_add(out, s, 1);
    }
}

static const char *entity_of(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

void text_add_html(struct buf *out, const char *text)
{
    struct buf clean;

    buf_init(&clean, out->max);
    text_add_name(&clean, text);
    for (size_t i = 0; i < clean.len; i++) {
        const char *entity = entity_of(clean.data[i]);
        if (entity)
            buf_add_text(out, entity);
        else
            buf_add(out, clean.data + i, 1);
    }
    if (clean.failed && !out->failed)
        out->failed = clean.failed;
    buf_release(&clean);
}

static bool stays_in_path(unsigned char c, bool is_first)
{
    if (c == '.')
        return !is_first;
    return c == '-' || c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
}

void text_add_path_name(struct buf *out, const char *id)
{
    enum { LONGEST = 200, TAIL = 9 };
    const unsigned char *s = (const unsigned char *)id;
    size_t n = strlen(id), i = 0, start = out->len, cut = start;

    if (!n)
        buf_add_text(out, "%00"); /* no id holds a 0 byte */
    while (i < n && !out->failed) {
        size_t len = sequence_length(s + i, n - i);
        bool stays = len > 1 || (len == 1 && stays_in_path(s[i], i == 0));
        if (out->len - start + (stays ? len : 3) > LONGEST)
            break;
        if (stays)
            buf_add(out, s + i, len);
        else
            buf_printf(out, "%%%02X", s[i]);
        if (out->len - start <= LONGEST - TAIL)
            cut = out->len;
        i += len ? len : 1;
    }
    if (out->failed || i >= n)
        return;
    char hex[SHA256_HEX_SIZE];
    sha256_hex(hex, id, n);
    out->len = cut;
    buf_printf(out, "~%.8s", hex);
}

/* RFC 4648, in blocks: a display copy has hundreds of kilobytes. */
void text_add_base64(struct buf *out, const void *bytes, size_t n)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    enum { BLOCK = 3 * 1024, PAD = 64 };
    const unsigned char *s = bytes;
    char text[BLOCK / 3 * 4];

    while (n) {
        size_t block = n < BLOCK ? n : BLOCK, len = 0;
        for (size_t i = 0; i < block; i += 3) {
            unsigned left = (unsigned)(block - i);
            unsigned v = (unsigned)s[i] << 16 | (left > 1 ? (unsigned)s[i + 1] << 8 : 0) |
                         (left > 2 ? s[i + 2] : 0u);
            text[len++] = digits[v >> 18];
            text[len++] = digits[v >> 12 & 63];
            text[len++] = digits[left > 1 ? v >> 6 & 63 : PAD];
            text[len++] = digits[left > 2 ? v & 63 : PAD];
        }
        buf_add(out, text, len);
        s += block;
        n -= block;
    }
}

size_t text_cut(const char *text, size_t n)
{
    enum { CHARACTER_MAX = 4 };
    size_t whole = strnlen(text, n + 1), cut = n;

    if (whole <= n)
        return whole;
    while (cut && n - cut < CHARACTER_MAX && ((unsigned char)text[cut] & 0xc0) == 0x80)
        cut--;
    return n - cut < CHARACTER_MAX ? cut : n; /* else it is no UTF-8 */
}

void text_copy_cut(char *out, size_t size, const char *text)
{
    size_t n = text_cut(text, size - 1);

    memcpy(out, text, n);
    out[n] = 0;
}

char *text_trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t n = strlen(text);
    while (n && isspace((unsigned char)text[n - 1]))
        text[--n] = 0;
    return text;
}
