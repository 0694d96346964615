/* The same weights in three foreign forms come out as the same bytes. The foreign files are written
 * here, from the specification's description of them; with ../shared there, also Paddle's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/json.h"
#include "engine/import.h"
#include "engine/safetensors.h"
#include "tests/engine/support.h"

#define DIR BINARY_DIR "/tests/import/"

static struct tensor *weights; /* in the order of `params` */
static struct param params[PARAM_COUNT];

static void add_u(struct buf *b, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_add(b, (char[1]){(char)(i < 8 ? v >> 8 * i : 0)}, 1);
}

static void add_text(struct buf *b, const char *text) /* SHORT_BINUNICODE */
{
    buf_add(b, "\x8c", 1);
    add_u(b, strlen(text), 1);
    buf_add_text(b, text);
}

/* numpy._core.multiarray._reconstruct(ndarray, (0,), b'b') and its state, nothing memoized. */
static void add_array(struct buf *b, const struct tensor *t)
{
    add_text(b, "numpy._core.multiarray");
    add_text(b, "_reconstruct");
    buf_add(b, "\x93", 1);
    add_text(b, "numpy");
    add_text(b, "ndarray");
    buf_add(b,
            "\x93K\0\x85"
            "C\1b\x87R(K\1(",
            13);
    for (int i = 0; i < t->rank; i++) {
        buf_add(b, "J", 1);
        add_u(b, (uint64_t)t->shape[i], 4);
    }
    buf_add(b, "t", 1);
    add_text(b, "numpy");
    add_text(b, "dtype");
    buf_add(b, "\x93", 1);
    add_text(b, "f4");
    buf_add(b, "\x89\x88\x87R(K\3", 7);
    add_text(b, "<");
    buf_add(b,
            "NNNtb\x89"
            "B",
            7);
    add_u(b, t->count * 4, 4);
    buf_add(b, t->data, t->count * 4);
    buf_add(b, "tb", 2);
}

static void save(const char *name, const struct buf *b)
{
    char path[TEST_PATH];
    struct err err = {0};

    snprintf(path, sizeof(path), DIR "%s", name);
    assert_int_equal(buf_check(b, name, &err), 0);
    assert_int_equal(file_write(path, b->data, b->len, &err), 0);
}

/* `leave_out` is a role that the file does not have, or -1. */
static void write_pdparams(const char *name, int leave_out)
{
    struct buf b;

    buf_init(&b, 1 << 28);
    buf_add(&b, "\x80\4}(", 4);
    for (int i = 0; i < PARAM_COUNT; i++) {
        if ((int)params[i].role == leave_out)
            continue;
        add_text(&b, params[i].name);
        add_array(&b, &weights[i]);
    }
    buf_add(&b, "u.", 2);
    save(name, &b);
    buf_release(&b);
}

static int by_variable(const void *a, const void *b)
{
    return strcmp(((const struct param *)a)->variable, ((const struct param *)b)->variable);
}

static void add_varint(struct buf *b, uint64_t v)
{
    for (; v > 127; v >>= 7)
        add_u(b, (v & 127) | 128, 1);
    add_u(b, v, 1);
}

static void add_record(struct buf *b, const struct tensor *t)
{
    struct buf d;

    buf_init(&d, 256);
    buf_add(&d, "\x08\x05", 2);
    for (int i = 0; i < t->rank; i++) {
        buf_add(&d, "\x10", 1);
        add_varint(&d, (uint64_t)t->shape[i]);
    }
    add_u(b, 0, 16);
    add_u(b, d.len, 4);
    buf_add(b, d.data, d.len);
    buf_add(b, t->data, t->count * 4);
    buf_release(&d);
}

/* Records in the order of the variables' names; the graph has them in another, with counters that
 * begin at `first` and Paddle's suffix for copies. */
