#include "tests/reports/made.h"

#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"

/* 64x48, a colour gradient: convert -size 64x48 gradient:'#c08a70'-'#5a3020' -quality 60. */
/* clang-format off */
static const unsigned char small_jpeg[] = {
    0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10, 0x4a, 0x46, 0x49, 0x46, 0x00, 0x01, 0x01, 0x00, 0x00, 0x01,
    0x00, 0x01, 0x00, 0x00, 0xff, 0xdb, 0x00, 0x43, 0x00, 0x0d, 0x09, 0x0a, 0x0b, 0x0a, 0x08, 0x0d,
    0x0b, 0x0a, 0x0b, 0x0e, 0x0e, 0x0d, 0x0f, 0x13, 0x20, 0x15, 0x13, 0x12, 0x12, 0x13, 0x27, 0x1c,
    0x1e, 0x17, 0x20, 0x2e, 0x29, 0x31, 0x30, 0x2e, 0x29, 0x2d, 0x2c, 0x33, 0x3a, 0x4a, 0x3e, 0x33,
    0x36, 0x46, 0x37, 0x2c, 0x2d, 0x40, 0x57, 0x41, 0x46, 0x4c, 0x4e, 0x52, 0x53, 0x52, 0x32, 0x3e,
    0x5a, 0x61, 0x5a, 0x50, 0x60, 0x4a, 0x51, 0x52, 0x4f, 0xff, 0xdb, 0x00, 0x43, 0x01, 0x0e, 0x0e,
    0x0e, 0x13, 0x11, 0x13, 0x26, 0x15, 0x15, 0x26, 0x4f, 0x35, 0x2d, 0x35, 0x4f, 0x4f, 0x4f, 0x4f,
    0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f,
    0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f,
    0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0xff, 0xc0,
    0x00, 0x11, 0x08, 0x00, 0x30, 0x00, 0x40, 0x03, 0x01, 0x22, 0x00, 0x02, 0x11, 0x01, 0x03, 0x11,
    0x01, 0xff, 0xc4, 0x00, 0x15, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0xff, 0xc4, 0x00, 0x16, 0x10, 0x01, 0x01, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x12, 0x13,
    0xff, 0xc4, 0x00, 0x18, 0x01, 0x01, 0x00, 0x03, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x04, 0x05, 0xff, 0xc4, 0x00, 0x14, 0x11, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xff, 0xda, 0x00, 0x0c, 0x03, 0x01, 0x00, 0x02, 0x11, 0x03, 0x11, 0x00, 0x3f, 0x00, 0xaa, 0xcb,
    0x4d, 0xa1, 0xa3, 0x1b, 0xa0, 0xa6, 0xcb, 0x4d, 0xa1, 0xa0, 0x29, 0xb2, 0xd3, 0x68, 0x68, 0x0a,
    0x6c, 0xb4, 0xda, 0x1a, 0x02, 0x5b, 0x2d, 0x2e, 0x86, 0x89, 0x42, 0xab, 0x2d, 0x2e, 0x86, 0x80,
    0xaa, 0xcb, 0x4b, 0xa1, 0xa0, 0x2a, 0xb2, 0xd2, 0xe8, 0x68, 0x09, 0x74, 0x34, 0x4d, 0x65, 0xac,
    0xaa, 0x9d, 0x0d, 0x13, 0x59, 0x60, 0xa7, 0x43, 0x44, 0xd6, 0x58, 0x29, 0xd0, 0xd1, 0x35, 0x96,
    0x0f, 0xff, 0xd9,
};
/* clang-format on */

