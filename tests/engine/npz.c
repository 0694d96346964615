#include "tests/engine/npz.h"

#include <zlib.h>

#include "common/file.h"

enum { ARCHIVE_MAX = 256 << 20, LOCAL_SIZE = 30, CENTRAL_SIZE = 46 };

static unsigned long number(const unsigned char *at, int bytes)
{
    unsigned long n = 0;

    for (int i = bytes - 1; i >= 0; i--)
        n = n << 8 | at[i];
    return n;
}

/* One member's bytes, `size` of them, from its local header on. */
static unsigned char *unpack(const unsigned char *local, size_t packed, size_t size, int deflated)
{
    const unsigned char *from = local + LOCAL_SIZE + number(local + 26, 2) + number(local + 28, 2);
    unsigned char *out = malloc(size + 1);
    z_stream z = {.next_in = (unsigned char *)(size_t)from,
                  .avail_in = (unsigned)packed,
                  .next_out = out,
                  .avail_out = (unsigned)size};

    if (!out || inflateInit2(&z, -MAX_WBITS) != Z_OK)
        abort();
    if (!deflated)
        memcpy(out, from, size);
    else if (inflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    inflateEnd(&z);
    return out;
}

/* "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 8), }" */
static void read_header(struct npy *a, unsigned char *bytes)
{
    int wide = bytes[6] > 1; /* version 2 has a longer length */
    size_t length = number(bytes + 8, wide ? 4 : 2);
    char *header = strndup((char *)bytes + (wide ? 12 : 10), length);
    char *descr = strstr(header, "'descr': '"), *shape = strstr(header, "'shape': (");

    memcpy(a->type, descr + 11, 2);
    a->count = 1;
    for (char *at = shape + 10; *at != ')';) {
        if (*at == ',' || *at == ' ') {
            at++;
            continue;
        }
        a->shape[a->rank] = strtol(at, &at, 10);
        a->count *= (size_t)a->shape[a->rank++];
    }
    free(header);
    a->bytes = bytes;
    a->data = bytes + (wide ? 12 : 10) + length;
}

int npz_read(struct npy *out, const char *path, const char *name)
{
    struct buf file;
    struct err err = {0};
    char wanted[256];
    int ret = -1;

    snprintf(wanted, sizeof(wanted), "%s.npy", name);
    *out = (struct npy){0};
    buf_init(&file, ARCHIVE_MAX);
    if (file_read(path, &file, &err))
        return -1;
    const unsigned char *base = (unsigned char *)file.data, *end = base + file.len - 22;
    const unsigned char *at = base + number(end + 16, 4);
    for (unsigned long i = 0; i < number(end + 10, 2) && ret; i++) {
        size_t length = number(at + 28, 2);
        if (length == strlen(wanted) && !memcmp(at + CENTRAL_SIZE, wanted, length)) {
            read_header(out, unpack(base + number(at + 42, 4), number(at + 20, 4),
                                    number(at + 24, 4), number(at + 10, 2) == 8));
            ret = 0;
        }
        at += CENTRAL_SIZE + length + number(at + 30, 2) + number(at + 32, 2);
    }
    buf_release(&file);
    return ret;
}

void npy_release(struct npy *a)
{
    free(a->bytes);
    *a = (struct npy){0};
}

double npy_value(const struct npy *a, size_t i)
{
    float f;
    double d;

    if (a->type[0] == 'u')
        return ((unsigned char *)a->data)[i];
    if (a->type[1] == '8') {
        memcpy(&d, (char *)a->data + 8 * i, 8);
        return d;
    }
    memcpy(&f, (char *)a->data + 4 * i, 4);
    return f;
}
