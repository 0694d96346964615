#include "queue/contents.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/sha256.h"

enum { FIRST_ROOM = 64 };

static const char head[] = "lentigo-contents 1\n";
static const char tail[] = "sha256 ";

void contents_release(struct contents *c)
{
    free(c->studies);
    *c = (struct contents){0};
}

int contents_add(struct contents *c, const char *key, int n_images, int n_set_aside,
                 struct err *err)
{
    if (c->n == c->cap) {
        int cap = c->cap ? 2 * c->cap : FIRST_ROOM;
        struct contents_study *grown = realloc(c->studies, (size_t)cap * sizeof(*grown));
        if (!grown)
            return err_set(err, ERR_NOMEM, "contents of %d studies", cap);
        c->studies = grown;
        c->cap = cap;
    }
    struct contents_study *study = &c->studies[c->n++];
    *study = (struct contents_study){.n_images = n_images, .n_set_aside = n_set_aside};
    snprintf(study->key, sizeof(study->key), "%s", key);
    return 0;
}

int contents_add_study(struct contents *c, const struct study *study, struct err *err)
{
    int n_set_aside = 0;

    for (int i = 0; i < study->n_images; i++)
        n_set_aside += study->images[i].set_aside != REASON_NONE;
    return contents_add(c, study->key, study->n_images, n_set_aside, err);
}

static int add_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    for (int i = 0; i < study->n_images; i++)
        if (study->images[i].n != i)
            return err_set(err, ERR_INPUT, "%s: image %d is numbered %d", study_dir, i,
                           study->images[i].n);
    return contents_add_study(ctx, study, err);
}

int contents_gather(struct contents *out, const struct spool *s, const char *upload,
                    struct err *err)
{
    struct contents made = {0};

    if (spool_each_study_of(s, upload, add_study, &made, err)) {
        contents_release(&made);
        return -1;
    }
    *out = made;
    return 0;
}

int contents_write(const struct contents *c, const char *upload_dir, struct err *err)
{
    char path[SPOOL_PATH_SIZE], hex[SHA256_HEX_SIZE];
    struct buf text;

    buf_init(&text, SPOOL_JSON_MAX);
    buf_add_text(&text, head);
    for (int i = 0; i < c->n; i++)
        buf_printf(&text, "%s %d %d\n", c->studies[i].key, c->studies[i].n_images,
                   c->studies[i].n_set_aside);
    if (!text.failed)
        sha256_hex(hex, text.data, text.len);
    buf_printf(&text, "%s%s\n", tail, text.failed ? "" : hex);
    int ret = buf_check(&text, "contents", err) ||
              path_format(path, sizeof(path), err, "%s/" CONTENTS_FILE, upload_dir) ||
              file_write(path, text.data, text.len, err);
    buf_release(&text);
    return ret ? -1 : 0;
}

/* Are the lines from `*line` on followed by their digest, and by nothing else? The digest's line is cut
 * off. */
static bool is_whole(struct buf *text)
{
    const size_t size = strlen(tail) + SHA256_HEX_SIZE; /* with its newline */
    char hex[SHA256_HEX_SIZE];

    if (text->len < strlen(head) + size || strncmp(text->data, head, strlen(head)) != 0)
        return false;
    text->len -= size;
    const char *last = text->data + text->len;
    sha256_hex(hex, text->data, text->len);
    return last[-1] == '\n' && !strncmp(last, tail, strlen(tail)) &&
           !strncmp(last + strlen(tail), hex, SHA256_HEX_SIZE - 1);
}

/* A number from 0 to STUDY_IMAGES_MAX that ends before `end`; -1: it does not. */
static int number_before(const char **at, char end)
{
    char *stop;

    errno = 0;
    long n = strtol(*at, &stop, 10);
    if (errno || stop == *at || *stop != end || n < 0 || n > STUDY_IMAGES_MAX)
        return -1;
    *at = stop + 1;
    return (int)n;
}

static int read_line(struct contents *out, const char **at, struct err *err)
{
    char key[sizeof(out->studies[0].key)];
    const char *line = *at;
    size_t len = strcspn(line, " \n");

    if (!len || len >= sizeof(key) || line[len] != ' ')
        return err_set(err, ERR_INPUT, "no key");
    snprintf(key, sizeof(key), "%.*s", (int)len, line);
    *at = line + len + 1;
    int n_images = number_before(at, ' ');
    int n_set_aside = n_images < 0 ? -1 : number_before(at, '\n');
    if (n_set_aside < 0)
        return err_set(err, ERR_INPUT, "study %s: no numbers", key);
    return contents_add(out, key, n_images, n_set_aside, err);
}

static int parse(struct contents *out, struct buf *text, struct err *err)
{
    if (!is_whole(text))
        return err_set(err, ERR_INPUT, "not whole");
    for (const char *at = text->data + strlen(head); at < text->data + text->len;)
        if (read_line(out, &at, err))
            return -1;
    return 0;
}

int contents_read(struct contents *out, const char *upload_dir, bool *is_there, struct err *err)
{
    char path[SPOOL_PATH_SIZE], quoted[512];
    struct contents made = {0};
    struct err why = {0};
    struct buf text;

    *is_there = false;
    if (path_format(path, sizeof(path), err, "%s/" CONTENTS_FILE, upload_dir))
        return -1;
    if (access(path, F_OK) && errno == ENOENT)
        return 0;
    buf_init(&text, SPOOL_JSON_MAX);
    int ret = file_read(path, &text, &why) || parse(&made, &text, &why);
    buf_release(&text);
    if (!ret) {
        *out = made;
        *is_there = true;
        return 0;
    }
    contents_release(&made);
    if (why.code != ERR_INPUT && why.code != ERR_LIMIT)
        return err_set(err, why.code, "%s: %s", path, why.msg);
    log_event(LOG_WARN, "contents.damaged", "file=%s why=%s", path,
              log_quote(quoted, sizeof(quoted), why.msg));
    return 0;
}

bool contents_equal(const struct contents *a, const struct contents *b)
{
    bool is_same = a->n == b->n;

    for (int i = 0; is_same && i < a->n; i++)
        is_same = !strcmp(a->studies[i].key, b->studies[i].key) &&
                  a->studies[i].n_images == b->studies[i].n_images &&
                  a->studies[i].n_set_aside == b->studies[i].n_set_aside;
    return is_same;
}
