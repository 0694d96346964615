#include "common/sha256.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <unistd.h>

static void to_hex(char out[SHA256_HEX_SIZE], const unsigned char digest[crypto_hash_sha256_BYTES])
{
    sodium_bin2hex(out, SHA256_HEX_SIZE, digest, crypto_hash_sha256_BYTES);
}

void sha256_hex(char out[SHA256_HEX_SIZE], const void *bytes, size_t n)
{
    unsigned char digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, bytes, n);
    to_hex(out, digest);
}

static int digest_all(char out[SHA256_HEX_SIZE], int fd, bool from_start, size_t *size,
                      struct err *err)
{
    unsigned char chunk[65536], digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    size_t total = 0;

    crypto_hash_sha256_init(&state);
    for (;;) {
        ssize_t n = from_start ? pread(fd, chunk, sizeof(chunk), (off_t)total)
                               : read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_AGAIN, "read: %s", strerror(errno));
        if (n == 0)
            break;
        crypto_hash_sha256_update(&state, chunk, (unsigned long long)n);
        total += (size_t)n;
    }
    crypto_hash_sha256_final(&state, digest);
    to_hex(out, digest);
    if (size)
        *size = total;
    return 0;
}

int sha256_hex_fd(char out[SHA256_HEX_SIZE], int fd, size_t *size, struct err *err)
{
    return digest_all(out, fd, false, size, err);
}

int sha256_hex_fd_at_start(char out[SHA256_HEX_SIZE], int fd, struct err *err)
{
    return digest_all(out, fd, true, NULL, err);
}
