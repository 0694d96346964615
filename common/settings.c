#include "common/settings.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>

#include "common/file.h"
#include "common/settings_table.h"
#include "common/text.h"

enum { CONFIG_SIZE_MAX = 1 << 20, LONG_FLAG_BASE = 1000 };

static bool in_choices(const char *choices, const char *value)
{
    size_t n = strlen(value);

    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (!strncmp(at, value, n) && (at[n] == '|' || at[n] == 0))
            return n > 0 && !strchr(value, '|');
    return false;
}

static int set_number(const struct setting *row, long *field, const char *value, struct err *err)
{
    char *end;

    if (row->choices && !strcmp(value, row->choices)) {
        *field = SETTINGS_AUTO;
        return 0;
    }
    errno = 0;
    long n = strtol(value, &end, 10);
    if (errno || end == value || *end || n < row->min || n > row->max)
        return err_set(err, ERR_CONFIG, "%s: \"%.40s\" is no whole number from %ld to %ld%s%s",
                       row->name, value, row->min, row->max, row->choices ? ", nor " : "",
                       row->choices ? row->choices : "");
    *field = n;
    return 0;
}

static int set_real(const struct setting *row, double *field, const char *value, struct err *err)
{
    char *end;
    double x = strtod(value, &end);

    if (end == value || *end || !isfinite(x) || x < (double)row->min || x > (double)row->max)
        return err_set(err, ERR_CONFIG, "%s: \"%.40s\" is no number from %ld to %ld", row->name,
                       value, row->min, row->max);
    *field = x;
    return 0;
}

static int set_flag(const struct setting *row, bool *field, const char *value, struct err *err)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return err_set(err, ERR_CONFIG, "%s: \"%.40s\" is neither yes nor no", row->name, value);
    *field = value[0] == 'y';
    return 0;
}

/* Would the value come back from a configuration file as it is? A child gets it through one. */
static bool fits_a_line(const char *value)
{
    size_t n = strlen(value);

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)value[i] < ' ')
            return false;
    return !n || (value[0] != ' ' && value[n - 1] != ' ');
}

static int set_value(struct settings *s, const struct setting *row, const char *value,
                     struct err *err)
{
    char *field = (char *)s + row->offset;
    size_t size = row->type == SETTING_PATH ? SETTINGS_PATH_SIZE : SETTINGS_WORD_SIZE;

    s->is_given[row - settings_table] = true;
    switch (row->type) {
    case SETTING_FLAG: return set_flag(row, (bool *)(void *)field, value, err);
    case SETTING_NUMBER: return set_number(row, (long *)(void *)field, value, err);
    case SETTING_REAL: return set_real(row, (double *)(void *)field, value, err);
    case SETTING_CHOICE:
        if (!in_choices(row->choices, value))
            return err_set(err, ERR_CONFIG, "%s: \"%.40s\" is none of %s", row->name, value,
                           row->choices);
        break;
    case SETTING_WORD:
    case SETTING_PATH: break;
    }
    if (strlen(value) >= size)
        return err_set(err, ERR_CONFIG, "%s: longer than %zu bytes", row->name, size - 1);
    if (!fits_a_line(value))
        return err_set(err, ERR_CONFIG, "%s: has a control byte, or white space at an end",
                       row->name);
    memcpy(field, value, strlen(value) + 1);
    return 0;
}

static const struct setting *find_row(const char *name, size_t n)
{
    for (size_t i = 0; i < settings_table_length; i++)
        if (strlen(settings_table[i].name) == n && !strncmp(settings_table[i].name, name, n))
            return &settings_table[i];
    return NULL;
}

static int load_line(struct settings *s, char *line, struct err *err)
{
    line = text_trim(line);
    if (!*line || *line == '#')
        return 0;
    char *equals = strchr(line, '=');
    if (!equals)
        return err_set(err, ERR_CONFIG, "no '=' in \"%.60s\"", line);
    *equals = 0;
    const char *key = text_trim(line), *value = text_trim(equals + 1);
    const struct setting *row = find_row(key, strlen(key));
    if (!row || row->offset == offsetof(struct settings, config))
        return err_set(err, ERR_CONFIG, "unknown key \"%.60s\"", key);
    return set_value(s, row, value, err);
}

