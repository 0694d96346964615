/* index.h -- every study and image of the spool in memory: what is terminal, what is left.
 *
 * Made from the spool at the start and kept up with each result; Redis could be gone and this would
 * still know what to do. Eight bytes an image, so that 100 000 of them stay small. Images of one
 * study lie side by side. Studies and images are named by their place in `studies` and `images`,
 * which never changes. Not for use by two threads at once, but see index_has_upload. */
#ifndef SCHEDULER_INDEX_H
#define SCHEDULER_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "queue/result.h"
#include "queue/study.h"
#include "queue/wire.h"

#define INDEX_NONE UINT32_MAX

struct index_image {
    int32_t n;      /* its number within the study */
    uint32_t study; /* its place */
    uint8_t status; /* enum result_status; RESULT_NONE = not terminal */
    /* Work on it in a process that has nothing else; is_lone: only a whole worker is that process. */
    uint8_t is_suspect : 1, is_lone : 1;
    uint16_t flight; /* place in the table of flights + 1, 0 = none (flights.h) */
};

enum index_report {
    REPORT_WAITS,    /* for its images */
    REPORT_READY,    /* in the line for a reporter */
    REPORT_SENT,     /* a reporter has it */
    REPORT_FINISHED, /* report.json is there, or none is wanted */
    REPORT_FAILED    /* given up: the run ends with status 1 */
};

struct index_study {
    char key[32];
    uint32_t upload; /* place in `uploads` */
    uint32_t first;  /* place of its first image */
    uint32_t n_images, remaining;
    uint8_t class;  /* of broker.h */
    uint8_t report; /* enum index_report */
    uint8_t crashes, deaths;
    bool is_suspect;
    bool is_scheduled; /* its time is still to come (schedule.h): not in Redis */
};

struct index {
    char (*uploads)[64];
    struct index_study *studies;
    struct index_image *images;
    uint32_t n_uploads, n_studies, n_images;
    uint32_t cap_uploads, cap_studies, cap_images;
    uint32_t *slots; /* hash table of studies + 1 */
    uint32_t n_slots;
    uint32_t by_status[RESULT_CANCELLED + 1]; /* images */
    uint32_t finished, failed;                /* studies: REPORT_FINISHED, REPORT_FAILED */
};

void index_release(struct index *x); /* safe on a zeroed one; leaves it zeroed */

/* A new study with `n` images numbered `numbers`, rising; none of them terminal. `*study` receives
 * its place. ERR_NOMEM; ERR_INPUT: it is there already, or the numbers do not rise. */
int index_add_study(struct index *x, const char *upload, const char *key, const int *numbers, int n,
                    uint32_t *study, struct err *err);

/* May be called from another thread while no study is being added. */
bool index_has_upload(const struct index *x, const char *upload);

uint32_t index_find_study(const struct index *x, const char *upload, const char *key);
uint32_t index_find_image(const struct index *x, const char *upload, const char *key, int n);

/* The same for the ids of the wire: "<upload>/<key>" and "<upload>/<key>/<n>". */
uint32_t index_study_of_id(const struct index *x, const char *id);
uint32_t index_image_of_id(const struct index *x, const char *id);

uint32_t index_study_of_image(const struct index *x, uint32_t image);
const char *index_upload_of(const struct index *x, uint32_t study);
void index_format_study(const struct index *x, uint32_t study, char id[WIRE_ID_SIZE]);
void index_format_image(const struct index *x, uint32_t image, char id[WIRE_ID_SIZE]);

/* The image is terminal now. False when it was before: nothing changed. */
bool index_settle(struct index *x, uint32_t image, enum result_status status);
void index_set_report(struct index *x, uint32_t study, enum index_report report);

/* A terminal image is open again, and its study waits for it. The study has no report under way. */
void index_reopen(struct index *x, uint32_t image);

/* The images of "<upload>", "<upload>/<key>" or "<upload>/<key>/<n>": `*first` up to, not with,
 * `*end`. False when there is nothing of that name. */
bool index_find_range(const struct index *x, const char *target, uint32_t *first, uint32_t *end);

/* Images that are not terminal; studies that are neither finished nor given up. */
uint32_t index_images_left(const struct index *x);
uint32_t index_studies_left(const struct index *x);

#endif
