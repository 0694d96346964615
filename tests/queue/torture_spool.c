/* The spool: uploads taken in, its log, orders, statements, what is mended in it. Where there are many
 * allocations every ninth fails in turn, with an argument every one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "queue/census.h"
#include "queue/intake.h"
#include "queue/mend.h"
#include "queue/order.h"
#include "queue/result.h"
#include "queue/sites.h"
#include "queue/statement.h"
#include "tests/torture/torture.h"

static const char manifest_text[] = "patient_id,study_id,file,notes,eye,hand,site\n"
                                    "A,1,a.jpg,x,left,,north\nA,2,b.jpg,\"y\nz\",right,l,\n"
                                    "B,,c.jpg,,,r,south\n";

static bool is_picture(const uint8_t *head, size_t n)
{
    return n >= 3 && !memcmp(head, "PIC", 3);
}

static int n_images; /* of the upload */

/* Without a manifest each picture is an image. */
static void setup_folder(const char *dir)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/in/sub", dir);
    struct err err = {0};
    torture_expect(!dir_make(path, &err), err.msg);
    torture_write(dir, "in/a.jpg", "PIC a", 5);
    torture_write(dir, "in/b.jpg", "PIC b", 5);
    torture_write(dir, "in/sub/other.txt", "text", 4);
    snprintf(path, sizeof(path), "%s/in/out/.lentigo", dir); /* an earlier run's; no patients */
    torture_expect(!dir_make(path, &err), err.msg);
    torture_write(dir, "in/out/overlay.jpg", "PIC o", 5);
    n_images = 2;
}

static void setup_upload(const char *dir)
{
    setup_folder(dir);
    torture_write(dir, "in/manifest.csv", manifest_text, strlen(manifest_text));
    n_images = 3;
}

static int accept(const char *dir, struct intake_result *result, struct err *err)
{
    struct spool *spool = NULL;
    char input[512], root[512];
    const struct intake_request request = {.input = input,
                                           .encoding = "",
                                           .threads = 1,
                                           .accepted_ms = 1700000000000,
                                           .is_picture = is_picture};

    snprintf(input, sizeof(input), "%s/in", dir);
    snprintf(root, sizeof(root), "%s/spool", dir);
    int ret = spool_open(&spool, root, err);
    if (!ret)
        ret = intake_accept(spool, &request, result, err);
    spool_close(spool);
    return ret;
}

static int add_study(void *ctx, const char *dir, const struct study *study, struct err *err)
{
    struct stat st;
    char path[512];

    for (int i = 0; i < study->n_images; i++) {
        snprintf(path, sizeof(path), "%s/originals/%d", dir, i);
        int size = stat(path, &st) ? -1 : (int)st.st_size;
        if (size < 0 && errno != ENOENT)
            return err_set(err, ERR_AGAIN, "%s: %s", path, strerror(errno));
        buf_printf(ctx, "%d: %d\n", i, size);
    }
    json_t *object = study_to_json(study);
    char *line = object ? json_line(object) : NULL;
    buf_printf(ctx, "%s\n", line ? line : "");
    free(line);
    json_decref(object);
    return line ? 0 : err_set(err, ERR_NOMEM, "line");
}

/* Everything that was accepted, as text. */
static int look(const char *dir, struct buf *made, struct census *census, struct err *err)
{
    struct spool *spool = NULL;
    char root[512];

    snprintf(root, sizeof(root), "%s/spool", dir);
    int ret = spool_open(&spool, root, err);
    if (!ret)
        ret = spool_each_study(spool, add_study, made, err) || spool_census(spool, census, err);
    if (!ret)
        buf_printf(made, "others %d\n", (int)census->others);
    spool_close(spool);
    return ret ? -1 : buf_check(made, "spool", err);
}

static int run_upload(const char *dir, struct buf *made, struct err *err)
{
    struct intake_result result;
    struct census census;

    return accept(dir, &result, err) || look(dir, made, &census, err) ? -1 : 0;
}

/* All or nothing was accepted; and the same call, undisturbed, accepts all. */
static void check_upload(const char *dir, bool has_failed)
{
    struct intake_result result;
    struct census census = {0};
    struct buf text;
    struct err err = {0};

    (void)has_failed;
    buf_init(&text, 1 << 20);
    torture_expect(!look(dir, &text, &census, &err), err.msg);
    torture_expect(
        census.received == (census.uploads ? n_images : 0) && census.uploads <= 1 &&
            !census.findings[CENSUS_DAMAGED_UPLOAD] && !census.findings[CENSUS_DAMAGED_STUDY] &&
            !census.findings[CENSUS_LOST_STUDIES] && !census.findings[CENSUS_LOST_ORIGINAL] &&
            !census.findings[CENSUS_CHANGED_ORIGINAL],
        "an upload is there in part");
    buf_clear(&text);
    torture_expect(!accept(dir, &result, &err), err.msg);
    torture_expect(!look(dir, &text, &census, &err), err.msg);
    torture_expect(census.received == n_images && census.others == 2 &&
                       !census.findings[CENSUS_LEFTOVER],
                   "the same upload is not whole afterwards");
    buf_release(&text);
}

