/* publish.h -- make one study's reports and put them where they belong.
 *
 * Two steps, so that one sync serves a batch: publish_make writes everything, but report.json of the
 * spool only as a draft; after a sync publish_finish renames the draft, and with that the study is
 * finished. A crash in between leaves an unfinished study, which is made again with the same bytes.
 * No text of an error holds a patient's field: paths below OUT do, so they are left out. */
#ifndef REPORTS_PUBLISH_H
#define REPORTS_PUBLISH_H

#include "common/settings.h"
#include "reports/report.h"

struct publisher {
    const struct settings *settings; /* borrowed */
    enum language language;
    bool wants_pages;      /* HTML and PDF, not JSON alone */
    struct fonts *fonts;   /* NULL without pages */
    struct policy *policy; /* NULL when the model folder has none */
};

/* Reads policy.json of settings.model and, for pages, the fonts. */
int publisher_init(struct publisher *out, const struct settings *settings, struct err *err);
void publisher_release(struct publisher *p); /* safe on a zeroed one */

struct publish_outcome {
    enum risk risk;
    double malignant; /* of the worst picture, NAN when none was done */
};

/* ERR_AGAIN: an image of the study is not terminal, or the disk is full. */
int publish_make(struct publisher *p, const char *study_dir, struct publish_outcome *out,
                 struct err *err);
/* Everything made so far reaches the disk: the spool's file system and, if another, OUT's. */
int publish_sync(const struct publisher *p, const char *study_dir, struct err *err);
int publish_finish(const char *study_dir, struct err *err);
/* What was made will not be finished here: the draft goes if somebody else's report stands already. */
void publish_abandon(const char *study_dir);

#endif
