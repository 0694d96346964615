/* The graph beside a .pdiparams, which names its records. */
#include "engine/pdiparams.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tensor_set set;
    struct err err = {0};

    fuzz_accepted(); /* of an empty .pdiparams none ever is */
    const char *graph = fuzz_file("graph.json", data, size);

    if (!pdiparams_read(&set, fuzz_file("empty.pdiparams", "", 0), graph, &err))
        tensor_set_release(&set);
    return 0;
}
