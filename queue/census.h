/* census.h -- is every image that came in accounted for? From the spool alone, without Redis.
 *
 * `run` prints the sums at its end, `doctor` the findings too. Only looks: it changes nothing, and
 * may go on beside a scheduler, whose unfinished work it then counts as unfinished. */
#ifndef QUEUE_CENSUS_H
#define QUEUE_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/spool.h"

/* X(enum suffix, word, what was found, what to do) */
#define CENSUS_MAP(X)                                                                           \
    X(DAMAGED_UPLOAD, "damaged_upload", "upload.json is missing or does not parse",             \
      "check the disk; restore the file, or remove the folder and hand the upload in again")    \
    X(DAMAGED_STUDY, "damaged_study", "study.json is missing or does not parse",                \
      "check the disk; restore the file, or remove the folder and hand the upload in again")    \
    X(LOST_STUDIES, "lost_studies", "fewer images in its studies than were accepted",           \
      "check the disk; restore the studies, or remove the folder and hand the upload in again") \
    X(LOST_ORIGINAL, "lost_original", "the original is gone before it was screened",            \
      "check the disk; hand the upload in again")                                               \
    X(CHANGED_ORIGINAL, "changed_original", "the original has another size than at its intake", \
      "hand the changed file in again; do not edit files of an upload in place")                \
    X(DAMAGED_RESULT, "damaged_result", "the result does not parse",                            \
      "start the scheduler: it makes the result again")                                         \
    X(UNFINISHED, "unfinished", "no result yet",                                                \
      "start the scheduler, or run the same command again")                                     \
    X(NO_REPORT, "no_report", "all images are finished, but there is no report",                \
      "start the scheduler, or run the same command again")                                     \
    X(EARLY_REPORT, "early_report", "there is a report, but images without a result",           \
      "remove the study's report.json, then start the scheduler")                               \
    X(STRAY_RESULT, "stray_result", "a result of no image of this study",                       \
      "remove it, after a look at how it came there")                                           \
    X(LEFTOVER, "leftover", "an intake that was cut off; nothing of it was accepted",           \
      "hand the upload in again; the next intake removes this")

enum census_finding {
#define X(name, word, text, advice) CENSUS_##name,
    CENSUS_MAP(X)
#undef X
        CENSUS_FINDINGS
};

const char *census_word(enum census_finding f);
const char *census_text(enum census_finding f);
const char *census_advice(enum census_finding f);

struct census {
    int64_t uploads, studies, reports;
    int64_t received; /* images, as upload.json says */
    int64_t done, set_aside, cancelled;
    int64_t others;                    /* files that are listed and no images */
    int64_t findings[CENSUS_FINDINGS]; /* how many of each */
};

/* ERR_AGAIN: the spool could not be read; what is damaged in it is counted, no error. */
int spool_census(const struct spool *s, struct census *out, struct err *err);

/* The same; `found` hears of each finding and where: "<upload>/<key>/<n>" or a part of it. */
int spool_examine(const struct spool *s, struct census *out,
                  void (*found)(void *ctx, enum census_finding f, const char *where), void *ctx,
                  struct err *err);

/* Each image that was received is done, set aside or cancelled. */
bool census_is_whole(const struct census *c);

#endif
