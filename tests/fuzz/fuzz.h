/* fuzz.h -- what the fuzz targets share. Each fuzz_<name>.c holds one LLVMFuzzerTestOneInput: bytes
 * go in, nothing may crash, hang, leak or break a round trip. libFuzzer calls it in a build of the
 * preset `fuzz` (make fuzz); in every other build replay.c calls it with the kept inputs of
 * corpus/<name>, as a unit test. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "common/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A folder of this process in memory (/dev/shm, else TMPDIR or /tmp), removed at exit. */
const char *fuzz_dir(void);

/* `name` in fuzz_dir with these bytes; the path is valid until the fourth call after this one.
 * Folders of `name` are made. */
const char *fuzz_file(const char *name, const void *bytes, size_t size);

/* Abort, so that the fuzzer keeps the input, unless `holds`; `what` says which promise is broken. */
void fuzz_expect(int holds, const char *what);

/* An input came through to the end. Of the kept ones one has to (replay.c): a format that has grown a key
 * would leave a target that tries nothing but the refusal. */
void fuzz_accepted(void);
int fuzz_count_accepted(void);

/* Both are written with sorted keys and compared as text; takes the two over. NULL is out of memory
 * and fails. */
void fuzz_expect_same(json_t *a, json_t *b, const char *what);

#endif
