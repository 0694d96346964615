#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/loss.h"

static const char *const words[LOSS_KINDS] = {
    [LOSS_ENTROPY] = "ce",
    [LOSS_OHEM] = "ohem",
    [LOSS_DICE] = "dice",
    [LOSS_LOVASZ] = "lovasz",
};

static int kind_of(const char *word, size_t n)
{
    for (int k = 0; k < LOSS_KINDS; k++)
        if (strlen(words[k]) == n && !strncmp(words[k], word, n))
            return k;
    return -1;
}

/* A number of at least 0 at `text`; NULL when there is none, else what follows it. */
static const char *number_at(const char *text, double *out)
{
    char *end;

    errno = 0;
    *out = strtod(text, &end);
    return end == text || errno || !isfinite(*out) || *out < 0 ? NULL : end;
}

int loss_parse(double part[LOSS_KINDS], const char *text, struct err *err)
{
    double found[LOSS_KINDS] = {0}, sum = 0;
    const char *at = text;

    for (;;) {
        size_t n = strcspn(at, "+:");
        int k = kind_of(at, n);
        double weight = 1;
        if (k < 0 || found[k] > 0)
            return err_set(err, ERR_CONFIG,
                           "loss: \"%.40s\": \"%.*s\" is none of ce, ohem, dice, lovasz, or comes "
                           "twice",
                           text, (int)(n < 20 ? n : 20), at);
        at += n;
        if (*at == ':' && !(at = number_at(at + 1, &weight)))
            return err_set(err, ERR_CONFIG, "loss: \"%.40s\": no weight of at least 0 behind %s",
                           text, words[k]);
        found[k] = weight;
        sum += weight;
        if (*at != '+')
            break;
        at++;
    }
    if (*at || sum <= 0)
        return err_set(err, ERR_CONFIG, "loss: \"%.40s\" is no sum such as ce+dice:0.5", text);
    memcpy(part, found, sizeof(found));
    return 0;
}

int loss_parse_list(double *out, int count, const char *text, const char *what, struct err *err)
{
    const char *at = text;

    for (int i = 0; i < count; i++) {
        at = number_at(at, &out[i]);
        if (!at || *at != (i + 1 < count ? ',' : 0))
            return err_set(err, ERR_CONFIG, "%s: \"%.40s\" is not %d numbers with commas between",
                           what, text, count);
        at++;
    }
    return 0;
}
