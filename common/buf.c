#include "common/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>

void buf_init(struct buf *b, size_t max)
{
    /* Half of the address space, so that no sum or doubling below can wrap. */
    *b = (struct buf){.max = max < SIZE_MAX / 2 ? max : SIZE_MAX / 2};
}

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = ERR_OK;
    if (b->data)
        b->data[0] = 0;
}

/* Room for `n` more bytes and the 0 behind them. */
static int reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return -1;
    if (n > b->max || b->len > b->max - n) {
        b->failed = ERR_LIMIT;
        return -1;
    }
    size_t need = b->len + n + 1;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < need)
        cap *= 2;
    char *grown = realloc(b->data, cap);
    if (!grown) {
        b->failed = ERR_NOMEM;
        return -1;
    }
    b->data = grown;
    b->cap = cap;
    return 0;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    if (reserve(b, n))
        return;
    assert(b->data);
    if (n)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = 0;
}

void buf_add_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 && !b->failed)
        b->failed = ERR_LIMIT; /* over INT_MAX bytes */
    if (n < 0 || reserve(b, (size_t)n))
        return;
    va_start(ap, fmt);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

int buf_check(const struct buf *b, const char *what, struct err *err)
{
    if (b->failed == ERR_LIMIT)
        return err_set(err, ERR_LIMIT, "%s: longer than the limit of %zu bytes", what, b->max);
    if (b->failed)
        return err_set(err, b->failed, "%s: out of memory", what);
    return 0;
}

char *buf_take(struct buf *b)
{
    if (!b->data)
        buf_add(b, "", 0);
    char *data = b->data;
    *b = (struct buf){.max = b->max};
    return data;
}
