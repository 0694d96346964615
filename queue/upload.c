#include "queue/upload.h"

#include <math.h>

#include "common/text.h"
#include "queue/crew.h"
#include "queue/unique.h"

enum { SHORT_TAIL = 9, TEXT_MAX = 1 << 20, HEX_DIGITS = SHA256_HEX_SIZE - 1 };

static int fail_memory(struct err *err)
{
    err_set(err, ERR_NOMEM, "upload: out of memory");
    return -1;
}

static int compare_patients(const struct gather_image *a, const struct gather_image *b)
{
    size_t shorter = a->owner_length < b->owner_length ? a->owner_length : b->owner_length;
    int order = (a->group > b->group) - (a->group < b->group);

    if (!order)
        order = memcmp(a->owner, b->owner, shorter);
    return order ? order
                 : (a->owner_length > b->owner_length) - (a->owner_length < b->owner_length);
}

static const char *study_of(const struct gather_image *image)
{
    return image->row ? image->row->value[MANIFEST_STUDY_ID] : "";
}

static int compare_images(const void *a, const void *b)
{
    const struct gather_image *x = ((const struct upload_image *)a)->from;
    const struct gather_image *y = ((const struct upload_image *)b)->from;
    int order = compare_patients(x, y);

    if (!order)
        order = strcmp(study_of(x), study_of(y));
    return order ? order : strcmp(x->path, y->path);
}

/* Cut the sorted images into patients and studies. */
static int cut(struct upload *u, struct err *err)
{
    int largest = 0;

    for (int i = 0; i < u->n_images; i++) {
        struct upload_image *image = &u->images[i];
        const struct gather_image *last = i ? image[-1].from : NULL;
        bool is_new = !last || compare_patients(last, image->from) != 0;
        if (is_new)
            u->patients[u->n_patients++] = (struct upload_patient){.first = i};
        image->patient = u->n_patients - 1;
        if (is_new || strcmp(study_of(last), study_of(image->from)) != 0) {
            u->studies[u->n_studies++] =
                (struct upload_study){.first = i, .patient = image->patient};
            u->patients[image->patient].n_studies++;
        }
        image->study = u->n_studies - 1;
        u->patients[image->patient].n++;
        if (++u->studies[image->study].n > largest)
            largest = u->studies[image->study].n;
    }
    if (largest > STUDY_IMAGES_MAX)
        return err_set(err, ERR_CONFIG, "a study has %d images, more than %d", largest,
                       STUDY_IMAGES_MAX);
    return 0;
}

