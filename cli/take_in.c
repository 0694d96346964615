#include "cli/take_in.h"

#include <errno.h>
#include <unistd.h>

#include "common/clock.h"
#include "preprocess/sniff.h"

#define SECONDS_MAX INT64_C(253402300799) /* the last of the year 9999 */

static void show_files(void *ctx, int files)
{
    (void)ctx;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[Ktaking in: %d files", files);
}

/* SOURCE_DATE_EPOCH (reproducible-builds.org) fixes the date of acceptance, and so every byte. */
static int accepted_now(int64_t *out, struct err *err)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    char *end;

    *out = clock_wall_ms();
    if (!epoch)
        return 0;
    errno = 0;
    long long seconds = strtoll(epoch, &end, 10);
    if (errno || end == epoch || *end || seconds < 0 || seconds > SECONDS_MAX)
        return err_set(err, ERR_CONFIG, "SOURCE_DATE_EPOCH = \"%.40s\" is no date", epoch);
    *out = seconds * 1000;
    return 0;
}

int take_in_upload(struct spool *spool, struct intake_request *request, struct intake_result *out,
                   struct err *err)
{
    if (accepted_now(&request->accepted_ms, err))
        return -1;
    request->is_picture = sniff_is_picture;
    request->progress = show_files;
    int ret = intake_accept(spool, request, out, err);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    return ret;
}