static void setup_log(const char *dir)
{
    char root[512];
    struct spool *spool = NULL;
    struct err err = {0};

    snprintf(root, sizeof(root), "%s/spool", dir);
    torture_expect(!spool_open(&spool, root, &err), err.msg);
    spool_close(spool);
    torture_write(dir, "spool/log", "{\"n\":0}\n{\"n\":", 13); /* a cut line */
}

static int count_event(void *ctx, const json_t *event, struct err *err)
{
    (void)err;
    buf_printf(ctx, "%d ", (int)json_integer_value(json_object_get(event, "n")));
    return 0;
}

static int run_log(const char *dir, struct buf *made, struct err *err)
{
    struct spool *spool = NULL;
    char root[512];
    int64_t at = 0;
    json_t *event = json_pack("{s:i}", "n", 7);

    snprintf(root, sizeof(root), "%s/spool", dir);
    int ret = event ? spool_open(&spool, root, err) : err_set(err, ERR_NOMEM, "event");
    if (!ret)
        ret = spool_log_append(spool, event, err) ||
              spool_log_each(spool, &at, count_event, made, err);
    spool_close(spool);
    json_decref(event);
    return ret ? -1 : buf_check(made, "log", err);
}

static struct spool *open_spool(const char *dir, struct err *err)
{
    struct spool *spool = NULL;
    char root[512];

    snprintf(root, sizeof(root), "%s/spool", dir);
    return spool_open(&spool, root, err) ? NULL : spool;
}

static void setup_order(const char *dir)
{
    struct err err = {0};
    struct spool *spool = open_spool(dir, &err);

    torture_expect(spool != NULL, err.msg);
    spool_close(spool);
}

static int add_order(void *ctx, const json_t *event, struct err *err)
{
    struct order o;
    int got = order_read(&o, event, err);

    if (got > 0) {
        buf_printf(ctx, "%s %s %s %s %d", order_word(o.kind), o.id, o.target, o.why, o.n_images);
        for (int i = 0; o.images && i < o.n_images; i++)
            buf_printf(ctx, " %s %d", o.images[i].id, o.images[i].retries);
        buf_add_text(ctx, "\n");
    }
    order_release(&o);
    return got < 0 ? -1 : 0;
}

static int give_orders(struct spool *spool, struct err *err)
{
    struct order_image images[] = {
        {"u/s/1", 0},
        {"u/s/2", 3}
    };
    const struct order cancel = {
        .kind = ORDER_CANCEL, .id = "c", .target = "u/s", .why = "withdrawn"};
    const struct order retry = {
        .kind = ORDER_RETRY, .id = "r", .why = "x", .n_images = 2, .images = images};
    const struct order done = {.kind = ORDER_CARRIED_OUT, .id = "c", .n_images = 7};

    return order_append(spool, &cancel, err) || order_append(spool, &retry, err) ||
                   order_append(spool, &done, err)
               ? -1
               : 0;
}

static int run_order(const char *dir, struct buf *made, struct err *err)
{
    struct spool *spool = open_spool(dir, err);
    int64_t at = 0;

    if (!spool)
        return -1;
    int ret = give_orders(spool, err) || spool_log_each(spool, &at, add_order, made, err);
    spool_close(spool);
    return ret ? -1 : buf_check(made, "orders", err);
}

static int check_event(void *ctx, const json_t *event, struct err *err)
{
    struct order o;

    (void)ctx;
    torture_expect(order_read(&o, event, err) == 1, "an order that cannot be read");
    torture_expect(o.kind != ORDER_CANCEL || !strcmp(o.target, "u/s"),
                   "a cancel of something else");
    torture_expect(o.kind != ORDER_RETRY || o.n_images == 2, "a retry lost an image");
    torture_expect(o.kind != ORDER_CARRIED_OUT || json_number_or(event, "images", 0) == 7,
                   "how many were carried out is gone");
    order_release(&o);
    return 0;
}

