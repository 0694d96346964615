#include "queue/tree.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "queue/names.h"

struct place {
    uint64_t dev, ino;
};

struct walk {
    struct tree *tree;
    const struct tree_request *request;
    int room;
    int *pending; /* folders not yet read, as indexes of items; grows with the items */
    int n_pending;
    struct place closed[2];
    int n_closed;
};

/* Open one path from `root_fd`, name by name. */
static int open_beneath(int root_fd, const char *path, int flags)
{
    char name[NAME_MAX + 1];
    int at = root_fd;

    for (;;) {
        size_t len = strcspn(path, "/");
        bool is_last = !path[len];
        assert(len < sizeof(name)); /* each came out of a struct dirent */
        memcpy(name, path, len);
        name[len] = 0;
        int next =
            openat(at, name, O_CLOEXEC | O_NOFOLLOW | (is_last ? flags : O_PATH | O_DIRECTORY));
        int e = errno;
        if (at != root_fd)
            close(at);
        errno = e;
        if (next < 0 || is_last)
            return next;
        at = next;
        path += len + 1;
    }
}

int tree_fd(const struct tree *t, const char *path)
{
    return open_beneath(t->root_fd, path, O_RDONLY | O_NONBLOCK);
}

static int64_t mtime_of(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

bool tree_is_same(const struct tree_item *item, const struct stat *st)
{
    return S_ISREG(st->st_mode) && item->dev == st->st_dev && item->ino == st->st_ino &&
           item->size == st->st_size && item->mtime_ns == mtime_of(st);
}

static const char *special_word(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFLNK: return "a link";
    case S_IFIFO: return "a named pipe";
    case S_IFSOCK: return "a socket";
    default: return "a device";
    }
}

static int make_room(struct walk *w, struct err *err)
{
    if (w->tree->n < w->room)
        return 0;
    if (w->room >= TREE_ITEMS_MAX) {
        err_set(err, ERR_CONFIG, "%s: more than %d files and folders", w->request->root,
                TREE_ITEMS_MAX);
        return -1;
    }
    int room = w->room ? 2 * w->room : 1024;
    if (room > TREE_ITEMS_MAX)
        room = TREE_ITEMS_MAX;
    struct tree_item *items = realloc(w->tree->items, (size_t)room * sizeof(*items));
    if (items)
        w->tree->items = items;
    int *pending = realloc(w->pending, (size_t)room * sizeof(*pending));
    if (pending)
        w->pending = pending;
    if (!items || !pending) {
        err_set(err, ERR_NOMEM, "%s: out of memory", w->request->root);
        return -1;
    }
    w->room = room;
    return 0;
}

static struct tree_item *add(struct walk *w, const char *folder, const char *name, struct err *err)
{
    char path[2 * TREE_PATH_SIZE];

    if (make_room(w, err))
        return NULL;
    int n = snprintf(path, sizeof(path), "%s%s%s", folder, folder[0] ? "/" : "", name);
    struct tree_item *item = &w->tree->items[w->tree->n];
    *item = (struct tree_item){.path = strdup(path), .kind = TREE_FILE};
    if (!item->path) {
        err_set(err, ERR_NOMEM, "%s: out of memory", w->request->root);
        return NULL;
    }
    if (n >= TREE_PATH_SIZE) {
        item->kind = TREE_CLOSED;
        item->detail = "its path is longer than 4095 bytes";
    }
    w->tree->n++;
    return item;
}

static bool is_closed(const struct walk *w, const struct stat *st)
{
    for (int i = 0; i < w->n_closed; i++)
        if (w->closed[i].dev == st->st_dev && w->closed[i].ino == st->st_ino)
            return true;
    return false;
}

