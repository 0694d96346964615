/* Every word of the chain, held against what lies there. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "queue/census.h"
#include "queue/order.h"
#include "queue/result.h"
#include "queue/statement_priv.h"

enum { WHAT_SIZE = 320 };

/* A damaged result that the doctor moved to mended/. */
struct mending {
    char id[WIRE_ID_SIZE]; /* of its image */
    char at[CLOCK_ISO_SIZE];
    bool is_used; /* for one stated result */
};

struct verifier {
    const struct spool *spool;
    const struct statement_listener *listener;
    int64_t n_wrong;
    struct mending *mendings; /* owned: of the spool's log */
    int n_mendings;
    /* the chain so far */
    struct statement last;
    struct sites left;
    /* the statement at hand, as its facts have it */
    struct sites sites;
    int64_t lines;
    const char *made_at; /* borrowed */
    /* the study of the last fact */
    char id[WIRE_ID_SIZE], dir[SPOOL_PATH_SIZE], site[STUDY_FIELD_SIZE];
};

static void find(struct verifier *v, const char *where, const char *what)
{
    v->n_wrong++;
    v->listener->wrong(v->listener->ctx, where, what);
}

/* ---- mendings ---- */

static int note_mending(void *ctx, const json_t *event, struct err *err)
{
    struct verifier *v = ctx;

    if (strcmp(json_text_or(event, "event", ""), "mended") != 0 ||
        strcmp(json_text_or(event, "finding", ""), census_word(CENSUS_DAMAGED_RESULT)) != 0)
        return 0;
    size_t n = (size_t)v->n_mendings;
    struct mending *grown = realloc(v->mendings, (n + 1) * sizeof(*grown));
    if (!grown)
        return err_set(err, ERR_NOMEM, "mendings of a spool");
    v->mendings = grown;
    v->mendings[n] = (struct mending){0};
    snprintf(v->mendings[n].id, sizeof(v->mendings[n].id), "%s", json_text_or(event, "where", ""));
    snprintf(v->mendings[n].at, sizeof(v->mendings[n].at), "%s", json_text_or(event, "at", ""));
    v->n_mendings++;
    return 0;
}

/* A stated result is not there: mended away, or wrong. Each mending speaks for one, and for none that was
 * stated after it: that one took the place of a result that had never been stated. */
static void miss_result(struct verifier *v, const char *where, const char *what)
{
    for (int i = 0; i < v->n_mendings; i++)
        if (!v->mendings[i].is_used && !strcmp(v->mendings[i].id, where) &&
            strcmp(v->mendings[i].at, v->made_at) >= 0) {
            v->mendings[i].is_used = true;
            v->listener->mended(v->listener->ctx, where,
                                "was damaged and mended since it was stated");
            return;
        }
    find(v, where, what);
}

/* ---- facts ---- */

/* What cannot be read now is neither right nor wrong. */
static bool is_of_disk(const struct err *why)
{
    return why->code == ERR_AGAIN || why->code == ERR_NOMEM;
}

/* Folder and site of "<upload>/<key>": 1; 0: the study is gone or does not parse. */
static int open_study(struct verifier *v, const char *id, struct err *err)
{
    const char *key = strchr(id, '/');
    char upload[64], name[64];
    struct study study;
    struct err why = {0};

    if (!strcmp(v->id, id))
        return 1;
    if (!key)
        return 0;
    snprintf(upload, sizeof(upload), "%.*s", (int)(key - id), id);
    snprintf(name, sizeof(name), "%s", key + 1);
    if (spool_study_dir(v->spool, upload, name, v->dir, &why) ||
        spool_study_read(v->dir, &study, &why))
        return is_of_disk(&why) ? err_set(err, why.code, "%s", why.msg) : 0;
    snprintf(v->id, sizeof(v->id), "%s", id);
    snprintf(v->site, sizeof(v->site), "%s", study.site);
    study_release(&study);
    return 1;
}

/* 1: it has; 0: another, or it is not there. */
static int has_digest(const char *path, const char *sha256, bool *is_there, struct err *err)
{
    char is[SHA256_HEX_SIZE];
    int got = statement_digest(path, is, err);

    *is_there = got > 0;
    return got > 0 ? !strcmp(is, sha256) : got;
}

