#include "queue/wire.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/json.h"
#include "queue/record_priv.h"

static const char *const kind_words[] = {
    [WIRE_HELLO] = "hello",   [WIRE_JOB] = "job",           [WIRE_STUDY] = "study",
    [WIRE_DRAIN] = "drain",   [WIRE_ALIVE] = "alive",       [WIRE_DONE] = "done",
    [WIRE_FAILED] = "failed", [WIRE_REPORTED] = "reported", [WIRE_STATS] = "stats",
};
enum { KINDS = sizeof(kind_words) / sizeof(*kind_words), SIGNAL_MAX = 64, SIZE_PX_MAX = 1 << 16 };

static const char *const stage_words[STAGE_COUNT] = {"decode", "batch", "network", "measure",
                                                     "report"};

const char *wire_stage_word(enum wire_stage s)
{
    return s < STAGE_COUNT ? stage_words[s] : "none";
}

static const char *stage_word(int s)
{
    return wire_stage_word((enum wire_stage)s);
}

static const char *status_word(int s)
{
    return result_status_word((enum result_status)s);
}

static const char *reason_word_of(int r)
{
    return reason_word((enum reason)r);
}

static const char *code_word(int c)
{
    return err_name((enum err_code)c);
}

#define BIT(kind)   (1u << WIRE_##kind)
#define AT(field)   offsetof(struct wire_message, field), sizeof(((struct wire_message *)0)->field)
#define TEXT(field) RECORD_TEXT, AT(field), 0, 0, NULL
#define INT(field)  RECORD_INT, AT(field), 0, INT_MAX, NULL
#define WITH_ID     (BIT(JOB) | BIT(DONE) | BIT(FAILED) | BIT(STUDY) | BIT(REPORTED))

/* clang-format off */
static const struct record_field fields[] = {
    {"version",               INT(version), BIT(HELLO)},
    {"pid",                   INT(pid), BIT(HELLO)},
    {"credit",                INT(credit), BIT(HELLO)},
    {"role",                  TEXT(role), BIT(HELLO)},
    {"model",                 TEXT(model), BIT(HELLO)},
    {"model_sha256",          TEXT(model_sha256), BIT(HELLO)},
    {"policy_sha256",         TEXT(policy_sha256), BIT(HELLO)},
    {"precision",             TEXT(precision), BIT(HELLO)},
    {"backend",               TEXT(backend), BIT(HELLO)},
    {"device",                TEXT(device), BIT(HELLO)},
    {"size",                  RECORD_INT, AT(size), 0, SIZE_PX_MAX, NULL, BIT(HELLO)},
    {"id",                    TEXT(id), WITH_ID},
    {"attempt",               INT(attempt), WITH_ID},
    {"study_dir",             RECORD_BYTES, AT(study_dir), 0, 0, NULL, BIT(JOB) | BIT(STUDY)},
    {"n",                     RECORD_INT, AT(image.n), 0, INT_MAX, NULL, BIT(JOB)},
    {"file",                  TEXT(image.file), BIT(JOB)},
    {"stem",                  TEXT(image.stem), BIT(JOB)},
    {"sha256",                TEXT(image.sha256), BIT(JOB)},
    {"size_bytes",            RECORD_INT64, AT(image.size_bytes), 0, INT64_MAX, NULL, BIT(JOB)},
    {"lesion_id",             TEXT(image.lesion_id), BIT(JOB)},
    {"body_site",             TEXT(image.body_site), BIT(JOB)},
    {"acquired_at",           TEXT(image.acquired_at), BIT(JOB)},
    {"notes",                 TEXT(image.notes), BIT(JOB)},
    {"mm_per_px",             RECORD_NUMBER, AT(image.mm_per_px), 0, 0, NULL, BIT(JOB)},
    {"is_duplicate",          RECORD_BOOL, AT(image.is_duplicate), 0, 0, NULL, BIT(JOB)},
    {"set_aside",             RECORD_WORD, AT(image.set_aside), 0, REASON_COUNT - 1, reason_word_of, BIT(JOB)},
    {"detail",                TEXT(image.detail), BIT(JOB)},
    {"is_alone",              RECORD_BOOL, AT(is_alone), 0, 0, NULL, BIT(JOB)},
    {"want_display",          RECORD_BOOL, AT(want_display), 0, 0, NULL, BIT(JOB)},
    {"status",                RECORD_WORD, AT(status), RESULT_NONE, RESULT_CANCELLED, status_word, BIT(DONE)},
    {"reason",                RECORD_WORD, AT(reason), 0, REASON_COUNT - 1, reason_word_of, BIT(DONE)},
    {"risk",                  TEXT(risk), BIT(DONE) | BIT(REPORTED)},
    {"malignant_probability", RECORD_NUMBER, AT(malignant_probability), 0, 0, NULL, BIT(DONE)},
    {"code",                  RECORD_WORD, AT(code), ERR_OK + 1, ERR_BUG, code_word, BIT(FAILED)},
    {"text",                  TEXT(text), BIT(FAILED)},
    {"stage",                 RECORD_WORD, AT(stage), 0, STAGE_COUNT, stage_word, BIT(FAILED)},
    {"signal",                RECORD_INT, AT(signal), 0, SIGNAL_MAX, NULL, BIT(FAILED)},
    {"memory_kb",             RECORD_INT64, AT(memory_kb), 0, INT64_MAX, NULL, BIT(STATS)},
};