static void write_pdiparams(const char *name, const char *graph, int first, bool scales)
{
    struct buf b, g;
    struct param sorted[PARAM_COUNT_INFERENCE];
    char variables[PARAM_COUNT_INFERENCE][64];

    for (int i = 0; i < PARAM_COUNT_INFERENCE; i++) {
        sorted[i] = params[i];
        const char *dot = strchr(params[i].variable, '.'), *number = dot;
        while (number[-1] != '_')
            number--;
        snprintf(sorted[i].variable, sizeof(sorted[i].variable), "%.*s%ld%s",
                 (int)(number - params[i].variable), params[i].variable,
                 strtol(number, NULL, 10) + first, dot);
    }
    qsort(sorted, PARAM_COUNT_INFERENCE, sizeof(*sorted), by_variable);
    buf_init(&b, 1 << 28);
    buf_init(&g, 1 << 20);
    for (int i = 0; i < PARAM_COUNT_INFERENCE; i++) {
        snprintf(variables[i], sizeof(variables[i]), "%s%s", sorted[i].variable,
                 first ? "_deepcopy_12" : "");
        for (int k = 0; k < PARAM_COUNT_INFERENCE; k++)
            if (!strcmp(params[k].name, sorted[i].name) && (scales || params[k].role != ROLE_SCALE))
                add_record(&b, &weights[k]);
    }
    buf_add_text(&g, "{\"base_code\":{\"magic\":\"pir\",\"version\":1},\"program\":{\"regions\":[{"
                     "\"blocks\":[{\"ops\":[{\"#\":\"1.data\",\"A\":[]}");
    for (int i = PARAM_COUNT_INFERENCE - 1; i >= 0; i--)
        buf_printf(&g, ",{\"#\":\"p\",\"A\":[0,1,1,\"%s\"]}", variables[i]);
    buf_add_text(&g, "]}]}]}}");
    save(name, &b);
    if (graph)
        save(graph, &g);
    buf_release(&b);
    buf_release(&g);
}

