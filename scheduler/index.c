#include "scheduler/index.h"

#include <assert.h>

#include "queue/spool.h"

enum { FIRST_ROOM = 64 };

void index_release(struct index *x)
{
    free(x->uploads);
    free(x->studies);
    free(x->images);
    free(x->slots);
    *x = (struct index){0};
}

/* Room for `more` rows of `size` bytes behind the `n` there are. */
static int reserve(void **rows, uint32_t *cap, uint32_t n, uint32_t more, size_t size,
                   struct err *err)
{
    if (more > UINT32_MAX / 4 - n)
        return err_set(err, ERR_LIMIT, "index: more than %u rows", UINT32_MAX / 4);
    if (n + more <= *cap)
        return 0;
    uint32_t want = *cap ? *cap : FIRST_ROOM;
    while (want < n + more)
        want *= 2;
    void *grown = realloc(*rows, (size_t)want * size);
    if (!grown)
        return err_set(err, ERR_NOMEM, "index: no memory for %u rows of %zu bytes", want, size);
    *rows = grown;
    *cap = want;
    return 0;
}

/* FNV-1a over "<upload>/<key>". */
static uint32_t hash_of(const char *upload, const char *key)
{
    uint32_t h = 2166136261U;

    for (; *upload; upload++)
        h = (h ^ (uint8_t)*upload) * 16777619U;
    h = (h ^ '/') * 16777619U;
    for (; *key; key++)
        h = (h ^ (uint8_t)*key) * 16777619U;
    return h;
}

const char *index_upload_of(const struct index *x, uint32_t study)
{
    return x->uploads[x->studies[study].upload];
}

/* The slot of the study, or the empty one where it belongs. n_slots is a power of two and at least
 * twice the number of studies. */
static uint32_t slot_of(const struct index *x, const char *upload, const char *key)
{
    uint32_t at = hash_of(upload, key) & (x->n_slots - 1);

    for (; x->slots[at]; at = (at + 1) & (x->n_slots - 1)) {
        uint32_t study = x->slots[at] - 1;
        if (!strcmp(x->studies[study].key, key) && !strcmp(index_upload_of(x, study), upload))
            break;
    }
    return at;
}

static int grow_slots(struct index *x, struct err *err)
{
    uint32_t n = x->n_slots ? x->n_slots * 2 : 4 * FIRST_ROOM;

    if (x->n_slots >= 2 * (x->n_studies + 1))
        return 0;
    uint32_t *slots = calloc(n, sizeof(*slots));
    if (!slots)
        return err_set(err, ERR_NOMEM, "index: no memory for %u slots", n);
    free(x->slots);
    x->slots = slots;
    x->n_slots = n;
    for (uint32_t i = 0; i < x->n_studies; i++)
        x->slots[slot_of(x, index_upload_of(x, i), x->studies[i].key)] = i + 1;
    return 0;
}

/* Uploads are few and their studies come one after the other: the last one is nearly always it. */
static uint32_t find_upload(const struct index *x, const char *upload)
{
    for (uint32_t i = x->n_uploads; i-- > 0;)
        if (!strcmp(x->uploads[i], upload))
            return i;
    return INDEX_NONE;
}

bool index_has_upload(const struct index *x, const char *upload)
{
    return find_upload(x, upload) != INDEX_NONE;
}

static int add_upload(struct index *x, const char *upload, uint32_t *place, struct err *err)
{
    void *rows = x->uploads;

    *place = find_upload(x, upload);
    if (*place != INDEX_NONE)
        return 0;
    if (reserve(&rows, &x->cap_uploads, x->n_uploads, 1, sizeof(*x->uploads), err))
        return -1;
    x->uploads = rows;
    *place = x->n_uploads++;
    snprintf(x->uploads[*place], sizeof(*x->uploads), "%s", upload);
    return 0;
}

static int check_numbers(const int *numbers, int n, const char *key, struct err *err)
{
    for (int i = 0; i < n; i++)
        if (numbers[i] < 0 || (i && numbers[i] <= numbers[i - 1]))
            return err_set(err, ERR_INPUT, "study %.40s: image numbers do not rise", key);
    return 0;
}

int index_add_study(struct index *x, const char *upload, const char *key, const int *numbers, int n,
                    uint32_t *study, struct err *err)
{
    uint32_t place;
    void *studies = x->studies, *images = x->images;

    if (check_numbers(numbers, n, key, err) || grow_slots(x, err) ||
        add_upload(x, upload, &place, err))
        return -1;
    if (reserve(&studies, &x->cap_studies, x->n_studies, 1, sizeof(*x->studies), err))
        return -1;
    x->studies = studies;
    if (reserve(&images, &x->cap_images, x->n_images, (uint32_t)n, sizeof(*x->images), err))
        return -1;
    x->images = images;
    uint32_t slot = slot_of(x, upload, key);
    if (x->slots[slot])
        return err_set(err, ERR_INPUT, "study %.64s/%.40s is there twice", upload, key);
    *study = x->n_studies++;
    x->slots[slot] = *study + 1;
    struct index_study *s = &x->studies[*study];
    *s = (struct index_study){
        .upload = place, .first = x->n_images, .n_images = (uint32_t)n, .remaining = (uint32_t)n};
    snprintf(s->key, sizeof(s->key), "%s", key);
    for (int i = 0; i < n; i++)
        x->images[x->n_images++] = (struct index_image){.n = numbers[i], .study = *study};
    x->by_status[RESULT_NONE] += (uint32_t)n;
    return 0;
}

