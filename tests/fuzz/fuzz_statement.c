/* A statement and its facts, before and behind the first 0, held against a spool that has nothing. */
#include "queue/statement.h"
#include "tests/fuzz/fuzz.h"

static void count(void *ctx, const char *where, const char *what)
{
    int64_t *heard = ctx;

    (*heard)++;
    fuzz_expect(where[0] || what[0], "what is wrong is said");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct spool *spool;
    int64_t heard = 0, n_wrong = 0;
    const struct statement_listener listener = {.wrong = count, .mended = count, .ctx = &heard};
    struct err err = {0};
    const uint8_t *end = memchr(data, 0, size);
    size_t n = end ? (size_t)(end - data) : size, facts = end ? n + 1 : n;

    fuzz_expect(spool || !spool_open(&spool, fuzz_dir(), &err), err.msg);
    fuzz_file("statements/2026-11-26.json", data, n);
    fuzz_file("statements/2026-11-26.facts", data + facts, size - facts);
    if (!statement_verify(spool, &listener, &n_wrong, &err)) {
        fuzz_accepted();
        fuzz_expect(heard == n_wrong, "each wrong is told");
    }
    return 0;
}