/* What stands in the log is a whole order; one that was cut is none, and keeps none from the log. */
static void check_order(const char *dir, bool has_failed)
{
    struct err err = {0};
    struct spool *spool = open_spool(dir, &err);
    int64_t at = 0;

    (void)has_failed;
    torture_expect(spool && !give_orders(spool, &err), err.msg);
    torture_expect(!spool_log_each(spool, &at, check_event, NULL, &err), err.msg);
    spool_close(spool);
}

static int finish_first(void *ctx, const char *dir, const struct study *study, struct err *err)
{
    const json_t *entry = ctx;

    return result_write(dir, study->images[0].n, RESULT_DONE, entry, NULL, err);
}

/* Three studies of an image each, all done; one has been stated. */
static void setup_statement(const char *dir)
{
    json_t *entry = json_pack("{s:s}", "file", "a.jpg");
    struct intake_result result;
    struct statement made;
    struct err err = {0};

    setup_upload(dir);
    torture_expect(!accept(dir, &result, &err), err.msg);
    struct spool *spool = open_spool(dir, &err);
    torture_expect(spool && !statement_make(spool, "2026-11-25", true, NULL, &made, &err), err.msg);
    torture_expect(!spool_each_study(spool, finish_first, entry, &err), err.msg);
    spool_close(spool);
    json_decref(entry);
}

static int add_statement(void *ctx, const struct statement *statement, const json_t *text,
                         struct err *err)
{
    char *sites = json_line(json_object_get(text, "sites"));

    buf_printf(ctx, "%s %d facts %s\n", statement->file, (int)statement->facts, sites ? sites : "");
    free(sites);
    return sites ? 0 : err_set(err, ERR_NOMEM, "line");
}

static int run_statement(const char *dir, struct buf *made, struct err *err)
{
    struct spool *spool = open_spool(dir, err);
    struct statement statement;

    if (!spool)
        return -1;
    int ret = statement_make(spool, "2026-11-26", false, NULL, &statement, err) ||
              statement_each(spool, add_statement, made, err);
    spool_close(spool);
    return ret ? -1 : buf_check(made, "statements", err);
}

static void setup_proof(const char *dir)
{
    struct buf unused;
    struct err err = {0};

    buf_init(&unused, 1 << 20);
    setup_statement(dir);
    torture_expect(!run_statement(dir, &unused, &err), err.msg);
    buf_release(&unused);
}

static void expect_nothing(void *ctx, const char *where, const char *what)
{
    (void)ctx;
    fprintf(stderr, "%s: %s\n", where, what);
    torture_expect(false, "the chain is not as it was stated");
}

/* What cannot be read is no sign that somebody changed it. */
static int run_proof(const char *dir, struct buf *made, struct err *err)
{
    const struct statement_listener listener = {.wrong = expect_nothing, .mended = expect_nothing};
    struct spool *spool = open_spool(dir, err);
    int64_t n_wrong = -1;

    int ret = spool ? statement_verify(spool, &listener, &n_wrong, err) : -1;
    buf_printf(made, "%d", (int)n_wrong);
    spool_close(spool);
    return ret ? -1 : buf_check(made, "proof", err);
}

static int sum_up(void *ctx, const struct statement *statement, const json_t *text, struct err *err)
{
    struct statement_counts *sum = ctx;

    (void)text;
    (void)err;
    sum->received += statement->total.received;
    sum->done += statement->total.done;
    sum->left = statement->total.left;
    return 0;
}

/* The next statement says what this one could not; together they say everything once. */
static void check_statement(const char *dir, bool has_failed)
{
    const struct statement_listener listener = {.wrong = expect_nothing, .mended = expect_nothing};
    struct statement_counts sum = {0};
    struct statement statement;
    struct err err = {0};
    int64_t n_wrong;
    struct spool *spool = open_spool(dir, &err);

    (void)has_failed;
    torture_expect(spool && !statement_make(spool, "2026-11-26", false, NULL, &statement, &err),
                   err.msg);
    torture_expect(!statement_verify(spool, &listener, &n_wrong, &err), err.msg);
    torture_expect(!statement_each(spool, sum_up, &sum, &err), err.msg);
    torture_expect(sum.received == 3 && sum.done == 3 && !sum.left, "the statements do not add up");
    spool_close(spool);
}

static const struct {
    enum census_finding finding;
    const char *where; /* behind the upload */
    const char *file;
} damages[] = {
    {CENSUS_DAMAGED_RESULT, "s000000/0",                            "s000000/results/0.json"              },
    {CENSUS_STRAY_RESULT,   "s000001/results/99.json",              "s000001/results/99.json"             },
    {CENSUS_STALE_REPORT,   "s000002",                              "s000002/report.json"                 },
    {CENSUS_DRAFT,          "s000002/results/0.json.999999999.tmp", "s000002/results/0.json.999999999.tmp"},
};
enum { DAMAGES = sizeof(damages) / sizeof(*damages) };

