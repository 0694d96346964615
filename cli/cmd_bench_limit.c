/* cmd_bench_limit.c -- `lentigo bench limit`: how fast oneDNN's convolutions alone would be.
 *
 * The sum over the network's convolutions, each alone and hot on one core, is what the engine is
 * measured against: the time of an image on one core that lost nothing between its layers. */
#include "cli/bench_line.h"
#include "cli/commands.h"
#include "cli/commands_bench.h"
#include "engine/engine_debug.h"

enum { SIZE_DEFAULT = 512 };

static void print_layer(const struct settings *s, int layer, int size, const char *precision,
                        const struct engine_limit *limit)
{
    struct layer_work work = bench_layer_work(layer, size, precision);

    bench_print(json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "what", "limit layer", "layer",
                          network[layer].name, "implementation", limit->implementation, "ms",
                          json_rounded(limit->ms, 4), "direct_ms",
                          json_rounded(limit->direct_ms, 4), "gflops",
                          json_rounded(work.gflop / limit->ms * 1e3, 1), "mb",
                          json_rounded(work.bytes / 1e6, 3)),
                s->json);
}

static void print_limit(const struct settings *s, int size, const char *precision,
                        const struct engine_limit *limit)
{
    double ms = 0, direct_ms = 0, gflop = 0;

    for (int i = 0; i < LAYER_COUNT; i++) {
        if (!(limit[i].ms > 0))
            continue;
        if (s->layers)
            print_layer(s, i, size, precision, &limit[i]);
        ms += limit[i].ms;
        direct_ms += limit[i].direct_ms;
        gflop += bench_layer_work(i, size, precision).gflop;
    }
    bench_print(json_pack("{s:s, s:i, s:s, s:o, s:o, s:o, s:o}", "what", "limit", "size", size,
                          "precision", precision, "ms_per_image_core", json_rounded(ms, 3),
                          "direct_ms_per_image_core", json_rounded(direct_ms, 3), "gflop",
                          json_rounded(gflop, 3), "gflops",
                          json_rounded(gflop / direct_ms * 1e3, 1)),
                s->json);
}

int cmd_bench_limit(const struct settings *s, int argc, char **argv)
{
    struct engine_config config = {.precision = s->precision, .device = s->device};
    struct engine_limit limit[LAYER_COUNT];
    struct engine_facts facts;
    const char *precision = s->precision;
    int size = s->size ? (int)s->size : SIZE_DEFAULT;
    struct err err = {0};

    (void)argv;
    if (argc > 0 || s->size == SETTINGS_AUTO) {
        err_set(&err, ERR_INPUT, "bench limit [--size N] [--precision P]: one size, no operands");
        return command_fail(&err);
    }
    if (!strcmp(precision, "auto")) { /* what an engine would take */
        if (engine_choose(&config, NULL, &facts, &err))
            return command_fail(&err);
        precision = facts.precision;
    }
    if (engine_debug_limit(precision, size, size, (int)s->rounds, limit, &err))
        return command_fail(&err);
    print_limit(s, size, precision, limit);
    return STATUS_OK;
}