#define STAGE_AT(field) offsetof(struct wire_stage_stats, field), 0
static const struct record_field stage_fields[] = {
    {"items",   RECORD_INT64, STAGE_AT(items), 0, INT64_MAX, NULL, 0},
    {"busy_us", RECORD_INT64, STAGE_AT(busy_us), 0, INT64_MAX, NULL, 0},
    {"lanes",   RECORD_INT, STAGE_AT(lanes), 0, INT_MAX, NULL, 0},
    {"waiting", RECORD_INT, STAGE_AT(waiting), 0, INT_MAX, NULL, 0},
};
/* clang-format on */
enum { FIELDS = sizeof(fields) / sizeof(*fields), STAGE_FIELDS = 4 };

/* ALIVE's list and STATS's stages: the two parts that are no single field. */
static void put_lists(json_t **object, const struct wire_message *m)
{
    if (m->kind == WIRE_ALIVE) {
        json_t *ids = json_array();
        for (int i = 0; i < m->n_alive && i < WIRE_ALIVE_MAX; i++)
            json_add(&ids, json_text(m->alive[i]));
        json_put(object, "alive", ids);
    }
    if (m->kind == WIRE_STATS) {
        json_t *stages = json_array();
        for (int i = 0; i < STAGE_COUNT; i++) {
            json_t *stage = json_object();
            record_put(&stage, stage_fields, STAGE_FIELDS, 0, &m->stages[i]);
            json_add(&stages, stage);
        }
        json_put(object, "stages", stages);
    }
}

int wire_format(const struct wire_message *m, struct buf *out, struct err *err)
{
    json_t *object = json_object();
    char *line = NULL;
    int ret = -1;

    json_put(&object, "kind", json_string(kind_words[m->kind]));
    record_put(&object, fields, FIELDS, 1u << m->kind, m);
    put_lists(&object, m);
    line = object ? json_line(object) : NULL;
    if (!line) {
        err_set(err, ERR_NOMEM, "wire: message could not be written");
        goto done;
    }
    if (strlen(line) >= WIRE_LINE_MAX) {
        err_set(err, ERR_LIMIT, "wire: message of %zu bytes", strlen(line));
        goto done;
    }
    buf_add_text(out, line);
    buf_add_text(out, "\n");
    ret = buf_check(out, "wire", err);
done:
    free(line);
    json_decref(object);
    return ret;
}

static int get_alive(struct wire_message *m, const json_t *object, struct err *err)
{
    const json_t *ids = json_object_get(object, "alive"), *id;
    size_t i;

    if (!json_is_array(ids) || json_array_size(ids) > WIRE_ALIVE_MAX)
        return err_set(err, ERR_INPUT, "key \"alive\" is no list of at most %d", WIRE_ALIVE_MAX);
    json_array_foreach(ids, i, id)
    {
        if (json_string_length(id) == 0 || json_string_length(id) >= WIRE_ID_SIZE)
            return err_set(err, ERR_INPUT, "key \"alive\": entry %zu is no id", i);
        memcpy(m->alive[i], json_string_value(id), json_string_length(id) + 1);
    }
    m->n_alive = (int)i;
    return 0;
}

