/* `lentigo-reports bench OUT`: what HTML and PDF cost, on the studies of a finished run.
 *
 * Reading the results and writing the files to memory is in it, the disk is not. */
#include <math.h>

#include "common/clock.h"
#include "common/file.h"
#include "reports/publish.h"
#include "reports/serve.h"

enum { STUDIES_MAX = 10000, ROUNDS_MAX = 1000, PAGE_SIZE_MAX = 1 << 30 };

struct bench {
    const struct settings *settings;
    struct publisher publisher;
    char **dirs; /* owned */
    int n;
    int64_t images, bytes;
};

static int visit_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    struct bench *b = ctx;

    if (b->n == STUDIES_MAX || (b->settings->limit && b->n >= b->settings->limit))
        return 0;
    b->dirs[b->n] = strdup(study_dir);
    if (!b->dirs[b->n++])
        return err_set(err, ERR_NOMEM, "no memory for the bench");
    b->images += study->n_images;
    return 0;
}

static int gather(struct bench *b, const char *out, struct err *err)
{
    struct spool *spool = NULL;

    b->dirs = calloc(STUDIES_MAX, sizeof(*b->dirs));
    if (!b->dirs)
        return err_set(err, ERR_NOMEM, "no memory for the bench");
    if (dossier_open_spool(&spool, out, err))
        return -1;
    int ret = spool_each_study(spool, visit_study, b, err);
    spool_close(spool);
    if (!ret && !b->images)
        ret = err_set(err, ERR_INPUT, "%s: no study in its spool", out);
    return ret;
}

static int make_one(struct bench *b, const char *dir, struct err *err)
{
    struct dossier d;
    struct report report;
    struct buf page;

    if (dossier_open(&d, dir, NULL, err))
        return -1;
    int ret = report_prepare(&report, &d, b->publisher.policy, b->publisher.language, err);
    if (!ret) {
        buf_init(&page, PAGE_SIZE_MAX);
        ret =
            report_html(&report, &page, err) || report_pdf(&report, b->publisher.fonts, &page, err);
        b->bytes += (int64_t)page.len;
        buf_release(&page);
        report_release(&report);
    }
    dossier_close(&d);
    return ret ? -1 : 0;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int run_rounds(struct bench *b, struct err *err)
{
    static const char *const words[] = {"en", "zh"};
    double cpu[ROUNDS_MAX];
    int rounds = (int)(b->settings->rounds < ROUNDS_MAX ? b->settings->rounds : ROUNDS_MAX);

    int64_t start = clock_mono_us();
    for (int r = -1; r < rounds; r++) { /* the first one fills caches and is not counted */
        int64_t before = clock_cpu_us();
        if (r == 0)
            start = clock_mono_us();
        b->bytes = 0;
        for (int i = 0; i < b->n; i++)
            if (make_one(b, b->dirs[i], err))
                return -1;
        if (r >= 0)
            cpu[r] = (double)(clock_cpu_us() - before) / 1000 / (double)b->images;
    }
    double wall = (double)(clock_mono_us() - start) / 1000 / (double)b->images / rounds;
    qsort(cpu, (size_t)rounds, sizeof(*cpu), by_number);
    printf("{\"what\":\"reports\",\"kinds\":\"html,pdf\",\"language\":\"%s\",\"device\":\"cpu\","
           "\"batch\":1,\"images\":%lld,\"studies\":%d,\"rounds\":%d,\"ms_per_image\":%.3f,"
           "\"best\":%.3f,\"worst\":%.3f,\"wall_ms_per_image\":%.3f,\"images_per_s\":%.1f,"
           "\"bytes_per_image\":%lld}\n",
           words[b->publisher.language], (long long)b->images, b->n, rounds, cpu[rounds / 2],
           cpu[0], cpu[rounds - 1], wall, 1000 / wall, (long long)(b->bytes / b->images));
    return 0;
}

int bench_run(const struct settings *s, const char *dir)
{
    struct bench b = {.settings = s};
    struct err err = {0};
    int ret = gather(&b, dir, &err) || publisher_init(&b.publisher, s, &err);

    for (int l = 0; l < LANGUAGE_COUNT && !ret; l++) {
        b.publisher.language = (enum language)l;
        ret = run_rounds(&b, &err);
    }
    if (ret)
        fprintf(stderr, "lentigo-reports: %s\n", err.msg);
    publisher_release(&b.publisher);
    for (int i = 0; i < b.n; i++)
        free(b.dirs[i]);
    free(b.dirs);
    return ret ? 1 : 0;
}
