/* page.h -- a page of a made-up study, for the tests of HTML and PDF. Include after cmocka.h. */
#ifndef TESTS_REPORTS_PAGE_H
#define TESTS_REPORTS_PAGE_H

#include "reports/fonts.h"
#include "reports/report.h"
#include "tests/reports/made.h"

static inline int page_setup(void **state)
{
    struct made *m = calloc(1, sizeof(*m));

    made_init(m);
    *state = m;
    return 0;
}

static inline int page_teardown(void **state)
{
    made_release(*state);
    free(*state);
    return 0;
}

/* The page of the study in `dir`; `fonts` NULL = HTML. Released by the caller. */
static inline struct buf page_make(const struct made *m, const char *dir, enum language l,
                                   struct fonts *fonts)
{
    struct dossier d;
    struct report r;
    struct policy *policy = NULL;
    char path[400];
    struct buf out;
    struct err err = {0};

    buf_init(&out, 64 << 20);
    snprintf(path, sizeof(path), "%s/policy.json", m->model);
    if (policy_open(&policy, path, &err) || dossier_open(&d, dir, NULL, &err) ||
        report_prepare(&r, &d, policy, l, &err) ||
        (fonts ? report_pdf(&r, fonts, &out, &err) : report_html(&r, &out, &err)))
        fail_msg("%s", err.msg);
    report_release(&r);
    dossier_close(&d);
    policy_close(policy);
    return out;
}

/* A study with one of everything: a lesion, none found, unusable, cut file, duplicate. */
static inline enum result_status page_five(struct image_entry *e, int i)
{
    struct lesion_quality *q = &e->measures.quality;

    if (i == 1) {
        e->reason = REASON_TRUNCATED;
        return RESULT_SET_ASIDE;
    }
    if (i == 2) {
        e->measures.is_found = false;
        e->measures.n_contour = 0;
        e->decision.risk = RISK_REVIEW;
        snprintf(e->decision.reason, sizeof(e->decision.reason), "no_lesion+quality");
        q->verdict = QUALITY_DEGRADED;
        snprintf(q->why, sizeof(q->why), "blur+hair");
    }
    if (i == 4) {
        e->decision.risk = RISK_RETAKE;
        snprintf(e->decision.reason, sizeof(e->decision.reason), "unusable");
        q->verdict = QUALITY_UNUSABLE;
        snprintf(q->why, sizeof(q->why), "not_dermoscopy");
    }
    return RESULT_DONE;
}

#endif
