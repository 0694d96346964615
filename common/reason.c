#include "common/reason.h"

static const struct {
    const char *word, *text;
} reasons[] = {
#define X(name, word, text) {word, text},
    REASON_MAP(X)
#undef X
};

const char *reason_word(enum reason r)
{
    return reasons[r < REASON_COUNT ? r : REASON_INTERNAL].word;
}

const char *reason_text(enum reason r)
{
    return reasons[r < REASON_COUNT ? r : REASON_INTERNAL].text;
}

enum reason reason_of(const char *word)
{
    for (int i = 0; i < REASON_COUNT; i++)
        if (!strcmp(reasons[i].word, word))
            return (enum reason)i;
    return REASON_INTERNAL;
}