static int take_name(struct walk *w, int fd, const char *folder, const char *name, struct err *err)
{
    struct stat st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0
                               : err_set(err, ERR_AGAIN, "%s/%.80s: %s", w->request->root, name,
                                         strerror(errno));
    if (S_ISDIR(st.st_mode) && is_closed(w, &st))
        return 0;
    struct tree_item *item = add(w, folder, name, err);
    if (!item)
        return -1;
    if (item->kind == TREE_CLOSED)
        return 0;
    item->dev = st.st_dev;
    item->ino = st.st_ino;
    item->size = st.st_size;
    item->mtime_ns = mtime_of(&st);
    if (S_ISDIR(st.st_mode)) {
        item->kind = TREE_FOLDER;
        w->pending[w->n_pending++] = w->tree->n - 1;
    } else if (!S_ISREG(st.st_mode)) {
        item->kind = TREE_SPECIAL;
        item->detail = special_word(st.st_mode);
    }
    return 0;
}

/* Last week's OUT inside this week's INPUT: its overlays are no new patients. 1, 0, or -1: that cannot be
 * told now. */
static int is_own_output(int fd)
{
    struct stat st;

    if (fstatat(fd, ".lentigo", &st, AT_SYMLINK_NOFOLLOW))
        return err_code_of_errno(errno) == ERR_INPUT ? 0 : -1;
    return S_ISDIR(st.st_mode);
}

static int read_folder(struct walk *w, int fd, const char *folder, struct err *err)
{
    struct names names;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), ret = 0;

    if (copy < 0)
        return err_set(err, ERR_AGAIN, "%s: %s", w->request->root, strerror(errno));
    if (names_read_fd(&names, copy, w->request->root, err))
        return -1;
    for (int i = 0; i < names.n && !ret; i++)
        ret = take_name(w, fd, folder, names.at[i], err);
    names_release(&names);
    return ret;
}

static int enter(struct walk *w, int index, struct err *err)
{
    struct tree_item *item = &w->tree->items[index];
    int fd = open_beneath(w->tree->root_fd, item->path, O_RDONLY | O_DIRECTORY), ret = 0;

    if (fd < 0 && err_code_of_errno(errno) != ERR_INPUT)
        return err_set(err, ERR_AGAIN, "%s: %s", w->request->root, strerror(errno));
    if (fd < 0) {
        item->kind = TREE_CLOSED;
        item->detail = "a folder that may not be read";
        return 0;
    }
    int is_own = is_own_output(fd);
    if (is_own < 0) {
        ret = err_set(err, ERR_AGAIN, "%s: %s", w->request->root, strerror(errno));
    } else if (is_own) {
        item->kind = TREE_CLOSED;
        item->detail = "an output folder of lentigo; nothing in it was taken in";
    } else {
        ret = read_folder(w, fd, item->path, err);
    }
    close(fd);
    return ret;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct tree_item *)a)->path, ((const struct tree_item *)b)->path);
}

static void note_closed(struct walk *w)
{
    struct stat st;

    for (int i = 0; i < 2; i++)
        if (w->request->leave_out[i] && !stat(w->request->leave_out[i], &st))
            w->closed[w->n_closed++] = (struct place){st.st_dev, st.st_ino};
}

int tree_read(struct tree *out, const struct tree_request *request, struct err *err)
{
    struct tree made = {.root_fd = open(request->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    struct walk w = {.tree = &made, .request = request};

    if (made.root_fd < 0)
        return err_set(err, err_code_of_errno(errno) == ERR_INPUT ? ERR_CONFIG : ERR_AGAIN,
                       "%s: %s", request->root, strerror(errno));
    note_closed(&w);
    int ret = read_folder(&w, made.root_fd, "", err);
    while (!ret && w.n_pending)
        ret = enter(&w, w.pending[--w.n_pending], err);
    free(w.pending);
    if (ret) {
        tree_release(&made);
        return -1;
    }
    if (made.n)
        qsort(made.items, (size_t)made.n, sizeof(*made.items), compare);
    *out = made;
    return 0;
}

void tree_release(struct tree *t)
{
    for (int i = 0; i < t->n; i++)
        free(t->items[i].path);
    free(t->items);
    if (t->root_fd >= 0)
        close(t->root_fd);
    *t = (struct tree){.root_fd = -1};
}

const struct tree_item *tree_find(const struct tree *t, const char *path)
{
    int low = 0, high = t->n;

    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(t->items[middle].path, path);
        if (order == 0)
            return &t->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
