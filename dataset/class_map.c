#include "dataset/class_map.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/classes.h"
#include "common/file.h"
#include "common/text.h"

enum { MAP_SIZE_MAX = 1 << 20 };

static int class_of_word(const char *word)
{
    for (int k = 1; k < CLASS_COUNT; k++)
        if (!strcasecmp(word, class_word(k)))
            return k;
    return CLASS_MAP_UNKNOWN;
}

static int meaning_of(const char *word)
{
    static const struct class_map_row others[] = {
        {"ignore", CLASS_MAP_IGNORE},
        {"hole",   CLASS_MAP_HOLE  },
        {"dx",     CLASS_MAP_DX    },
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (!strcmp(word, others[i].label))
            return others[i].class;
    return class_of_word(word);
}

static int take_line(struct class_map *m, char *line, struct err *err)
{
    char *comment = strchr(line, '#');

    if (comment)
        *comment = 0;
    line = text_trim(line);
    if (!*line)
        return 0;
    char *equals = strrchr(line, '=');
    if (!equals)
        return err_set(err, ERR_CONFIG, "no \"label = CLASS\"");
    *equals = 0;
    struct class_map_row row = {text_trim(line), meaning_of(text_trim(equals + 1))};
    if (row.class == CLASS_MAP_UNKNOWN)
        return err_set(err, ERR_CONFIG, "\"%.40s\" is no class, nor ignore, hole or dx",
                       text_trim(equals + 1));
    for (int i = 0; i < m->n; i++)
        // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): each row before n has a label
        if (!strcmp(m->rows[i].label, row.label))
            return err_set(err, ERR_CONFIG, "\"%.40s\" stands here a second time", row.label);
    m->rows[m->n++] = row;
    return 0;
}

static int take_lines(struct class_map *m, const char *path, struct err *err)
{
    size_t lines = 1;

    buf_add(&m->text, "", 0); /* an empty file leaves no text */
    if (buf_check(&m->text, path, err))
        return -1;
    for (const char *c = m->text.data; *c; c++)
        lines += *c == '\n';
    m->rows = calloc(lines, sizeof(*m->rows));
    if (!m->rows)
        return err_set(err, ERR_NOMEM, "%s: %zu lines", path, lines);
    int number = 1;
    for (char *line = m->text.data, *end; line; line = end, number++) {
        end = strchr(line, '\n');
        if (end)
            *end++ = 0;
        if (take_line(m, line, err))
            return err_wrap(err, "%s:%d", path, number);
    }
    return 0;
}

int class_map_read(struct class_map *out, const char *path, struct err *err)
{
    *out = (struct class_map){0};
    if (!path)
        return 0;
    buf_init(&out->text, MAP_SIZE_MAX);
    if (file_read(path, &out->text, err))
        err->code = err->code == ERR_INPUT ? ERR_CONFIG : err->code;
    else if (!take_lines(out, path, err))
        return 0;
    class_map_release(out);
    return -1;
}

void class_map_release(struct class_map *m)
{
    buf_release(&m->text);
    free(m->rows);
    *m = (struct class_map){0};
}

int class_map_find(const struct class_map *m, const char *label)
{
    for (int i = 0; i < m->n; i++)
        if (!strcmp(m->rows[i].label, label))
            return m->rows[i].class;
    return class_of_word(label);
}
