#include "queue/wire.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/json.h"
#include "queue/record_priv.h"

static const char *const kind_words[] = {
    [WIRE_HELLO] = "hello",     [WIRE_JOBS] = "jobs",         [WIRE_STUDY] = "study",
    [WIRE_DRAIN] = "drain",     [WIRE_ALIVE] = "alive",       [WIRE_DONE] = "done",
    [WIRE_FAILED] = "failed",   [WIRE_REPORTED] = "reported", [WIRE_STATS] = "stats",
    [WIRE_REFUSED] = "refused",
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
#define WITH_ID     (BIT(FAILED) | BIT(STUDY) | BIT(REPORTED))
#define WITH_ITEMS  (BIT(JOBS) | BIT(DONE) | BIT(ALIVE))

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
    {"isolates",              RECORD_BOOL, AT(isolates), 0, 0, NULL, BIT(HELLO)},
    {"id",                    TEXT(id), WITH_ID},
    {"attempt",               INT(attempt), WITH_ID},
    {"dir",                   RECORD_BYTES, AT(dir), 0, 0, NULL, BIT(JOBS) | BIT(STUDY)},
    {"want_display",          RECORD_BOOL, AT(want_display), 0, 0, NULL, BIT(JOBS)},
    {"risk",                  TEXT(risk), BIT(REPORTED)},
    {"code",                  RECORD_WORD, AT(code), ERR_OK + 1, ERR_BUG, code_word, BIT(FAILED)},
    {"text",                  TEXT(text), BIT(FAILED) | BIT(REFUSED)},
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

#define ITEM_AT(field) offsetof(struct wire_item, field), sizeof(((struct wire_item *)0)->field)
static const struct record_field item_fields[] = {
    {"id",                    RECORD_TEXT, ITEM_AT(id), 0, 0, NULL, WITH_ITEMS},
    {"attempt",               RECORD_INT, ITEM_AT(attempt), 0, INT_MAX, NULL, BIT(JOBS) | BIT(DONE)},
    {"is_alone",              RECORD_BOOL, ITEM_AT(is_alone), 0, 0, NULL, BIT(JOBS)},
    {"is_urgent",             RECORD_BOOL, ITEM_AT(is_urgent), 0, 0, NULL, BIT(JOBS)},
    {"is_careful",            RECORD_BOOL, ITEM_AT(is_careful), 0, 0, NULL, BIT(JOBS)},
    {"status",                RECORD_WORD, ITEM_AT(status), RESULT_DONE, RESULT_CANCELLED, status_word, BIT(DONE)},
    {"reason",                RECORD_WORD, ITEM_AT(reason), 0, REASON_COUNT - 1, reason_word_of, BIT(DONE)},
    {"risk",                  RECORD_TEXT, ITEM_AT(risk), 0, 0, NULL, BIT(DONE)},
    {"malignant_probability", RECORD_NUMBER, ITEM_AT(malignant_probability), 0, 0, NULL, BIT(DONE)},
};
/* clang-format on */
enum {
    FIELDS = sizeof(fields) / sizeof(*fields),
    STAGE_FIELDS = sizeof(stage_fields) / sizeof(*stage_fields),
    ITEM_FIELDS = sizeof(item_fields) / sizeof(*item_fields)
};

void wire_begin(struct wire_message *m, enum wire_kind kind)
{
    memset(m, 0, offsetof(struct wire_message, items));
    m->kind = kind;
}

struct wire_item *wire_add(struct wire_message *m, const char *id)
{
    assert(m->n_items < WIRE_ITEMS_MAX);
    struct wire_item *item = &m->items[m->n_items++];
    *item = (struct wire_item){0};
    snprintf(item->id, sizeof(item->id), "%s", id);
    return item;
}

static json_t *items_to_json(const struct wire_message *m)
{
    json_t *rows = json_array();

    for (int i = 0; i < m->n_items; i++) {
        json_t *row = json_array();
        record_put_row(&row, item_fields, ITEM_FIELDS, 1u << m->kind, &m->items[i]);
        json_add(&rows, row);
    }
    return rows;
}

static json_t *stages_to_json(const struct wire_message *m)
{
    json_t *stages = json_array();

    for (int i = 0; i < STAGE_COUNT; i++) {
        json_t *stage = json_object();
        record_put(&stage, stage_fields, STAGE_FIELDS, 0, &m->stages[i]);
        json_add(&stages, stage);
    }
    return stages;
}

/* The two parts that are no single field. */
static void put_lists(json_t **object, const struct wire_message *m)
{
    if (1u << m->kind & WITH_ITEMS)
        json_put(object, "items", items_to_json(m));
    if (m->kind == WIRE_STATS)
        json_put(object, "stages", stages_to_json(m));
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

static int get_items(struct wire_message *m, const json_t *object, struct err *err)
{
    const json_t *rows = json_object_get(object, "items"), *row;
    size_t i;

    if (!json_is_array(rows) || json_array_size(rows) > WIRE_ITEMS_MAX)
        return err_set(err, ERR_INPUT, "key \"items\" is no list of at most %d", WIRE_ITEMS_MAX);
    json_array_foreach(rows, i, row)
    {
        m->items[i] = (struct wire_item){0};
        if (record_get_row(&m->items[i], item_fields, ITEM_FIELDS, 1u << m->kind, row, err))
            return -1;
        if (!m->items[i].id[0])
            return err_set(err, ERR_INPUT, "key \"items\": row %zu has no id", i);
    }
    m->n_items = (int)i;
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
    if (1u << kind & WITH_ITEMS)
        return get_items(m, object, err);
    return m->kind == WIRE_STATS ? get_stages(m, object, err) : 0;
}

int wire_parse(struct wire_message *out, const char *line, size_t n, struct err *err)
{
    json_t *object = json_parse(line, n, "wire", err);
    int ret = -1;

    wire_begin(out, WIRE_HELLO);
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
