#include "queue/terms.h"

#include "common/clock.h"
#include "common/file.h"
#include "queue/broker.h"

static const char key[] = "not_before";

int terms_read(struct terms *out, const struct spool *s, const char *upload, struct err *err)
{
    struct terms made = {0};
    json_t *record;

    if (!strcmp(out->upload, upload))
        return 0;
    if (spool_upload_read(s, upload, &record, err))
        return -1;
    const char *not_before = json_text_or(record, key, "");
    made.class = broker_class_of(json_text_or(record, "class", "bulk"));
    bool is_known =
        made.class >= 0 && (!not_before[0] || !clock_read_iso(not_before, &made.not_before_ms));
    json_decref(record);
    if (!is_known)
        return err_set(err, ERR_CONFIG, "upload %s: unknown class, or not_before is no date",
                       upload);
    snprintf(made.upload, sizeof(made.upload), "%s", upload);
    *out = made;
    return 0;
}

int terms_release(const struct spool *s, const char *upload, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    json_t *record;
    int ret = 0;

    if (path_format(path, sizeof(path), err, "%s/uploads/%s/upload.json", spool_root(s), upload) ||
        spool_upload_read(s, upload, &record, err))
        return -1;
    if (!json_object_del(record, key))
        ret = json_write(path, record, err) || file_sync_fs(path, err) ? -1 : 0;
    json_decref(record);
    return ret;
}
