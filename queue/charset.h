/* charset.h -- the bytes of a text file as UTF-8 without a byte order mark. */
#ifndef QUEUE_CHARSET_H
#define QUEUE_CHARSET_H

#include "common/buf.h"
#include "common/err.h"

/* Append `in` (of `n` bytes in `encoding`, "" = UTF-8) to `out`. ERR_CONFIG names `what` and the
 * line that does not fit the encoding, and suggests another; zero bytes are refused too. */
int charset_to_utf8(struct buf *out, const char *in, size_t n, const char *encoding,
                    const char *what, struct err *err);

/* The way back for one name: -1, without a message, when it has no form in `encoding`. */
int charset_from_utf8(struct buf *out, const char *text, const char *encoding);

#endif
