/* Files of weights; the first byte chooses the format. Every value of what is taken is read. */
#include <stdlib.h>

#include "engine/pdiparams.h"
#include "engine/pdparams.h"
#include "engine/safetensors.h"
#include "tests/fuzz/fuzz.h"

static int read_pdiparams(struct tensor_set *out, const char *path, struct err *err)
{
    return pdiparams_read(out, path, NULL, err);
}

static int (*const readers[])(struct tensor_set *out, const char *path,
                              struct err *err) = {safetensors_read, pdparams_read, read_pdiparams};
enum { READERS = sizeof(readers) / sizeof(*readers) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tensor_set set;
    struct err err = {0};

    if (!size)
        return 0;
    const char *path = fuzz_file("weights", data + 1, size - 1);
    if (readers[data[0] % READERS](&set, path, &err)) {
        fuzz_expect(!set.count && !set.file.data, "on failure the set is empty");
        return 0;
    }
    fuzz_accepted();
    for (size_t i = 0; i < set.count; i++) {
        struct err why = {0};
        float *values = malloc(set.items[i].count * sizeof(*values) + 1);
        fuzz_expect(values != NULL, "memory for a tensor of the file");
        tensor_read(&set.items[i], values, &why);
        free(values);
    }
    tensor_set_release(&set);
    return 0;
}