/* Last name of `path` without its extension, as bytes. */
static void add_stem(struct buf *out, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');

    buf_add(out, name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

/* A name that is made of a part that failed has failed. */
static void name_failed(struct buf *out, const struct buf *part)
{
    if (part->failed)
        out->failed = part->failed;
}

/* The natural names, each into an emptied `out`. */
static void name_patient(const struct upload *u, int i, struct buf *out)
{
    const struct gather_image *image = u->images[u->patients[i].first].from;
    struct buf raw;

    buf_init(&raw, TEXT_MAX);
    if (image->group == GATHER_FILE)
        add_stem(&raw, image->path);
    else
        buf_add(&raw, image->owner, image->owner_length);
    if (image->group == GATHER_ROW)
        buf_add(out, raw.data, raw.len);
    else if (raw.data)
        text_add_name(out, raw.data);
    name_failed(out, &raw);
    buf_release(&raw);
}

static void name_patient_folder(const struct upload *u, int i, struct buf *out)
{
    text_add_path_name(out, u->patients[i].id);
}

static void name_study_folder(const struct upload *u, int i, struct buf *out)
{
    const char *id = study_of(u->images[u->studies[i].first].from);

    text_add_path_name(out, id[0] ? id : "study");
}

static void name_stem(const struct upload *u, int i, struct buf *out)
{
    struct buf raw;

    buf_init(&raw, TEXT_MAX);
    add_stem(&raw, u->images[i].from->path);
    if (raw.data)
        text_add_path_name(out, raw.data);
    name_failed(out, &raw);
    buf_release(&raw);
}

/* One kind of name: how many, what each is by nature, among whom it must differ, where it goes. */
struct naming {
    bool folds;
    int n;
    void (*name)(const struct upload *u, int i, struct buf *out);
    int (*scope)(const struct upload *u, int i);
    char **(*slot)(struct upload *u, int i);
};

static int give_names(struct upload *u, const struct naming *naming, struct err *err)
{
    struct unique names = {.folds = naming->folds};
    struct buf text;
    int ret = 0;

    buf_init(&text, TEXT_MAX);
    for (int i = 0; i < 2 * naming->n && !ret; i++) {
        int at = i % naming->n, scope = naming->scope(u, at);
        buf_clear(&text);
        naming->name(u, at, &text);
        ret = buf_check(&text, "name", err);
        if (!ret && i < naming->n)
            ret = unique_reserve(&names, scope, text.data, err);
        else if (!ret)
            ret = (*naming->slot(u, at) = unique_claim(&names, scope, text.data, err)) ? 0 : -1;
    }
    buf_release(&text);
    unique_release(&names);
    return ret;
}

static int scope_upload(const struct upload *u, int i)
{
    (void)u;
    (void)i;
    return 0;
}

static int scope_study(const struct upload *u, int i)
{
    return u->studies[i].patient;
}

static int scope_image(const struct upload *u, int i)
{
    return u->images[i].patient;
}

static char **slot_patient(struct upload *u, int i)
{
    return &u->patients[i].id;
}

static char **slot_patient_folder(struct upload *u, int i)
{
    return &u->patients[i].folder;
}

static char **slot_study_folder(struct upload *u, int i)
{
    return &u->studies[i].folder;
}

static char **slot_stem(struct upload *u, int i)
{
    return &u->images[i].stem;
}

static int give_all_names(struct upload *u, struct err *err)
{
    /* A patient's folder is made of his id, so ids come first. */
    const struct naming namings[] = {
        {false, u->n_patients, name_patient,        scope_upload, slot_patient       },
        {true,  u->n_patients, name_patient_folder, scope_upload, slot_patient_folder},
        {true,  u->n_studies,  name_study_folder,   scope_study,  slot_study_folder  },
        {true,  u->n_images,   name_stem,           scope_image,  slot_stem          },
    };

    for (size_t i = 0; i < sizeof(namings) / sizeof(*namings); i++)
        if (give_names(u, &namings[i], err))
            return -1;
    return 0;
}

static int by_digest(const void *a, const void *b)
{
    return strcmp((*(struct upload_image *const *)a)->from->sha256,
                  (*(struct upload_image *const *)b)->from->sha256);
}

/* The same bytes under two patients: one of the two is filed wrongly. */
static int mark_duplicates(struct upload *u, struct err *err)
{
    struct upload_image **order = malloc((size_t)u->n_images * sizeof(*order));
    int first = 0;

    if (!order)
        return fail_memory(err);
    for (int i = 0; i < u->n_images; i++)
        order[i] = &u->images[i];
    qsort(order, (size_t)u->n_images, sizeof(*order), by_digest);
    for (int i = 1; i <= u->n_images; i++) {
        bool is_shared = false;
        if (i < u->n_images && !by_digest(&order[first], &order[i]))
            continue;
        for (int k = first + 1; k < i; k++)
            is_shared |= order[k]->patient != order[first]->patient;
        for (int k = first; k < i; k++)
            order[k]->is_duplicate = is_shared && order[k]->from->sha256[0];
        first = i;
    }
    free(order);
    return 0;
}

/* `text` into a field; what is too long is cut and ends in eight digits of the whole's digest. */
static void put_short(char *field, size_t size, const char *text)
{
    char hex[SHA256_HEX_SIZE];
    size_t n = strlen(text);

    if (n < size) {
        memcpy(field, text, n + 1);
        return;
    }
    sha256_hex(hex, text, n);
    snprintf(field, size, "%.*s~%.8s", (int)text_cut(text, size - 1 - SHORT_TAIL), text, hex);
}

/* The first value that a row of these images has in `column`; "" when there is none. The manifest
 * was checked to give a patient one name and birth date; for other fields the first one counts. */
static const char *first_value(const struct upload *u, int first, int n,
                               enum manifest_column column)
{
    for (int i = first; i < first + n; i++) {
        const struct manifest_row *row = u->images[i].from->row;
        if (row && row->value[column][0])
            return row->value[column];
    }
    return "";
}

static int put_file(struct study_image *out, const char *path, struct err *err)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    text_add_name(&text, path);
    int ret = buf_check(&text, "file name", err);
    if (!ret)
        put_short(out->file, sizeof(out->file), text.data ? text.data : "");
    buf_release(&text);
    return ret;
}

#define PUT(field, text) put_short((field), sizeof(field), (text))

static int put_image(struct study_image *out, const struct upload_image *image, int n,
                     struct err *err)
{
    const struct gather_image *from = image->from;
    const struct manifest_row *row = from->row;

    *out = (struct study_image){.n = n,
                                .size_bytes = from->size,
                                .mm_per_px = row ? row->mm_per_px : NAN,
                                .is_duplicate = image->is_duplicate,
                                .set_aside = from->set_aside,
                                .extra = row ? row->extra : NULL};
    PUT(out->stem, image->stem);
    PUT(out->sha256, from->sha256);
    PUT(out->detail, from->detail);
    if (row) {
        PUT(out->lesion_id, row->value[MANIFEST_LESION_ID]);
        PUT(out->body_site, row->value[MANIFEST_BODY_SITE]);
        PUT(out->acquired_at, row->value[MANIFEST_ACQUIRED_AT]);
        PUT(out->notes, row->value[MANIFEST_NOTES]);
    }
    return put_file(out, from->path, err);
}

void upload_site(const struct upload *u, int k, char out[STUDY_FIELD_SIZE])
{
    const struct upload_study *study = &u->studies[k];
    const char *given = first_value(u, study->first, study->n, MANIFEST_SITE);

    put_short(out, STUDY_FIELD_SIZE, given[0] || !u->site ? given : u->site);
}

static void put_key(char *out, size_t size, int k)
{
    snprintf(out, size, "s%06d", k);
}

int upload_study_record(const struct upload *u, int k, const char *accepted_at, struct study *out,
                        struct err *err)
{
    const struct upload_study *study = &u->studies[k];
    const struct upload_patient *patient = &u->patients[study->patient];

    struct study_image *images = calloc((size_t)study->n, sizeof(*images));

    if (!images)
        return fail_memory(err);
    *out = (struct study){.n_images = study->n, .images = images};
    PUT(out->upload, u->id);
    put_key(out->key, sizeof(out->key), k);
    PUT(out->accepted_at, accepted_at);
    snprintf(out->publish, sizeof(out->publish), "patients/%s%s%s", patient->folder,
             patient->n_studies > 1 ? "/" : "", patient->n_studies > 1 ? study->folder : "");
    PUT(out->patient_id, patient->id);
    PUT(out->study_id, study_of(u->images[study->first].from));
    PUT(out->patient_name, first_value(u, patient->first, patient->n, MANIFEST_PATIENT_NAME));
    PUT(out->birth_date, first_value(u, patient->first, patient->n, MANIFEST_BIRTH_DATE));
    PUT(out->sex, first_value(u, patient->first, patient->n, MANIFEST_SEX));
    upload_site(u, k, out->site);
    for (int i = 0; i < study->n; i++)
        if (put_image(&images[i], &u->images[study->first + i], i, err)) {
            free(images);
            return -1;
        }
    return 0;
}

int upload_contents(const struct upload *u, struct contents *out, struct err *err)
{
    struct contents made = {0};
    char key[sizeof(made.studies->key)];

    for (int k = 0; k < u->n_studies; k++) {
        const struct upload_study *study = &u->studies[k];
        int n_set_aside = 0;
        for (int i = study->first; i < study->first + study->n; i++)
            n_set_aside += u->images[i].from->set_aside != REASON_NONE;
        put_key(key, sizeof(key), k);
        if (contents_add(&made, key, study->n, n_set_aside, err)) {
            contents_release(&made);
            return -1;
        }
    }
    *out = made;
    return 0;
}

struct digests {
    const struct upload *upload;
    char *hex; /* HEX_DIGITS of each study, without ends */
};

static int digest_study(void *ctx, int k, struct err *err)
{
    const struct digests *d = ctx;
    char hex[SHA256_HEX_SIZE];
    struct study study;

    if (upload_study_record(d->upload, k, "", &study, err))
        return -1;
    json_t *object = study_to_json(&study);
    char *line = object ? json_line(object) : NULL;
    if (line) {
        sha256_hex(hex, line, strlen(line));
        memcpy(d->hex + (size_t)k * HEX_DIGITS, hex, HEX_DIGITS);
    }
    int ret = line ? 0 : fail_memory(err);
    free(line);
    json_decref(object);
    free(study.images);
    return ret;
}

/* The id is a digest of the records as they will be written, without id and date. */
static int make_id(struct upload *u, int threads, struct err *err)
{
    struct digests d = {u, malloc((size_t)u->n_studies * HEX_DIGITS)};
    char hex[SHA256_HEX_SIZE];

    if (!d.hex)
        return fail_memory(err);
    int ret = crew_run(threads, u->n_studies, digest_study, &d, err);
    if (!ret) {
        sha256_hex(hex, d.hex, (size_t)u->n_studies * HEX_DIGITS);
        snprintf(u->id, sizeof(u->id), "u%.16s", hex);
    }
    free(d.hex);
    return ret;
}

static int make_room(struct upload *u, int n, struct err *err)
{
    u->images = calloc((size_t)n, sizeof(*u->images));
    u->patients = calloc((size_t)n, sizeof(*u->patients));
    u->studies = calloc((size_t)n, sizeof(*u->studies));
    return u->images && u->patients && u->studies ? 0 : fail_memory(err);
}

int upload_arrange(struct upload *out, const struct gather *g, int threads, struct err *err)
{
    struct upload made = {.site = g->site};

    if (make_room(&made, g->n_images, err))
        goto fail;
    for (int i = 0; i < g->n_images; i++)
        made.images[i].from = &g->images[i];
    made.n_images = g->n_images;
    qsort(made.images, (size_t)made.n_images, sizeof(*made.images), compare_images);
    if (cut(&made, err) || give_all_names(&made, err) || mark_duplicates(&made, err) ||
        make_id(&made, threads, err))
        goto fail;
    *out = made;
    return 0;
fail:
    upload_release(&made);
    return -1;
}

void upload_release(struct upload *u)
{
    for (int i = 0; i < u->n_images; i++)
        free(u->images[i].stem);
    for (int i = 0; i < u->n_patients; i++) {
        free(u->patients[i].id);
        free(u->patients[i].folder);
    }
    for (int i = 0; i < u->n_studies; i++)
        free(u->studies[i].folder);
    free(u->images);
    free(u->patients);
    free(u->studies);
    *u = (struct upload){0};
}
