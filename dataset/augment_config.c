#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset/augment.h"

enum { PRESETS = 4, NAME_SIZE = 32 };

static const char *const presets[PRESETS] = {"off", "light", "medium", "strong"};

/* clang-format off */
static const struct field {
    const char *name;
    size_t at;
    float least, most;
    float preset[PRESETS];
} fields[] = {
#define AT(field) offsetof(struct augment_config, field)
    /*                                   range        off light  medium strong */
    {"flip",       AT(flip),       0,     1,   {0, 0.5F,  0.5F,  0.5F}},
    {"rotate",     AT(rotate),     0,     180, {0, 180,   180,   180}},
    {"scale-min",  AT(scale_min),  0.25F, 4,   {1, 0.8F,  0.7F,  0.5F}},
    {"scale-max",  AT(scale_max),  0.25F, 4,   {1, 1.25F, 1.45F, 2}},
    {"shift",      AT(shift),      0,     0.5F, {0, 0.05F, 0.1F, 0.2F}},
    {"grey",       AT(grey),       0,     1,   {0, 0.1F,  0.2F,  0.2F}},
    {"brightness", AT(brightness), 0,     1,   {0, 0.06F, 0.1F,  0.18F}},
    {"contrast",   AT(contrast),   0,     0.9F, {0, 0.1F, 0.2F,  0.3F}},
    {"saturation", AT(saturation), 0,     1,   {0, 0.1F,  0.2F,  0.35F}},
    {"hue",        AT(hue),        0,     180, {0, 2,     4,     8}},
    {"balance",    AT(balance),    0,     0.5F, {0, 0.04F, 0.08F, 0.12F}},
    {"gamma",      AT(gamma),      0,     2,   {0, 0.1F,  0.2F,  0.35F}},
    {"coarse",     AT(coarse),     0,     1,   {0, 0.2F,  0.4F,  0.5F}},
    {"coarse-min", AT(coarse_min), 0.05F, 1,   {1, 0.5F,  0.375F, 0.25F}},
    {"blur",       AT(blur),       0,     1,   {0, 0.1F,  0.15F, 0.25F}},
    {"blur-sigma", AT(blur_sigma), 0,     16,  {0, 0.8F,  1.2F,  2}},
    {"hair",       AT(hair),       0,     1,   {0, 0.1F,  0.2F,  0.3F}},
    {"ruler",      AT(ruler),      0,     1,   {0, 0.03F, 0.06F, 0.12F}},
    {"ink",        AT(ink),        0,     1,   {0, 0.02F, 0.06F, 0.12F}},
    {"bubbles",    AT(bubbles),    0,     1,   {0, 0.03F, 0.08F, 0.15F}},
    {"vignette",   AT(vignette),   0,     1,   {0, 0.05F, 0.1F,  0.2F}},
    {"strength",   AT(strength),   0,     1,   {0, 0.5F,  0.7F,  1}},
#undef AT
};
/* clang-format on */

enum { FIELDS = sizeof(fields) / sizeof(*fields) };

static float *value_of(struct augment_config *c, int field)
{
    return (float *)(void *)((char *)c + fields[field].at);
}

static int name_all(struct err *err, const char *what, int n)
{
    struct buf list;

    buf_init(&list, 1024);
    if (n == PRESETS)
        buf_add_text(&list, "off, light, medium, strong");
    for (int i = 0; n == FIELDS && i < FIELDS; i++)
        buf_printf(&list, "%s%s", i ? " " : "", fields[i].name);
    err_set(err, ERR_CONFIG, "augmentation: %s; there is: %s", what, list.data ? list.data : "");
    buf_release(&list);
    return -1;
}

static int take_preset(struct augment_config *out, const char *word, size_t n, struct err *err)
{
    char what[NAME_SIZE + 32];

    for (int p = 0; p < PRESETS; p++)
        if (strlen(presets[p]) == n && !memcmp(word, presets[p], n)) {
            for (int i = 0; i < FIELDS; i++)
                *value_of(out, i) = fields[i].preset[p];
            return 0;
        }
    snprintf(what, sizeof(what), "no preset \"%.*s\"", (int)(n < NAME_SIZE ? n : NAME_SIZE), word);
    return name_all(err, what, PRESETS);
}

/* "name=value" of n bytes. */
static int take_field(struct augment_config *out, const char *word, size_t n, struct err *err)
{
    char text[2 * NAME_SIZE], what[4 * NAME_SIZE], *end;
    const char *equals = memchr(word, '=', n);

    snprintf(text, sizeof(text), "%.*s", (int)(n < sizeof(text) ? n : sizeof(text) - 1), word);
    for (int i = 0; equals && i < FIELDS; i++) {
        const struct field *f = &fields[i];
        if (strlen(f->name) != (size_t)(equals - word) ||
            strncmp(f->name, word, strlen(f->name)) != 0)
            continue;
        const char *number = text + strlen(f->name) + 1;
        float value = strtof(number, &end);
        if (n >= sizeof(text) || end == number || *end || !(value >= f->least && value <= f->most))
            return err_set(err, ERR_CONFIG, "augmentation: %s: a number from %g to %g is needed",
                           text, (double)f->least, (double)f->most);
        *value_of(out, i) = value;
        return 0;
    }
    snprintf(what, sizeof(what), "\"%s\" is no name=value", text);
    return name_all(err, what, FIELDS);
}

int augment_parse(struct augment_config *out, const char *text, struct err *err)
{
    struct augment_config c = {0};
    size_t n = strcspn(text, ",");

    if (take_preset(&c, text, n, err))
        return -1;
    for (text += n; *text; text += n) {
        n = strcspn(++text, ",");
        if (take_field(&c, text, n, err))
            return -1;
    }
    if (c.scale_min > c.scale_max)
        return err_set(err, ERR_CONFIG, "augmentation: scale-min %g is over scale-max %g",
                       (double)c.scale_min, (double)c.scale_max);
    *out = c;
    return 0;
}

void augment_format(const struct augment_config *c, struct buf *out)
{
    struct augment_config copy = *c;

    for (int i = 0; i < FIELDS; i++)
        buf_printf(out, "%s%s=%.9g", i ? "," : "", fields[i].name, (double)*value_of(&copy, i));
}
