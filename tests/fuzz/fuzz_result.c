/* results/<n>.json and the entry in it, which becomes a line of report.json. */
#include "lesion/entry.h"
#include "queue/result.h"
#include "tests/fuzz/fuzz.h"

static void check_entry(const json_t *entry)
{
    static struct image_entry e, again;
    struct err err = {0};

    if (entry_from_json(&e, entry, &err))
        return;
    fuzz_accepted();
    json_t *object = entry_to_json(&e);
    fuzz_expect(object && !entry_from_json(&again, object, &err), err.msg);
    fuzz_expect_same(object, entry_to_json(&again), "an entry comes back as it was written");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum result_status status;
    json_t *result = NULL;
    struct err err = {0};
    char dir[512];

    fuzz_file("study/results/0.json", data, size);
    snprintf(dir, sizeof(dir), "%s/study", fuzz_dir());
    if (!result_peek(dir, 0, &status, &result, &err)) {
        fuzz_expect(status != RESULT_NONE, "a result that is read has a status");
        check_entry(json_object_get(result, "entry"));
    }
    json_decref(result);
    return 0;
}
