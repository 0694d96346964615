/* sha256.h -- SHA-256 through nettle, which uses the processor's own instructions where it has them;
 * the one digest of originals, models and reports. */
#ifndef COMMON_SHA256_H
#define COMMON_SHA256_H

#include <stddef.h>

#include "common/err.h"

#define SHA256_HEX_SIZE 65 /* 64 digits and the 0 */

void sha256_hex(char out[SHA256_HEX_SIZE], const void *bytes, size_t n);

/* Digest of what is left to read from `fd` (its offset moves to the end). ERR_AGAIN on an I/O
 * error. `size` receives the number of bytes read; NULL when not wanted. */
int sha256_hex_fd(char out[SHA256_HEX_SIZE], int fd, size_t *size, struct err *err);

/* Digest of the whole file from its first byte; `fd`'s offset is left alone. */
int sha256_hex_fd_at_start(char out[SHA256_HEX_SIZE], int fd, struct err *err);

#endif