static int get_stages(struct wire_message *m, const json_t *object, struct err *err)
{
    const json_t *stages = json_object_get(object, "stages"), *stage;
    size_t i;

    if (json_array_size(stages) != STAGE_COUNT)
        return err_set(err, ERR_INPUT, "key \"stages\" is no list of %d", STAGE_COUNT);
    json_array_foreach(stages, i, stage)
    {
        if (record_get(&m->stages[i], stage_fields, STAGE_FIELDS, 0, stage, err))
            return -1;
    }
    return 0;
}

static int get_message(struct wire_message *m, const json_t *object, struct err *err)
{
    const char *word;
    int kind = 0;

    if (json_get_text(object, "kind", &word, err))
        return -1;
    while (kind < KINDS && strcmp(kind_words[kind], word) != 0)
        kind++;
    if (kind == KINDS)
        return err_set(err, ERR_INPUT, "unknown kind \"%.40s\"", word);
    m->kind = (enum wire_kind)kind;
    if (m->kind == WIRE_HELLO) {
        int64_t version;
        if (json_get_int(object, "version", 0, INT_MAX, &version, err))
            return -1;
        m->version = (int)version;
        if (version != WIRE_VERSION)
            return 0;
    }
    if (record_get(m, fields, FIELDS, 1u << kind, object, err))
        return -1;
    if (m->kind == WIRE_ALIVE)
        return get_alive(m, object, err);
    return m->kind == WIRE_STATS ? get_stages(m, object, err) : 0;
}

int wire_parse(struct wire_message *out, const char *line, size_t n, struct err *err)
{
    json_t *object = json_parse(line, n, "wire", err);
    int ret = -1;

    memset(out, 0, sizeof(*out));
    if (object)
        ret = get_message(out, object, err);
    if (ret && err->code != ERR_NOMEM)
        err->code = ERR_BUG;
    json_decref(object);
    return ret;
}

static int too_long(struct err *err)
{
    return err_set(err, ERR_BUG, "wire: line longer than %d bytes", WIRE_LINE_MAX);
}

int wire_feed(struct buf *pending, const char *bytes, size_t n,
              int (*on_line)(void *ctx, const char *line, size_t n, struct err *err), void *ctx,
              struct err *err)
{
    if (!pending->max)
        buf_init(pending, WIRE_LINE_MAX);
    while (n) {
        const char *end = memchr(bytes, '\n', n);
        size_t len = end ? (size_t)(end - bytes) : n;
        if (len > WIRE_LINE_MAX - pending->len)
            return too_long(err);
        buf_add(pending, bytes, len);
        if (buf_check(pending, "wire", err))
            return -1;
        if (!end)
            return 0;
        int ret = on_line(ctx, pending->data, pending->len, err);
        buf_clear(pending);
        if (ret)
            return -1;
        bytes += len + 1;
        n -= len + 1;
    }
    return 0;
}

/* The first whole line of `pending` becomes `out` and leaves the buffer: 1; 0 = no whole line. */
static int take_line(struct buf *pending, struct wire_message *out, struct err *err)
{
    const char *end = pending->len ? memchr(pending->data, '\n', pending->len) : NULL;

    if (!end)
        return pending->len >= WIRE_LINE_MAX ? too_long(err) : 0;
    size_t len = (size_t)(end - pending->data);
    int ret = wire_parse(out, pending->data, len, err);
    pending->len -= len + 1;
    memmove(pending->data, end + 1, pending->len);
    return ret ? -1 : 1;
}

int wire_read(int fd, struct buf *pending, struct wire_message *out, struct err *err)
{
    enum { CHUNK = 4096 };
    char chunk[CHUNK];

    if (pending->max < WIRE_LINE_MAX + CHUNK)
        pending->max = WIRE_LINE_MAX + CHUNK;
    for (;;) {
        int taken = take_line(pending, out, err);
        if (taken)
            return taken;
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return 0;
        if (n < 0)
            return err_set(err, ERR_AGAIN, "wire: read: %s", strerror(errno));
        buf_add(pending, chunk, (size_t)n);
        if (buf_check(pending, "wire", err))
            return -1;
    }
}

int wire_write(int fd, const struct wire_message *m, struct err *err)
{
    struct buf line;
    int ret = -1;

    buf_init(&line, WIRE_LINE_MAX);
    if (wire_format(m, &line, err))
        goto done;
    for (size_t at = 0; at < line.len;) {
        ssize_t n = send(fd, line.data + at, line.len - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_set(err, ERR_CANCELLED, "wire: write: %s", strerror(errno));
            goto done;
        }
        at += (size_t)n;
    }
    ret = 0;
done:
    buf_release(&line);
    return ret;
}
