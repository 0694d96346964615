/* lentigo watch: uploads that come into a folder by themselves are handed in when they are whole.
 *
 * Each folder in DIR is an upload. One that is complete (queue/arrival.h) goes through the same gate as
 * `submit`, and is then renamed to NAME.taken, with a receipt beside it. Where that stands between two
 * steps the next start does the step again: handing the same upload in twice is handing it in once. So
 * there is nothing to put in order at the end, and any signal may end it at any time.
 *
 * inotify only makes it quicker. A network file system does not tell of what other machines do, so
 * every folder is looked at again every --look-seconds in any case. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/commands_queue.h"
#include "cli/hand_in.h"
#include "cli/watch.h"
#include "common/file.h"
#include "common/log.h"
#include "common/when.h"
#include "queue/names.h"

enum {
    SOON_MS = 250, /* between looks, however much is told */
    COPIES_MAX = 10000,
    RECEIPT_MODE = 0644, /* the sender reads it, who is another user */
};

#define LOOK_MIN_S 0.1

static const char taken_end[] = ".taken", receipt_end[] = ".taken.json",
                  note_end[] = ".refused.txt";

struct watching {
    const struct settings *settings;
    struct spool *spool;
    struct watch w;
    struct arrival_rules rules;
    int inotify;    /* -1 = the system has none left */
    bool is_untold; /* an upload came in, and no scheduler heard of it */
};

static int64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

static void log_row(enum log_level level, const char *event, const struct watch_row *row,
                    const char *why)
{
    char name[300], quoted[512];

    log_event(level, event, "name=%s why=%s", log_quote(name, sizeof(name), row->name),
              log_quote(quoted, sizeof(quoted), why));
}

/* The row's state; said once, not at every look. */
static void set_state(struct watch_row *row, enum watch_state state, const char *event,
                      const char *why)
{
    if (row->state != state || strcmp(row->why, why) != 0)
        log_row(state == WATCH_ARRIVES ? LOG_INFO : LOG_WARN, event, row, why);
    row->state = state;
    row->print = row->arrival.print;
    snprintf(row->why, sizeof(row->why), "%s", why);
}

static int path_of(const struct watching *x, const char *name, const char *end,
                   char out[SPOOL_PATH_SIZE], struct err *err)
{
    return path_format(out, SPOOL_PATH_SIZE, err, "%s/%s%s", x->w.folder, name, end);
}

/* ---- notes for the sender ---- */

static int write_note(const char *path, const char *text, struct err *err)
{
    if (file_write(path, text, strlen(text), err))
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW); /* the sender may write here too */
    int ret = fd < 0 || fchmod(fd, RECEIPT_MODE)
                  ? err_set(err, ERR_AGAIN, "%s: chmod: %s", path, strerror(errno))
                  : 0;
    if (fd >= 0)
        close(fd);
    return ret;
}

static void note_refusal(const struct watching *x, const struct watch_row *row, const char *why)
{
    char path[SPOOL_PATH_SIZE], text[1024], when[WHEN_TEXT_SIZE];
    struct err err = {0};

    snprintf(
        text, sizeof(text),
        "lentigo has not taken in \"%s\" (%s):\n\n  %s\n\nNothing of it was lost and nothing was "
        "taken. Mend it in place, or send it again;\nit is looked at anew as soon as something "
        "in it changes.\n",
        row->name, when_text(when, clock_wall_ms()), why);
    if (path_of(x, row->name, note_end, path, &err) || write_note(path, text, &err))
        log_row(LOG_WARN, "watch.no_note", row, err.msg);
}

static void remove_note(const struct watching *x, const char *name)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    if (!path_of(x, name, note_end, path, &ignored))
        (void)unlink(path);
}

/* The id in an earlier receipt for a folder of this name; "" when there is none. */
static void earlier_upload(const char *receipt, char out[64])
{
    struct err ignored = {0};
    json_t *record = json_read(receipt, SPOOL_RESULT_MAX, &ignored);

    snprintf(out, 64, "%s", json_text_or(record, "upload", ""));
    json_decref(record);
}

