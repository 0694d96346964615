#include "scheduler/seats.h"

#include "common/token.h"

static bool is_there(const struct seats *seats, const char *address, size_t n)
{
    for (int i = 0; i < seats->n; i++)
        if (strlen(seats->at[i]) == n && !memcmp(seats->at[i], address, n))
            return true;
    return false;
}

static int add(struct seats *seats, const char *address, size_t n, struct err *err)
{
    int shown = (int)(n < 100 ? n : 100);

    if (seats->n == SEATS_MAX)
        return err_set(err, ERR_CONFIG, "seats: more than %d", SEATS_MAX);
    if (n >= sizeof(seats->at[0]) || !memchr(address, ':', n) || memchr(address, ' ', n))
        return err_set(err, ERR_CONFIG, "seats: \"%.*s\" is no host:port", shown, address);
    if (is_there(seats, address, n))
        return err_set(err, ERR_CONFIG, "seats: %.*s twice; each machine has a seat of its own",
                       shown, address);
    memcpy(seats->at[seats->n], address, n);
    seats->at[seats->n++][n] = 0;
    return 0;
}

int seats_read(struct seats *out, const struct settings *settings, struct err *err)
{
    const char *at = settings->seats;
    char token[TOKEN_SIZE]; /* a seat's; it is looked at before there is any work */

    *out = (struct seats){0};
    if (!*at)
        return 0;
    if (token_read(token, settings->token, err))
        return -1;
    for (;;) {
        size_t n = strcspn(at, ",");
        if (add(out, at, n, err))
            return -1;
        if (!at[n])
            return 0;
        at += n + 1;
    }
}
