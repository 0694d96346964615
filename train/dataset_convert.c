/* `lentigo dataset convert INPUT -o OUT`. What INPUT is says what is done:
 *
 *     a folder with labels.csv     a labelled set   ──► LabelMe's files
 *     any other folder             LabelMe's files  ──► a labelled set
 *     a .json file                 COCO             ──► a labelled set
 *     a .csv file                  an ISIC table    ──► a labelled set
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/status.h"
#include "train/convert.h"
#include "train/tools.h"

static void item_release(struct convert_item *item)
{
    annotation_release(&item->drawn);
    free(item->name);
    free(item->picture);
    free(item->mask);
    free(item->patient_id);
    free(item->lesion_id);
}

static void convert_release(struct convert *c)
{
    for (int i = 0; i < c->n; i++)
        item_release(&c->items[i]);
    free(c->items);
    free(c->names);
    class_map_release(&c->map);
    if (c->has_tree)
        tree_release(&c->tree);
}

void convert_refuse(struct convert *c, const char *name, const struct err *err)
{
    fprintf(stderr, "lentigo: %s: %s\n", name, err->msg);
    c->bad++;
}

struct convert_item *convert_add(struct convert *c, struct err *err)
{
    if (c->n == c->capacity) {
        int more = c->capacity ? 2 * c->capacity : 256;
        struct convert_item *grown = realloc(c->items, (size_t)more * sizeof(*grown));
        if (!grown) {
            err_set(err, ERR_NOMEM, "%d pictures", more);
            return NULL;
        }
        c->items = grown;
        c->capacity = more;
    }
    c->items[c->n] = (struct convert_item){0};
    return &c->items[c->n++];
}

char *convert_text(const char *text, struct err *err)
{
    char *copy = strdup(text);

    if (!copy)
        err_set(err, ERR_NOMEM, "a name");
    return copy;
}

static bool ends_in(const char *name, const char *ending)
{
    size_t n = strlen(name), k = strlen(ending);

    return n > k && !strcasecmp(name + n - k, ending);
}

/* --classes, else classes.txt in the folder of the input, when it is there. */
static int read_map(struct convert *c, bool is_folder, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    const char *slash = strrchr(c->input, '/');

    if (c->settings->classes[0])
        return class_map_read(&c->map, c->settings->classes, err);
    if (is_folder ? path_format(path, sizeof(path), err, "%s/classes.txt", c->input)
                  : path_format(path, sizeof(path), err, "%.*s/classes.txt",
                                slash ? (int)(slash - c->input) : 1, slash ? c->input : "."))
        return -1;
    return class_map_read(&c->map, access(path, F_OK) ? NULL : path, err);
}

/* What stands there is read by: NULL when it is a labelled set. */
static int choose_reader(struct convert *c, int (**read)(struct convert *, struct err *),
                         struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    struct stat st;

    if (stat(c->input, &st))
        return err_set(err, ERR_INPUT, "%s: no such file or folder", c->input);
    if (path_format(path, sizeof(path), err, "%s/labels.csv", c->input) ||
        read_map(c, S_ISDIR(st.st_mode), err))
        return -1;
    *read = NULL;
    if (S_ISDIR(st.st_mode))
        *read = access(path, F_OK) ? convert_read_labelme : NULL;
    else if (ends_in(c->input, ".json"))
        *read = convert_read_coco;
    else if (ends_in(c->input, ".csv"))
        *read = convert_read_isic;
    else
        return err_set(err, ERR_INPUT, "%s: neither a folder nor a .json or .csv file", c->input);
    return 0;
}

static int finish(const struct convert *c, struct err *err)
{
    int written = 0;

    for (int i = 0; i < c->n; i++)
        written += c->items[i].is_written;
    printf("%d pictures written to %s", written, c->settings->output);
    printf("; left out: %d bad, %d without a shape, %d other files\n", c->bad, c->empty,
           c->passed_over);
    return fflush(stdout) ? err_set(err, ERR_AGAIN, "standard output") : 0;
}

static int convert(struct convert *c, struct err *err)
{
    int (*read)(struct convert *, struct err *);
    const char *output = c->settings->output;

    if (choose_reader(c, &read, err))
        return -1;
    if (!read)
        return convert_write_labelme(c, output, err); /* says itself what it wrote */
    if (read(c, err))
        return -1;
    if (c->bad && !c->settings->skip_bad)
        return 0;
    if (c->n == 0)
        return err_set(err, ERR_INPUT, "%s: no annotated picture in it", c->input);
    if (convert_write_set(c, output, err))
        return -1;
    return c->bad && !c->settings->skip_bad ? 0 : finish(c, err);
}

int dataset_convert(const struct settings *s, int n, char **operands)
{
    static struct convert c; /* a path of 4 kB; one a process */
    struct err err = {0};

    c.settings = s;
    if (n != 1 || !s->output[0]) {
        err_set(&err, ERR_INPUT, "dataset convert: INPUT -o OUT (lentigo dataset --help)");
    } else {
        c.input = operands[0];
        convert(&c, &err);
    }
    if (!err.code && c.bad && !s->skip_bad)
        fprintf(stderr,
                "lentigo: %d files cannot be used, so nothing was written; --skip-bad leaves them "
                "out\n",
                c.bad);
    bool is_whole = !c.bad;
    convert_release(&c);
    return err.code ? tool_fail(&err) : is_whole ? STATUS_OK : STATUS_UNFINISHED;
}