static int load_file(struct settings *s, const char *path, struct err *err)
{
    struct buf text;
    int number = 0, ret = 0;

    buf_init(&text, CONFIG_SIZE_MAX);
    if (file_read(path, &text, err)) {
        err->code = ERR_CONFIG;
        ret = -1;
    } else if (text.len && memchr(text.data, 0, text.len)) {
        ret = err_set(err, ERR_CONFIG, "%s: holds a 0 byte, so it is no text", path);
    }
    for (char *at = text.data; !ret && at && *at;) {
        char *end = strchr(at, '\n');
        if (end)
            *end = 0;
        number++;
        if (load_line(s, at, err))
            ret = err_wrap(err, "%s:%d", path, number);
        at = end ? end + 1 : NULL;
    }
    buf_release(&text);
    return ret;
}

void settings_environment_name(const char *key, char name[SETTINGS_WORD_SIZE])
{
    snprintf(name, SETTINGS_WORD_SIZE, "LENTIGO_%s", key);
    for (char *c = name; *c; c++)
        if (*c == '-')
            *c = '_';
        else if (*c >= 'a' && *c <= 'z')
            *c -= 'a' - 'A';
}

/* With `only_config` nothing but LENTIGO_CONFIG is taken; see load_flags. */
static int load_environment(struct settings *s, bool only_config, struct err *err)
{
    for (size_t i = 0; i < settings_table_length; i++) {
        const struct setting *row = &settings_table[i];
        char name[SETTINGS_WORD_SIZE];
        if (only_config && row->offset != offsetof(struct settings, config))
            continue;
        settings_environment_name(row->name, name);
        const char *value = getenv(name);
        if (value && set_value(s, row, value, err))
            return err_wrap(err, "environment variable %s", name);
    }
    return 0;
}

/* getopt's two tables, made from the rows of one command. */
struct flag_tables {
    struct option longs[64];
    char letters[128];
};

static void make_flag_tables(struct flag_tables *t, enum settings_command command)
{
    size_t n = 0, k = 0;

    *t = (struct flag_tables){0};
    t->letters[k++] = ':';
    for (size_t i = 0; i < settings_table_length && n + 1 < 64; i++) {
        const struct setting *row = &settings_table[i];
        if (!(row->commands & command))
            continue;
        int takes = row->type == SETTING_FLAG ? no_argument : required_argument;
        t->longs[n++] = (struct option){row->name, takes, NULL, LONG_FLAG_BASE + (int)i};
        if (!row->letter)
            continue;
        t->letters[k++] = row->letter;
        if (takes == required_argument)
            t->letters[k++] = ':';
    }
}

static const struct setting *row_of_flag(int flag)
{
    if (flag >= LONG_FLAG_BASE)
        return &settings_table[flag - LONG_FLAG_BASE];
    for (size_t i = 0; i < settings_table_length; i++)
        if (settings_table[i].letter == flag)
            return &settings_table[i];
    return NULL;
}

/* One pass over the flags. With `only_config` nothing but --config is taken: the file it names has
 * to be read before the flags that override it. */
