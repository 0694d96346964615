#include "cli/checkup.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/open_spool.h"
#include "common/file.h"
#include "common/status.h"
#include "queue/mend.h"
#include "queue/order.h"

enum {
    LINES_MAX = 20, /* of one kind; the rest is counted */
    RUN_JSON_MAX = 1 << 20,
    REDIS_MS = 5000,
    AGAIN_US = 1000000, /* beside a scheduler: what is still there then is no passing state */
};

/* ---- open ---- */

/* What the run was started with; {} when it has no run.json. */
static json_t *read_run(const char *out)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};
    json_t *run = NULL;

    if (!path_format(path, sizeof(path), &ignored, "%s/.lentigo/run.json", out))
        run = json_read(path, RUN_JSON_MAX, &ignored);
    return run ? run : json_object();
}

static void connect(struct checkup *c, const char *address)
{
    struct err why = {0};

    if (queue_client_open(&c->redis, address, REDIS_MS, &why))
        snprintf(c->no_redis, sizeof(c->no_redis), "%s", why.msg);
}

int checkup_open(struct checkup *c, const struct settings *s, const char *out, struct err *err)
{
    if (open_spool(&c->spool, s, out, err))
        return -1;
    c->mended = json_array();
    c->jobs = -1;
    c->holder = spool_holder(c->spool);
    if (!out) {
        c->wants_no_reports = !strcmp(s->reports, "none");
        connect(c, s->redis);
        return 0;
    }
    json_t *run = read_run(out);
    c->wants_no_reports = !strcmp(json_text_or(run, "reports", ""), "none");
    if (c->holder)
        connect(c, json_text_or(run, "redis", ""));
    else
        snprintf(c->no_redis, sizeof(c->no_redis), "a run has its own, and only while it goes on");
    json_decref(run);
    return 0;
}

static void findings_release(struct findings *f)
{
    for (int64_t i = 0; i < f->n; i++)
        free(f->rows[i].where);
    free(f->rows);
    *f = (struct findings){0};
}

void checkup_close(struct checkup *c)
{
    findings_release(&c->left);
    json_decref(c->mended);
    queue_client_close(c->redis);
    spool_close(c->spool);
}

/* ---- look ---- */

/* With a scheduler at work these are simply what it is working on; a run may want no reports. */
static bool is_expected(const struct checkup *c, enum census_finding f)
{
    if (f == CENSUS_NO_REPORT && c->wants_no_reports)
        return true;
    if (c->holder && f == CENSUS_DRAFT) /* of a child that was killed: it goes with the report */
        return true;
    return (c->holder || c->waits_for_start) && (f == CENSUS_UNFINISHED || f == CENSUS_NO_REPORT);
}

struct look {
    const struct checkup *c;
    struct findings found;
    bool is_out_of_memory;
};

static void on_finding(void *ctx, enum census_finding f, const char *where)
{
    struct look *look = ctx;
    struct findings *found = &look->found;

    if (is_expected(look->c, f))
        return;
    if (found->n == found->cap) {
        int64_t cap = found->cap ? 2 * found->cap : 64;
        struct finding *grown = realloc(found->rows, (size_t)cap * sizeof(*grown));
        look->is_out_of_memory = look->is_out_of_memory || !grown;
        if (!grown)
            return;
        found->rows = grown;
        found->cap = cap;
    }
    char *copy = strdup(where);
    look->is_out_of_memory = look->is_out_of_memory || !copy;
    if (copy)
        found->rows[found->n++] = (struct finding){f, copy};
}

static int by_kind(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;

    return x->what != y->what ? (x->what < y->what ? -1 : 1) : strcmp(x->where, y->where);
}

static int look_once(struct checkup *c, struct findings *out, struct err *err)
{
    struct look look = {.c = c};

    int ret = spool_examine(c->spool, &c->census, on_finding, &look, err);
    if (!ret && c->redis) {
        struct err why = {0};
        if (queue_audit(c->redis, c->spool, &c->audit, on_finding, &look, &why))
            snprintf(c->no_redis, sizeof(c->no_redis), "%s", why.msg);
    }
    if (!ret && look.is_out_of_memory)
        ret = err_set(err, ERR_NOMEM, "out of memory: %" PRId64 " findings", look.found.n);
    if (ret) {
        findings_release(&look.found);
        return -1;
    }
    if (look.found.n)
        qsort(look.found.rows, (size_t)look.found.n, sizeof(*look.found.rows), by_kind);
    *out = look.found;
    return 0;
}

