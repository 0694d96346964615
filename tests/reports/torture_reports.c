/* One study's report.json while memory and disk fail: every ninth call in turn, with an argument every
 * one. */
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "reports/publish.h"
#include "tests/reports/made.h"
#include "tests/torture/torture.h"

static struct made made;
static char study_dir[SPOOL_PATH_SIZE];
static size_t whole; /* bytes of report.json */

static enum result_status edit(struct image_entry *e, int i)
{
    if (i == 2)
        entry_set_aside(e, REASON_DAMAGED, "broken\nfile");
    return i == 2 ? RESULT_SET_ASIDE : RESULT_DONE;
}

static void setup(const char *dir)
{
    struct study study;

    (void)dir;
    made_init(&made);
    made_fill(&study, "P1", 3);
    made_study(&made, &study, edit, study_dir);
}

static int publish(struct err *err)
{
    static struct settings settings;
    struct publisher p;
    struct publish_outcome outcome;

    made_settings(&made, &settings, "json", "en");
    int ret = publisher_init(&p, &settings, err);
    if (!ret)
        ret = publish_make(&p, study_dir, &outcome, err) || publish_sync(&p, study_dir, err) ||
              publish_finish(study_dir, err);
    publisher_release(&p);
    return ret ? -1 : 0;
}

static int run(const char *dir, struct buf *out, struct err *err)
{
    (void)dir;
    (void)out;
    return publish(err);
}

/* The study has a whole report or none; the same work, undisturbed, gives the same bytes. */
static void check(const char *dir, bool has_failed)
{
    struct err err = {0};
    char path[SPOOL_PATH_SIZE + 16];
    struct buf bytes;

    (void)dir;
    buf_init(&bytes, 1 << 20);
    snprintf(path, sizeof(path), "%s/report.json", study_dir);
    if (!file_read(path, &bytes, &err))
        torture_expect(!whole || bytes.len == whole, "the report is not what it should be");
    else
        torture_expect(has_failed, "it says finished, and there is no report");
    buf_clear(&bytes);
    err = (struct err){0};
    torture_expect(!publish(&err) && !file_read(path, &bytes, &err), err.msg);
    torture_expect(!whole || bytes.len == whole, "the second try makes another report");
    whole = bytes.len;
    buf_release(&bytes);
    made_release(&made);
}

int main(int argc, char **argv)
{
    struct torture t = {.name = "report",
                        .setup = setup,
                        .run = run,
                        .check = check,
                        .is_nameless = true,
                        .step = argc > 1 ? 1 : 9};

    (void)argv;
    torture_run(&t);
    return 0;
}