static int load_flags(struct settings *s, enum settings_command command, int argc, char **argv,
                      bool only_config, struct err *err)
{
    struct flag_tables tables;
    int flag;

    make_flag_tables(&tables, command);
    optind = 0;
    opterr = 0;
    while ((flag = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
        if (flag == '?' || flag == ':')
            return err_set(err, ERR_INPUT, "%s %s (see --help)",
                           flag == '?' ? "unknown flag" : "no value for flag", argv[optind - 1]);
        const struct setting *row = row_of_flag(flag);
        if (only_config && row->offset != offsetof(struct settings, config))
            continue;
        if (set_value(s, row, row->type == SETTING_FLAG ? "yes" : optarg, err)) {
            err->code = ERR_INPUT;
            return err_wrap(err, "flag");
        }
    }
    return 0;
}

int settings_load(struct settings *s, enum settings_command command, int argc, char **argv,
                  int *first, struct err *err)
{
    *s = (struct settings){0};
    assert(settings_table_length <= SETTINGS_ROWS_MAX);
    for (size_t i = 0; i < settings_table_length; i++)
        if (set_value(s, &settings_table[i], settings_table[i].initial, err))
            return -1;
    memset(s->is_given, 0, sizeof(s->is_given));
    if (load_environment(s, true, err) || load_flags(s, command, argc, argv, true, err))
        return -1;
    if (s->config[0] && load_file(s, s->config, err))
        return -1;
    if (load_environment(s, false, err) || load_flags(s, command, argc, argv, false, err))
        return -1;
    *first = optind;
    return 0;
}

void settings_help(enum settings_command command, FILE *out)
{
    for (size_t i = 0; i < settings_table_length; i++) {
        const struct setting *row = &settings_table[i];
        char flag[64];
        if (!(row->commands & command))
            continue;
        snprintf(flag, sizeof(flag), "%c%c --%s %s", row->letter ? '-' : ' ',
                 row->letter ? row->letter : ' ', row->name, row->operand ? row->operand : "");
        fprintf(out, "  %-26s %s\n", flag, row->help);
    }
}

static void format_number(const struct setting *row, long value, struct buf *out)
{
    if (row->choices && value == SETTINGS_AUTO)
        buf_add_text(out, row->choices);
    else
        buf_printf(out, "%ld", value);
}

static void format_row(const struct setting *row, const void *field, struct buf *out)
{
    switch (row->type) {
    case SETTING_FLAG: buf_add_text(out, *(const bool *)field ? "yes" : "no"); break;
    case SETTING_NUMBER: format_number(row, *(const long *)field, out); break;
    case SETTING_REAL: buf_printf(out, "%.15g", *(const double *)field); break;
    case SETTING_CHOICE:
    case SETTING_WORD:
    case SETTING_PATH: buf_add_text(out, field); break;
    }
}

int settings_format(const struct settings *s, struct buf *out, struct err *err)
{
    struct buf value;

    buf_init(&value, SETTINGS_PATH_SIZE);
    for (size_t i = 0; i < settings_table_length; i++) {
        const struct setting *row = &settings_table[i];
        size_t o = row->offset;
        if (o == offsetof(struct settings, config) || o == offsetof(struct settings, dump_config))
            continue;
        buf_clear(&value);
        format_row(row, (const char *)s + o, &value);
        if (value.data && strcmp(value.data, row->initial) != 0)
            buf_printf(out, "%s = %s\n", row->name, value.data);
    }
    buf_release(&value);
    return buf_check(out, "settings", err);
}

int settings_export(const struct settings *s, struct err *err)
{
    char name[SETTINGS_WORD_SIZE];
    struct buf value;
    int ret = 0;

    buf_init(&value, SETTINGS_PATH_SIZE);
    for (size_t i = 0; i < settings_table_length && !ret; i++) {
        const struct setting *row = &settings_table[i];
        size_t o = row->offset;
        if (o == offsetof(struct settings, config) || o == offsetof(struct settings, dump_config) ||
            o == offsetof(struct settings, help) || o == offsetof(struct settings, version))
            continue;
        buf_clear(&value);
        format_row(row, (const char *)s + o, &value);
        settings_environment_name(row->name, name);
        ret = setenv(name, value.data ? value.data : "", 1);
    }
    buf_release(&value);
    return ret ? err_set(err, ERR_NOMEM, "%s: no memory for the environment", name) : 0;
}

int settings_set(struct settings *s, const char *name, const char *value, struct err *err)
{
    const struct setting *row = find_row(name, strlen(name));

    if (!row)
        return err_set(err, ERR_INPUT, "no setting is called \"%.60s\"", name);
    if (!set_value(s, row, value, err))
        return 0;
    err->code = ERR_INPUT;
    return -1;
}

bool settings_takes(enum settings_command command, const char *name)
{
    const struct setting *row = find_row(name, strlen(name));

    return row && row->commands & command;
}

int settings_value(const struct settings *s, const char *name, struct buf *out)
{
    const struct setting *row = find_row(name, strlen(name));

    if (!row)
        return -1;
    format_row(row, (const char *)s + row->offset, out);
    return 0;
}

bool settings_is_given(const struct settings *s, const char *name)
{
    const struct setting *row = find_row(name, strlen(name));

    return row && s->is_given[row - settings_table];
}

bool settings_is_default(const struct settings *s, const char *name)
{
    const struct setting *row = find_row(name, strlen(name));
    struct buf value;
    bool is_default = true;

    buf_init(&value, SETTINGS_PATH_SIZE);
    if (row) {
        format_row(row, (const char *)s + row->offset, &value);
        is_default = strcmp(value.data ? value.data : "", row->initial) == 0;
    }
    buf_release(&value);
    return is_default;
}

int settings_dump(const struct settings *s, FILE *out, struct err *err)
{
    struct buf text;

    buf_init(&text, CONFIG_SIZE_MAX);
    int ret = settings_format(s, &text, err);
    if (!ret && text.data)
        fputs(text.data, out);
    buf_release(&text);
    return ret;
}

int settings_write(const struct settings *s, const char *path, struct err *err)
{
    struct buf text;
    int ret = -1;

    buf_init(&text, CONFIG_SIZE_MAX);
    if (!settings_format(s, &text, err))
        ret = file_write(path, text.data ? text.data : "", text.len, err);
    buf_release(&text);
    return ret;
}
