#include "cli/bench_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/network.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof(*values), by_value);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

void bench_print(json_t *line, bool as_json)
{
    char *text = json_line(line);

    if (as_json) {
        puts(text ? text : "");
    } else {
        const char *key;
        json_t *value;
        json_object_foreach(line, key, value)
        {
            char *plain = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(5));
            printf("%s=%s ", key, plain ? plain : "");
            free(plain);
        }
        puts("");
    }
    free(text);
    json_decref(line);
}

static double values(struct shape s)
{
    return (double)s.h * s.w * s.c;
}

/* Bytes of one value between two layers. */
static double value_bytes(const char *precision)
{
    static const struct {
        const char *precision;
        double bytes;
    } known[] = {
        {"f32",  4},
        {"bf16", 2},
        {"fp16", 2},
        {"int8", 1},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (!strcmp(precision, known[i].precision))
            return known[i].bytes;
    return 0;
}

struct layer_work bench_layer_work(int layer, int size, const char *precision)
{
    struct shape shapes[LAYER_COUNT];
    struct layer_work work = {0};
    double each = value_bytes(precision);

    network_shapes(shapes, size, size);
    if (layer == LAYER_COUNT) {
        work.bytes = each * values(shapes[L_LOGITS]) + (double)size * size;
        return work;
    }
    const struct layer *l = &network[layer];
    work.bytes = each * values(shapes[layer]);
    if (l->op == LAYER_INPUT)
        work.bytes += values(shapes[layer]); /* u8 pixels in */
    for (int i = 0; i < layer_inputs(l); i++)
        work.bytes += each * values(shapes[l->in[i]]);
    if (l->op == LAYER_CONV) {
        double weights =
            (double)l->channels * l->kernel * l->kernel * network[l->in[0]].channels / l->groups;
        work.bytes += each * weights;
        work.gflop = 2e-9 * shapes[layer].h * shapes[layer].w * weights;
    }
    return work;
}