static int write_receipt(const char *path, const struct watch_row *row,
                         const struct intake_result *r, struct err *err)
{
    char at[CLOCK_ISO_SIZE];
    json_t *object = json_object();

    json_put(&object, "folder", json_text(row->name));
    json_put(&object, "upload", json_string(r->upload));
    json_put(&object, "at", json_string(clock_iso(at, clock_wall_ms())));
    json_put(&object, "images", json_integer(r->images));
    json_put(&object, "studies", json_integer(r->studies));
    json_put(&object, "set_aside", json_integer(r->set_aside));
    json_put(&object, "others", json_integer(r->others));
    json_put(&object, "was_there", json_boolean(r->was_there));
    char *line = object ? json_line(object) : NULL;
    int ret = line ? write_note(path, line, err) : err_set(err, ERR_NOMEM, "receipt");
    free(line);
    json_decref(object);
    return ret;
}

/* ---- an upload that is complete ---- */

/* NAME.taken, or NAME.2.taken when one of that name was taken before. The receipt is written first, so
 * that a folder that was renamed has one. */
static int put_away(const struct watching *x, const struct watch_row *row,
                    const struct intake_result *r, struct err *err)
{
    char from[SPOOL_PATH_SIZE], to[SPOOL_PATH_SIZE], receipt[SPOOL_PATH_SIZE], number[16] = "";
    char before[64];

    if (path_of(x, row->name, "", from, err))
        return -1;
    for (int i = 1; i < COPIES_MAX; i++) {
        if (i > 1)
            snprintf(number, sizeof(number), ".%d", i);
        if (path_format(to, sizeof(to), err, "%s%s%s", from, number, taken_end) ||
            path_format(receipt, sizeof(receipt), err, "%s%s%s", from, number, receipt_end))
            return -1;
        earlier_upload(receipt, before);
        bool is_other = before[0] && strcmp(before, r->upload) != 0;
        if (is_other)
            log_row(LOG_WARN, "watch.changed", row,
                    "an upload of this name was taken before, and had something else in it");
        if (is_other || !access(to, F_OK))
            continue;
        if (write_receipt(receipt, row, r, err))
            return -1;
        return rename(from, to) ? err_set(err, ERR_AGAIN, "rename: %s", strerror(errno)) : 0;
    }
    return err_set(err, ERR_AGAIN, "%s: taken %d times", from, COPIES_MAX);
}

static void accepted(struct watching *x, struct watch_row *row, const struct intake_result *r)
{
    char path[SPOOL_PATH_SIZE], why[WATCH_WHY_SIZE], name[300];
    struct watch_taken taken = {.images = r->images, .was_there = r->was_there};
    struct err err = {0};

    log_event(LOG_INFO, "watch.taken", "name=%s upload=%s images=%d set_aside=%d was_there=%d",
              log_quote(name, sizeof(name), row->name), r->upload, r->images, r->set_aside,
              r->was_there);
    snprintf(taken.name, sizeof(taken.name), "%s", row->name);
    snprintf(taken.upload, sizeof(taken.upload), "%s", r->upload);
    clock_iso(taken.at, clock_wall_ms());
    watch_note_taken(&x->w, &taken);
    x->is_untold = true;
    remove_note(x, row->name);
    if (path_of(x, row->name, "", path, &err) || arrival_confirm(&row->arrival, path, &err)) {
        set_state(row, WATCH_ARRIVES, "watch.changed",
                  "it changed after it was taken in: it will be handed in once more");
    } else if (put_away(x, row, r, &err)) {
        snprintf(why, sizeof(why), "as %.40s, but not renamed: %.180s", r->upload, err.msg);
        set_state(row, WATCH_STAYS, "watch.stays", why);
    } else {
        row->is_there = false; /* under another name */
    }
}

struct meant {
    const struct arrival *arrival;
    const char *path;
};

static int confirm(void *ctx, struct err *err)
{
    const struct meant *meant = ctx;

    return arrival_confirm(meant->arrival, meant->path, err);
}

