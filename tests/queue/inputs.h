/* inputs.h -- folders of pictures to take in, beside a spool, for the tests of the intake. Include
 * after cmocka.h. */
#ifndef TESTS_QUEUE_INPUTS_H
#define TESTS_QUEUE_INPUTS_H

#include "queue/intake.h"
#include "tests/queue/temp.h"

#define HEADER "patient_id,study_id,file\n"

static inline bool looks_like_picture(const uint8_t *head, size_t n)
{
    return n >= 3 && !memcmp(head, "PIC", 3);
}

/* `in` beside the spool, both below the test's folder. */
static inline const char *path_in(void **state, const char *name)
{
    static char ring[4][SPOOL_PATH_SIZE];
    static int next;
    char *out = ring[next++ % 4];

    snprintf(out, sizeof(ring[0]), "%s/in%s%s", (const char *)*state, name[0] ? "/" : "", name);
    return out;
}

static inline struct spool *open_spool(void **state)
{
    struct err err = {0};
    struct spool *s = NULL;

    if (spool_open(&s, temp_path(*state, "spool"), &err))
        fail_msg("%s", err.msg);
    return s;
}

/* The path is copied: `input` may be one of path_in's. */
static inline struct intake_request request_for(const char *input)
{
    static char kept[SPOOL_PATH_SIZE];

    snprintf(kept, sizeof(kept), "%s", input);
    return (struct intake_request){
        .input = kept, .encoding = "", .accepted_ms = 1000, .is_picture = looks_like_picture};
}

static inline void make_many(void **state, int patients, int each)
{
    char name[64], content[64];

    for (int i = 0; i < patients; i++)
        for (int k = 0; k < each; k++) {
            snprintf(name, sizeof(name), "p%04d/%d.jpg", i, k);
            snprintf(content, sizeof(content), "PIC %d %d", i, k);
            temp_write_text(path_in(state, name), content);
        }
}

#endif
