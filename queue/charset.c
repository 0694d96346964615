#include "queue/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <strings.h>

#include "common/text.h"

static int line_of(const char *bytes, size_t n)
{
    int line = 1;

    for (size_t i = 0; i < n; i++)
        line += bytes[i] == '\n';
    return line;
}

/* The first line, from 1, that is not UTF-8: no sequence goes over a line's end. */
static int bad_line(const char *bytes, size_t n)
{
    int line = 1;

    for (size_t at = 0; at < n; line++) {
        const char *end = memchr(bytes + at, '\n', n - at);
        size_t len = end ? (size_t)(end - bytes) - at + 1 : n - at;
        if (!text_is_utf8(bytes + at, len))
            return line;
        at += len;
    }
    return line;
}

static bool begins_with(const char *bytes, size_t n, const char *mark)
{
    return n >= strlen(mark) && !memcmp(bytes, mark, strlen(mark));
}

static int copy_utf8(struct buf *out, const char *in, size_t n, const char *what, struct err *err)
{
    if (begins_with(in, n, "\xff\xfe") || begins_with(in, n, "\xfe\xff"))
        return err_set(err, ERR_CONFIG, "%s:1: this is UTF-16; try --encoding UTF-16", what);
    if (!text_is_utf8(in, n))
        return err_set(err, ERR_CONFIG,
                       "%s:%d: not UTF-8; if the file comes from a Chinese Windows, try "
                       "--encoding GB18030, from a Western one, --encoding CP1252",
                       what, bad_line(in, n));
    buf_add(out, in, n);
    return 0;
}

/* One iconv pass; -1 with errno as iconv left it. `*done` receives the bytes of `in` used. */
static int convert(iconv_t to, struct buf *out, const char *in, size_t n, size_t *done)
{
    char chunk[4096];
    char *from = (char *)(uintptr_t)in; /* iconv(3) reads it only, its prototype is older */
    size_t left = n;

    for (;;) {
        char *at = chunk;
        size_t room = sizeof(chunk);
        /* The last call, without input, writes what the encoding still holds back. */
        bool is_last = left == 0;
        size_t ret = iconv(to, is_last ? NULL : &from, is_last ? NULL : &left, &at, &room);
        int e = errno;
        buf_add(out, chunk, sizeof(chunk) - room);
        *done = n - left;
        if (ret == (size_t)-1 && e != E2BIG) {
            errno = e;
            return -1;
        }
        if (ret != (size_t)-1 && is_last)
            return 0;
    }
}

static int convert_utf8(struct buf *out, const char *in, size_t n, const char *encoding,
                        const char *what, struct err *err)
{
    size_t start = out->len, done;
    iconv_t to = iconv_open("UTF-8", encoding);

    if (to == (iconv_t)-1)
        return err_set(err, ERR_CONFIG, "--encoding %.40s: no such character set (see iconv -l)",
                       encoding);
    int ret = convert(to, out, in, n, &done);
    iconv_close(to);
    if (ret)
        return err_set(err, ERR_CONFIG, "%s:%d: not %.40s; is it another --encoding?", what,
                       line_of(out->data ? out->data + start : "", out->len - start), encoding);
    return 0;
}

int charset_to_utf8(struct buf *out, const char *in, size_t n, const char *encoding,
                    const char *what, struct err *err)
{
    struct buf text;
    bool is_utf8 = !encoding[0] || !strcasecmp(encoding, "UTF-8") || !strcasecmp(encoding, "UTF8");
    int ret;

    buf_init(&text, out->max);
    ret = is_utf8 ? copy_utf8(&text, in, n, what, err)
                  : convert_utf8(&text, in, n, encoding, what, err);
    if (!ret)
        ret = buf_check(&text, what, err);
    const char *bytes = text.data ? text.data : "";
    const char *zero = memchr(bytes, 0, text.len);
    if (!ret && zero)
        ret = err_set(err, ERR_CONFIG, "%s:%d: a zero byte; this is no text file, or UTF-16", what,
                      line_of(bytes, (size_t)(zero - bytes)));
    size_t mark = begins_with(bytes, text.len, "\xef\xbb\xbf") ? 3 : 0;
    if (!ret) {
        buf_add(out, bytes + mark, text.len - mark);
        ret = buf_check(out, what, err);
    }
    buf_release(&text);
    return ret;
}

int charset_from_utf8(struct buf *out, const char *text, const char *encoding)
{
    size_t done;
    iconv_t to = iconv_open(encoding, "UTF-8");

    if (to == (iconv_t)-1)
        return -1;
    int ret = convert(to, out, text, strlen(text), &done);
    iconv_close(to);
    return ret || out->failed ? -1 : 0;
}
