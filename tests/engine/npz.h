/* npz.h -- NumPy's .npz archives as far as the recorded numbers use them: zip with deflate or
 * stored members, .npy version 1 or 2, C order, little-endian. For tests only: trusts the file. */
#ifndef TESTS_ENGINE_NPZ_H
#define TESTS_ENGINE_NPZ_H

#include <stddef.h>

struct npy {
    char type[4]; /* "f4", "f8", "u1" */
    int rank;
    long shape[8];
    size_t count;
    void *data; /* free(npy.bytes) */
    void *bytes;
};

/* The member `name` ("logits", without .npy) of the archive; 0, or -1 when it is not there. */
int npz_read(struct npy *out, const char *path, const char *name);
void npy_release(struct npy *a);

/* Value i as double whatever the type. */
double npy_value(const struct npy *a, size_t i);

#endif
