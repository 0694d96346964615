#include "cli/open_spool.h"

#include <errno.h>
#include <unistd.h>

#include "common/file.h"

int open_spool(struct spool **spool, const struct settings *s, const char *out, struct err *err)
{
    char root[SPOOL_PATH_SIZE], version[SPOOL_PATH_SIZE];

    if (path_format(root, sizeof(root), err, "%s%s", out ? out : s->spool,
                    out ? "/.lentigo/spool" : "") ||
        path_format(version, sizeof(version), err, "%s/version", root))
        return -1;
    if (access(version, F_OK))
        return err_set(err, ERR_CONFIG, "%s: no spool there (%s)", root, strerror(errno));
    return spool_open(spool, root, err);
}
