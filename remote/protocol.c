#include "remote/protocol.h"

#include <ctype.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/json.h"

enum { TOKEN_MIN = 16, TOKEN_FILE_MAX = 4096, STATUS_MAX = 255, SIGNAL_MAX = 64 };

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

static int check_token(char out[PROTOCOL_TOKEN_SIZE], const struct buf *file, const char *path,
                       struct err *err)
{
    size_t n = strcspn(file->data, "\r\n");

    for (size_t i = 0; i < n; i++)
        if (!isgraph((unsigned char)file->data[i]))
            return err_set(err, ERR_CONFIG,
                           "%.200s: the token has a character that cannot be printed", path);
    if (n < TOKEN_MIN || n >= PROTOCOL_TOKEN_SIZE)
        return err_set(
            err, ERR_CONFIG,
            "%.200s: a token has %d to %d characters; make one: head -c 24 /dev/urandom | "
            "base64",
            path, TOKEN_MIN, PROTOCOL_TOKEN_SIZE - 1);
    memcpy(out, file->data, n);
    out[n] = 0;
    return 0;
}

int protocol_token_read(char out[PROTOCOL_TOKEN_SIZE], const char *path, struct err *err)
{
    struct stat st;
    struct buf file;

    if (!path[0])
        return err_set(err, ERR_CONFIG,
                       "no token: name the file that both machines have by --token");
    buf_init(&file, TOKEN_FILE_MAX);
    buf_add(&file, "", 0);
    int ret = file_read(path, &file, err);
    if (ret)
        err->code = ERR_CONFIG;
    else if (stat(path, &st) || st.st_mode & S_IRWXO)
        ret = err_set(err, ERR_CONFIG, "%.200s: others may read it; chmod o= it", path);
    else
        ret = check_token(out, &file, path, err);
    buf_release(&file);
    return ret;
}
