/* pickle.h -- the part of Python's pickle that a file of arrays uses, and nothing that runs code.
 *
 * A stack machine over values in one growing table; values refer to each other by index, so the
 * data cannot make it recurse. Calls are looked up in a fixed list of four (numpy's array and
 * dtype constructors and the byte decoder of protocol 2); any other name is refused before
 * anything is done with it. Protocols 2 to 4. */
#ifndef ENGINE_PICKLE_H
#define ENGINE_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum pickle_type {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_FLOAT,
    PICKLE_TEXT, /* UTF-8 bytes */
    PICKLE_BYTES,
    PICKLE_TUPLE, /* also LIST and DICT: items first..; a dict's keys and values alternate */
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_CALLABLE,
    PICKLE_DTYPE, /* bytes: "f4" ...; number: 1 when big-endian */
    PICKLE_ARRAY, /* items: dtype, shape tuple, fortran bool, bytes */
    PICKLE_MARK,
};

struct pickle_value {
    enum pickle_type type;
    int64_t number; /* BOOL, INT, CALLABLE */
    double real;
    const char *bytes; /* TEXT, BYTES, DTYPE; not ended by 0; borrowed from the input or owned */
    size_t size;       /* bytes, or number of items */
    uint32_t *items;   /* indices of values; owned by the pickle */
    size_t cap;
};

struct pickle {
    struct pickle_value *values;
    size_t count, cap;
    char **owned; /* decoded bytes */
    size_t owned_count, owned_cap;
    uint32_t top; /* the value that the file holds */
};

/* Reads one pickle out of `n` bytes, which must stay for the life of `out`. ERR_INPUT names the
 * byte position and what stands there. On failure `out` is empty. */
int pickle_read(struct pickle *out, const char *bytes, size_t n, struct err *err);
void pickle_release(struct pickle *p); /* safe on a zeroed one */

const struct pickle_value *pickle_at(const struct pickle *p, uint32_t index);

/* True when a TEXT or DTYPE value reads `text`. */
int pickle_is_text(const struct pickle_value *v, const char *text);

#endif
