#include "queue/statement_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/version.h"
#include "queue/marks.h"
#include "queue/order.h"
#include "queue/result.h"

enum { VERSION = 1, DAY_MS = 86400000, OF_A_DAY_MAX = 100000 };

struct maker {
    struct spool *spool;
    const atomic_bool *stop;
    struct marks stated; /* facts of earlier statements */
    struct marks tries;  /* "result <upload>/<key>/<n> <try>" of these */
    struct sites sites;
    FILE *out; /* the facts file */
    int64_t facts;
    struct statement last;
    /* the study at hand */
    const char *dir;
    const struct study *study;
};

/* ---- facts ---- */

/* 1: new, and written down; 0: stated before. */
static int state(struct maker *m, const char *fact, struct err *err)
{
    if (marks_have(&m->stated, fact))
        return 0;
    if (fprintf(m->out, "%s\n", fact) < 0)
        return err_set(err, ERR_AGAIN, "statement: %s", strerror(errno));
    m->facts++;
    return 1;
}

static struct statement_counts *counts(struct maker *m, struct err *err)
{
    struct site *site = sites_at(&m->sites, m->study->site, err);

    return site ? &site->counts : NULL;
}

/* The status of a result and its digest; RESULT_NONE when it is not there or does not parse: then
 * the doctor tells. */
static int read_result(const char *path, enum result_status *status, char sha256[SHA256_HEX_SIZE],
                       struct err *err)
{
    struct err why = {0};
    struct buf bytes;

    *status = RESULT_NONE;
    buf_init(&bytes, SPOOL_RESULT_MAX);
    if (!file_read(path, &bytes, &why)) {
        json_t *object = json_parse(bytes.data ? bytes.data : "", bytes.len, "result", &why);
        const char *word = json_text_or(object, "status", "");
        for (int i = RESULT_DONE; i <= RESULT_CANCELLED; i++)
            if (!strcmp(word, result_status_word((enum result_status)i)))
                *status = (enum result_status)i;
        json_decref(object);
        sha256_hex(sha256, bytes.data ? bytes.data : "", bytes.len);
    }
    buf_release(&bytes);
    return why.code == ERR_AGAIN || why.code == ERR_NOMEM ? err_set(err, why.code, "%s", why.msg)
                                                          : 0;
}

/* By a retry, or, with the digest of what came in its place, because it was damaged and mended away. */
static int state_reopened(struct maker *m, int n, int try, const char *instead, struct err *err)
{
    char fact[FACT_SIZE];
    struct statement_counts *c;

    snprintf(fact, sizeof(fact), "reopened %s/%s/%d %d%s%s", m->study->upload, m->study->key, n,
             try, instead ? " " : "", instead ? instead : "");
    int is_new = state(m, fact, err);
    if (is_new <= 0)
        return is_new;
    if (!(c = counts(m, err)))
        return -1;
    c->reopened++;
    return 0;
}

static int state_result(struct maker *m, const char *path, int n, int try, struct err *err)
{
    char sha256[SHA256_HEX_SIZE], of_try[FACT_SIZE / 2], fact[FACT_SIZE];
    enum result_status status;
    struct statement_counts *c;

    if (read_result(path, &status, sha256, err))
        return -1;
    if (status == RESULT_NONE)
        return 0;
    snprintf(of_try, sizeof(of_try), "result %s/%s/%d %d", m->study->upload, m->study->key, n, try);
    snprintf(fact, sizeof(fact), "%s %s %s", of_try, result_status_word(status), sha256);
    int is_new = state(m, fact, err);
    if (is_new <= 0)
        return is_new;
    if (marks_have(&m->tries, of_try) && state_reopened(m, n, try, sha256, err))
        return -1;
    if (!(c = counts(m, err)))
        return -1;
    c->done += status == RESULT_DONE;
    c->set_aside += status == RESULT_SET_ASIDE;
    c->cancelled += status == RESULT_CANCELLED;
    return 0;
}

/* Its tries that a retry took back, then the result that stands. */
static int state_image(struct maker *m, int n, bool has_history, struct err *err)
{
    char path[SPOOL_PATH_SIZE], number[16];
    int try = 0;

    snprintf(number, sizeof(number), "%d", n);
    for (; has_history; try++) {
        if (order_history_path(path, m->dir, number, try, err))
            return -1;
        if (access(path, F_OK))
            break;
        if (state_result(m, path, n, try, err) || state_reopened(m, n, try, NULL, err))
            return -1;
    }
    if (path_format(path, sizeof(path), err, "%s/results/%d.json", m->dir, n))
        return -1;
    return state_result(m, path, n, try, err);
}

static int state_file(struct maker *m, const char *name, const char *kind, int images,
                      struct err *err)
{
    char path[SPOOL_PATH_SIZE], sha256[SHA256_HEX_SIZE], number[24] = "", fact[FACT_SIZE];