static void take(struct watching *x, struct watch_row *row, const char *path)
{
    struct meant meant = {&row->arrival, path};
    struct hand_in h = {.settings = x->settings,
                        .spool = x->spool,
                        .input = path,
                        .is_foreign = true,
                        .confirm = confirm,
                        .ctx = &meant};
    struct err err = {0};

    watch_tell(&x->w, now_ms()); /* that it is complete: the rest may take hours */
    if (!hand_in(&h, &err)) {
        accepted(x, row, &h.result);
    } else if (h.is_at_fault) {
        note_refusal(x, row, err.msg);
        set_state(row, WATCH_REFUSED, "watch.refused", err.msg);
    } else {
        set_state(row, WATCH_HELD, "watch.held", err.msg);
        row->retry_ms = now_ms() + h.retry_s * 1000;
        row->retry_at_ms = clock_wall_ms() + h.retry_s * 1000;
    }
}

/* ---- looks ---- */

static bool is_settled(const struct watch_row *row, int64_t now)
{
    if (row->state == WATCH_HELD)
        return now < row->retry_ms;
    return row->state != WATCH_ARRIVES && row->print == row->arrival.print;
}

static void look_at_row(struct watching *x, struct watch_row *row)
{
    char path[SPOOL_PATH_SIZE], before[sizeof(row->arrival.why)];
    struct err err = {0};

    snprintf(before, sizeof(before), "%s", row->arrival.why);
    if (path_of(x, row->name, "", path, &err) ||
        arrival_look(&row->arrival, path, &x->rules, now_ms(), &err)) {
        row->arrival.state = ARRIVAL_UNREADABLE;
        snprintf(row->arrival.why, sizeof(row->arrival.why), "%.180s", err.msg);
    }
    if (row->arrival.state != ARRIVAL_COMPLETE) {
        bool is_odd =
            row->arrival.state == ARRIVAL_UNREADABLE || row->arrival.state == ARRIVAL_SHORT;
        row->state = WATCH_ARRIVES;
        if (strcmp(before, row->arrival.why) != 0)
            log_row(is_odd ? LOG_WARN : LOG_DEBUG, "watch.waits", row, row->arrival.why);
    } else if (!is_settled(row, now_ms())) {
        take(x, row, path);
    }
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), length = strlen(end);

    return n > length && !strcmp(name + n - length, end);
}

static void find_row(struct watching *x, const char *name)
{
    const uint32_t events = IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE;
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};
    struct stat st;

    if (name[0] == '.' || ends_with(name, taken_end) || ends_with(name, receipt_end) ||
        ends_with(name, note_end) || arrival_is_partial(name) ||
        path_of(x, name, "", path, &ignored) || lstat(path, &st))
        return;
    struct watch_row *row = S_ISDIR(st.st_mode) ? watch_row_of(&x->w, name) : NULL;
    if (!row) {
        x->w.loose++;
        return;
    }
    row->is_there = true;
    if (row->inotify < 0 && x->inotify >= 0)
        row->inotify = inotify_add_watch(x->inotify, path, events | IN_ONLYDIR);
}

static void drop_gone(struct watching *x)
{
    for (int i = x->w.n; i-- > 0;) {
        if (x->w.rows[i].is_there)
            continue;
        if (x->w.rows[i].inotify >= 0)
            (void)inotify_rm_watch(x->inotify, x->w.rows[i].inotify);
        remove_note(x, x->w.rows[i].name);
        watch_drop(&x->w, i);
    }
}

static void tell_schedulers(struct watching *x)
{
    struct err err = {0};
    char quoted[512];

    if (!x->is_untold)
        return;
    x->is_untold = hand_in_tell(x->settings, &err) != 0;
    if (x->is_untold)
        log_event(LOG_WARN, "watch.untold", "why=%s", log_quote(quoted, sizeof(quoted), err.msg));
}

static void look(struct watching *x)
{
    struct names names = {0};
    struct err err = {0};
    char quoted[512];
    int loose = x->w.loose;

    if (access(x->w.folder, R_OK | X_OK))
        err_set(&err, ERR_AGAIN, "%s: %s", x->w.folder, strerror(errno));
    else
        (void)names_read(&names, x->w.folder, &err); /* looked at below */
    if (err.code && strcmp(x->w.trouble, err.msg) != 0)
        log_event(LOG_ERROR, "watch.folder", "why=%s", log_quote(quoted, sizeof(quoted), err.msg));
    snprintf(x->w.trouble, sizeof(x->w.trouble), "%s", err.msg);
    if (err.code) {
        watch_tell(&x->w, now_ms());
        return;
    }
    x->w.loose = 0;
    for (int i = 0; i < x->w.n; i++)
        x->w.rows[i].is_there = false;
    for (int i = 0; i < names.n; i++)
        find_row(x, names.at[i]);
    names_release(&names);
    if (x->w.loose > loose)
        log_event(LOG_WARN, "watch.loose",
                  "files=%d why=\"they belong to no upload; each upload is a "
                  "folder of its own\"",
                  x->w.loose);
    for (int i = 0; i < x->w.n; i++)
        if (x->w.rows[i].is_there) {
            look_at_row(x, &x->w.rows[i]);
            watch_tell(&x->w, now_ms()); /* the next one may take long */
        }
    drop_gone(x);
    tell_schedulers(x);
    watch_tell(&x->w, now_ms());
}