static const char policy[] =
    "{\"version\":2,\"model\":\"starter\",\"temperature\":{\"value\":1,\"ci\":[0.9,1.1]},"
    "\"urgent\":{\"malignant\":0.6,\"malignant_ci\":[0.5,0.7],\"melanoma\":0.45,"
    "\"melanoma_ci\":[0.4,0.5],\"specificity\":0.9,\"ci\":[0.87,0.92]},\"review\":{\"malignant\":0."
    "2,"
    "\"malignant_ci\":[0.1,0.3],\"sensitivity\":0.95,\"ci\":[0.91,0.97]},"
    "\"flat_scores\":{\"confidence_min\":0.35},\"shares\":{\"urgent\":0.14,"
    "\"review\":0.36,\"routine\":0.49,\"retake\":0.01},\"ppv\":{\"0.01\":{\"urgent\":0.06,"
    "\"flagged\":0.02},\"0.07\":{\"urgent\":0.31,\"flagged\":0.12}},\"per_10000\":{\"0.01\":{"
    "\"urgent\":990,\"referred\":5400,\"referred_ci\":[5000,5900],\"missed\":5,\"missed_ci\":[2,8]}"
    ","
    "\"0.07\":{\"urgent\":1200,\"referred\":5700,\"referred_ci\":[5100,6100],\"missed\":32,"
    "\"missed_ci\":[15,55]}},\"support\":{\"malignant\":135,\"benign\":677,\"below_review\":8,"
    "\"above_urgent\":61},\"abcd_field_accuracy\":0.64}";

static const char upload_id[] = "upload-made";

static void must(int bad, const struct err *err)
{
    if (!bad)
        return;
    fprintf(stderr, "made: %s\n", err->msg);
    abort();
}

void made_init(struct made *m)
{
    struct err err = {0};
    char path[400];

    memset(m, 0, sizeof(*m));
    snprintf(m->out, sizeof(m->out), "/tmp/lentigo-reports-XXXXXX");
    must(!mkdtemp(m->out), &err);
    snprintf(m->spool, sizeof(m->spool), "%s/.lentigo/spool", m->out);
    snprintf(m->model, sizeof(m->model), "%s/.model", m->out);
    struct spool *spool;
    must(dir_make(m->spool, &err) || dir_make(m->model, &err) || spool_open(&spool, m->spool, &err),
         &err);
    spool_close(spool);
    snprintf(path, sizeof(path), "%s/policy.json", m->model);
    must(file_write(path, policy, strlen(policy), &err), &err);
    m->width = 640;
    m->height = 480;
    made_upload(m);
}

void made_release(struct made *m)
{
    char line[400];

    snprintf(line, sizeof(line), "rm -rf '%s'", m->out);
    (void)made_shell(line);
}

void made_settings(const struct made *m, struct settings *s, const char *reports,
                   const char *language)
{
    memset(s, 0, sizeof(*s));
    snprintf(s->output, sizeof(s->output), "%s", m->out);
    snprintf(s->spool, sizeof(s->spool), "%s", m->spool);
    snprintf(s->model, sizeof(s->model), "%s", m->model);
    snprintf(s->reports, sizeof(s->reports), "%s", reports);
    snprintf(s->language, sizeof(s->language), "%s", language);
}

void made_fill(struct study *s, const char *patient, int n)
{
    memset(s, 0, sizeof(*s));
    snprintf(s->accepted_at, sizeof(s->accepted_at), "2026-11-23T05:12:27.123Z");
    snprintf(s->patient_id, sizeof(s->patient_id), "%s", patient);
    snprintf(s->study_id, sizeof(s->study_id), "S-1");
    snprintf(s->patient_name, sizeof(s->patient_name), "José Álvarez");
    snprintf(s->birth_date, sizeof(s->birth_date), "1961-04-09");
    snprintf(s->sex, sizeof(s->sex), "m");
    snprintf(s->site, sizeof(s->site), "Clinic North");
    s->n_images = n;
    s->images = calloc((size_t)n + 1, sizeof(*s->images));
    for (int i = 0; i < n; i++) {
        struct study_image *image = &s->images[i];
        image->n = i;
        snprintf(image->file, sizeof(image->file), "dir/IMG_%04d.jpg", i);
        snprintf(image->stem, sizeof(image->stem), "IMG_%04d", i);
        snprintf(image->sha256, sizeof(image->sha256), "%064d", i);
        snprintf(image->body_site, sizeof(image->body_site), "back");
        image->mm_per_px = NAN;
    }
}

