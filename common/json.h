/* json.h -- JSON through jansson; this header is its one door.
 *
 * The types and constructors are jansson's own (json_t, json_object_set_new, json_pack ...).
 * Added here: files, and readers that name the missing or mistyped key. jansson makes no string of
 * bytes that are not UTF-8: put text from outside through json_text. */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* A new string; bytes that are not UTF-8 are written as text_add_name does. NULL when
 * memory is gone or the text is over 1 MiB. */
json_t *json_text(const char *bytes);

/* The same, cut to what a field of `size` bytes takes at the other end: what is no clean text is three
 * times as long when it is. */
json_t *json_text_cut(const char *bytes, size_t size);

/* A number rounded to `decimals` places, so that files do not carry the noise of the last bits;
 * null when `value` is NAN or infinite. */
json_t *json_rounded(double value, int decimals);

/* Building with one look at the end, as with struct buf: when `value` is NULL or there is no memory
 * for it, `*to` is given up and becomes NULL, and stays so. Both take `value` over. Nothing is left out
 * of a record in silence. */
void json_put(json_t **to, const char *key, json_t *value);
void json_add(json_t **to, json_t *value);

/* Parse one JSON text. ERR_INPUT names `what` and the line, ERR_NOMEM `what`. The caller owns the
 * result. */
json_t *json_parse(const char *bytes, size_t n, const char *what, struct err *err);

/* The same for a file of at most `size_max` bytes; a missing file is ERR_INPUT. */
json_t *json_read(const char *path, size_t size_max, struct err *err);

/* Numbers are written with 15 significant digits. */

/* Write sorted, indented JSON and a newline through file_write (see file.h). Takes no ownership. */
int json_write(const char *path, const json_t *value, struct err *err);

/* The same through file_draft; file_adopt puts it in its place. */
int json_draft(const char *path, const json_t *value, struct err *err);

/* One line without newline, sorted keys; free() it. NULL when memory is gone. */
char *json_line(const json_t *value);

/* Readers: `*out` is borrowed from `object`. ERR_INPUT names `key`. */
int json_get_text(const json_t *object, const char *key, const char **out, struct err *err);
int json_get_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out,
                 struct err *err);
int json_get_number(const json_t *object, const char *key, double *out, struct err *err);

/* Text of `key`, or `otherwise` when it is missing or null. */
const char *json_text_or(const json_t *object, const char *key, const char *otherwise);
double json_number_or(const json_t *object, const char *key, double otherwise);

#endif