/* Until something is told, or it is time again. What is told is not read closely: all is looked at. */
static void wait_for_news(const struct watching *x, int64_t began_ms)
{
    int64_t took = now_ms() - began_ms, until = now_ms() + x->rules.settle_ms;
    struct pollfd told = {.fd = x->inotify, .events = POLLIN};
    char events[4096];

    /* A folder that takes long to look at is looked at more seldom. */
    (void)poll(NULL, 0, (int)(took > SOON_MS ? (took < 60000 ? took : 60000) : SOON_MS));
    int64_t left = until - now_ms();
    if (left > 0)
        (void)poll(&told, x->inotify >= 0, (int)left);
    while (x->inotify >= 0 && read(x->inotify, events, sizeof(events)) > 0)
        ;
}

static int check(const struct settings *s, const char *folder, struct err *err)
{
    char own[SPOOL_PATH_SIZE], spool[SPOOL_PATH_SIZE];
    int64_t ignored;
    struct stat st;

    if (stat(folder, &st) || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFIG, "%s: no folder there", folder);
    if (strchr(s->marker, '/'))
        return err_set(err, ERR_CONFIG, "--marker: \"%s\" is no name of a file", s->marker);
    if (s->look_seconds < LOOK_MIN_S)
        return err_set(err, ERR_CONFIG, "--look-seconds: %g at least", LOOK_MIN_S);
    if (s->not_before[0] && when_parse(s->not_before, clock_wall_ms(), &ignored, err))
        return err_wrap(err, "--not-before");
    if (realpath(folder, own) && realpath(s->spool, spool)) {
        size_t n = strlen(spool);
        if (!strncmp(own, spool, n) && (own[n] == '/' || !own[n]))
            return err_set(err, ERR_CONFIG, "%s lies in the spool", folder);
    }
    return 0;
}

static int watch(struct watching *x, const char *folder, struct err *err)
{
    const struct settings *s = x->settings;

    if (spool_open(&x->spool, s->spool, err) || check(s, folder, err) ||
        watch_open(&x->w, x->spool, folder, s->site, err)) {
        if (err->code == ERR_INPUT && !x->spool)
            err->code = ERR_CONFIG; /* a spool that cannot be made */
        return -1;
    }
    x->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (x->inotify < 0 ||
        inotify_add_watch(x->inotify, x->w.folder, IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
        log_event(LOG_WARN, "watch.no_inotify", "why=\"%s\" look_s=%g", strerror(errno),
                  s->look_seconds);
    log_event(LOG_INFO, "watch.start", "marker=%s quiet_s=%g look_s=%g", s->marker,
              s->quiet_seconds, s->look_seconds);
    for (;;) {
        int64_t began = now_ms();
        look(x);
        wait_for_news(x, began);
    }
}

int cmd_watch(const struct settings *s, int argc, char **argv)
{
    static struct watching x; /* paths of 4 kB; one a process */
    struct err err = {0};

    x = (struct watching){
        .settings = s,
        .rules = {.marker = s->marker,
                  .encoding = s->encoding,
                  .settle_ms = (int64_t)(s->look_seconds * 1000),
                  .quiet_ms = (int64_t)(s->quiet_seconds * 1000)},
        .inotify = -1,
    };
    if (argc != 1)
        err_set(&err, ERR_INPUT, "watch: lentigo watch DIR (see lentigo watch --help)");
    else
        watch(&x, argv[0], &err);
    spool_close(x.spool);
    return command_fail(&err);
}
