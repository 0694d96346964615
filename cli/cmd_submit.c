#include <inttypes.h>

#include "cli/commands.h"
#include "cli/commands_queue.h"
#include "cli/hand_in.h"
#include "common/clock.h"
#include "common/when.h"

static void print_upload(const struct intake_result *r)
{
    char when[WHEN_TEXT_SIZE];

    printf("%s  images %d, studies %d, set aside already %d, other files %d%s\n", r->upload,
           r->images, r->studies, r->set_aside, r->others,
           r->was_there ? " (accepted before)" : "");
    if (r->not_before_ms > clock_wall_ms())
        printf("  not begun before %s; lentigo resume %s begins it now\n",
               when_text(when, r->not_before_ms), r->upload);
}

/* The line is for scripts, as HTTP's Retry-After is. */
static void print_retry(int64_t retry_s)
{
    char when[WHEN_TEXT_SIZE];

    printf("retry after %" PRId64 " s\n", retry_s);
    fprintf(stderr, "lentigo: nothing was taken in; try again in %" PRId64 " s, at %s\n", retry_s,
            when_text(when, clock_wall_ms() + retry_s * 1000));
}

static int submit(const struct settings *s, const char *input, int64_t *retry_s, struct err *err)
{
    struct hand_in h = {.settings = s, .input = input};

    if (spool_open(&h.spool, s->spool, err)) {
        if (err->code == ERR_INPUT)
            err->code = ERR_CONFIG; /* a spool that cannot be made, not a wrong use */
        return -1;
    }
    int ret = hand_in(&h, err);
    spool_close(h.spool);
    if (!ret)
        print_upload(&h.result);
    else if (err->code == ERR_AGAIN)
        *retry_s = h.retry_s;
    return ret;
}

int cmd_submit(const struct settings *s, int argc, char **argv)
{
    struct err err = {0};
    int64_t retry_s = 0;

    if (argc != 1)
        err_set(&err, ERR_INPUT, "submit: lentigo submit INPUT (see lentigo submit --help)");
    else if (!submit(s, argv[0], &retry_s, &err)) {
        if (!hand_in_tell(s, &err))
            return STATUS_OK;
        fprintf(stderr, "lentigo: the upload is accepted, but no scheduler could be told; it is "
                        "found at the scheduler's next start, or give the same command again\n");
    }
    int status = command_fail(&err);
    if (retry_s)
        print_retry(retry_s);
    return status;
}