/* The file as it is now, or as a retry moved it away: history/<name>.<k>.json. */
static int check_digest(struct verifier *v, const char *where, const char *now, const char *name,
                        int try, const char *sha256, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    bool is_there = false, is_old = true;

    for (int k = try < 0 ? 0 : try; is_old; k++) {
        if (order_history_path(path, v->dir, name, k, err))
            return -1;
        int has = has_digest(path, sha256, &is_old, err);
        if (has)
            return has < 0 ? -1 : 0;
        if (try >= 0 && is_old) { /* this very try was moved there */
            miss_result(v, where, "changed since it was stated");
            return 0;
        }
        if (try >= 0)
            break;
    }
    if (path_format(path, sizeof(path), err, "%s/%s", v->dir, now))
        return -1;
    int has = has_digest(path, sha256, &is_there, err);
    if (!has)
        miss_result(v, where,
                    is_there ? "changed since it was stated" : "gone since it was stated");
    return has < 0 ? -1 : 0;
}

static struct statement_counts *counts(struct verifier *v, struct err *err)
{
    struct site *site = sites_at(&v->sites, v->site, err);

    return site ? &site->counts : NULL;
}

static int check_result(struct verifier *v, const char *id, int n, const char *words,
                        struct err *err)
{
    char status[16], sha256[SHA256_HEX_SIZE], now[64], name[16];
    struct statement_counts *c = counts(v, err);
    int try;

    if (!c)
        return -1;
    // NOLINTNEXTLINE(cert-err34-c): what is no number is told below, by its digest
    if (sscanf(words, "%d %15s %64s", &try, status, sha256) != 3) {
        find(v, id, "the fact does not parse");
        return 0;
    }
    c->done += !strcmp(status, "done");
    c->set_aside += !strcmp(status, "set_aside");
    c->cancelled += !strcmp(status, "cancelled");
    snprintf(now, sizeof(now), "results/%d.json", n);
    snprintf(name, sizeof(name), "%d", n);
    return check_digest(v, id, now, name, try, sha256, err);
}

static int check_study(struct verifier *v, const char *id, const char *words, struct err *err)
{
    struct statement_counts *c = counts(v, err);
    char path[SPOOL_PATH_SIZE], *end;
    bool is_there;

    if (!c)
        return -1;
    c->received += strtol(words, &end, 10);
    if (path_format(path, sizeof(path), err, "%s/study.json", v->dir))
        return -1;
    int has = *end == ' ' ? has_digest(path, end + 1, &is_there, err) : 0;
    if (!has)
        find(v, id, "study.json changed since it was stated");
    return has < 0 ? -1 : 0;
}

/* "<kind> <id> <words>", the id with an image's number where it is about one. */
static int check_fact(void *ctx, const char *fact, struct err *err)
{
    struct verifier *v = ctx;
    char kind[16], where[WIRE_ID_SIZE], id[WIRE_ID_SIZE];
    int used = 0;

    v->lines++;
    if (sscanf(fact, "%15s %127s %n", kind, where, &used) != 2 || !used) {
        find(v, fact, "the fact does not parse");
        return 0;
    }
    bool is_image = !strcmp(kind, "result") || !strcmp(kind, "reopened");
    const char *n = is_image ? strrchr(where, '/') : NULL;
    snprintf(id, sizeof(id), "%.*s", n ? (int)(n - where) : (int)strlen(where), where);
    int number = n ? (int)strtol(n + 1, NULL, 10) : 0;
    int opened = open_study(v, id, err);
    if (!opened)
        find(v, where, "its study is gone, or does not parse");
    if (opened <= 0)
        return opened;
    if (!strcmp(kind, "study"))
        return check_study(v, where, fact + used, err);
    if (!strcmp(kind, "result"))
        return check_result(v, where, number, fact + used, err);
    if (!strcmp(kind, "report"))
        return check_digest(v, where, "report.json", "report", -1, fact + used, err);
    if (!strcmp(kind, "reopened")) {
        struct statement_counts *c = counts(v, err);
        if (!c)
            return -1;
        c->reopened++;
    } else
        find(v, where, "a fact of no known kind");
    return 0;
}

/* ---- statements ---- */

static bool is_same(const struct statement_counts *a, const struct statement_counts *b)
{
    return !memcmp(a, b, sizeof(*a));
}