static char upload[64]; /* of the case at hand */

static void setup_mend(const char *dir)
{
    struct intake_result result;
    struct err err = {0};
    char studies[256];

    setup_upload(dir);
    torture_expect(!accept(dir, &result, &err), err.msg);
    snprintf(upload, sizeof(upload), "%s", result.upload);
    snprintf(studies, sizeof(studies), "%s/spool/uploads/%s/studies", dir, upload);
    for (int i = 0; i < DAMAGES; i++)
        torture_write(studies, damages[i].file, "{", 1);
}

static int mend_all(struct spool *spool, struct buf *made, struct err *err)
{
    char where[WIRE_ID_SIZE], did[MEND_DID_SIZE];

    for (int i = 0; i < DAMAGES; i++) {
        snprintf(where, sizeof(where), "%s/%s", upload, damages[i].where);
        int got = spool_mend(spool, damages[i].finding, where, did, err);
        if (got < 0)
            return -1;
        if (made)
            buf_printf(made, "%s: %d %s\n", where, got, got ? did : "");
    }
    return 0;
}

static int run_mend(const char *dir, struct buf *made, struct err *err)
{
    struct spool *spool = open_spool(dir, err);

    if (!spool)
        return -1;
    int ret = mend_all(spool, made, err);
    spool_close(spool);
    return ret ? -1 : buf_check(made, "mending", err);
}

/* Nothing was lost, and the same again leaves nothing to mend. */
static void check_mend(const char *dir, bool has_failed)
{
    struct err err = {0};
    struct spool *spool = open_spool(dir, &err);
    struct census census;

    (void)has_failed;
    torture_expect(spool && !mend_all(spool, NULL, &err), err.msg);
    torture_expect(!spool_examine(spool, &census, NULL, NULL, &err), err.msg);
    torture_expect(census.received == 3 && census.findings[CENSUS_UNFINISHED] == 3,
                   "mending lost an image");
    for (int i = 0; i < DAMAGES; i++)
        torture_expect(!census.findings[damages[i].finding], damages[i].where);
    spool_close(spool);
}

static int run_sites(const char *dir, struct buf *made, struct err *err)
{
    struct spool *spool = open_spool(dir, err);
    json_t *sites = NULL;

    int ret = spool ? sites_of_day(spool, "2023-11-14", &sites, err) : -1;
    char *line = ret ? NULL : json_line(sites);
    if (!ret && !line)
        ret = err_set(err, ERR_NOMEM, "line");
    buf_add_text(made, line ? line : "");
    free(line);
    json_decref(sites);
    spool_close(spool);
    return ret ? -1 : buf_check(made, "sites", err);
}

static void setup_sites(const char *dir)
{
    struct intake_result result;
    struct err err = {0};

    setup_upload(dir);
    torture_expect(!accept(dir, &result, &err), err.msg);
}

int main(int argc, char **argv)
{
    enum { MEMORY = 1U << FAULTS_MEMORY | 1U << FAULTS_MEMORY_FROM };
    enum { DISK = 1U << FAULTS_DISK | 1U << FAULTS_DISK_FULL };
    /* clang-format off */
    static const struct torture cases[] = {
        {.name = "log", .setup = setup_log, .run = run_log},
        {.name = "orders", .setup = setup_order, .run = run_order, .check = check_order},
        {.name = "mending", .setup = setup_mend, .run = run_mend, .check = check_mend},
        {.name = "sites", .setup = setup_sites, .run = run_sites},
        {.name = "statement", .setup = setup_statement, .run = run_statement, .check = check_statement,
         .kinds = MEMORY},
        {.name = "proof", .setup = setup_proof, .run = run_proof, .kinds = MEMORY},
        {.name = "upload", .setup = setup_upload, .run = run_upload, .check = check_upload, .kinds = MEMORY},
        {.name = "folder", .setup = setup_folder, .run = run_upload, .check = check_upload, .kinds = MEMORY},
        /* a thousand and more allocations each */
        {.name = "statement", .setup = setup_statement, .run = run_statement, .check = check_statement,
         .kinds = DISK, .step = 9},
        {.name = "proof", .setup = setup_proof, .run = run_proof, .kinds = DISK, .step = 9},
        {.name = "upload", .setup = setup_upload, .run = run_upload, .check = check_upload,
         .kinds = DISK, .step = 9},
    };
    /* clang-format on */

    (void)argv;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct torture t = cases[i];
        t.step = argc > 1 ? 1 : t.step;
        torture_run(&t);
    }
    return 0;
}
