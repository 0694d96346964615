/* What lies in the spool, held against what should: files, and the words of a report. */

#include "common/file.h"
#include "queue/census_priv.h"
#include "queue/contents.h"
#include "queue/names.h"
#include "queue/result.h"

/* ---- names ---- */

static bool is_result(const char *name, int n_images)
{
    const char *rest;

    return names_number(name, n_images, &rest) >= 0 && *rest == '.';
}

static bool is_original(const char *name, int n_images)
{
    const char *rest;

    return names_number(name, n_images, &rest) >= 0 && !*rest;
}

/* "<n>.<k>.json", "report.<k>.json" (order.h). */
static bool is_history(const char *name, int n_images)
{
    const char *rest;

    if (strncmp(name, "report", 6) == 0)
        rest = name + 6;
    else if (names_number(name, n_images, &rest) < 0)
        return false;
    return *rest == '.' && names_number(rest + 1, INT32_MAX, &rest) >= 0 && !strcmp(rest, ".json");
}

static bool is_one_of(const char *const *known, const char *name, int unused)
{
    (void)unused;
    while (*known && strcmp(*known, name) != 0)
        known++;
    return *known;
}

static bool is_of_study(const char *name, int unused)
{
    static const char *const known[] = {"study.json",  "originals",  "results",     "history",
                                        "report.json", "report.pdf", "report.html", NULL};

    return is_one_of(known, name, unused);
}

static bool is_of_upload(const char *name, int unused)
{
    static const char *const known[] = {"upload.json", CONTENTS_FILE, "studies", NULL};

    return is_one_of(known, name, unused);
}

static bool is_of_root(const char *name, int unused)
{
    static const char *const known[] = {"version",    "lock",           "log",    "incoming",
                                        "uploads",    "statements",     "mended", "bench",
                                        "lost+found", "made_with.json", "watch",  "id",
                                        NULL};

    return is_one_of(known, name, unused);
}

static bool is_draft(const char *name, bool *is_alive)
{
    *is_alive = false;
    return !strcmp(name, "report.json.draft") || file_is_draft(name, is_alive);
}

/* ---- folders ---- */

/* Where a folder of the spool is told from: upload, key, and its name within the study. */
struct place {
    const char *upload, *key, *folder;
};

static void look_at_name(const struct examination *e, const struct place *at, const char *name,
                         enum census_finding stray)
{
    char rest[CENSUS_WHERE_SIZE];
    bool is_alive;

    snprintf(rest, sizeof(rest), "%s%s%s", at->folder, at->folder[0] ? "/" : "", name);
    if (!is_draft(name, &is_alive))
        census_find(e, stray, at->upload, at->key, rest);
    else if (!is_alive && e->found)
        census_find(e, CENSUS_DRAFT, at->upload, at->key, rest);
}

static int look_at_folder(const struct examination *e, const struct place *at, const char *dir,
                          bool (*belongs)(const char *name, int n_images), int n_images,
                          enum census_finding stray, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct err why = {0};
    struct names names;

    if (path_format(path, sizeof(path), err, "%s%s%s", dir, at->folder[0] ? "/" : "", at->folder))
        return -1;
    if (names_read(&names, path, &why)) /* what is no folder is told of above it */
        return why.code == ERR_INPUT ? 0 : err_set(err, why.code, "%s", why.msg);
    for (int i = 0; i < names.n; i++) {
        bool is_alive;
        if (!belongs(names.at[i], n_images) || is_draft(names.at[i], &is_alive))
            look_at_name(e, at, names.at[i], stray);
    }
    names_release(&names);
    return 0;
}

int census_study_files(const struct examination *e, const struct patient_study *p, struct err *err)
{
    struct place at = {p->upload, p->key, "results"};
    int n = p->study.n_images;

    if (look_at_folder(e, &at, p->dir, is_result, n, CENSUS_STRAY_RESULT, err))
        return -1;
    if (!e->found)
        return 0;
    at.folder = "originals";
    if (look_at_folder(e, &at, p->dir, is_original, n, CENSUS_ORPHAN, err))
        return -1;
    at.folder = "history";
    if (look_at_folder(e, &at, p->dir, is_history, n, CENSUS_ORPHAN, err))
        return -1;
    at.folder = "";
    return look_at_folder(e, &at, p->dir, is_of_study, n, CENSUS_ORPHAN, err);
}

int census_upload_files(const struct examination *e, const char *upload, struct err *err)
{
    const struct place at = {upload, "", ""};
    char dir[SPOOL_PATH_SIZE];

    if (!e->found)
        return 0;
    if (path_format(dir, sizeof(dir), err, "%s/uploads/%s", spool_root(e->spool), upload))
        return -1;
    return look_at_folder(e, &at, dir, is_of_upload, 0, CENSUS_ORPHAN, err);
}

int census_root_files(const struct examination *e, struct err *err)
{
    const struct place at = {"", "", ""};

    if (!e->found)
        return 0;
    return look_at_folder(e, &at, spool_root(e->spool), is_of_root, 0, CENSUS_ORPHAN, err);
}

/* ---- words ---- */

/* The report's entry holds what the result holds, and more from the manifest (reports/dossier.c). */
static bool says_the_same(const json_t *told, enum result_status status, const json_t *result)
{
    const char *key;
    json_t *value;

    if (strcmp(json_text_or(told, "status", ""), result_status_word(status)) != 0)
        return false;
    if (status == RESULT_CANCELLED)
        return true;
    /* json_object_foreach only reads, its type has no const. */
    json_t *entry = json_object_get(result, "entry");
    json_object_foreach(entry, key,
                        value) if (strcmp(key, "status") != 0 &&
                                   !json_equal(json_object_get(told, key), value)) return false;
    return true;
}

static int compare_images(const json_t *images, const struct patient_study *p, bool *is_same,
                          struct err *err)
{
    *is_same = (int)json_array_size(images) == p->study.n_images;
    for (int i = 0; *is_same && i < p->study.n_images; i++) {
        enum result_status status;
        json_t *result = NULL;
        if (result_peek(p->dir, p->study.images[i].n, &status, &result, err))
            return -1;
        *is_same = says_the_same(json_array_get(images, (size_t)i), status, result);
        json_decref(result);
    }
    return 0;
}

int census_report(const struct examination *e, const struct patient_study *p, const char *path,
                  struct err *err)
{
    struct err why = {0};
    json_t *report = json_read(path, SPOOL_JSON_MAX, &why);
    bool is_same = false;
    int ret = 0;

    if (!report && why.code != ERR_INPUT && why.code != ERR_LIMIT)
        return err_set(err, why.code, "%s", why.msg);
    if (report)
        ret = compare_images(json_object_get(report, "images"), p, &is_same, err);
    json_decref(report);
    if (!ret && !is_same)
        census_find(e, CENSUS_STALE_REPORT, p->upload, p->key, "");
    return ret;
}
