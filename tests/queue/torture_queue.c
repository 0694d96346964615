/* Records and the manifest. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "queue/manifest.h"
#include "queue/result.h"
#include "queue/spool.h"
#include "queue/stats.h"
#include "queue/wire.h"
#include "tests/torture/torture.h"

static struct wire_message message, back;

static int wire(enum wire_kind kind, struct buf *made, struct err *err)
{
    message.kind = kind;
    if (wire_format(&message, made, err))
        return -1;
    return wire_parse(&back, made->data, made->len - 1, err);
}

static int run_jobs(const char *dir, struct buf *made, struct err *err)
{
    memset(&message, 0, sizeof(message));
    snprintf(message.dir, sizeof(message.dir), "%.20s\xff", dir);
    for (int i = 0; i < 12; i++)
        wire_add(&message, "u/s/1");
    return wire(WIRE_JOBS, made, err);
}

static int run_failed(const char *dir, struct buf *made, struct err *err)
{
    (void)dir;
    memset(&message, 0, sizeof(message));
    message.code = ERR_AGAIN;
    memset(message.text, '\n', sizeof(message.text) - 1);
    return wire(WIRE_FAILED, made, err);
}

static int run_wire_stats(const char *dir, struct buf *made, struct err *err)
{
    (void)dir;
    memset(&message, 0, sizeof(message));
    return wire(WIRE_STATS, made, err);
}

static int run_stats(const char *dir, struct buf *made, struct err *err)
{
    static struct stats s, again;
    json_t *object;

    (void)dir;
    memset(&s, 0, sizeof(s));
    s.n_workers = s.n_flagged = s.n_history = 3;
    object = stats_to_json(&s);
    char *line = object ? json_line(object) : NULL;
    int ret = line ? stats_from_json(&again, object, err) : err_set(err, ERR_NOMEM, "stats");
    if (!ret)
        buf_add_text(made, line);
    free(line);
    json_decref(object);
    return ret ? -1 : buf_check(made, "stats", err);
}

static const char study_text[] =
    "{\"version\":1,\"upload\":\"u\",\"key\":\"s\",\"accepted_at\":\"\",\"publish\":\"p\","
    "\"patient_id\":\"P\",\"study_id\":\"\",\"patient_name\":\"\",\"birth_date\":\"\",\"sex\":\"\","
    "\"site\":\"\",\"images\":[{\"n\":0,\"file\":\"a\",\"stem\":\"a\",\"sha256\":\"\",\"lesion_"
    "id\":"
    "\"\",\"body_site\":\"\",\"acquired_at\":\"\",\"notes\":\"\",\"detail\":\"\",\"size_bytes\":1,"
    "\"mm_per_px\":0.5,\"is_duplicate\":true,\"set_aside\":null,\"extra\":{\"eye\":\"left\"}},"
    "{\"n\":1,\"file\":\"b\",\"stem\":\"b\",\"sha256\":\"\",\"lesion_id\":\"\",\"body_site\":\"\","
    "\"acquired_at\":\"\",\"notes\":\"\",\"detail\":\"\",\"size_bytes\":1,\"mm_per_px\":null,"
    "\"is_duplicate\":false,\"set_aside\":\"damaged\"}]}";

static void setup_study(const char *dir)
{
    torture_write(dir, "study.json", study_text, strlen(study_text));
}

/* Read, written and read: no image and no column may get lost on the way. */
static int run_study(const char *dir, struct buf *made, struct err *err)
{
    struct study study = {0};
    char path[512];
    int ret = -1;

    if (spool_study_read(dir, &study, err))
        return -1;
    snprintf(path, sizeof(path), "%s/again.json", dir);
    json_t *object = study_to_json(&study);
    if (!json_write(path, object, err))
        ret = file_read(path, made, err);
    json_decref(object);
    study_release(&study);
    return ret;
}

static void setup_result(const char *dir)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/results", dir);
    mkdir(path, 0700);
}

static int run_result(const char *dir, struct buf *made, struct err *err)
{
    json_t *entry = json_pack("{s:s,s:[i,i,i]}", "file", "a.jpg", "contour", 1, 2, 3), *read = NULL;
    enum result_status status;
    int ret = entry ? result_write(dir, 0, RESULT_DONE, entry, NULL, err)
                    : err_set(err, ERR_NOMEM, "entry");

    if (!ret)
        ret = result_read(dir, 0, &status, &read, err);
    char *line = ret ? NULL : json_line(read);
    if (!ret && !line)
        ret = err_set(err, ERR_NOMEM, "line");
    if (!ret)
        buf_add_text(made, line);
    free(line);
    json_decref(read);
    json_decref(entry);
    return ret ? -1 : buf_check(made, "result", err);
}

/* There is a whole result or none. */
static void check_result(const char *dir, bool has_failed)
{
    enum result_status status;
    struct err err = {0};

    torture_expect(!result_peek(dir, 0, &status, NULL, &err), err.msg);
    torture_expect(has_failed || status == RESULT_DONE, "it says done and there is no result");
}

static const char manifest_text[] = "patient_id,study_id,file,notes,eye,hand\n"
                                    "A,1,a.jpg,x,left,\nA,2,b.jpg,\"y\nz\",right,l\nB,,c.jpg,,,r\n";

static void setup_manifest(const char *dir)
{
    torture_write(dir, "manifest.csv", manifest_text, strlen(manifest_text));
}

static int run_manifest(const char *dir, struct buf *made, struct err *err)
{
    struct manifest m;
    char path[512];
    int ret = 0;

    snprintf(path, sizeof(path), "%s/manifest.csv", dir);
    if (manifest_read(&m, path, "", err))
        return -1;
    for (int i = 0; i < m.n_rows && !ret; i++) {
        char *line = json_line(m.rows[i].extra);
        ret = line ? 0 : err_set(err, ERR_NOMEM, "line");
        buf_printf(made, "%s %s\n", m.rows[i].value[MANIFEST_FILE], line ? line : "");
        free(line);
    }
    manifest_release(&m);
    return ret ? -1 : buf_check(made, "manifest", err);
}

int main(void)
{
    /* clang-format off */
    static const struct torture cases[] = {
        {.name = "jobs", .run = run_jobs},
        {.name = "failed", .run = run_failed},
        {.name = "wire stats", .run = run_wire_stats},
        {.name = "stats", .run = run_stats},
        {.name = "study", .setup = setup_study, .run = run_study},
        {.name = "result", .setup = setup_result, .run = run_result, .check = check_result},
        {.name = "manifest", .setup = setup_manifest, .run = run_manifest},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        torture_run(&cases[i]);
    return 0;
}
