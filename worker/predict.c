#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/process.h"
#include "common/status.h"
#include "common/text.h"
#include "worker/analyst.h"
#include "worker/record.h"
#include "worker/tools.h"

/* What one picture after the other needs. */
struct predictor {
    const struct settings *settings;
    struct subject subject;
    struct decoder *decoder;
    struct analyst analyst;
    struct record_scratch scratch;
    struct image_entry entry;
    struct decoded decoded;
};

int tool_fail(const struct err *err)
{
    fprintf(stderr, "lentigo: %s\n", err->msg);
    return status_of_err(err);
}

/* Name and stem as the entry has them. */
static void name_entry(struct image_entry *e, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    struct study_image image = {0};
    char stem[ENTRY_NAME_SIZE];
    struct buf name;

    snprintf(stem, sizeof(stem), "%.*s",
             (int)(dot && dot != base ? dot - base : (long)strlen(base)), base);
    buf_init(&name, sizeof(image.file) - 1);
    text_add_name(&name, base);
    snprintf(image.file, sizeof(image.file), "%s", name.data ? name.data : "");
    buf_clear(&name);
    text_add_path_name(&name, stem);
    snprintf(image.stem, sizeof(image.stem), "%s", name.data ? name.data : "");
    buf_release(&name);
    entry_begin(e, image.file, image.stem, "");
}

/* What the picture shows, into the entry; its mask beside it when one is wanted. */
static int judge(struct predictor *p, struct err *err)
{
    struct lesion_input in;
    char path[SETTINGS_PATH_SIZE];

    if (analyst_outline(&p->analyst, &p->decoded, err))
        return -1;
    p->entry.network_size = p->analyst.size;
    analyst_lesion_input(&p->analyst, 0, &p->decoded, NAN, &in);
    if (analyst_judge(&p->analyst, &in, false, &p->entry.measures, &p->entry.decision, err))
        return -1;
    if (!p->settings->mask[0])
        return 0;
    if (path_format(path, sizeof(path), err, "%s/%s.mask.png", p->settings->mask, p->entry.stem))
        return -1;
    return record_mask(&p->scratch, path, &in, err);
}

static int predict_fd(struct predictor *p, int fd, struct err *err)
{
    struct decode_request request = {
        .fd = fd, .size = p->subject.size, .want_measure = p->subject.plan != NULL};

    if (sha256_hex_fd_at_start(p->entry.sha256, fd, err) ||
        decoder_wait(p->decoder, &request, &p->decoded, err))
        return -1;
    p->entry.width = p->decoded.width;
    p->entry.height = p->decoded.height;
    if (p->decoded.err.code == ERR_AGAIN)
        return err_set(err, ERR_AGAIN, "%s", p->decoded.err.msg);
    if (p->decoded.reason != REASON_NONE) {
        entry_set_aside(&p->entry, p->decoded.reason, p->decoded.err.msg);
        return 0;
    }
    return judge(p, err);
}

static int predict_file(struct predictor *p, const char *path, struct err *err)
{
    struct stat st;
    int ret = 0;

    name_entry(&p->entry, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        entry_set_aside(&p->entry, errno == ENOENT ? REASON_MISSING_FILE : REASON_UNREADABLE,
                        strerror(errno));
        return 0;
    }
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        entry_set_aside(&p->entry, REASON_SPECIAL_FILE, "not a regular file");
    else
        ret = predict_fd(p, fd, err);
    close(fd);
    return ret;
}

static int print_entry(const struct image_entry *entry, struct err *err)
{
    json_t *object = entry_to_json(entry);
    char *line = object ? json_line(object) : NULL;
    int ret = line ? 0 : err_set(err, ERR_NOMEM, "image entry as JSON");

    if (line && (puts(line) < 0 || fflush(stdout)))
        ret = err_set(err, ERR_AGAIN, "standard output: %s", strerror(errno));
    free(line);
    json_decref(object);
    return ret;
}

static int predict_all(struct predictor *p, int n, char **files, struct err *err)
{
    for (int i = 0; i < n; i++)
        if (predict_file(p, files[i], err) || print_entry(&p->entry, err))
            return err_wrap(err, "%s", files[i]);
    return 0;
}

int tool_predict(const struct settings *s, int n, char **files)
{
    /* one image after the other, so each gets all cores */
    const struct worker_shape shape = {
        .lanes = 1,
        .decoders = 1,
        .slots = 1,
        .batch = 1,
        .threads = s->threads ? (int)s->threads : process_cores(),
    };
    struct predictor *p = calloc(1, sizeof(*p));
    struct err err = {0};
    int ret = -1;

    if (!p)
        return STATUS_AGAIN;
    p->settings = s;
    if (!n)
        err_set(&err, ERR_INPUT, "predict: name at least one image (see lentigo predict --help)");
    else if (!(s->mask[0] && dir_make(s->mask, &err)) &&
             !subject_open(&p->subject, &p->decoder, &shape, s, &err) &&
             !analyst_open(&p->analyst, &p->subject, &err) &&
             !record_scratch_init(&p->scratch, &err))
        ret = predict_all(p, n, files, &err);
    record_scratch_release(&p->scratch);
    analyst_close(&p->analyst);
    subject_close(&p->subject, p->decoder);
    free(p);
    return ret ? tool_fail(&err) : 0;
}
