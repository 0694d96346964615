#include "queue/arrival.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <strings.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sha256.h"
#include "queue/gather.h"

enum { SUMS_MAX = 256 << 20, HEX = SHA256_HEX_SIZE - 1 };

static const char sums_name[] = "SHA256SUMS", manifest_name[] = "manifest.csv";

static const char *const words[] = {
    [ARRIVAL_NEW] = "new",
    [ARRIVAL_EMPTY] = "empty",
    [ARRIVAL_UNREADABLE] = "unreadable",
    [ARRIVAL_UNFINISHED] = "arriving",
    [ARRIVAL_SHORT] = "waits for files",
    [ARRIVAL_SETTLING] = "arriving",
    [ARRIVAL_QUIET] = "waits for quiet",
    [ARRIVAL_COMPLETE] = "complete",
};

const char *arrival_word(enum arrival_state state)
{
    return words[state];
}

/* ---- names on their way ---- */

static bool ends_with(const char *name, size_t n, const char *end)
{
    size_t length = strlen(end);

    return n > length && !strncasecmp(name + n - length, end, length);
}

/* rsync's ".a.jpg.Xy12ab": hidden, and six letters or digits behind the last dot. */
static bool is_rsync(const char *name, size_t n)
{
    if (n < 9 || name[0] != '.' || name[n - 7] != '.')
        return false;
    for (size_t i = n - 6; i < n; i++)
        if (!isalnum((unsigned char)name[i]))
            return false;
    return true;
}

static bool is_partial(const char *name, size_t n)
{
    static const char *const ends[] = {".part", ".partial",    ".filepart", /* WinSCP */
                                       ".tmp",  ".crdownload", ".temp"};
    static const char *const begins[] = {".in.", /* ProFTPD, lftp */
                                         ".nfs", ".~tmp~", ".rsync-partial"};

    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
        if (ends_with(name, n, ends[i]))
            return true;
    for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++)
        if (!strncmp(name, begins[i], strlen(begins[i])))
            return true;
    return is_rsync(name, n);
}

bool arrival_is_partial(const char *name)
{
    return is_partial(name, strlen(name));
}

static bool has_partial(const char *path)
{
    for (;;) {
        size_t n = strcspn(path, "/");
        if (is_partial(path, n))
            return true;
        if (!path[n])
            return false;
        path += n + 1;
    }
}

/* ---- the print ---- */

/* FNV-1a: nobody gains by two folders that look alike but he who harms his own upload. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix_number(uint64_t hash, int64_t number)
{
    uint8_t bytes[sizeof(number)];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)((uint64_t)number >> 8 * i);
    return mix(hash, bytes, sizeof(bytes));
}

static uint64_t print_of(const struct tree *t)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (int i = 0; i < t->n; i++) {
        const struct tree_item *item = &t->items[i];
        bool is_file = item->kind == TREE_FILE;
        hash = mix(hash, item->path, strlen(item->path) + 1);
        hash = mix_number(hash, item->kind);
        hash = mix_number(hash, is_file ? item->size : 0);
        hash = mix_number(hash, is_file ? item->mtime_ns : 0);
    }
    return hash;
}

static void note_print(struct arrival *a, const struct tree *t, int64_t now_ms)
{
    uint64_t print = print_of(t);

    a->files = 0;
    a->bytes = 0;
    for (int i = 0; i < t->n; i++)
        if (t->items[i].kind == TREE_FILE) {
            a->files++;
            a->bytes += t->items[i].size;
        }
    if (a->state != ARRIVAL_NEW && print == a->print)
        return;
    a->print = print;
    a->since_ms = now_ms;
    a->is_checked = a->is_listed = false;
    a->lack[0] = 0;
}

/* ---- what the folder says of itself ---- */

struct lacks {
    struct arrival *a;
    const struct tree *tree;
    bool hashes;
    int named; /* lines whose file is there */
    int n;     /* that are not there or not whole */
    char first[120];
};

static void lack(struct lacks *l, const char *path)
{
    if (!l->n++)
        snprintf(l->first, sizeof(l->first), "%s", path);
}

