#include "common/sha256.h"

#include <errno.h>
#include <nettle/base16.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <unistd.h>

static void finish(char out[SHA256_HEX_SIZE], struct sha256_ctx *state)
{
    uint8_t digest[SHA256_DIGEST_SIZE];

    sha256_digest(state, sizeof(digest), digest);
    base16_encode_update(out, sizeof(digest), digest);
    out[SHA256_HEX_SIZE - 1] = 0;
}

void sha256_hex(char out[SHA256_HEX_SIZE], const void *bytes, size_t n)
{
    struct sha256_ctx state;

    sha256_init(&state);
    sha256_update(&state, n, bytes);
    finish(out, &state);
}

static int digest_all(char out[SHA256_HEX_SIZE], int fd, bool from_start, size_t *size,
                      struct err *err)
{
    uint8_t chunk[65536];
    struct sha256_ctx state;
    size_t total = 0;

    sha256_init(&state);
    for (;;) {
        ssize_t n = from_start ? pread(fd, chunk, sizeof(chunk), (off_t)total)
                               : read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_AGAIN, "read: %s", strerror(errno));
        if (n == 0)
            break;
        sha256_update(&state, (size_t)n, chunk);
        total += (size_t)n;
    }
    finish(out, &state);
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
