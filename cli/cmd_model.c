/* cmd_model.c -- `lentigo model import` and `lentigo model show`. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/commands_engine.h"
#include "common/file.h"
#include "common/json.h"
#include "common/place.h"
#include "engine/import.h"
#include "engine/model.h"
#include "engine/network.h"
#include "engine/safetensors.h"

enum { PATH_SIZE = SETTINGS_PATH_SIZE + 32, CARD_MAX = 1 << 20 };

static int usage(const char *text)
{
    fprintf(stderr, "lentigo: usage: %s\n", text);
    return STATUS_USAGE;
}

static int fail(const struct err *err)
{
    fprintf(stderr, "lentigo: %s\n", err->msg);
    return err->code == ERR_CONFIG ? STATUS_CONFIG : STATUS_UNFINISHED;
}

static int import_model(const struct settings *s, int argc, char **argv)
{
    struct err err = {0};
    struct import_facts facts;

    if (argc < 2 || argc > 3 || !*s->output || s->size == SETTINGS_AUTO)
        return usage("lentigo model import SRC [GRAPH.json] -o DIR [--size N]");
    struct import in = {.source = argv[1],
                        .graph = argc > 2 ? argv[2] : NULL,
                        .folder = s->output,
                        .size = (int)s->size};
    if (import_run(&in, &facts, &err))
        return fail(&err);
    printf("%s/weights.safetensors: %d tensors, %s\n", s->output, facts.tensors,
           facts.dtype == DTYPE_BF16 ? "bf16 (exact)" : "f32");
    if (facts.scales_defaulted)
        printf("%d _scale tensors are missing in %s and became 1.0\n", facts.scales_defaulted,
               argv[1]);
    if (facts.ignored)
        printf("%d tensors of the training heads were left out\n", facts.ignored);
    return STATUS_OK;
}

/* What the file holds, beside the card. */
static json_t *describe_weights(const char *dir, struct err *err)
{
    char path[PATH_SIZE];
    struct tensor_set set;
    size_t values = 0;

    if (path_format(path, sizeof(path), err, "%s/weights.safetensors", dir) ||
        safetensors_read(&set, path, err))
        return NULL;
    for (size_t i = 0; i < set.count; i++)
        values += set.items[i].count;
    json_t *out = json_pack("{s:I, s:I, s:I, s:s}", "tensors", (json_int_t)set.count, "values",
                            (json_int_t)values, "bytes", (json_int_t)set.file.len, "type",
                            set.items[0].dtype == DTYPE_BF16 ? "bf16" : "f32");
    tensor_set_release(&set);
    return out ? out : (err_set(err, ERR_NOMEM, "%s: out of memory", path), NULL);
}

static void print_plain(json_t *card)
{
    const char *key;
    json_t *value;

    json_object_foreach(card, key, value)
    {
        char *text = json_is_string(value) ? NULL : json_line(value);
        printf("%-12s %s\n", key, text ? text : json_string_value(value));
        free(text);
    }
}

static void print_card(json_t *card, bool as_json, struct err *err)
{
    char *line = card ? json_line(card) : NULL;

    if (!line)
        err_set(err, ERR_NOMEM, "no memory for a card");
    else if (as_json)
        puts(line);
    else
        print_plain(card);
    free(line);
}

static int show_model(const struct settings *s, int argc, char **argv)
{
    struct err err = {0};
    struct model *model;
    char folder[SETTINGS_PATH_SIZE], path[PATH_SIZE];

    if (argc != 2)
        return usage("lentigo model show DIR [--json]");
    if (place_model(folder, argv[1], &err) || model_open(&model, folder, &err))
        return fail(&err);
    json_t *card = NULL, *weights = describe_weights(folder, &err);
    if (weights && !path_format(path, sizeof(path), &err, "%s/card.json", folder))
        card = json_read(path, CARD_MAX, &err);
    if (card) {
        json_put(&card, "sha256", json_string(model_card(model)->sha256));
        json_put(&card, "weights", json_incref(weights));
        print_card(card, s->json, &err);
    }
    json_decref(weights);
    json_decref(card);
    model_close(model);
    return err.code ? fail(&err) : STATUS_OK;
}

int cmd_model(const struct settings *s, int argc, char **argv)
{
    if (argc > 0 && !strcmp(argv[0], "import"))
        return import_model(s, argc, argv);
    if (argc > 0 && !strcmp(argv[0], "show"))
        return show_model(s, argc, argv);
    return usage("lentigo model import|show ...");
}
