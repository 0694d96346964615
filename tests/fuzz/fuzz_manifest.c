/* A manifest as a clinic may send it, up to the records that its studies become. The first byte
 * chooses the character set. */
#include <stdlib.h>

#include "queue/upload.h"
#include "tests/fuzz/fuzz.h"

static const char *const encodings[] = {"", "UTF-16", "GB18030", "CP1252", "ISO-2022-JP", "UTF-7"};
enum { ENCODINGS = sizeof(encodings) / sizeof(*encodings) };

/* What gather.c makes of rows whose files are all there. */
static struct gather_image *make_images(const struct manifest *m)
{
    struct gather_image *images = calloc((size_t)m->n_rows + 1, sizeof(*images));

    fuzz_expect(images != NULL, "memory for the images");
    for (int i = 0; i < m->n_rows; i++) {
        const struct manifest_row *row = &m->rows[i];
        images[i] = (struct gather_image){.row = row,
                                          .path = row->value[MANIFEST_FILE],
                                          .group = GATHER_ROW,
                                          .owner = row->value[MANIFEST_PATIENT_ID],
                                          .detail = ""};
        images[i].owner_length = strlen(images[i].owner);
        images[i].sha256[0] = (char)('a' + i % 3); /* some are the same picture */
    }
    return images;
}

static void check_study(const struct upload *u, int k)
{
    struct study study, again;
    struct err err = {0};

    fuzz_expect(!upload_study_record(u, k, "2024-01-01T00:00:00Z", &study, &err), err.msg);
    json_t *object = study_to_json(&study);
    fuzz_expect(object && !study_from_json(&again, object, &err), err.msg);
    fuzz_expect_same(object, study_to_json(&again), "a study comes back as it was written");
    study_release(&again);
    free(study.images);
}

static void check_upload(const struct manifest *m)
{
    struct gather g = {.n_images = m->n_rows, .images = make_images(m)};
    struct upload u = {0};
    struct err err = {0};
    int n = 0;

    fuzz_expect(!upload_arrange(&u, &g, 1, &err), err.msg);
    for (int k = 0; k < u.n_studies; k++) {
        check_study(&u, k);
        n += u.studies[k].n;
    }
    fuzz_expect(n == m->n_rows, "each row is an image of one study");
    upload_release(&u);
    free(g.images);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest m;
    struct err err = {0};

    if (!size)
        return 0;
    const char *path = fuzz_file("manifest.csv", data + 1, size - 1);
    if (!manifest_read(&m, path, encodings[data[0] % ENCODINGS], &err)) {
        fuzz_accepted();
        check_upload(&m);
        manifest_release(&m);
    }
    return 0;
}