static void fill_contour(struct lesion_measures *m, int width, int height)
{
    m->n_contour = 180;
    for (int i = 0; i < m->n_contour; i++) {
        double a = 2 * M_PI * i / m->n_contour;
        double r = 0.28 * (1 + 0.09 * sin(5 * a) + 0.04 * cos(11 * a));
        m->contour[i].x = (float)(width * (0.5 + r * cos(a)));
        m->contour[i].y = (float)(height * (0.5 + 1.1 * r * sin(a)));
    }
}

void made_entry(const struct made *m, struct image_entry *e, const struct study_image *image,
                double malignant)
{
    struct lesion_measures *l = &e->measures;
    const double rest[LESION_CLASSES] = {0, 0.7, 0.55, 0.2, 0.1, 0.3, 0.1, 0.05};

    memset(e, 0, sizeof(*e));
    snprintf(e->file, sizeof(e->file), "%s", image->file);
    snprintf(e->stem, sizeof(e->stem), "%s", image->stem);
    snprintf(e->sha256, sizeof(e->sha256), "%s", image->sha256);
    e->width = m->width;
    e->height = m->height;
    l->is_found = true;
    l->area_fraction = 0.271;
    l->area_px = l->area_fraction * m->width * m->height;
    l->area_mm2 = NAN;
    l->components = 1;
    l->asymmetry = 1;
    l->border = 4;
    l->colour = 3;
    l->colours = 0x0e;
    fill_contour(l, m->width, m->height);
    for (int k = 1; k < LESION_CLASSES; k++)
        l->classes[k] = rest[k] * ((k == 1 || k == 3 || k == 4) ? malignant : 1 - malignant);
    l->malignant_probability = malignant;
    l->confidence = 0.83;
    l->quality = (struct lesion_quality){.blur = 12.4,
                                         .exposure = 58,
                                         .hair_fraction = 0.021,
                                         .vignette = 0.004,
                                         .dermoscopy = 0.97};
    e->decision.risk = malignant >= 0.6   ? RISK_URGENT
                       : malignant >= 0.2 ? RISK_REVIEW
                                          : RISK_ROUTINE;
    snprintf(e->decision.reason, sizeof(e->decision.reason), "%s",
             malignant >= 0.6   ? "malignant_high"
             : malignant >= 0.2 ? "malignant_raised"
                                : "below_threshold");
}

static void write_file(const char *dir, const char *name, const void *bytes, size_t n)
{
    struct err err = {0};
    char path[SPOOL_PATH_SIZE];

    must(path_format(path, sizeof(path), &err, "%s/%s", dir, name) ||
             file_write(path, bytes, n, &err),
         &err);
}

static void write_pictures(const struct made *m, const char *dir, int n)
{
    const void *jpeg = m->jpeg ? m->jpeg : small_jpeg;
    size_t size = m->jpeg ? m->jpeg_n : sizeof(small_jpeg);
    char name[64];

    snprintf(name, sizeof(name), "results/%d.display.jpg", n);
    write_file(dir, name, jpeg, size);
    snprintf(name, sizeof(name), "results/%d.overlay.jpg", n);
    write_file(dir, name, jpeg, size);
    snprintf(name, sizeof(name), "results/%d.mask.png", n);
    write_file(dir, name, "mask", 4);
}

