/* replay.c -- main of a fuzz target without a fuzzer: replay FOLDER runs each kept input once, in
 * order of name, after the empty input and every prefix of the first one that is short enough. */
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "queue/names.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 16 << 20, PREFIXES_MAX = 512 };

/* A copy of its own of exactly this size, so that ASan sees one byte too many. */
static void run(const char *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);

    if (!copy)
        abort();
    if (n)
        memcpy(copy, bytes, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static int run_file(const char *folder, const char *name, int with_prefixes)
{
    char path[4096];
    struct buf bytes;
    struct err err = {0};

    buf_init(&bytes, INPUT_MAX);
    if (path_format(path, sizeof(path), &err, "%s/%s", folder, name) ||
        file_read(path, &bytes, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        return -1;
    }
    printf("%s (%zu bytes)\n", name, bytes.len);
    fflush(stdout); /* the last line names what crashed */
    for (size_t n = 0; with_prefixes && n < bytes.len && n < PREFIXES_MAX; n++)
        run(bytes.data, n);
    run(bytes.data, bytes.len);
    buf_release(&bytes);
    return 0;
}

int main(int argc, char **argv)
{
    struct names names;
    struct err err = {0};
    int ret = 0;

    if (argc != 2 || names_read(&names, argv[1], &err) || !names.n) {
        fprintf(stderr, "replay FOLDER with at least one input: %s\n", err.msg);
        return 1;
    }
    run(NULL, 0);
    for (int i = 0; i < names.n && !ret; i++)
        ret = run_file(argv[1], names.at[i], i == 0);
    names_release(&names);
    fuzz_expect(ret || fuzz_count_accepted(), "a kept input comes through to the end");
    return ret ? 1 : 0;
}