    if (path_format(path, sizeof(path), err, "%s/%s", m->dir, name))
        return -1;
    int got = statement_digest(path, sha256, err);
    if (got <= 0)
        return got;
    if (images >= 0)
        snprintf(number, sizeof(number), "%d ", images);
    snprintf(fact, sizeof(fact), "%s %s/%s %s%s", kind, m->study->upload, m->study->key, number,
             sha256);
    return state(m, fact, err);
}

static int state_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    struct maker *m = ctx;
    struct statement_counts *c;
    char history[SPOOL_PATH_SIZE];

    if (m->stop && atomic_load(m->stop))
        return err_set(err, ERR_CANCELLED, "statement");
    m->dir = study_dir;
    m->study = study;
    int is_new = state_file(m, "study.json", "study", study->n_images, err);
    if (is_new < 0 || !(c = counts(m, err)) ||
        path_format(history, sizeof(history), err, "%s/history", study_dir))
        return -1;
    c->received += is_new ? study->n_images : 0;
    bool has_history = !access(history, F_OK);
    for (int i = 0; i < study->n_images; i++)
        if (state_image(m, study->images[i].n, has_history, err))
            return -1;
    return state_file(m, "report.json", "report", -1, err) < 0 ? -1 : 0;
}

/* ---- what went before ---- */

static int mark_fact(void *ctx, const char *fact, struct err *err)
{
    struct maker *m = ctx;
    char try[FACT_SIZE];
    int used = 0;

    if (marks_add(&m->stated, fact, err))
        return -1;
    (void)sscanf(fact, "result %*s %*d%n", &used); // NOLINT(cert-err34-c): `used` tells
    snprintf(try, sizeof(try), "%.*s", used, fact);
    return used ? marks_add(&m->tries, try, err) : 0;
}

static int mark_statement(void *ctx, const struct statement *statement, const json_t *text,
                          struct err *err)
{
    struct maker *m = ctx;
    const char *name;
    const json_t *site;

    m->last = *statement;
    sites_release(&m->sites);
    union {
        const json_t *in;
        json_t *out;
    } sites = {json_object_get(text, "sites")}; /* read only, its macro takes no const */
    for (void *at = json_object_iter(sites.out); at; at = json_object_iter_next(sites.out, at)) {
        name = json_object_iter_key(at);
        site = json_object_iter_value(at);
        struct site *row = sites_at(&m->sites, name, err);
        if (!row)
            return -1;
        row->counts.carried = counts_from_json(site).left;
    }
    return statement_each_fact(m->spool, statement->file, mark_fact, m, err);
}

/* ---- writing ---- */

/* "<day>.json", or "<day>.<k>.json" behind the last one of that day. */
static int name_file(const struct maker *m, const char *day, char file[STATEMENT_FILE_SIZE],
                     struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    for (int k = 1; k < OF_A_DAY_MAX; k++) {
        char middle[16] = "";
        if (k > 1)
            snprintf(middle, sizeof(middle), ".%d", k);
        snprintf(file, STATEMENT_FILE_SIZE, "%.10s%s.json", day, middle);
        if (statement_path(m->spool, file, path, err))
            return -1;
        if (access(path, F_OK))
            return 0;
    }
    return err_set(err, ERR_AGAIN, "%d statements of %s", OF_A_DAY_MAX, day);
}

static json_t *sites_to_json(const struct sites *sites)
{
    json_t *object = json_object();

    for (int i = 0; i < sites->n; i++)
        json_put(&object, sites->rows[i].name, counts_to_json(&sites->rows[i].counts));
    return object;
}

static json_t *statement_to_json(const struct maker *m, const char *day, const char *facts,
                                 const char *facts_sha256)
{
    char made_at[CLOCK_ISO_SIZE];
    struct statement_counts total = sites_total(&m->sites);
    json_t *object = json_object(), *previous = json_null();

    if (m->last.file[0])
        previous = json_pack("{s:s, s:s}", "file", m->last.file, "sha256", m->last.sha256);
    json_put(&object, "version", json_integer(VERSION));
    json_put(&object, "number", json_integer(m->last.number + 1));
    json_put(&object, "day", json_string(day));
    json_put(&object, "made_at", json_string(clock_iso(made_at, clock_wall_ms())));
    json_put(&object, "program", json_string(LENTIGO_VERSION));
    json_put(&object, "previous", previous);
    json_put(&object, "facts",
             json_pack("{s:s, s:I, s:s}", "file", facts, "lines", (json_int_t)m->facts, "sha256",
                       facts_sha256));
    json_put(&object, "sites", sites_to_json(&m->sites));
    json_put(&object, "total", counts_to_json(&total));
    return object;
}

static int note(struct spool *s, const struct statement *made, struct err *err)
{
    char at[CLOCK_ISO_SIZE];
    json_t *event = json_pack("{s:s,s:s,s:s,s:s}", "event", "statement", "file", made->file,
                              "sha256", made->sha256, "at", clock_iso(at, clock_wall_ms()));
    int ret = event ? spool_log_append(s, event, err) : err_set(err, ERR_NOMEM, "statement");

    json_decref(event);
    return ret;
}