/* What is in both, kept in `a`. */
static void intersect(struct findings *a, const struct findings *b)
{
    int64_t n = 0;

    for (int64_t i = 0; i < a->n; i++)
        if (bsearch(&a->rows[i], b->rows, (size_t)b->n, sizeof(*b->rows), by_kind))
            a->rows[n++] = a->rows[i];
        else
            free(a->rows[i].where);
    a->n = n;
}

int checkup_look(struct checkup *c, struct err *err)
{
    struct findings first, second;

    findings_release(&c->left);
    if (look_once(c, &first, err))
        return -1;
    if (first.n && c->holder) {
        usleep(AGAIN_US);
        if (look_once(c, &second, err)) {
            findings_release(&first);
            return -1;
        }
        intersect(&second, &first);
        findings_release(&first);
        first = second;
    }
    c->left = first;
    return 0;
}

/* ---- mend ---- */

static int mend_one(struct checkup *c, const struct finding *f, struct err *err)
{
    char did[MEND_DID_SIZE];
    int ret = spool_mend(c->spool, f->what, f->where, did, err);

    if (ret > 0)
        json_add(&c->mended, json_pack("{s:s, s:o, s:o}", "finding", census_word(f->what), "where",
                                       json_text(f->where), "did", json_text(did)));
    return ret < 0 ? -1 : 0;
}

static int note_refill(struct checkup *c, struct err *err)
{
    char by[ORDER_BY_SIZE], at[CLOCK_ISO_SIZE];

    order_by(by);
    json_t *event =
        json_pack("{s:s, s:I, s:o, s:s}", "event", "refilled", "jobs", (json_int_t)c->jobs, "by",
                  json_text(by), "at", clock_iso(at, clock_wall_ms()));
    int ret = event ? spool_log_append(c->spool, event, err) : err_set(err, ERR_NOMEM, "log");

    json_decref(event);
    return ret;
}

static int fill_redis(struct checkup *c, bool is_amiss, struct err *err)
{
    if (queue_refill(c->redis, c->spool, &c->jobs, err) || note_refill(c, err))
        return -1;
    if (is_amiss)
        json_add(&c->mended, json_pack("{s:s, s:s, s:s}", "finding", "redis", "where", "redis",
                                       "did", "emptied, and filled again from the spool"));
    return 0;
}

static bool is_redis_amiss(const struct checkup *c)
{
    for (int64_t i = 0; i < c->left.n; i++)
        if (c->left.rows[i].what >= CENSUS_UNACKNOWLEDGED)
            return true;
    return false;
}

static int mend_spool(struct checkup *c, struct err *err)
{
    for (int64_t i = 0; i < c->left.n; i++)
        if (mend_one(c, &c->left.rows[i], err))
            return -1;
    return file_sync_fs(spool_root(c->spool), err);
}

/* The spool first: what is mended there is what Redis is compared with. */
int checkup_mend(struct checkup *c, bool always, struct err *err)
{
    if (spool_lock(c->spool, err))
        return err_wrap(err, "stop the scheduler first");
    c->holder = 0;
    if (checkup_look(c, err) || mend_spool(c, err) || checkup_look(c, err))
        return -1;
    bool is_amiss = is_redis_amiss(c);
    if (!c->redis || (!always && !is_amiss))
        return 0;
    return fill_redis(c, is_amiss, err) || checkup_look(c, err) ? -1 : 0;
}

/* ---- tell ---- */

static void print_findings(const struct checkup *c)
{
    int64_t of_kind[CENSUS_FINDINGS] = {0};

    for (int64_t i = 0; i < c->left.n; i++) {
        const struct finding *f = &c->left.rows[i];
        if (of_kind[f->what]++ < LINES_MAX)
            printf("%s: %s. To do: %s.\n", f->where, census_text(f->what), census_advice(f->what));
    }
    for (int i = 0; i < CENSUS_FINDINGS; i++)
        if (of_kind[i] > LINES_MAX)
            printf("... and %" PRId64 " more: %s\n", of_kind[i] - LINES_MAX,
                   census_text((enum census_finding)i));
}