uint32_t index_find_study(const struct index *x, const char *upload, const char *key)
{
    if (!x->n_slots)
        return INDEX_NONE;
    uint32_t found = x->slots[slot_of(x, upload, key)];
    return found ? found - 1 : INDEX_NONE;
}

uint32_t index_find_image(const struct index *x, const char *upload, const char *key, int n)
{
    uint32_t study = index_find_study(x, upload, key);

    if (study == INDEX_NONE)
        return INDEX_NONE;
    uint32_t low = x->studies[study].first, high = low + x->studies[study].n_images;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (x->images[mid].n == n)
            return mid;
        if (x->images[mid].n < n)
            low = mid + 1;
        else
            high = mid;
    }
    return INDEX_NONE;
}

uint32_t index_study_of_id(const struct index *x, const char *id)
{
    char upload[64], key[32];
    int n;

    return spool_cut_id(id, upload, key, &n) || n >= 0 ? INDEX_NONE
                                                       : index_find_study(x, upload, key);
}

uint32_t index_image_of_id(const struct index *x, const char *id)
{
    char upload[64], key[32];
    int n;

    return spool_cut_id(id, upload, key, &n) || n < 0 ? INDEX_NONE
                                                      : index_find_image(x, upload, key, n);
}

/* An upload's studies come with one walk, so they lie side by side as the images of a study do. */
static bool find_range_of_upload(const struct index *x, const char *upload, uint32_t *first,
                                 uint32_t *end)
{
    uint32_t place = find_upload(x, upload), i = 0;

    while (i < x->n_studies && x->studies[i].upload != place)
        i++;
    if (place == INDEX_NONE || i == x->n_studies)
        return false;
    *first = *end = x->studies[i].first;
    for (; i < x->n_studies && x->studies[i].upload == place; i++)
        *end += x->studies[i].n_images;
    return true;
}

bool index_find_range(const struct index *x, const char *target, uint32_t *first, uint32_t *end)
{
    uint32_t study = index_study_of_id(x, target), image = index_image_of_id(x, target);

    if (!strchr(target, '/'))
        return find_range_of_upload(x, target, first, end);
    if (study != INDEX_NONE) {
        *first = x->studies[study].first;
        *end = *first + x->studies[study].n_images;
    } else if (image != INDEX_NONE) {
        *first = image;
        *end = image + 1;
    }
    return study != INDEX_NONE || image != INDEX_NONE;
}

uint32_t index_study_of_image(const struct index *x, uint32_t image)
{
    return x->images[image].study;
}

void index_format_study(const struct index *x, uint32_t study, char id[WIRE_ID_SIZE])
{
    snprintf(id, WIRE_ID_SIZE, "%s/%s", index_upload_of(x, study), x->studies[study].key);
}

void index_format_image(const struct index *x, uint32_t image, char id[WIRE_ID_SIZE])
{
    uint32_t study = index_study_of_image(x, image);

    snprintf(id, WIRE_ID_SIZE, "%s/%s/%d", index_upload_of(x, study), x->studies[study].key,
             (int)x->images[image].n);
}

bool index_settle(struct index *x, uint32_t image, enum result_status status)
{
    struct index_study *study = &x->studies[index_study_of_image(x, image)];

    assert(status != RESULT_NONE);
    if (x->images[image].status != RESULT_NONE)
        return false;
    x->images[image].status = (uint8_t)status;
    x->by_status[RESULT_NONE]--;
    x->by_status[status]++;
    study->remaining--;
    return true;
}

void index_reopen(struct index *x, uint32_t image)
{
    uint32_t study = index_study_of_image(x, image);

    assert(x->images[image].status != RESULT_NONE);
    x->by_status[x->images[image].status]--;
    x->by_status[RESULT_NONE]++;
    x->images[image].status = RESULT_NONE;
    x->studies[study].remaining++;
    index_set_report(x, study, REPORT_WAITS);
}

void index_set_report(struct index *x, uint32_t study, enum index_report report)
{
    struct index_study *s = &x->studies[study];

    x->finished += (uint32_t)(report == REPORT_FINISHED) - (s->report == REPORT_FINISHED);
    x->failed += (uint32_t)(report == REPORT_FAILED) - (s->report == REPORT_FAILED);
    s->report = (uint8_t)report;
}

uint32_t index_images_left(const struct index *x)
{
    return x->by_status[RESULT_NONE];
}

uint32_t index_studies_left(const struct index *x)
{
    return x->n_studies - x->finished - x->failed;
}