static json_t *made_model(const struct made *m)
{
    char path[400], sha[SHA256_HEX_SIZE];
    struct buf bytes;
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/policy.json", m->model);
    buf_init(&bytes, 1 << 16);
    must(file_read(path, &bytes, &err), &err);
    sha256_hex(sha, bytes.data, bytes.len);
    buf_release(&bytes);
    return json_pack("{s:s,s:s,s:s,s:i,s:s,s:s,s:s}", "name", "starter", "version", "2026.11",
                     "sha256", "0f343b0931126a20f133d67c2b018a3b5e1e4c8f6c3f1a2b", "size",
                     MADE_MODEL_SIZE, "precision", "bf16", "backend", "onednn", "policy_sha256",
                     sha);
}

static void write_result(const struct made *m, const char *dir, const struct study_image *image,
                         enum result_status (*edit)(struct image_entry *e, int i))
{
    struct image_entry *e = calloc(1, sizeof(*e));
    struct err err = {0};
    enum result_status status = RESULT_DONE;

    made_entry(m, e, image, 0.05 + 0.17 * (image->n % 6));
    if (edit)
        status = edit(e, image->n);
    if (status != RESULT_DONE)
        e->decision.risk = RISK_RETAKE;
    json_t *entry = entry_to_json(e), *model = made_model(m);
    if (status != RESULT_NONE)
        must(result_write(dir, image->n, status, entry, status == RESULT_DONE ? model : NULL, &err),
             &err);
    if (status == RESULT_DONE)
        write_pictures(m, dir, image->n);
    json_decref(entry);
    json_decref(model);
    free(e);
}

void made_study(struct made *m, struct study *s,
                enum result_status (*edit)(struct image_entry *e, int i), char dir[SPOOL_PATH_SIZE])
{
    struct err err = {0};
    char results[SPOOL_PATH_SIZE + 16];
    struct buf name;

    snprintf(s->upload, sizeof(s->upload), "%s", upload_id);
    snprintf(s->key, sizeof(s->key), "k%04d", m->n_studies++);
    buf_init(&name, 1024);
    text_add_path_name(&name, s->patient_id);
    snprintf(s->publish, sizeof(s->publish), "patients/%s", name.data);
    buf_release(&name);
    snprintf(dir, SPOOL_PATH_SIZE, "%s/uploads/%s/studies/%s", m->spool, upload_id, s->key);
    snprintf(results, sizeof(results), "%s/results", dir);
    must(dir_make(results, &err), &err);
    json_t *object = study_to_json(s);
    snprintf(results, sizeof(results), "%s/study.json", dir);
    must(json_write(results, object, &err), &err);
    json_decref(object);
    for (int i = 0; i < s->n_images; i++)
        if (s->images[i].set_aside == REASON_NONE)
            write_result(m, dir, &s->images[i], edit);
    study_release(s);
}

void made_upload(struct made *m)
{
    struct err err = {0};
    char path[SPOOL_PATH_SIZE];

    must(path_format(path, sizeof(path), &err, "%s/uploads/%s", m->spool, upload_id) ||
             dir_make(path, &err),
         &err);
    json_t *o =
        json_pack("{s:i,s:s,s:s,s:s,s:i,s:i,s:[{s:s,s:s,s:s}]}", "version", 1, "upload", upload_id,
                  "accepted_at", "2026-11-23T05:12:27.123Z", "input", "/in", "images", 0, "studies",
                  0, "others", "file", "=cmd|calc.txt", "reason", "not_an_image", "detail", "");
    must(path_format(path, sizeof(path), &err, "%s/uploads/%s/upload.json", m->spool, upload_id) ||
             json_write(path, o, &err),
         &err);
    json_decref(o);
}

char *made_read(const char *dir, const char *name, size_t *n)
{
    char path[SPOOL_PATH_SIZE];
    struct err err = {0};
    struct buf bytes;

    buf_init(&bytes, 64 << 20);
    must(path_format(path, sizeof(path), &err, "%s/%s", dir, name) || file_read(path, &bytes, &err),
         &err);
    if (n)
        *n = bytes.len;
    return buf_take(&bytes);
}

int made_shell(const char *line)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(126);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status) == 127 ? 77 : WEXITSTATUS(status);
}
