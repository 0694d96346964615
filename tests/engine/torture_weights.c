/* Weights and the files of a model folder. */
#include <stdlib.h>

#include "common/file.h"
#include "engine/pdiparams.h"
#include "engine/pdparams.h"
#include "engine/ranges.h"
#include "engine/safetensors.h"
#include "lesion/policy.h"
#include "tests/torture/torture.h"

#define CORPUS SOURCE_DIR "/tests/fuzz/corpus/"

/* A kept input of the fuzzers without the byte that chooses the format. */
static void setup_from(const char *dir, const char *corpus, const char *name)
{
    struct buf bytes;
    struct err err = {0};

    buf_init(&bytes, 1 << 20);
    torture_expect(!file_read(corpus, &bytes, &err) && bytes.len > 1, err.msg);
    torture_write(dir, name, bytes.data + 1, bytes.len - 1);
    buf_release(&bytes);
}

static int add_set(const struct tensor_set *set, struct buf *made, struct err *err)
{
    for (size_t i = 0; i < set->count; i++) {
        float *values = malloc(set->items[i].count * sizeof(*values) + 1);
        if (!values)
            return err_set(err, ERR_NOMEM, "values");
        int ret = tensor_read(&set->items[i], values, err);
        buf_printf(made, "%s %zu %g\n", set->items[i].name, set->items[i].count,
                   set->items[i].count ? (double)values[0] : 0);
        free(values);
        if (ret)
            return -1;
    }
    return 0;
}

static void setup_safetensors(const char *dir)
{
    setup_from(dir, CORPUS "weights/safetensors", "w");
}

/* Read, written and read. */
static int run_safetensors(const char *dir, struct buf *made, struct err *err)
{
    struct tensor_set set = {0}, again = {0};
    char path[512], to[512];
    int ret = -1;

    snprintf(path, sizeof(path), "%s/w", dir);
    snprintf(to, sizeof(to), "%s/again", dir);
    if (!safetensors_read(&set, path, err) &&
        !safetensors_write(to, set.items, set.count, DTYPE_BF16, err) &&
        !safetensors_read(&again, to, err))
        ret = add_set(&again, made, err) ? -1 : buf_check(made, "set", err);
    tensor_set_release(&set);
    tensor_set_release(&again);
    return ret;
}

static void setup_pdparams(const char *dir)
{
    setup_from(dir, CORPUS "weights/pickle_p2", "w");
}

static int run_pdparams(const char *dir, struct buf *made, struct err *err)
{
    struct tensor_set set = {0};
    char path[512];
    int ret = -1;

    snprintf(path, sizeof(path), "%s/w", dir);
    if (!pdparams_read(&set, path, err))
        ret = add_set(&set, made, err) ? -1 : buf_check(made, "set", err);
    tensor_set_release(&set);
    return ret;
}

static void setup_pdiparams(const char *dir)
{
    setup_from(dir, CORPUS "weights/pdiparams", "w");
}

static int run_pdiparams(const char *dir, struct buf *made, struct err *err)
{
    struct tensor_set set = {0};
    char path[512];
    int ret = -1;

    snprintf(path, sizeof(path), "%s/w", dir);
    if (!pdiparams_read(&set, path, CORPUS "graph/pir", err))
        ret = add_set(&set, made, err) ? -1 : buf_check(made, "set", err);
    tensor_set_release(&set);
    return ret;
}

static void setup_ranges(const char *dir)
{
    setup_from(dir, CORPUS "model/int8", "int8.json");
}

static int run_ranges(const char *dir, struct buf *made, struct err *err)
{
    struct ranges ranges;
    char path[512];
    json_t *about = json_pack("{s:s}", "rule", "r");
    int got = about ? ranges_read(&ranges, dir, err) : err_set(err, ERR_NOMEM, "about");
    int ret = got == 1 ? ranges_write(&ranges, about, dir, err) : -1;

    torture_expect(got != 0, "a file that is there is not seen");
    json_decref(about);
    snprintf(path, sizeof(path), "%s/int8.json", dir);
    return ret ? -1 : file_read(path, made, err);
}

/* What lies there is the old file or the new one. */
static void check_ranges(const char *dir, bool has_failed)
{
    struct ranges ranges;
    struct err err = {0};

    (void)has_failed;
    torture_expect(ranges_read(&ranges, dir, &err) == 1, err.msg);
}

static void setup_policy(const char *dir)
{
    setup_from(dir, CORPUS "model/policy", "policy.json");
}

static int run_policy(const char *dir, struct buf *made, struct err *err)
{
    struct policy *policy = NULL;
    char path[512];

    snprintf(path, sizeof(path), "%s/policy.json", dir);
    if (policy_open(&policy, path, err))
        return -1;
    buf_add_text(made, policy_sha256(policy));
    policy_close(policy);
    return buf_check(made, "policy", err);
}

int main(void)
{
    /* clang-format off */
    static const struct torture cases[] = {
        {.name = "safetensors", .setup = setup_safetensors, .run = run_safetensors},
        {.name = "pdparams", .setup = setup_pdparams, .run = run_pdparams},
        {.name = "pdiparams", .setup = setup_pdiparams, .run = run_pdiparams},
        {.name = "ranges", .setup = setup_ranges, .run = run_ranges, .check = check_ranges},
        {.name = "policy", .setup = setup_policy, .run = run_policy, .is_configuration = true},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        torture_run(&cases[i]);
    return 0;
}
