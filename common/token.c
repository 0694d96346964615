#include "common/token.h"

#include <ctype.h>
#include <sys/stat.h>

#include "common/file.h"

enum { TOKEN_MIN = 16, TOKEN_FILE_MAX = 4096 };

static int check(char out[TOKEN_SIZE], const struct buf *file, const char *path, struct err *err)
{
    size_t n = strcspn(file->data, "\r\n");

    for (size_t i = 0; i < n; i++)
        if (!isgraph((unsigned char)file->data[i]))
            return err_set(err, ERR_CONFIG,
                           "%.200s: the token has a character that cannot be printed", path);
    if (n < TOKEN_MIN || n >= TOKEN_SIZE)
        return err_set(
            err, ERR_CONFIG,
            "%.200s: a token has %d to %d characters; make one: head -c 24 /dev/urandom | "
            "base64",
            path, TOKEN_MIN, TOKEN_SIZE - 1);
    memcpy(out, file->data, n);
    out[n] = 0;
    return 0;
}

int token_read(char out[TOKEN_SIZE], const char *path, struct err *err)
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
        ret = check(out, &file, path, err);
    buf_release(&file);
    return ret;
}
