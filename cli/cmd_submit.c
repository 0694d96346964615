#include "cli/commands.h"
#include "cli/commands_queue.h"
#include "cli/take_in.h"
#include "queue/client.h"

enum { REDIS_MS = 5000 };

static int take_in(const struct settings *s, const char *input, struct intake_result *out,
                   struct err *err)
{
    struct intake_request request = {
        .input = input,
        .encoding = s->encoding,
        .job_class = s->job_class,
    };
    struct spool *spool = NULL;

    if (spool_open(&spool, s->spool, err)) {
        if (err->code == ERR_INPUT)
            err->code = ERR_CONFIG; /* a spool that cannot be made, not a wrong use */
        return -1;
    }
    int ret = take_in_upload(spool, &request, out, err);
    spool_close(spool);
    return ret;
}

static void print_upload(const struct intake_result *r)
{
    printf("%s  images %d, studies %d, set aside already %d, other files %d%s\n", r->upload,
           r->images, r->studies, r->set_aside, r->others,
           r->was_there ? " (accepted before)" : "");
}

static int tell(const struct settings *s, struct err *err)
{
    struct queue_client *client = NULL;

    if (queue_client_open(&client, s->redis, REDIS_MS, err))
        return -1;
    int ret = queue_client_tell(client, "rescan", err);
    queue_client_close(client);
    return ret;
}

int cmd_submit(const struct settings *s, int argc, char **argv)
{
    struct intake_result result;
    struct err err = {0};

    if (argc != 1)
        err_set(&err, ERR_INPUT, "submit: lentigo submit INPUT (see lentigo submit --help)");
    else if (!take_in(s, argv[0], &result, &err)) {
        print_upload(&result);
        if (!tell(s, &err))
            return STATUS_OK;
        fprintf(stderr, "lentigo: the upload is accepted, but no scheduler could be told; it is "
                        "found at the scheduler's next start, or give the same command again\n");
    }
    return command_fail(&err);
}
