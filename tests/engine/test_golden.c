/* The backends against the numbers recorded from PyTorch in float64 (../shared/golden), end to
 * end and, for the smallest picture, layer by layer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/json.h"
#include "engine/engine_debug.h"
#include "tests/engine/npz.h"
#include "tests/engine/recorded.h"
#include "tests/engine/support.h"

static char model_path[TEST_PATH];

/* What a backend must reach. `layers`: of each stored layer against float32 PyTorch. */
static const struct bound {
    const char *backend, *precision;
    double logits, layers, pixels, means;
} bounds[] = {
    {"ref",    "f32",  1e-12, 1e-12, 0.0001, 1e-6},
    {"onednn", "f32",  1e-11, 1e-11, 0.0001, 1e-6},
    {"onednn", "bf16", 1e-4,  1e-3,  0.01,   1e-3},
    {"onednn", "int8", 1e-3,  1e-2,  0.01,   3e-3}, /* ranges: models/starter/int8.json */
    {"cudnn",  "f32",  1e-11, 1e-11, 0.0001, 1e-6},
    {"cudnn",  "fp16", 1e-3,  1e-3,  0.01,   1e-3},
    {"cudnn",  "bf16", 1e-3,  1e-2,  0.01,   3e-3},
};

struct run {
    struct rig rig;
    struct npy input;
    int h, w;
    uint8_t *class_map;
    struct engine_scores scores;
    char archive[TEST_PATH];
    char label[64];
};

static const char *only; /* this backend; NULL: all */

static bool can(const char *backend, const char *precision)
{
    struct err err = {0};
    struct model *m;
    struct engine *e = NULL;
    struct engine_config c = {.backend = backend, .precision = precision};

    if (only && strcmp(backend, only) != 0)
        return false;
    assert_int_equal(model_open(&m, model_path, &err), 0);
    bool ok = !engine_open(&e, m, &c, &err);
    if (!ok)
        assert_int_equal(err.code, ERR_CONFIG);
    engine_close(e);
    model_close(m);
    return ok;
}

static void run_open(struct run *r, const struct bound *b, const char *name)
{
    char file[128];
    struct err err = {0};

    *r = (struct run){0};
    snprintf(file, sizeof(file), "golden/%s.npz", name);
    if (shared_path(r->archive, file))
        skip();
    snprintf(r->label, sizeof(r->label), "%s %s %s", b->backend, b->precision, name);
    assert_int_equal(npz_read(&r->input, r->archive, "input_u8"), 0);
    r->h = (int)r->input.shape[0];
    r->w = (int)r->input.shape[1];
    r->class_map = malloc((size_t)r->h * (size_t)r->w);
    rig_open(&r->rig, model_path, b->backend, b->precision);
    engine_debug_keep(r->rig.stream);
    struct engine_image image = {
        .rgb = r->input.data, .content_w = r->w, .content_h = r->h, .class_map = r->class_map};
    if (engine_run(r->rig.stream, r->w, r->h, &image, 1, &err))
        fail_msg("%s: %s", r->label, err.msg);
    r->scores = image.scores;
}

static void run_close(struct run *r)
{
    rig_close(&r->rig);
    npy_release(&r->input);
    free(r->class_map);
}

/* The stored n,c,h,w member against the layer's h,w,c; -1 when the backend fused it away. */
static double compare(struct run *r, enum layer_id layer, const char *member)
{
    struct npy want;
    struct err err = {0};
    double off = 0, size = 0;

    if (npz_read(&want, r->archive, member))
        fail_msg("%s: no member %s", r->archive, member);
    long c = want.shape[1], h = want.shape[2], w = want.shape[3];
    float *have = malloc(want.count * sizeof(*have));
    if (engine_debug_layer(r->rig.stream, layer, 0, have, &err)) {
        assert_int_equal(err.code, ERR_INPUT);
        size = -1;
    }
    for (long i = 0; size >= 0 && i < c * h * w; i++) {
        double a = have[(i % (h * w)) * c + i / (h * w)], b = npy_value(&want, (size_t)i);
        off += (a - b) * (a - b);
        size += b * b;
    }
    free(have);
    npy_release(&want);
    return size < 0 ? -1 : off / size;
}

