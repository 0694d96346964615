/* study.json of the spool. */
#include "queue/spool.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct study study, again;
    struct err err = {0};

    fuzz_file("study/study.json", data, size);
    char dir[512];
    snprintf(dir, sizeof(dir), "%s/study", fuzz_dir());
    if (spool_study_read(dir, &study, &err))
        return 0;
    fuzz_accepted();
    json_t *object = study_to_json(&study);
    fuzz_expect(object && !study_from_json(&again, object, &err), err.msg);
    fuzz_expect_same(object, study_to_json(&again), "a study comes back as it was written");
    study_release(&study);
    study_release(&again);
    return 0;
}