static void digest(const char *source, const char *graph, char out[SHA256_HEX_SIZE])
{
    char from[TEST_PATH], with[TEST_PATH];
    struct err err = {0};
    struct import_facts facts;
    struct buf b;

    snprintf(from, sizeof(from), "%s%s", *source == '/' ? "" : DIR, source);
    snprintf(with, sizeof(with), "%s%s", graph && *graph == '/' ? "" : DIR, graph ? graph : "");
    struct import in = {.source = from, .graph = graph ? with : NULL, .folder = DIR "model"};
    if (import_run(&in, &facts, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(facts.tensors, PARAM_COUNT_INFERENCE);
    buf_init(&b, 1 << 28);
    assert_int_equal(file_read(DIR "model/weights.safetensors", &b, &err), 0);
    sha256_hex(out, b.data, b.len);
    buf_release(&b);
}

static void all_forms_give_the_same_bytes(void **state)
{
    char want[SHA256_HEX_SIZE], have[SHA256_HEX_SIZE];

    (void)state;
    write_pdparams("w.pdparams", -1);
    digest("w.pdparams", NULL, want);
    write_pdiparams("w.pdiparams", "w.json", 0, true);
    digest("w.pdiparams", "w.json", have);
    assert_string_equal(want, have);
    digest("w.pdiparams", NULL, have);
    assert_string_equal(want, have);
    write_pdiparams("moved.pdiparams", "moved.json", 100, true);
    digest("moved.pdiparams", "moved.json", have);
    assert_string_equal(want, have);
    /* files older than _scale */
    write_pdparams("old.pdparams", ROLE_SCALE);
    digest("old.pdparams", NULL, have);
    assert_string_equal(want, have);
    write_pdiparams("old.pdiparams", NULL, 0, false);
    digest("old.pdiparams", NULL, have);
    assert_string_equal(want, have);
}

static void paddles_own_files_agree(void **state)
{
    char want[SHA256_HEX_SIZE], have[SHA256_HEX_SIZE], graph[TEST_PATH];

    (void)state;
    if (access(BINARY_DIR "/tests/starter/starter.pdparams", R_OK) ||
        shared_path(graph, "models/starter.json"))
        skip();
    digest(BINARY_DIR "/tests/starter/starter.pdparams", NULL, want);
    digest(BINARY_DIR "/tests/starter/starter.pdiparams", graph, have);
    assert_string_equal(want, have);
    digest(BINARY_DIR "/tests/starter/starter.pdiparams", NULL, have);
    assert_string_equal(want, have);
}

/* bf16 only when it loses nothing. */
static void the_type_is_chosen_by_the_values(void **state)
{
    struct import in = {.source = DIR "w.pdparams", .folder = DIR "model"};
    struct import_facts facts;
    struct err err = {0};

    (void)state;
    assert_int_equal(import_run(&in, &facts, &err), 0);
    assert_int_equal(facts.dtype, DTYPE_F32);
    assert_int_equal(facts.ignored, PARAM_COUNT - PARAM_COUNT_INFERENCE);
    struct tensor *exact = weights;
    weights = random_weights(5);
    for (int i = 0; i < PARAM_COUNT; i++)
        for (size_t k = 0; k < weights[i].count; k++)
            ((uint32_t *)(uintptr_t)weights[i].data)[k] &= 0xffff0000;
    write_pdparams("exact.pdparams", -1);
    in.source = DIR "exact.pdparams";
    assert_int_equal(import_run(&in, &facts, &err), 0);
    assert_int_equal(facts.dtype, DTYPE_BF16);
    random_weights_free(weights);
    weights = exact;
}

static void expect_refusal(const char *source, const char *graph, const char *text)
{
    struct import in = {.source = source, .graph = graph, .folder = DIR "refused"};
    struct import_facts facts;
    struct err err = {0};

    assert_int_equal(import_run(&in, &facts, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    if (!strstr(err.msg, text))
        fail_msg("%s: %s", source, err.msg);
    assert_int_not_equal(access(DIR "refused/weights.safetensors", F_OK), 0);
}

static void what_is_wrong_is_said(void **state)
{
    struct buf b;
    struct err err = {0};

    (void)state;
    write_pdparams("lacking.pdparams", ROLE_MEAN);
    expect_refusal(DIR "lacking.pdparams", NULL, "tensor backbone.features.0.bn._mean is missing");
    buf_init(&b, 1 << 28);
    assert_int_equal(file_read(DIR "w.pdiparams", &b, &err), 0);
    assert_int_equal(file_write(DIR "cut.pdiparams", b.data, b.len / 2, &err), 0);
    expect_refusal(DIR "cut.pdiparams", DIR "w.json", "the file is cut");
    expect_refusal(DIR "cut.pdiparams", NULL, "the file is cut");
    buf_add(&b, "x", 1);
    assert_int_equal(file_write(DIR "long.pdiparams", b.data, b.len, &err), 0);
    expect_refusal(DIR "long.pdiparams", DIR "w.json", "more follows");
    buf_release(&b);
    expect_refusal(DIR "w.pdparams", DIR "w.json", "needs no graph");
    expect_refusal(DIR "w.pdiparams", DIR "w.pdparams", "w.pdparams");
    expect_refusal(DIR "absent", NULL, "absent");
    int64_t kept = weights[0].shape[1];
    weights[0].shape[1] = 1; /* 32x3x3x3 said to be 32x1x9x3 */
    weights[0].shape[2] = 9;
    write_pdparams("shape.pdparams", -1);
    expect_refusal(DIR "shape.pdparams", NULL,
                   "backbone.features.0.conv.weight has shape [32,1,9,3], not [32,3,3,3]");
    weights[0].shape[1] = kept;
    weights[0].shape[2] = 3;
    float *nan = (float *)(uintptr_t)weights[3].data, before = *nan;
    *nan = 0.0F / 0.0F;
    write_pdparams("nan.pdparams", -1);
    expect_refusal(DIR "nan.pdparams", NULL, "value 0 is NaN");
    *nan = before;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms_give_the_same_bytes),
        cmocka_unit_test(the_type_is_chosen_by_the_values),
        cmocka_unit_test(paddles_own_files_agree),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    struct err err = {0};

    network_params(params);
    weights = random_weights(3);
    if (dir_make(DIR, &err))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    random_weights_free(weights);
    return failed;
}
