#include "queue/unique.h"

#include <ctype.h>
#include <stdint.h>

struct unique_slot {
    char *name; /* folded; NULL = free */
    int scope;
    bool is_claimed;
    int next; /* the suffix to try next; 0 = none tried */
};

static int fail(struct err *err)
{
    return err_set(err, ERR_NOMEM, "names of the upload: out of memory");
}

void unique_release(struct unique *u)
{
    for (size_t i = 0; i < u->cap; i++)
        free(u->slots[i].name);
    free(u->slots);
    *u = (struct unique){0};
}

/* FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv). */
static uint64_t hash(int scope, const char *name)
{
    uint64_t h = UINT64_C(14695981039346656037) ^ (uint64_t)(uint32_t)scope;

    h *= UINT64_C(1099511628211);
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return h;
}

/* The slot that holds the name, or the free one where it belongs. */
static struct unique_slot *seek(struct unique_slot *slots, size_t cap, int scope, const char *name)
{
    size_t at = (size_t)hash(scope, name) & (cap - 1);

    while (slots[at].name && (slots[at].scope != scope || strcmp(slots[at].name, name) != 0))
        at = (at + 1) & (cap - 1);
    return &slots[at];
}

static int grow(struct unique *u, struct err *err)
{
    size_t cap = u->cap ? 2 * u->cap : 256;

    if (u->n < u->cap / 2)
        return 0;
    struct unique_slot *slots = calloc(cap, sizeof(*slots));
    if (!slots)
        return fail(err);
    for (size_t i = 0; i < u->cap; i++)
        if (u->slots[i].name)
            *seek(slots, cap, u->slots[i].scope, u->slots[i].name) = u->slots[i];
    free(u->slots);
    u->slots = slots;
    u->cap = cap;
    return 0;
}

static char *fold(const struct unique *u, const char *name)
{
    char *copy = strdup(name);
    size_t n = copy && u->folds ? strlen(copy) : 0;

    while (n && copy[n - 1] == '.')
        copy[--n] = 0;
    for (size_t i = 0; i < n; i++)
        copy[i] = (char)tolower((unsigned char)copy[i]); /* "C" locale: ASCII letters */
    return copy;
}

/* The name's slot, made when it is not there; NULL = out of memory. */
static struct unique_slot *put(struct unique *u, int scope, const char *name, struct err *err)
{
    char *key = fold(u, name);

    if (!key || grow(u, err)) {
        free(key);
        fail(err);
        return NULL;
    }
    struct unique_slot *slot = seek(u->slots, u->cap, scope, key);
    if (slot->name) {
        free(key);
        return slot;
    }
    *slot = (struct unique_slot){.name = key, .scope = scope};
    u->n++;
    return slot;
}

int unique_reserve(struct unique *u, int scope, const char *name, struct err *err)
{
    return put(u, scope, name, err) ? 0 : -1;
}

char *unique_claim(struct unique *u, int scope, const char *name, struct err *err)
{
    struct unique_slot *slot = put(u, scope, name, err);
    size_t size = strlen(name) + 16;
    char *made = slot ? malloc(size) : NULL;
    int suffix;

    if (!made) {
        fail(err);
        return NULL;
    }
    if (!slot->is_claimed) {
        slot->is_claimed = true;
        memcpy(made, name, size - 15);
        return made;
    }
    for (suffix = slot->next ? slot->next : 2;; suffix++) {
        snprintf(made, size, "%s-%d", name, suffix);
        char *key = fold(u, made);
        bool is_taken = key && seek(u->slots, u->cap, scope, key)->name;
        free(key);
        if (!key) {
            free(made);
            fail(err);
            return NULL;
        }
        if (!is_taken)
            break;
    }
    slot->next = suffix + 1;
    struct unique_slot *own = put(u, scope, made, err);
    if (!own) {
        free(made);
        return NULL;
    }
    own->is_claimed = true;
    return made;
}