/* The recorded map is the highest of all eight: it tells that the logits were resized well here. */
static void check_classes(struct run *r, const struct bound *b)
{
    struct npy small, map, means;
    size_t differ = 0, misread = 0, pixels = (size_t)r->h * (size_t)r->w;
    double worst = 0;

    assert_int_equal(npz_read(&small, r->archive, "logits_eighth"), 0);
    assert_int_equal(npz_read(&map, r->archive, "class_map"), 0);
    assert_int_equal(npz_read(&means, r->archive, "class_means"), 0);
    for (size_t i = 0; i < pixels; i++) {
        int y = (int)(i / (size_t)r->w), x = (int)(i % (size_t)r->w);
        struct recorded_labels at = recorded_labels_at(&small, r->h, r->w, y, x);
        differ += at.label != r->class_map[i];
        misread += at.highest != ((uint8_t *)map.data)[i];
    }
    for (size_t c = 0; c < ENGINE_CLASSES; c++)
        worst = fmax(worst, fabs(r->scores.all_sum[c] / (double)pixels - npy_value(&means, c)));
    print_message("%-34s class map differs in %.5f %%, means by %.1e\n", r->label,
                  100.0 * (double)differ / (double)pixels, worst);
    if (misread > pixels / 10000)
        fail_msg("%s: %zu pixels of the recorded map misread", r->label, misread);
    if ((double)differ > b->pixels * (double)pixels || worst > b->means)
        fail_msg("%s: %zu pixels differ, means by %g", r->label, differ, worst);
    assert_int_equal(r->scores.content_px, pixels);
    npy_release(&small);
    npy_release(&map);
    npy_release(&means);
}

static void end_to_end_as_recorded(void **state)
{
    static const char *const names[] = {"forward-128x160", "forward-300x451", "forward-512x512"};

    (void)state;
    for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
        if (!can(bounds[i].backend, bounds[i].precision)) {
            print_message("%s %s: not here\n", bounds[i].backend, bounds[i].precision);
            continue;
        }
        for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++) {
            struct run r;
            run_open(&r, &bounds[i], names[k]);
            double off = compare(&r, L_LOGITS, "logits_eighth");
            print_message("%-34s NMSE of the logits %.2e\n", r.label, off);
            if (!(off >= 0 && off <= bounds[i].logits))
                fail_msg("%s: NMSE of the logits %g", r.label, off);
            check_classes(&r, &bounds[i]);
            run_close(&r);
        }
    }
}

/* The archive's name of a layer: the key of names.json's layer_names whose value is the layer's
 * weight, without ".c.weight". */
static const char *member_of(json_t *names, int layer, char out[64])
{
    struct param params[PARAM_COUNT];
    const char *key;
    json_t *value;
    size_t n;

    network_params(params);
    json_object_foreach(names, key,
                        value) for (int i = 0; i < PARAM_COUNT;
                                    i++) if (params[i].layer == layer &&
                                             params[i].role == ROLE_WEIGHT &&
                                             !strcmp(params[i].name, json_string_value(value)))
    {
        n = strlen(key) - strlen(strstr(key, ".c.weight") ? ".c.weight" : ".1.weight");
        snprintf(out, 64, "layer.%.*s", (int)n, key);
        return out;
    }
    int feature;
    if (network[layer].op == LAYER_CONCAT &&
        sscanf(network[layer].name, "backbone.features.%d", &feature) == 1) {
        snprintf(out, 64, "layer.f.%d", feature);
        return out;
    }
    return NULL;
}

static void layers_as_recorded(void **state)
{
    char path[TEST_PATH], member[64];
    struct err err = {0};

    (void)state;
    if (shared_path(path, "golden/names.json"))
        skip();
    json_t *all = json_read(path, 1 << 24, &err), *names = json_object_get(all, "layer_names");
    for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
        struct run r;
        int compared = 0;
        double worst = 0;
        if (!can(bounds[i].backend, bounds[i].precision))
            continue;
        run_open(&r, &bounds[i], "forward-128x160");
        for (int layer = 0; layer < LAYER_COUNT_INFERENCE; layer++) {
            double off = member_of(names, layer, member) ? compare(&r, layer, member) : -1;
            if (off > bounds[i].layers)
                fail_msg("%s: layer %s: NMSE %g", r.label, network[layer].name, off);
            worst = fmax(worst, off);
            compared += off >= 0;
        }
        print_message("%-34s %d layers, worst NMSE %.2e\n", r.label, compared, worst);
        assert_true(compared >= 40);
        run_close(&r);
    }
    json_decref(all);
}

/* The ranges that lie in the tree, beside the same weights imported anew. */
static void copy_ranges(void)
{
    char to[TEST_PATH + 16];
    struct buf bytes;
    struct err err = {0};

    snprintf(to, sizeof(to), "%s/int8.json", model_path);
    buf_init(&bytes, 1 << 20);
    if (file_read(SOURCE_DIR "/models/starter/int8.json", &bytes, &err) ||
        file_write(to, bytes.data, bytes.len, &err))
        print_message("%s\n", err.msg);
    buf_release(&bytes);
}

/* Argument: the one backend to test. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(end_to_end_as_recorded),
        cmocka_unit_test(layers_as_recorded),
    };
    if (starter_model(model_path))
        return TEST_SKIP;
    copy_ranges();
    only = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
