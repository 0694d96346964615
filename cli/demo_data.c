#include "cli/commands.h"
#include "cli/commands_demo.h"
#include "cli/demo_upload.h"

int cmd_demo_data(const struct settings *s, int argc, char **argv)
{
    struct err err = {0};
    int n_files = 0;

    if (argc != 1) {
        fprintf(stderr, "lentigo demo-data: one folder is needed: lentigo demo-data DIR\n");
        return STATUS_USAGE;
    }
    if (demo_upload_write(argv[0], s->patients, s->seed, &n_files, &err))
        return command_fail(&err);
    printf("%d files of %ld patients in %s/upload, their truth in %s/truth\n", n_files, s->patients,
           argv[0], argv[0]);
    return STATUS_OK;
}