struct search {
    const struct statement *statement;
    bool is_noted;
};

static int find_note(void *ctx, const json_t *event, struct err *err)
{
    struct search *search = ctx;

    (void)err;
    search->is_noted =
        search->is_noted || (!strcmp(json_text_or(event, "event", ""), "statement") &&
                             !strcmp(json_text_or(event, "file", ""), search->statement->file));
    return 0;
}

/* A maker killed between the statement and its line leaves the newest one without. */
static int note_last(struct maker *m, struct err *err)
{
    struct search search = {.statement = &m->last};
    int64_t at = 0;

    if (!m->last.file[0])
        return 0;
    if (spool_log_each(m->spool, &at, find_note, &search, err))
        return -1;
    return search.is_noted ? 0 : note(m->spool, &m->last, err);
}

/* The facts are durable before the statement that has their digest, that before the log's line. */
static int put_in_place(struct maker *m, const char *day, const char *draft, struct statement *out,
                        struct err *err)
{
    char facts[STATEMENT_FILE_SIZE], path[SPOOL_PATH_SIZE], sha256[SHA256_HEX_SIZE];
    struct statement made = {.number = m->last.number + 1, .facts = m->facts};

    sites_balance(&m->sites);
    made.total = sites_total(&m->sites);
    snprintf(made.day, sizeof(made.day), "%.10s", day);
    if (name_file(m, day, made.file, err))
        return -1;
    statement_facts_name(made.file, facts);
    if (statement_path(m->spool, facts, path, err))
        return -1;
    if (statement_digest(draft, sha256, err) != 1 || rename(draft, path))
        return err_set(err, ERR_AGAIN, "%s: %s", path, strerror(errno));
    json_t *object = statement_to_json(m, day, facts, sha256);
    int ret = object ? statement_path(m->spool, made.file, path, err)
                     : err_set(err, ERR_NOMEM, "statement");
    ret = ret || file_sync_fs(spool_root(m->spool), err) || json_write(path, object, err) ||
          file_sync_fs(spool_root(m->spool), err);
    json_decref(object);
    if (ret)
        return -1;
    if (statement_digest(path, made.sha256, err) != 1)
        return err_set(err, ERR_AGAIN, "%s: gone", path);
    if (note(m->spool, &made, err))
        return -1;
    *out = made;
    return 0;
}

static int make(struct maker *m, const char *day, bool always, struct statement *out,
                struct err *err)
{
    char draft[SPOOL_PATH_SIZE];

    if (statement_each(m->spool, mark_statement, m, err) || note_last(m, err) ||
        statement_path(m->spool, "draft", draft, err))
        return -1;
    marks_sort(&m->stated);
    marks_sort(&m->tries);
    m->out = fopen(draft, "we");
    if (!m->out)
        return err_set(err, ERR_AGAIN, "%s: %s", draft, strerror(errno));
    int ret = spool_each_study(m->spool, state_study, m, err);
    if (fclose(m->out) && !ret)
        ret = err_set(err, ERR_AGAIN, "%s: %s", draft, strerror(errno));
    if (!ret && (m->facts || always))
        ret = put_in_place(m, strcmp(day, m->last.day) < 0 ? m->last.day : day, draft, out, err);
    (void)unlink(draft); /* gone already when it was put in place */
    return ret;
}

/* One maker at a time; the lock goes with the descriptor. */
static int lock(const struct spool *s, struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    if (statement_path(s, "", path, err) || dir_make(path, err) ||
        statement_path(s, "lock", path, err))
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && !flock(fd, LOCK_EX))
        return fd;
    err_set(err, ERR_AGAIN, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int statement_make(struct spool *s, const char *day, bool always, const atomic_bool *stop,
                   struct statement *out, struct err *err)
{
    struct maker m = {.spool = s, .stop = stop};
    struct statement made = {0};

    int fd = lock(s, err);
    if (fd < 0)
        return -1;
    int ret = make(&m, day, always, &made, err);
    close(fd);
    marks_release(&m.stated);
    marks_release(&m.tries);
    sites_release(&m.sites);
    if (!ret)
        *out = made;
    else if (err->code != ERR_CANCELLED)
        err->code = ERR_AGAIN;
    return ret ? -1 : 0;
}

bool statement_is_due(const char *last, const char *first, int64_t now_ms,
                      char day[STATEMENT_DAY_SIZE])
{
    char today[CLOCK_ISO_SIZE], yesterday[CLOCK_ISO_SIZE];

    clock_iso(today, now_ms);
    clock_iso(yesterday, now_ms - DAY_MS);
    today[STATEMENT_DAY_SIZE - 1] = yesterday[STATEMENT_DAY_SIZE - 1] = 0;
    memcpy(day, yesterday, STATEMENT_DAY_SIZE);
    if (last[0])
        return strcmp(last, yesterday) < 0;
    return first[0] && strncmp(first, today, STATEMENT_DAY_SIZE - 1) < 0;
}
