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
    X(OTHER_CONTENTS, "other_contents",                                                         \
      "its list of contents tells something else than its studies",                             \
      "doctor --repair writes it anew")                                                         \
    X(LOST_ORIGINAL, "lost_original", "the original is gone before it was screened",            \
      "check the disk; hand the upload in again")                                               \
    X(CHANGED_ORIGINAL, "changed_original", "the original has another size than at its intake", \
      "hand the changed file in again; do not edit files of an upload in place")                \
    X(DAMAGED_RESULT, "damaged_result", "the result does not parse",                            \
      "doctor --repair moves it to mended/; the scheduler makes the result again")              \
    X(UNFINISHED, "unfinished", "no result yet",                                                \
      "start the scheduler, or run the same command again")                                     \
    X(NO_REPORT, "no_report", "all images are finished, but there is no report",                \
      "start the scheduler, or run the same command again")                                     \
    X(EARLY_REPORT, "early_report", "there is a report, but images without a result",           \
      "doctor --repair moves it to history/; the scheduler makes the study's report later")     \
    X(STALE_REPORT, "stale_report", "the report says something else than the results",          \
      "doctor --repair moves it to history/; the scheduler makes a new one")                    \
    X(STRAY_RESULT, "stray_result", "a result of no image of this study",                       \
      "doctor --repair moves it to mended/")                                                    \
    X(ORPHAN, "orphan", "a file that belongs to nothing the spool knows",                       \
      "look at it; doctor --repair moves what lies in uploads/ to mended/")                     \
    X(DRAFT, "draft", "a file that was never finished; its writer is gone",                     \
      "doctor --repair removes it; what it was to become is made again")                        \
    X(LEFTOVER, "leftover", "an intake that was cut off; nothing of it was accepted",           \
      "hand the upload in again; the next intake or doctor --repair removes this")              \
    X(UNACKNOWLEDGED, "unacknowledged", "the result is there, but the job is still in Redis",   \
      "doctor --repair; a scheduler drops such a job when it comes to it")                      \
    X(UNKNOWN_JOB, "unknown_job", "Redis has a job for an image that the spool does not have",  \
      "doctor --repair; a scheduler drops such a job when it comes to it")                      \
    X(OWNERLESS_LEASE, "ownerless_lease", "a job is leased to a scheduler that is not there",   \
      "start that scheduler, or doctor --repair")                                               \
    X(UNQUEUED, "unqueued", "the image has no result, and no job in Redis",                     \
      "doctor --repair, or start the scheduler: it puts the job in")                            \
    X(STUCK_JOB, "stuck_job", "Redis counts the job as queued, but no queue has it",            \
      "doctor --repair: the job could never be put in again")                                   \
    X(STALE_COUNTER, "stale_counter", "Redis counts more images finished than the spool has",   \
      "doctor --repair")

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

/* The same and deeper: reports are compared with their results, and every file must belong to
 * something. `found` hears of each finding and where: "<upload>/<key>/<n>", a part of it, or the path
 * of a file below the spool. What lies in Redis is audit.h's. */
int spool_examine(const struct spool *s, struct census *out,
                  void (*found)(void *ctx, enum census_finding f, const char *where), void *ctx,
                  struct err *err);

/* Each image that was received is done, set aside or cancelled. */
bool census_is_whole(const struct census *c);

#endif
