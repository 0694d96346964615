#include "remote/protocol.h"

#include "common/json.h"

enum { STATUS_MAX = 255, SIGNAL_MAX = 64 };

static const char *const names[PROTOCOL_FILES] = {
    [PROTOCOL_MASK] = "mask.png",
    [PROTOCOL_DISPLAY] = "display.jpg",
    [PROTOCOL_OVERLAY] = "overlay.jpg",
    [PROTOCOL_RESULT] = "json",
};

const char *protocol_file_name(enum protocol_file file)
{
    return names[file];
}

enum protocol_file protocol_file_of(const char *name)
{
    int file = 0;

    while (file < PROTOCOL_FILES && strcmp(names[file], name) != 0)
        file++;
    return (enum protocol_file)file;
}

int protocol_end_format(const struct protocol_end *end, struct buf *out, struct err *err)
{
    json_t *object = json_object();

    json_put(&object, "status", json_integer(end->status));
    json_put(&object, "signal", json_integer(end->signal));
    json_put(&object, "stage", json_integer(end->stage));
    char *line = object ? json_line(object) : NULL;
    json_decref(object);
    if (!line)
        return err_set(err, ERR_NOMEM, "end of a worker");
    buf_printf(out, "%s\n", line);
    free(line);
    return buf_check(out, "end of a worker", err);
}

int protocol_end_parse(struct protocol_end *out, const char *bytes, size_t n, struct err *err)
{
    int64_t status, signal, stage;
    json_t *object = json_parse(bytes, n, "end of a worker", err);
    int ret = -1;

    if (object && !json_get_int(object, "status", 0, STATUS_MAX, &status, err) &&
        !json_get_int(object, "signal", 0, SIGNAL_MAX, &signal, err) &&
        !json_get_int(object, "stage", 0, STAGE_COUNT, &stage, err)) {
        *out = (struct protocol_end){(int)status, (int)signal, (enum wire_stage)stage};
        ret = 0;
    }
    json_decref(object);
    return ret;
}
