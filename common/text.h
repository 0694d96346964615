/* text.h -- bytes from outside made fit for JSON, HTML and file names. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing over U+10FFFF). */
bool text_is_utf8(const char *bytes, size_t n);

/* Cut white space at both ends, in place; the result lies within `text`. */
char *text_trim(char *text);

/* How many bytes of `text` to keep so that at most `n` are left and, where it is UTF-8, no part of a
 * character at its end: cut within one it would be UTF-8 no more, and grow when it is made clean. */
size_t text_cut(const char *text, size_t n);

/* So much of `text` into a field of `size` bytes, terminated. */
void text_copy_cut(char *out, size_t size, const char *text);

/* `name` as it stands when it is UTF-8 without control bytes, else with `%XX` for each byte over
 * 0x7e or below 0x20 and for '%' itself. This is how a file name enters JSON and HTML. */
void text_add_name(struct buf *out, const char *name);

/* With & < > " ' as entities; what is not UTF-8 goes through text_add_name's rule first. */
void text_add_html(struct buf *out, const char *text);

/* A folder or file name made of `id`: letters, digits, '-', '_', '.' and well-formed non-ASCII
 * stay, all else becomes `%XX`; a leading '.' too, and an empty id becomes "%00". At most 200 bytes: what is longer is cut and
 * ends in '~' and eight digits of the whole id's SHA-256, so different ids stay different. */
void text_add_path_name(struct buf *out, const char *id);

/* Base64 (RFC 4648), without line breaks. */
void text_add_base64(struct buf *out, const void *bytes, size_t n);

#endif