/* Each site as stated against as counted; carried from the statement before. */
static int check_sites(struct verifier *v, const char *file, const json_t *text, struct err *err)
{
    char what[WHAT_SIZE];

    for (int i = 0; i < v->left.n; i++) {
        struct site *site = sites_at(&v->sites, v->left.rows[i].name, err);
        if (!site)
            return -1;
        site->counts.carried = v->left.rows[i].counts.left;
    }
    sites_balance(&v->sites);
    for (int i = 0; i < v->sites.n; i++) {
        const struct site *site = &v->sites.rows[i];
        struct statement_counts stated =
            counts_from_json(json_object_get(json_object_get(text, "sites"), site->name));
        snprintf(what, sizeof(what), "the sums of site \"%.80s\" are not those of the facts",
                 site->name);
        if (!is_same(&stated, &site->counts))
            find(v, file, what);
    }
    struct statement_counts total = sites_total(&v->sites),
                            stated = counts_from_json(json_object_get(text, "total"));
    if (!is_same(&total, &stated))
        find(v, file, "the sum of all sites is not that of the facts");
    sites_release(&v->left);
    v->left = v->sites;
    v->sites = (struct sites){0};
    return 0;
}

/* Its place in the chain: a number that follows, and the digest of the one before. */
static void check_link(struct verifier *v, const struct statement *s, const json_t *text)
{
    const json_t *previous = json_object_get(text, "previous");
    const char *file = json_text_or(previous, "file", "");
    char what[WHAT_SIZE];

    snprintf(what, sizeof(what), "number %" PRId64 " follows number %" PRId64, s->number,
             v->last.number);
    if (s->number != v->last.number + 1 || strcmp(file, v->last.file) != 0)
        find(v, s->file, what);
    else if (strcmp(json_text_or(previous, "sha256", ""), v->last.sha256) != 0)
        find(v, v->last.file, "changed since the statement after it was made");
}

static int check_facts(struct verifier *v, const struct statement *s, const json_t *text,
                       struct err *err)
{
    const json_t *facts = json_object_get(text, "facts");
    char name[STATEMENT_FILE_SIZE], path[SPOOL_PATH_SIZE];
    struct err why = {0};
    bool is_there;

    v->lines = 0;
    v->made_at = json_text_or(text, "made_at", "");
    statement_facts_name(s->file, name);
    if (statement_path(v->spool, name, path, err))
        return -1;
    int has = has_digest(path, json_text_or(facts, "sha256", ""), &is_there, err);
    if (has < 0)
        return -1;
    if (!has)
        find(v, name, is_there ? "changed since it was made" : "gone");
    if (is_there && statement_each_fact(v->spool, s->file, check_fact, v, &why))
        return err_set(err, why.code, "%s", why.msg);
    if (is_there && v->lines != s->facts)
        find(v, name, "has another number of lines than was stated");
    return 0;
}

static int check_statement(struct verifier *v, const char *file, struct err *err)
{
    struct statement s;
    struct err why = {0};
    json_t *text = NULL;

    if (statement_read(v->spool, file, &s, &text, &why)) {
        if (is_of_disk(&why))
            return err_set(err, why.code, "%s", why.msg);
        find(v, file, "does not parse");
        return 0;
    }
    check_link(v, &s, text);
    int ret = check_facts(v, &s, text, err) || check_sites(v, s.file, text, err);
    json_decref(text);
    v->last = s;
    return ret ? -1 : 0;
}

/* What the spool's log says of a statement. */
static int check_note(void *ctx, const json_t *event, struct err *err)
{
    struct verifier *v = ctx;
    const char *file = json_text_or(event, "file", "");
    char path[SPOOL_PATH_SIZE];
    bool is_there;

    if (strcmp(json_text_or(event, "event", ""), "statement") != 0)
        return 0;
    if (statement_path(v->spool, file, path, err))
        return -1;
    int has = has_digest(path, json_text_or(event, "sha256", ""), &is_there, err);
    if (!has)
        find(v, file, is_there ? "is not what the spool's log says it was" : "gone");
    return has < 0 ? -1 : 0;
}

int statement_verify(const struct spool *s, const struct statement_listener *listener,
                     int64_t *n_wrong, struct err *err)
{
    struct verifier *v = calloc(1, sizeof(*v));
    struct names names = {0};
    int64_t first = 0, at = 0;

    if (!v)
        return err_set(err, ERR_NOMEM, "verify statements");
    *v = (struct verifier){.spool = s, .listener = listener};
    int ret = spool_log_each(s, &first, note_mending, v, err) || statement_names(s, &names, err);
    for (int i = 0; i < names.n && !ret; i++)
        ret = check_statement(v, names.at[i], err);
    ret = ret || spool_log_each(s, &at, check_note, v, err);
    *n_wrong = v->n_wrong;
    names_release(&names);
    sites_release(&v->left);
    sites_release(&v->sites);
    free(v->mendings);
    free(v);
    return ret ? -1 : 0;
}
