#include "scheduler/studies.h"

void studies_release(struct studies *k)
{
    for (int i = 0; i < STUDIES_KEPT; i++)
        if (k->kept[i].used)
            study_release(&k->kept[i].study);
    memset(k, 0, sizeof(*k));
}

/* The slot of the study, or the one that was not used for the longest time. */
static int slot_for(const struct studies *k, uint32_t place)
{
    int oldest = 0;

    for (int i = 0; i < STUDIES_KEPT; i++) {
        if (k->kept[i].used && k->kept[i].place == place)
            return i;
        if (k->kept[i].used < k->kept[oldest].used)
            oldest = i;
    }
    return oldest;
}

static int load(struct studies *k, int slot, const struct spool *spool, const struct index *x,
                uint32_t place, struct err *err)
{
    struct study study;
    char dir[SPOOL_PATH_SIZE];

    if (spool_study_dir(spool, index_upload_of(x, place), x->studies[place].key, dir, err) ||
        spool_study_read(dir, &study, err))
        return -1;
    if (k->kept[slot].used)
        study_release(&k->kept[slot].study);
    k->kept[slot].study = study;
    k->kept[slot].place = place;
    memcpy(k->kept[slot].dir, dir, sizeof(dir));
    return 0;
}

int studies_image(struct studies *k, const struct spool *spool, const struct index *x,
                  uint32_t image, const struct study_image **out, const char **dir, struct err *err)
{
    uint32_t place = index_study_of_image(x, image);
    int slot = slot_for(k, place);

    if (!(k->kept[slot].used && k->kept[slot].place == place) &&
        load(k, slot, spool, x, place, err))
        return -1;
    k->kept[slot].used = ++k->uses;
    const struct study *study = &k->kept[slot].study;
    uint32_t at = image - x->studies[place].first; /* same order as when it was indexed */
    if (at >= (uint32_t)study->n_images || study->images[at].n != x->images[image].n)
        return err_set(err, ERR_INPUT, "study %s changed after it was accepted", study->key);
    *out = &study->images[at];
    *dir = k->kept[slot].dir;
    return 0;
}
