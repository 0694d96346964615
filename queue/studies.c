#include "queue/studies.h"

#include <stdlib.h>

void studies_release(struct studies *k)
{
    for (int i = 0; i < STUDIES_KEPT; i++)
        if (k->kept[i].used)
            study_release(&k->kept[i].study);
    memset(k, 0, sizeof(*k));
}

/* The slot of the study, or the one that was not used for the longest time. */
static int slot_for(const struct studies *k, const char *study_dir, bool *is_there)
{
    int oldest = 0;

    *is_there = true;
    for (int i = 0; i < STUDIES_KEPT; i++) {
        if (k->kept[i].used && !strcmp(k->kept[i].dir, study_dir))
            return i;
        if (k->kept[i].used < k->kept[oldest].used)
            oldest = i;
    }
    *is_there = false;
    return oldest;
}

static int load(struct studies *k, int slot, const char *study_dir, struct err *err)
{
    struct study study;

    if (spool_study_read(study_dir, &study, err))
        return -1;
    if (k->kept[slot].used)
        study_release(&k->kept[slot].study);
    k->kept[slot].study = study;
    snprintf(k->kept[slot].dir, sizeof(k->kept[slot].dir), "%s", study_dir);
    return 0;
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - ((const struct study_image *)b)->n;
}

int studies_image(struct studies *k, const char *study_dir, int n, const struct study_image **out,
                  struct err *err)
{
    bool is_there;
    int slot = slot_for(k, study_dir, &is_there);

    if (!is_there && load(k, slot, study_dir, err))
        return -1;
    k->kept[slot].used = ++k->uses;
    const struct study *study = &k->kept[slot].study;
    *out = bsearch(&n, study->images, (size_t)study->n_images, sizeof(*study->images), compare);
    return *out ? 0 : err_set(err, ERR_INPUT, "study %s has no image %d", study->key, n);
}
