/* The figures that a scheduler publishes and the dashboard reads. */
#include "queue/stats.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stats s, again;
    struct err err = {0};
    char sentence[160];
    json_t *object = json_parse((const char *)data, size, "stats", &err);

    if (object && !stats_from_json(&s, object, &err)) {
        fuzz_accepted();
        stats_bottleneck(&s, sentence);
        json_t *written = stats_to_json(&s);
        fuzz_expect(written && !stats_from_json(&again, written, &err), err.msg);
        fuzz_expect_same(written, stats_to_json(&again), "figures come back as they were written");
    }
    json_decref(object);
    return 0;
}