/* "<64 digits>  path" or "<64 digits> *path": the file must be there and have this digest. */
static int check_sum(struct lacks *l, const char *line, struct err *err)
{
    char hex[SHA256_HEX_SIZE];

    if (strspn(line, "0123456789abcdefABCDEF") != HEX || line[HEX] != ' ' ||
        (line[HEX + 1] != ' ' && line[HEX + 1] != '*'))
        return err_set(err, ERR_INPUT, "%s has a line that is none of sha256sum", sums_name);
    const char *path = line + HEX + 2;
    path += strncmp(path, "./", 2) ? 0 : 2;
    const struct tree_item *item = tree_find(l->tree, path);
    if (!item || item->kind != TREE_FILE) {
        lack(l, path);
        return 0;
    }
    l->named++;
    int fd = l->hashes ? tree_fd(l->tree, path) : -1, ret = 0;
    if (fd < 0)
        return 0; /* one that cannot be opened was told already */
    ret = sha256_hex_fd(hex, fd, NULL, err);
    if (!ret && strncasecmp(hex, line, HEX) != 0)
        lack(l, path);
    close(fd);
    return ret;
}

static int check_lines(struct lacks *l, const char *text, struct err *err)
{
    char line[TREE_PATH_SIZE + HEX + 2];

    for (size_t n; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        size_t length = n && text[n - 1] == '\r' ? n - 1 : n;
        if (length >= sizeof(line))
            return err_set(err, ERR_INPUT, "%s has a line that is too long", sums_name);
        memcpy(line, text, length);
        line[length] = 0;
        if (length && check_sum(l, line, err))
            return -1;
    }
    return 0;
}

/* All there, before any is read: a transfer that pauses often is not read again and again. */
static int check_sums(struct arrival *a, const struct tree *t, const char *text, struct err *err)
{
    struct lacks there = {.a = a, .tree = t}, whole = {.a = a, .tree = t, .hashes = true};
    struct err why = {0};

    if (check_lines(&there, text, &why) || (!there.n && check_lines(&whole, text, &why))) {
        if (why.code != ERR_INPUT)
            return err_set(err, why.code, "%s", why.msg);
        snprintf(a->lack, sizeof(a->lack), "%s", why.msg);
    } else if (there.n) {
        snprintf(a->lack, sizeof(a->lack), "%s names %d files that are not there, first %s",
                 sums_name, there.n, there.first);
    } else if (whole.n) {
        snprintf(a->lack, sizeof(a->lack), "%d files differ from %s, first %s", whole.n, sums_name,
                 whole.first);
    }
    a->is_listed = !a->lack[0] && there.named == a->files - 1; /* all but SHA256SUMS itself */
    return 0;
}

static int read_sums(struct arrival *a, const struct tree *t, const char *dir, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct buf text;

    buf_init(&text, SUMS_MAX);
    int ret =
        path_format(path, sizeof(path), err, "%s/%s", dir, sums_name) || file_read(path, &text, err)
            ? -1
            : 0;
    if (!ret && text.data)
        ret = check_sums(a, t, text.data, err);
    buf_release(&text);
    return ret;
}

/* One that does not parse is the intake's to refuse, with the line. */
static int read_manifest(struct arrival *a, const struct tree *t, const char *dir,
                         const char *encoding, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct manifest manifest = {0};
    struct lacks l = {.a = a, .tree = t};
    struct err why = {0};

    if (path_format(path, sizeof(path), err, "%s/%s", dir, manifest_name))
        return -1;
    if (manifest_read(&manifest, path, encoding, &why))
        return why.code == ERR_CONFIG ? 0 : err_set(err, why.code, "%s", why.msg);
    for (int i = 0; i < manifest.n_rows; i++)
        if (!gather_find(t, manifest.rows[i].value[MANIFEST_FILE], encoding))
            lack(&l, manifest.rows[i].value[MANIFEST_FILE]);
    if (l.n)
        snprintf(a->lack, sizeof(a->lack), "%s names %d files that are not there, first %s",
                 manifest_name, l.n, l.first);
    manifest_release(&manifest);
    return 0;
}

