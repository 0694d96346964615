/* The JSON files of a model folder; the first byte chooses: card, ranges of int8, policy. */
#include "engine/model.h"
#include "lesion/policy.h"
#include "tests/fuzz/fuzz.h"

static void read_card(const uint8_t *data, size_t size)
{
    struct model *model = NULL;
    struct err err = {0};

    fuzz_file("model/card.json", data, size); /* its weights are missing */
    char dir[512];
    snprintf(dir, sizeof(dir), "%s/model", fuzz_dir());
    fuzz_expect(model_open(&model, dir, &err) && err.code == ERR_CONFIG,
                "no model without weights");
}

static void read_ranges(const uint8_t *data, size_t size)
{
    struct ranges ranges;
    struct err err = {0};
    char dir[512];

    fuzz_file("ranges/int8.json", data, size);
    snprintf(dir, sizeof(dir), "%s/ranges", fuzz_dir());
    if (ranges_read(&ranges, dir, &err) == 1)
        for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
            fuzz_expect((ranges_owner(i) == i) == (ranges.of[i] > 0), "each owner has a range");
}

static void read_policy(const uint8_t *data, size_t size)
{
    struct policy *policy = NULL;
    struct lesion_measures m = {.is_found = true, .area_fraction = 0.1};
    struct risk_decision decision;
    struct err err = {0};

    if (policy_open(&policy, fuzz_file("policy.json", data, size), &err)) {
        fuzz_expect(err.code == ERR_CONFIG, "a bad policy is a bad configuration");
        return;
    }
    fuzz_accepted();
    policy_decide(policy, &m, true, &decision);
    policy_close(policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const uint8_t *, size_t) = {read_card, read_ranges, read_policy};

    if (size)
        readers[data[0] % 3](data + 1, size - 1);
    return 0;
}
