/* The lines between the scheduler and its children: jobs, results, signs of life. The bytes come in
 * pieces of 1, 2, 4 ... bytes; every message that is taken is sent on and taken again. */
#include <stdlib.h>

#include "queue/wire.h"
#include "tests/fuzz/fuzz.h"

static int on_line(void *ctx, const char *line, size_t n, struct err *err)
{
    static struct wire_message m, again;
    struct buf first, second;
    struct err why = {0};

    (void)ctx;
    if (wire_parse(&m, line, n, err) || (m.kind == WIRE_HELLO && m.version != WIRE_VERSION))
        return 0;
    buf_init(&first, WIRE_LINE_MAX + 1);
    buf_init(&second, WIRE_LINE_MAX + 1);
    if (!wire_format(&m, &first, &why)) { /* a list of stages may be longer than it came */
        fuzz_accepted();
        fuzz_expect(!wire_parse(&again, first.data, first.len - 1, &why), why.msg);
        fuzz_expect(!wire_format(&again, &second, &why), why.msg);
        fuzz_expect(first.len == second.len && !memcmp(first.data, second.data, first.len),
                    "a message comes back as it was sent");
    }
    buf_release(&first);
    buf_release(&second);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf pending = {0};
    struct err err = {0};
    size_t at = 0, step = 1;

    while (at < size) {
        size_t n = step < size - at ? step : size - at;
        if (wire_feed(&pending, (const char *)data + at, n, on_line, NULL, &err))
            break;
        at += n;
        step = step < 4096 ? 2 * step : 1;
    }
    buf_release(&pending);
    return 0;
}
