#include "queue/marks.h"

#include <stdlib.h>

/* FNV-1a, 64 bits. */
static uint64_t hash(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h;
}

int marks_add(struct marks *m, const char *text, struct err *err)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 1024;
        uint64_t *grown = realloc(m->at, cap * sizeof(*grown));
        if (!grown)
            return err_set(err, ERR_NOMEM, "a set of %zu texts", cap);
        m->at = grown;
        m->cap = cap;
    }
    m->at[m->n++] = hash(text);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

void marks_sort(struct marks *m)
{
    if (m->n)
        qsort(m->at, m->n, sizeof(*m->at), by_value);
}

bool marks_have(const struct marks *m, const char *text)
{
    uint64_t key = hash(text);

    return m->n && bsearch(&key, m->at, m->n, sizeof(*m->at), by_value);
}

void marks_release(struct marks *m)
{
    free(m->at);
    *m = (struct marks){0};
}
