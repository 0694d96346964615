/* census_priv.h -- census.c (what is counted) and census_files.c (what lies there) among
 * themselves. */
#ifndef QUEUE_CENSUS_PRIV_H
#define QUEUE_CENSUS_PRIV_H

#include "queue/census.h"

enum { CENSUS_WHERE_SIZE = 1024 };

struct examination {
    const struct spool *spool;
    struct census *census;
    void (*found)(void *ctx, enum census_finding f, const char *where); /* NULL: only count */
    void *ctx;
};

/* One study at a time. */
struct patient_study {
    const char *upload, *key;
    char dir[SPOOL_PATH_SIZE];
    struct study study;
    int64_t n_terminal;
};

/* Count a finding at "<upload>/<key>/<rest>"; `key` and `rest` may be "". */
void census_find(const struct examination *e, enum census_finding f, const char *upload,
                 const char *key, const char *rest);

/* census_files.c: does each file belong to something? Results are always looked at, all else only
 * when somebody hears of it. */
int census_study_files(const struct examination *e, const struct patient_study *p, struct err *err);
int census_upload_files(const struct examination *e, const char *upload, struct err *err);
int census_root_files(const struct examination *e, struct err *err);

/* Does report.json at `path` say what the results say? All images of the study are terminal. */
int census_report(const struct examination *e, const struct patient_study *p, const char *path,
                  struct err *err);

#endif
