/* The configuration file; what was read is written and read again. */
#include "common/settings.h"
#include "tests/fuzz/fuzz.h"

static int load(struct settings *s, const char *path)
{
    char name[] = "lentigo", flag[] = "--config", value[512];
    char *argv[] = {name, flag, value, NULL};
    struct err err = {0};
    int first;

    snprintf(value, sizeof(value), "%s", path);
    return settings_load(s, COMMAND_RUN, 3, argv, &first, &err);
}

static void format(const struct settings *s, struct buf *out)
{
    struct err err = {0};

    buf_init(out, 1 << 20);
    fuzz_expect(!settings_format(s, out, &err), err.msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct settings s, again;
    struct buf first, second;

    if (load(&s, fuzz_file("lentigo.conf", data, size)))
        return 0;
    fuzz_accepted();
    format(&s, &first);
    fuzz_expect(!load(&again, fuzz_file("again.conf", first.data ? first.data : "", first.len)),
                "what was written can be read");
    format(&again, &second);
    fuzz_expect(first.len == second.len && !memcmp(first.data ? first.data : "",
                                                   second.data ? second.data : "", first.len),
                "settings come back as they were written");
    buf_release(&first);
    buf_release(&second);
    return 0;
}
