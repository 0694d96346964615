/* Where pictures are found, and where a new folder is put together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "train/convert.h"
#include "train/tools.h"

bool convert_is_picture(const char *path)
{
    static const char *const endings[] = {"jpg",  "jpeg", "png",  "tif",
                                          "tiff", "webp", "heic", "heif"};
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof(endings) / sizeof(*endings); i++)
        if (!strcasecmp(dot + 1, endings[i]))
            return true;
    return false;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int compare_names(const void *a, const void *b)
{
    const struct convert_name *x = a, *y = b;

    return strcmp(x->base, y->base);
}

/* Pictures by the last part of their path. */
static int index_pictures(struct convert *c, struct err *err)
{
    c->names = calloc((size_t)c->tree.n + 1, sizeof(*c->names));
    if (!c->names)
        return err_set(err, ERR_NOMEM, "%d names", c->tree.n);
    for (int i = 0; i < c->tree.n; i++)
        if (c->tree.items[i].kind == TREE_FILE && convert_is_picture(c->tree.items[i].path))
            c->names[c->n_names++] =
                (struct convert_name){base_of(c->tree.items[i].path), &c->tree.items[i]};
    qsort(c->names, (size_t)c->n_names, sizeof(*c->names), compare_names);
    return 0;
}

int convert_search(struct convert *c, const char *root, struct err *err)
{
    const struct tree_request request = {.root = root};

    if (path_format(c->root, sizeof(c->root), err, "%s", root) ||
        tree_read(&c->tree, &request, err))
        return -1;
    c->has_tree = true;
    return index_pictures(c, err);
}

/* Index of the first name that is not before `name`. */
static int lower_bound(const struct convert *c, const char *name)
{
    int low = 0, high = c->n_names;

    while (low < high) {
        int middle = (low + high) / 2;
        if (strcmp(c->names[middle].base, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct tree_item *convert_find(const struct convert *c, const char *name, bool is_stem)
{
    const struct tree_item *found = is_stem ? NULL : tree_find(&c->tree, name);
    const char *base = is_stem ? name : base_of(name);
    size_t n = strlen(base);

    if (found)
        return found->kind == TREE_FILE ? found : NULL;
    for (int i = lower_bound(c, base); i < c->n_names && !strncmp(c->names[i].base, base, n); i++) {
        const char *rest = c->names[i].base + n;
        if (is_stem ? *rest != '.' || strchr(rest + 1, '.') : *rest)
            continue;
        if (found)
            return NULL;
        found = c->names[i].item;
    }
    return found;
}

int convert_draft_begin(char draft[SETTINGS_PATH_SIZE], const char *output, struct err *err)
{
    size_t n = strlen(output);

    while (n > 1 && output[n - 1] == '/')
        n--;
    /* An empty folder is as good as none; rmdir refuses all else. */
    if (!access(output, F_OK) && rmdir(output))
        return err_set(err, ERR_INPUT, "%s: is there already; nothing is written over", output);
    if (path_format(draft, SETTINGS_PATH_SIZE, err, "%.*s.draft-XXXXXX", (int)n, output))
        return -1;
    if (!mkdtemp(draft))
        return err_set(err, err_code_of_errno(errno), "%s: %s", draft, strerror(errno));
    return 0;
}

int convert_draft_end(const char *draft, const char *output, bool is_good, struct err *err)
{
    if (is_good && !file_sync_fs(draft, err)) {
        if (!rename(draft, output))
            return 0;
        err_set(err, err_code_of_errno(errno), "%s: %s", output, strerror(errno));
    }
    dir_remove(draft);
    return -1;
}
