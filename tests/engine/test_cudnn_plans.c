/* Every convolution of the network has a plan on every GPU that we name, without a GPU.
 *
 * Alone it plans inference in fp16 at 512x512, batch 8; with an argument ("all", label plans) both
 * sizes, batches 1, 8 and 64, fp16 and bf16, inference and training. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/file.h"
#include "engine/cudnn/learn_pass.h"
#include "engine/cudnn/steps.h"
#include "tests/engine/leaks.h"

static bool plans_all; /* set in main: cmocka's tests take no arguments */

static const struct device {
    const char *file;
    bool has_bf16;
} devices[] = {
    {"h200", true },
    {"a100", true },
    {"l4",   true },
    {"a10",  true },
    {"t4",   false},
};

enum { GRAPHS_MAX = 4096 };

/* What was asked of one device: graphs that are the same are planned once. */
struct survey {
    const char *device;
    struct graph_target *target;
    char (*seen)[CONV_TEXT_SIZE];
    int count, asked, without_tensor_cores;
};

static void survey_open(struct survey *s, const char *device)
{
    char path[512];
    struct buf json;
    struct err err = {0};

    *s = (struct survey){.device = device, .seen = calloc(GRAPHS_MAX, sizeof(*s->seen))};
    assert_non_null(s->seen);
    snprintf(path, sizeof(path), SOURCE_DIR "/tests/engine/devices/%s.json", device);
    buf_init(&json, 4096);
    if (file_read(path, &json, &err) ||
        graph_target_described(&s->target, json.data, json.len, &err))
        fail_msg("%s: %s", device, err.msg);
    buf_release(&json);
}

static void survey_close(struct survey *s)
{
    print_message("%s: %d graphs, %d of them different, all planned; %d without tensor cores\n",
                  s->device, s->asked, s->count, s->without_tensor_cores);
    graph_target_free(s->target);
    free(s->seen);
}

static bool is_new(struct survey *s, const struct conv *c)
{
    char text[CONV_TEXT_SIZE];

    s->asked++;
    conv_text(text, c);
    for (int i = 0; i < s->count; i++)
        if (!strcmp(s->seen[i], text))
            return false;
    assert_in_range(s->count, 0, GRAPHS_MAX - 1);
    memcpy(s->seen[s->count++], text, sizeof(text));
    return true;
}

/* The first of the proposed configurations that can be made ready, and in training gives the same bits
 * again; NULL and why. */
static struct graph_plan *first_plan(const struct graph *g, const struct graph_target *t,
                                     bool is_training, struct err *err)
{
    static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK};
    struct graph_plan *plan = NULL;

    for (int m = 0; m < 2 && !plan; m++) {
        struct graph_choices *choices;
        *err = (struct err){0};
        if (graph_choices_new(&choices, g, t, modes[m], err))
            continue;
        for (int i = 0; i < graph_choices_count(choices) && !plan; i++) {
            *err = (struct err){0};
            graph_plan_new(&plan, choices, i, err);
            if (plan && !graph_plan_is_deterministic(plan) && is_training) {
                err_set(err, ERR_CONFIG, "it adds up in any order");
                graph_plan_free(plan);
                plan = NULL;
            }
        }
        graph_choices_free(choices);
    }
    return plan;
}

static void must_plan(struct survey *s, const struct conv *c, bool is_training)
{
    char text[CONV_TEXT_SIZE];
    struct graph *g = NULL;
    struct err err = {0};

    if (!is_new(s, c))
        return;
    if (conv_graph(&g, c, &err))
        fail_msg("%s: %s", s->device, err.msg);
    struct graph_plan *plan = first_plan(g, s->target, is_training, &err);
    if (!plan)
        fail_msg("%s: %s: %s", s->device, conv_text(text, c), err.msg);
    if (!graph_plan_has_tensor_cores(plan)) {
        s->without_tensor_cores++;
        /* In inference: all but the classifier, whose 8 channels are a matter of memory. */
        if (c->bias)
            fail_msg("%s: %s: %s does not use tensor cores", s->device, conv_text(text, c),
                     graph_plan_engine(plan));
    }
    graph_plan_free(plan);
    graph_free(g);
}

static void survey_inference(struct survey *s, const struct steps *steps, cudnnDataType_t type)
{
    struct conv c;

    for (int i = 0; i < steps->count; i++) {
        if (steps->list[i].kind != STEP_CONV)
            continue;
        steps_conv(&c, steps, steps->list[i].layer, type);
        must_plan(s, &c, false);
    }
}

static void survey_training(struct survey *s, const struct learn_shape *shape)
{
    static struct learn_pass pass; /* large */
    struct conv c;

    learn_pass_lay_out(&pass, shape);
    for (int i = L_F0; i < LAYER_COUNT; i++)
        for (int direction = 0; direction < LEARN_PASSES && learn_is_dense(i); direction++) {
            learn_conv(&c, &pass, i, (enum graph_pass)direction);
            must_plan(s, &c, true);
        }
}

static const struct {
    int size, n;
    bool always;
} shapes[] = {
    {512, 8,  true },
    {512, 1,  false},
    {512, 64, false},
    {256, 1,  false},
    {256, 8,  false},
    {256, 64, false},
};

static void survey_device(const struct device *device)
{
    static const cudnnDataType_t types[] = {CUDNN_DATA_HALF, CUDNN_DATA_BFLOAT16};
    static struct steps steps; /* large */
    struct survey s;

    survey_open(&s, device->file);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
        for (int t = 0; t < (plans_all && device->has_bf16 ? 2 : 1); t++) {
            if (!plans_all && !shapes[i].always)
                continue;
            steps_make(&steps, &(struct steps_shape){.n = shapes[i].n,
                                                     .h = shapes[i].size,
                                                     .w = shapes[i].size,
                                                     .elem_size = 2});
            survey_inference(&s, &steps, types[t]);
            if (plans_all)
                survey_training(&s, &(struct learn_shape){shapes[i].n, shapes[i].size,
                                                          shapes[i].size, types[t], ELEM_F16});
        }
    survey_close(&s);
}

static void every_graph_has_a_plan(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
        survey_device(&devices[i]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_graph_has_a_plan)};

    plans_all = argc > 1 && !strcmp(argv[1], "all");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    leaks_check();
    return failed;
}
