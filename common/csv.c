#include "common/csv.h"

#include <stdbool.h>
#include <strings.h>

static const char separators[] = ",;\t";

static bool ends_line(char c)
{
    return c == '\n' || c == '\r' || c == 0;
}

/* Step over one end of line of any kind. */
static void skip_line_end(struct csv *c)
{
    if (c->at[0] == '\r' && c->at[1] == '\n')
        c->at++;
    if (c->at[0]) {
        c->at++;
        c->line++;
    }
}

static char choose_separator(const char *text)
{
    int counts[sizeof(separators)] = {0}, best = 0;
    bool is_quoted = false;

    for (; *text && (is_quoted || !ends_line(*text)); text++) {
        const char *found = strchr(separators, *text);
        if (*text == '"')
            is_quoted = !is_quoted;
        else if (found && !is_quoted)
            counts[found - separators]++;
    }
    for (int i = 1; separators[i]; i++)
        if (counts[i] > counts[best])
            best = i;
    return separators[best];
}

void csv_begin(struct csv *c, char *text, const char *name)
{
    if (!strncmp(text, "\xEF\xBB\xBF", 3))
        text += 3;
    *c = (struct csv){.at = text, .line = 1, .name = name};
    if (!strncasecmp(text, "sep=", 4) && text[4] && strchr(separators, text[4]) &&
        ends_line(text[5])) {
        c->separator = text[4];
        c->at += 5;
        skip_line_end(c);
        return;
    }
    while (*c->at == '\n' || *c->at == '\r')
        skip_line_end(c);
    c->separator = choose_separator(c->at);
}

static void skip_spaces(struct csv *c)
{
    while (*c->at == ' ' || (*c->at == '\t' && c->separator != '\t'))
        c->at++;
}

/* At an opening quote. The field is moved together over its quotes, line breaks become LF. */
static char *quoted_field(struct csv *c, struct err *err)
{
    int first_line = c->line;
    char *field = ++c->at, *to = field;

    for (;;) {
        if (*c->at == 0) {
            err_set(err, ERR_CONFIG, "%s:%d: a quote is opened here and never closed", c->name,
                    first_line);
            return NULL;
        }
        if (*c->at == '"' && *++c->at != '"')
            break;
        if (*c->at == '\n' || *c->at == '\r') {
            skip_line_end(c);
            *to++ = '\n';
        } else {
            *to++ = *c->at++;
        }
    }
    skip_spaces(c);
    if (*c->at != c->separator && !ends_line(*c->at)) {
        err_set(err, ERR_CONFIG, "%s:%d: text behind a closing quote", c->name, c->line);
        return NULL;
    }
    *to = 0; /* over the closing quote or before it: never over the separator */
    return field;
}

static char *plain_field(struct csv *c, char **end)
{
    char *field = c->at;

    while (*c->at != c->separator && !ends_line(*c->at))
        c->at++;
    *end = c->at;
    while (*end > field && (*end)[-1] == ' ')
        (*end)--;
    return field;
}

/* One field and what ends it; `*is_last` when that was the line's end. */
static char *next_field(struct csv *c, bool *is_last, struct err *err)
{
    char *field, *end = NULL;

    skip_spaces(c);
    field = *c->at == '"' ? quoted_field(c, err) : plain_field(c, &end);
    if (!field)
        return NULL;
    *is_last = *c->at != c->separator;
    if (*is_last)
        skip_line_end(c);
    else
        c->at++;
    if (end)
        *end = 0;
    return field;
}

static int read_row(struct csv *c, struct csv_row *row, struct err *err)
{
    bool is_last = false;

    row->line = c->line;
    row->n = 0;
    while (!is_last) {
        if (row->n == CSV_FIELDS_MAX)
            return err_set(err, ERR_CONFIG, "%s:%d: more than %d columns", c->name, row->line,
                           CSV_FIELDS_MAX);
        row->field[row->n] = next_field(c, &is_last, err);
        if (!row->field[row->n++])
            return -1;
    }
    return 0;
}

static bool is_blank(const struct csv_row *row)
{
    for (int i = 0; i < row->n; i++)
        if (row->field[i][0])
            return false;
    return true;
}

int csv_next(struct csv *c, struct csv_row *row, struct err *err)
{
    while (*c->at) {
        if (read_row(c, row, err))
            return -1;
        if (!is_blank(row))
            return 1;
    }
    return 0;
}