static void print_mended(const struct checkup *c)
{
    size_t n = json_array_size(c->mended);

    for (size_t i = 0; i < n && i < LINES_MAX; i++) {
        const json_t *row = json_array_get(c->mended, i);
        printf("mended: %s: %s: %s\n", json_text_or(row, "finding", ""),
               json_text_or(row, "where", ""), json_text_or(row, "did", ""));
    }
    if (n > LINES_MAX)
        printf("... and %zu more; the spool's log has them all\n", n - LINES_MAX);
    if (c->jobs >= 0)
        printf("Redis was filled from the spool: %" PRId64 " images wait in it\n", c->jobs);
}

static void print_text(const struct checkup *c)
{
    const struct census *n = &c->census;

    print_mended(c);
    print_findings(c);
    printf("%" PRId64 " received = %" PRId64 " done + %" PRId64 " set aside + %" PRId64
           " cancelled%s\n",
           n->received, n->done, n->set_aside, n->cancelled,
           census_is_whole(n) ? ""
           : c->holder        ? "  (going on)"
                              : "  -- NOT ALL FINISHED");
    printf("uploads %" PRId64 ", studies %" PRId64 ", reports %" PRId64 ", other files %" PRId64
           "\n",
           n->uploads, n->studies, n->reports, n->others);
    if (c->no_redis[0])
        printf("Redis was not looked at: %s\n", c->no_redis);
    else if (c->audit.is_filled)
        printf("Redis: %" PRId64 " jobs, %" PRId64 " leased\n", c->audit.jobs, c->audit.leases);
    else
        printf("Redis is empty; the scheduler's start fills it\n");
    if (c->holder)
        printf("a scheduler is at work (process %d); what it has not finished is no finding\n",
               c->holder);
    if (c->left.n)
        printf("findings: %" PRId64 "\n", c->left.n);
    else
        printf("nothing is missing\n");
}

static json_t *findings_to_json(const struct checkup *c)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < c->left.n; i++) {
        enum census_finding f = c->left.rows[i].what;
        json_add(&list, json_pack("{s:s, s:o, s:s, s:s}", "finding", census_word(f), "where",
                                  json_text(c->left.rows[i].where), "meaning", census_text(f),
                                  "advice", census_advice(f)));
    }
    return list;
}

static json_t *redis_to_json(const struct checkup *c)
{
    if (c->no_redis[0])
        return json_pack("{s:o}", "not_looked_at", json_text(c->no_redis));
    return json_pack("{s:b, s:I, s:I}", "is_filled", c->audit.is_filled, "jobs",
                     (json_int_t)c->audit.jobs, "leases", (json_int_t)c->audit.leases);
}

static int print_json(const struct checkup *c, struct err *err)
{
    const struct census *n = &c->census;
    json_t *object = json_pack(
        "{s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:i, s:I, s:o, s:O, s:o, s:I}", "received",
        (json_int_t)n->received, "done", (json_int_t)n->done, "set_aside", (json_int_t)n->set_aside,
        "cancelled", (json_int_t)n->cancelled, "is_whole", census_is_whole(n), "uploads",
        (json_int_t)n->uploads, "studies", (json_int_t)n->studies, "reports",
        (json_int_t)n->reports, "others", (json_int_t)n->others, "scheduler_pid", c->holder,
        "n_findings", (json_int_t)c->left.n, "findings", findings_to_json(c), "mended", c->mended,
        "redis", redis_to_json(c), "jobs_put_in", (json_int_t)c->jobs);
    char *line = object ? json_line(object) : NULL;

    json_decref(object);
    if (!line)
        return err_set(err, ERR_NOMEM, "findings: out of memory");
    puts(line);
    free(line);
    return 0;
}

int checkup_print(const struct checkup *c, bool as_json, struct err *err)
{
    if (as_json)
        return print_json(c, err);
    print_text(c);
    return 0;
}

int checkup_status(const struct checkup *c)
{
    if (c->left.n)
        return STATUS_UNFINISHED;
    return json_array_size(c->mended) ? STATUS_MENDED : STATUS_OK;
}