/* Reads files, so once for each print. */
static int check_lists(struct arrival *a, const struct tree *t, const char *dir,
                       const struct arrival_rules *rules, struct err *err)
{
    const struct tree_item *sums = tree_find(t, sums_name), *manifest = tree_find(t, manifest_name);

    if (a->is_checked)
        return 0;
    if (sums && sums->kind == TREE_FILE && read_sums(a, t, dir, err))
        return -1;
    if (!a->lack[0] && manifest && manifest->kind == TREE_FILE &&
        read_manifest(a, t, dir, rules->encoding, err))
        return -1;
    a->is_checked = true;
    return 0;
}

/* ---- the verdict ---- */

__attribute__((format(printf, 3, 4))) static int say(struct arrival *a, enum arrival_state state,
                                                     const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(a->why, sizeof(a->why), fmt, args);
    va_end(args);
    a->state = state;
    return 0;
}

static const struct tree_item *find_closed(const struct tree *t)
{
    for (int i = 0; i < t->n; i++) {
        const struct tree_item *item = &t->items[i];
        if (item->kind == TREE_CLOSED ||
            (item->kind == TREE_FILE && faccessat(t->root_fd, item->path, R_OK, AT_EACCESS)))
            return item;
    }
    return NULL;
}

static const struct tree_item *find_partial(const struct tree *t)
{
    for (int i = 0; i < t->n; i++)
        if (has_partial(t->items[i].path))
            return &t->items[i];
    return NULL;
}

static int judge(struct arrival *a, const struct tree *t, const char *dir,
                 const struct arrival_rules *rules, int64_t now_ms, struct err *err)
{
    const struct tree_item *closed = find_closed(t), *partial = find_partial(t);
    const struct tree_item *marker = rules->marker[0] ? tree_find(t, rules->marker) : NULL;
    int64_t still_ms = now_ms - a->since_ms;
    long long quiet_s = (long long)rules->quiet_ms / 1000;

    if (closed)
        return say(a, ARRIVAL_UNREADABLE, "%s cannot be read: give us the right to", closed->path);
    if (!a->files)
        return say(a, ARRIVAL_EMPTY, "no file in it yet");
    if (partial)
        return say(a, ARRIVAL_UNFINISHED,
                   "%s is on its way, or was left behind: send it again, or "
                   "remove it",
                   partial->path);
    if (still_ms < rules->settle_ms)
        return say(a, ARRIVAL_SETTLING, "it changed a moment ago");
    if (marker && marker->kind == TREE_FILE)
        return say(a, ARRIVAL_COMPLETE, "%s is there", rules->marker);
    if (check_lists(a, t, dir, rules, err))
        return -1;
    if (a->lack[0])
        return say(a, ARRIVAL_SHORT, "%s", a->lack);
    if (a->is_listed)
        return say(a, ARRIVAL_COMPLETE, "%s agrees", sums_name);
    if (!rules->quiet_ms)
        return say(a, ARRIVAL_QUIET, "the file %s tells that it is complete", rules->marker);
    if (still_ms < rules->quiet_ms)
        return say(a, ARRIVAL_QUIET, "complete after %lld s without a change", quiet_s);
    return say(a, ARRIVAL_COMPLETE, "nothing changed for %lld s", quiet_s);
}

int arrival_look(struct arrival *a, const char *dir, const struct arrival_rules *rules,
                 int64_t now_ms, struct err *err)
{
    const struct tree_request request = {.root = dir};
    struct tree t;

    if (tree_read(&t, &request, err))
        return -1;
    note_print(a, &t, now_ms);
    int ret = judge(a, &t, dir, rules, now_ms, err);
    tree_release(&t);
    return ret;
}

int arrival_confirm(const struct arrival *a, const char *dir, struct err *err)
{
    const struct tree_request request = {.root = dir};
    struct tree t;

    if (tree_read(&t, &request, err))
        return -1;
    bool is_same = print_of(&t) == a->print;
    tree_release(&t);
    return is_same ? 0 : err_set(err, ERR_AGAIN, "%s: it still changes", dir);
}
