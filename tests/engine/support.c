#include "tests/engine/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/json.h"
#include "engine/import.h"
#include "engine/safetensors.h"

uint32_t draw_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

float random_normal(uint64_t *state)
{
    double sum = 0;

    for (int i = 0; i < 4; i++)
        sum += draw_next(state) / 4294967296.0 - 0.5;
    return (float)(sum * sqrt(3));
}

static float random_value(const struct param *p, uint64_t *state)
{
    double fan_in = (double)(p->shape[1] * p->shape[2] * p->shape[3]);

    switch (p->role) {
    case ROLE_WEIGHT: return (float)(random_normal(state) * sqrt(2 / fan_in));
    case ROLE_GAMMA: return 1 + 0.2F * random_normal(state);
    case ROLE_VARIANCE: return 0.5F + (float)(draw_next(state) % 1000) / 1000;
    case ROLE_SCALE: return 1;
    default: return 0.2F * random_normal(state);
    }
}

struct tensor *random_weights(uint64_t seed)
{
    static struct param
        params[PARAM_COUNT]; /* names must outlive the tensors; tests are one thread */
    struct tensor *items = calloc(PARAM_COUNT, sizeof(*items));
    uint64_t state = seed * 2 + 1;
    struct err err = {0};

    network_params(params);
    for (int i = 0; i < PARAM_COUNT; i++) {
        struct param *p = &params[i];
        size_t count;
        assert_int_equal(tensor_count(&count, p->shape, p->rank, p->name, &err), 0);
        float *values = malloc(count * sizeof(*values));
        for (size_t k = 0; k < count; k++)
            values[k] = random_value(p, &state);
        items[i] = (struct tensor){.name = p->name,
                                   .dtype = DTYPE_F32,
                                   .rank = p->rank,
                                   .data = (unsigned char *)values,
                                   .count = count};
        memcpy(items[i].shape, p->shape, sizeof(p->shape));
    }
    return items;
}

void random_weights_free(struct tensor *items)
{
    for (int i = 0; i < PARAM_COUNT; i++)
        free((void *)(uintptr_t)items[i].data);
    free(items);
}

static void write_card(const char *dir)
{
    char path[TEST_PATH + 16];
    struct err err = {0};
    json_t *card = json_pack("{s:s, s:s, s:s, s:i}", "name", "random", "version", "1", "licence",
                             "none", "size", 256);

    snprintf(path, sizeof(path), "%s/card.json", dir);
    assert_int_equal(json_write(path, card, &err), 0);
    json_decref(card);
}

void random_model(char path[TEST_PATH], const char *name, uint64_t seed)
{
    char file[TEST_PATH + 32];
    struct err err = {0};
    struct tensor *items = random_weights(seed);

    snprintf(path, TEST_PATH, BINARY_DIR "/tests/models/%s", name);
    assert_int_equal(dir_make(path, &err), 0);
    snprintf(file, sizeof(file), "%s/weights.safetensors", path);
    if (safetensors_write(file, items, PARAM_COUNT, DTYPE_F32, &err))
        fail_msg("%s", err.msg);
    write_card(path);
    random_weights_free(items);
}

int shared_path(char path[TEST_PATH], const char *name)
{
    snprintf(path, TEST_PATH, "%s/../shared/%s", SOURCE_DIR, name);
    return access(path, R_OK);
}

int starter_model(char path[TEST_PATH])
{
    struct err err = {0};
    struct import_facts facts;
    /* unpacked by the test engine.unpack_starter */
    struct import in = {.source = BINARY_DIR "/tests/starter/starter.pdparams",
                        .folder = BINARY_DIR "/tests/models/starter",
                        .size = 256};

    if (access(in.source, R_OK))
        return -1;
    if (import_run(&in, &facts, &err))
        fail_msg("%s", err.msg);
    snprintf(path, TEST_PATH, "%s", in.folder);
    return 0;
}

void draw_picture(uint8_t *rgb, int w, int h, uint64_t seed)
{
    uint64_t state = seed * 2 + 1;

    for (int i = 0; i < w * h; i++) {
        double x = (i % w + 0.5) / w - 0.52, y = (i / w + 0.5) / h - 0.47;
        double inside = 1 / (1 + exp(60 * (x * x * 1.3 + y * y - 0.09)));
        for (int c = 0; c < 3; c++) {
            double v = (214 - 30 * c) * (1 - inside) + (112 - 28 * c) * inside;
            v += 8 * random_normal(&state);
            rgb[3 * i + c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

double nmse(const float *a, const double *b, size_t n)
{
    double off = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        off += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    return size > 0 ? off / size : off;
}

void rig_open(struct rig *r, const char *model, const char *backend, const char *precision)
{
    rig_open_with(r, model, &(struct engine_config){.backend = backend, .precision = precision});
}

void rig_open_with(struct rig *r, const char *model, const struct engine_config *config)
{
    struct err err = {0};

    *r = (struct rig){0};
    if (model_open(&r->model, model, &err) || engine_open(&r->engine, r->model, config, &err) ||
        engine_stream_open(&r->stream, r->engine, &err))
        fail_msg("%s", err.msg);
}

void rig_close(struct rig *r)
{
    engine_stream_close(r->stream);
    engine_close(r->engine);
    model_close(r->model);
}
