#include "queue/gather.h"

#include <errno.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "queue/charset.h"
#include "queue/crew.h"

enum { HEAD_SIZE = 512, PROGRESS_STEP = 100 };

static const char *const extensions[] = {
    "jpg",  "jpeg", "jpe", "jfif", "png", "tif", "tiff", "webp",
    "heic", "heif", "bmp", "gif",  "jp2", "dng", "avif", "dcm",
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* A hidden name is the operating system's (".DS_Store", "._a.jpg"): its extension says nothing. */
static bool has_picture_extension(const char *path)
{
    const char *name = base_name(path), *dot = strrchr(name, '.');

    if (name[0] == '.' || !dot)
        return false;
    for (size_t i = 0; i < sizeof(extensions) / sizeof(*extensions); i++)
        if (!strcasecmp(dot + 1, extensions[i]))
            return true;
    return false;
}

/* INPUT is a folder, or the manifest of the folder that it lies in. */
static int split_input(const char *input, char root[SPOOL_PATH_SIZE], char manifest[256],
                       struct err *err)
{
    const char *slash = strrchr(input, '/'), *name = base_name(input);
    char path[SPOOL_PATH_SIZE];
    struct stat st;

    manifest[0] = 0;
    if (stat(input, &st))
        return err_set(err, err_code_of_errno(errno) == ERR_INPUT ? ERR_CONFIG : ERR_AGAIN,
                       "%s: %s", input, strerror(errno));
    if (!S_ISDIR(st.st_mode)) {
        size_t len = strlen(name);
        if (!S_ISREG(st.st_mode) || len < 4 || strcasecmp(name + len - 4, ".csv") != 0 || len > 255)
            return err_set(err, ERR_CONFIG, "%s: neither a folder nor a manifest (.csv)", input);
        snprintf(manifest, 256, "%s", name);
        return path_format(root, SPOOL_PATH_SIZE, err, "%.*s", slash ? (int)(slash - input) + 1 : 1,
                           slash ? input : ".");
    }
    if (path_format(root, SPOOL_PATH_SIZE, err, "%s", input) ||
        path_format(path, sizeof(path), err, "%s/manifest.csv", input))
        return -1;
    if (lstat(path, &st)) /* taken in without its manifest, an upload would be of other patients */
        return errno == ENOENT ? 0 : err_set(err, ERR_AGAIN, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        snprintf(manifest, 256, "manifest.csv");
    return 0;
}

static void add_other(struct gather *g, const char *path, enum reason reason, const char *detail)
{
    g->others[g->n_others++] = (struct gather_other){path, reason, detail};
}

/* Open, look and hash. When the first bytes are no picture's and there is no other reason to take
 * the file in, it is not read further. */
static int inspect(const struct gather *g, const struct intake_request *request,
                   struct gather_image *image, struct err *err)
{
    uint8_t head[HEAD_SIZE];
    size_t size;
    int fd = tree_fd(&g->tree, image->path), ret = 0;

    if (fd < 0 && err_code_of_errno(errno) != ERR_INPUT)
        return err_set(err, ERR_AGAIN, "%s: %s", image->path, strerror(errno));
    if (fd < 0) {
        image->set_aside = REASON_UNREADABLE;
        image->detail = errno == EACCES ? "permission denied" : "could not be opened";
        return 0;
    }
    ssize_t n = pread(fd, head, sizeof(head), 0);
    if (n < 0)
        ret = err_set(err, ERR_AGAIN, "%s: %s", image->path, strerror(errno));
    else if (n == 0)
        image->set_aside = REASON_EMPTY;
    else if ((image->looks_right = request->is_picture(head, (size_t)n)) || image->row ||
             has_picture_extension(image->path))
        ret = sha256_hex_fd(image->sha256, fd, &size, err) ? err_wrap(err, "%s", image->path) : 0;
    image->size = image->file->size;
    close(fd);
    return ret;
}

struct inspection {
    struct gather *gather;
    const struct intake_request *request;
};

static int inspect_one(void *ctx, int i, struct err *err)
{
    const struct inspection *in = ctx;
    struct gather_image *image = &in->gather->images[i];

    if (i % PROGRESS_STEP == 0 && in->request->progress)
        in->request->progress(in->request->ctx, i);
    if (!image->file || image->file->kind != TREE_FILE)
        return 0;
    return inspect(in->gather, in->request, image, err);
}

static int inspect_all(struct gather *g, const struct intake_request *request, struct err *err)
{
    struct inspection in = {g, request};

    return crew_run(request->threads, g->n_images, inspect_one, &in, err);
}

static struct gather_image image_of_file(const struct tree_item *item)
{
    size_t first = strcspn(item->path, "/");
    bool is_direct = !item->path[first];

    return (struct gather_image){.file = item,
                                 .path = item->path,
                                 .group = is_direct ? GATHER_FILE : GATHER_FOLDER,
                                 .owner = item->path,
                                 .owner_length = first,
                                 .detail = ""};
}

/* What is not a file; a folder is worth a line only where its name promises a picture. */
static void list_strange(struct gather *g, const struct tree_item *item)
{
    if (item->kind == TREE_SPECIAL)
        add_other(g, item->path, REASON_SPECIAL_FILE, item->detail);
    else if (item->kind == TREE_CLOSED)
        add_other(g, item->path, REASON_UNREADABLE, item->detail);
    else if (item->kind == TREE_FOLDER && has_picture_extension(item->path))
        add_other(g, item->path, REASON_SPECIAL_FILE, "a folder; what lies in it is taken in");
}

/* Of all files, in the tree's order, those stay among the images that are some; the others are
 * listed together with what is no file. */
static void keep_images(struct gather *g)
{
    const struct gather_image *next = g->images;

    g->n_images = 0;
    for (int i = 0; i < g->tree.n; i++) {
        const struct tree_item *item = &g->tree.items[i];
        if (item->kind != TREE_FILE) {
            list_strange(g, item);
            continue;
        }
        const struct gather_image *image = next++;
        if (image->looks_right || has_picture_extension(item->path))
            g->images[g->n_images++] = *image;
        else
            add_other(g, item->path, image->set_aside ? image->set_aside : REASON_NOT_AN_IMAGE,
                      image->detail);
    }
}

static int take_folder(struct gather *g, const struct intake_request *request, struct err *err)
{
    for (int i = 0; i < g->tree.n; i++)
        if (g->tree.items[i].kind == TREE_FILE)
            g->images[g->n_images++] = image_of_file(&g->tree.items[i]);
    if (inspect_all(g, request, err))
        return -1;
    keep_images(g);
    return 0;
}

/* Windows writes a path with backslashes. */
static void to_slashes(char *path)
{
    for (; *path; path++)
        if (*path == '\\')
            *path = '/';
}

/* A zip made on another system brings names in its character set, as bytes. */
static const struct tree_item *find_encoded(const struct tree *t, const char *path,
                                            const char *encoding)
{
    const struct tree_item *item = NULL;
    struct buf bytes;

    if (!encoding[0])
        return NULL;
    buf_init(&bytes, TREE_PATH_SIZE);
    if (!charset_from_utf8(&bytes, path, encoding) && bytes.data)
        item = tree_find(t, bytes.data);
    buf_release(&bytes);
    return item;
}

const struct tree_item *gather_find(const struct tree *t, const char *path, const char *encoding)
{
    char slashed[TREE_PATH_SIZE];
    const struct tree_item *item = tree_find(t, path);

    if (!item)
        item = find_encoded(t, path, encoding);
    if (item || !strchr(path, '\\'))
        return item;
    snprintf(slashed, sizeof(slashed), "%s", path);
    to_slashes(slashed);
    item = tree_find(t, slashed);
    return item ? item : find_encoded(t, slashed, encoding);
}

static int take_row(struct gather *g, const struct intake_request *request,
                    const struct manifest_row *row, const struct manifest_row **taken,
                    struct err *err)
{
    const char *path = row->value[MANIFEST_FILE], *id = row->value[MANIFEST_PATIENT_ID];
    const struct tree_item *item = gather_find(&g->tree, path, request->encoding);
    struct gather_image *image = &g->images[g->n_images++];

    *image = (struct gather_image){.file = item,
                                   .row = row,
                                   .path = item ? item->path : path,
                                   .group = GATHER_ROW,
                                   .owner = id,
                                   .owner_length = strlen(id),
                                   .detail = ""};
    if (!item) {
        image->set_aside = REASON_MISSING_FILE;
        return 0;
    }
    const struct manifest_row **other = &taken[item - g->tree.items];
    if (*other)
        return err_set(err, ERR_CONFIG, "%s:%d: names the same file as %s:%d", g->manifest_name,
                       row->line, g->manifest_name, (*other)->line);
    *other = row;
    if (item->kind == TREE_FILE)
        return 0; /* inspect_all looks at it */
    image->set_aside = item->kind == TREE_CLOSED ? REASON_UNREADABLE : REASON_SPECIAL_FILE;
    image->detail = item->detail ? item->detail : "a folder";
    return 0;
}

static int take_manifest(struct gather *g, const struct intake_request *request, struct err *err)
{
    const struct manifest_row **taken = calloc((size_t)g->tree.n + 1, sizeof(*taken));
    int ret = 0;

    if (!taken)
        return err_set(err, ERR_NOMEM, "%s: out of memory", request->input);
    for (int i = 0; i < g->manifest.n_rows && !ret; i++)
        ret = take_row(g, request, &g->manifest.rows[i], taken, err);
    if (!ret)
        ret = inspect_all(g, request, err);
    for (int i = 0; i < g->tree.n && !ret; i++) {
        const struct tree_item *item = &g->tree.items[i];
        if (taken[i] || !strcmp(item->path, g->manifest_name))
            continue;
        if (item->kind == TREE_FILE)
            add_other(g, item->path, REASON_UNLISTED, "");
        else
            list_strange(g, item);
    }
    free(taken);
    return ret;
}

static int make_room(struct gather *g, struct err *err)
{
    size_t images = (size_t)g->tree.n + (size_t)g->manifest.n_rows + 1;

    g->images = calloc(images, sizeof(*g->images));
    g->others = calloc((size_t)g->tree.n + 1, sizeof(*g->others));
    return g->images && g->others ? 0 : err_set(err, ERR_NOMEM, "upload: out of memory");
}

/* The first file says as a rule what is wrong with all of them: links, say, or an archive not unpacked. */
static int refuse_empty(const struct gather *g, const char *root, struct err *err)
{
    const struct gather_other *first = g->others;

    if (!g->n_others)
        return err_set(err, ERR_CONFIG, "%s: no picture in it, nor any other file", root);
    return err_set(err, ERR_CONFIG, "%s: no picture in it (%d other files; %s is \"%s\"%s%s)", root,
                   g->n_others, first->path, reason_word(first->reason),
                   first->detail[0] ? ": " : "", first->detail);
}

static int read_all(struct gather *g, const struct intake_request *request, const char *root,
                    const char *spool_root, struct err *err)
{
    struct tree_request walk = {
        .root = root, .leave_out = {request->leave_out, spool_root}
    };
    char path[SPOOL_PATH_SIZE];

    if (g->manifest_name[0] &&
        (path_format(path, sizeof(path), err, "%s/%s", root, g->manifest_name) ||
         manifest_read(&g->manifest, path, request->encoding, err)))
        return -1;
    if (tree_read(&g->tree, &walk, err) || make_room(g, err))
        return -1;
    if (g->manifest_name[0] ? take_manifest(g, request, err) : take_folder(g, request, err))
        return -1;
    return g->n_images ? 0 : refuse_empty(g, root, err);
}

int gather_read(struct gather *out, const struct intake_request *request, const char *spool_root,
                struct err *err)
{
    struct gather made = {.tree = {.root_fd = -1}, .site = request->site};
    char root[SPOOL_PATH_SIZE];

    if (split_input(request->input, root, made.manifest_name, err))
        return -1;
    if (read_all(&made, request, root, spool_root, err)) {
        gather_release(&made);
        return -1;
    }
    *out = made;
    return 0;
}

void gather_release(struct gather *g)
{
    tree_release(&g->tree);
    manifest_release(&g->manifest);
    free(g->images);
    free(g->others);
    *g = (struct gather){.tree = {.root_fd = -1}};
}
