/* buf.h -- a growing byte buffer that cannot grow past the limit it was made with.
 *
 * Failure is sticky: after an append that would pass the limit (or finds no memory) every later
 * append does nothing, and buf_check says what went wrong. A writer may so put together a whole
 * page and look once, at the end. The bytes are always followed by one 0 that `len` does not
 * count. Not for use by two threads at once. */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stddef.h>

#include "common/err.h"

struct buf {
    char *data; /* NULL until the first append */
    size_t len, cap;
    size_t max;           /* bytes, the 0 not counted */
    enum err_code failed; /* ERR_OK, ERR_LIMIT or ERR_NOMEM */
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b); /* safe on a zeroed one; leaves it zeroed */

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_add_text(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_clear(struct buf *b); /* len 0, memory and limit kept, failure forgotten */

/* 0 when every append succeeded, else -1 with ERR_LIMIT or ERR_NOMEM; `what` names the content. */
int buf_check(const struct buf *b, const char *what, struct err *err);

/* Move the bytes out; the caller frees them with free(). Never NULL unless memory is gone. */
char *buf_take(struct buf *b);

#endif
