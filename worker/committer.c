#include "worker/committer.h"

#include <pthread.h>
#include <time.h>

#include "common/file.h"
#include "queue/result.h"

enum {
    /* For more to join; a study's report waits as long. Where somebody waits for an image, and else. */
    WAIT_URGENT_MS = 40,
    WAIT_MS = 150,
    BATCH_MAX = 64,
};

struct committer {
    struct committer_config config;
    pthread_mutex_t lock; /* guards gathered, finished, inside, is_closing */
    pthread_cond_t changed;
    struct item_list gathered, finished;
    int inside; /* items in any list here */
    bool is_closing;
    struct item_list settling; /* renamed, not yet durable; the thread's own */
    pthread_t thread;
    bool has_thread;
};

/* ---- a batch ---- */

/* A batch whose disk fails goes back to the scheduler. */
static void give_back(struct item_list *list, const struct err *err)
{
    for (struct item *item = list->head; item; item = item->next)
        if (item->outcome == WIRE_DONE)
            item_give_back(item, STAGE_MEASURE, err);
}

/* The same for a batch that has drafts: who tries again may be another process, and these would stay. */
static void give_back_drafts(struct item_list *batch, const struct err *err)
{
    for (const struct item *item = batch->head; item; item = item->next)
        if (item->outcome == WIRE_DONE)
            result_discard(item->study_dir, item->image.n);
    give_back(batch, err);
}

static int write_drafts(const struct committer *c, const struct item_list *batch, struct err *err)
{
    for (const struct item *item = batch->head; item; item = item->next)
        if (item->outcome == WIRE_DONE &&
            result_draft(item->study_dir, item->image.n, item->status, item->entry,
                         item->status == RESULT_DONE ? c->config.model : NULL, err))
            return -1;
    return 0;
}

static int adopt_drafts(const struct item_list *batch, struct err *err)
{
    for (const struct item *item = batch->head; item; item = item->next)
        if (item->outcome == WIRE_DONE && result_adopt(item->study_dir, item->image.n, err))
            return -1;
    return 0;
}

static void append(struct item_list *to, struct item_list *from)
{
    struct item *item;

    while ((item = item_list_pop(from)))
        item_list_push(to, item);
}

static void finish_settling(struct committer *c)
{
    if (!c->settling.head)
        return;
    pthread_mutex_lock(&c->lock);
    append(&c->finished, &c->settling);
    pthread_mutex_unlock(&c->lock);
    c->config.on_finished(c->config.ctx);
}

/* `batch` may be empty: then only what settles is finished. */
static void commit(struct committer *c, struct item_list *batch)
{
    const struct item *any = batch->head ? batch->head : c->settling.head;
    struct err err = {0}, sync_err = {0};

    if (write_drafts(c, batch, &err))
        give_back_drafts(batch, &err);
    if (file_sync_fs(any->study_dir, &sync_err)) {
        give_back(&c->settling, &sync_err);
        give_back_drafts(batch, &sync_err);
    }
    finish_settling(c);
    err = (struct err){0};
    if (adopt_drafts(batch, &err))
        give_back_drafts(batch, &err);
    append(&c->settling, batch);
}

/* ---- the thread ---- */

static struct timespec later(struct timespec t, long ms)
{
    t.tv_nsec += ms * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* Urgent ones stand first in a list. */
static struct timespec deadline(const struct committer *c, struct timespec began)
{
    bool is_urgent = (c->gathered.head && c->gathered.head->is_urgent) ||
                     (c->settling.head && c->settling.head->is_urgent);

    return later(began, is_urgent ? WAIT_URGENT_MS : WAIT_MS);
}

static bool is_worth_waiting(const struct committer *c)
{
    return !c->is_closing && c->gathered.length<BATCH_MAX && * c->config.held> c->inside;
}

/* The next batch. False: closing, and nothing is left. */
static bool gather(struct committer *c, struct item_list *batch)
{
    pthread_mutex_lock(&c->lock);
    while (!c->gathered.head && !c->settling.head && !c->is_closing)
        pthread_cond_wait(&c->changed, &c->lock);
    struct timespec began, until;
    clock_gettime(CLOCK_MONOTONIC, &began);
    do
        until = deadline(c, began); /* what joins may be urgent */
    while (is_worth_waiting(c) && !pthread_cond_timedwait(&c->changed, &c->lock, &until));
    *batch = c->gathered;
    c->gathered = (struct item_list){0};
    pthread_mutex_unlock(&c->lock);
    return batch->head || c->settling.head;
}

static void *thread_main(void *arg)
{
    struct committer *c = arg;
    struct item_list batch;

    while (gather(c, &batch))
        commit(c, &batch);
    return NULL;
}

/* ---- life ---- */

int committer_open(struct committer **out, const struct committer_config *config, struct err *err)
{
    struct committer *c = calloc(1, sizeof(*c));
    pthread_condattr_t attributes;

    if (!c)
        return err_set(err, ERR_NOMEM, "committer");
    c->config = *config;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    c->has_thread = !pthread_create(&c->thread, NULL, thread_main, c);
    if (!c->has_thread) {
        committer_close(c);
        return err_set(err, ERR_AGAIN, "committer: no thread");
    }
    *out = c;
    return 0;
}

static void free_items(struct item_list *list)
{
    struct item *item;

    while ((item = item_list_pop(list)))
        item_free(item);
}

void committer_close(struct committer *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->is_closing = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (c->has_thread)
        pthread_join(c->thread, NULL);
    free_items(&c->gathered);
    free_items(&c->finished);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* Of one that goes back nothing has to be durable. */
void committer_push(struct committer *c, struct item *item)
{
    bool is_done = item->outcome == WIRE_DONE;

    pthread_mutex_lock(&c->lock);
    item_list_push(is_done ? &c->gathered : &c->finished, item);
    c->inside++;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (!is_done)
        c->config.on_finished(c->config.ctx);
}

struct item *committer_finished(struct committer *c)
{
    pthread_mutex_lock(&c->lock);
    struct item *item = item_list_pop(&c->finished);
    c->inside -= item != NULL;
    pthread_mutex_unlock(&c->lock);
    return item;
}

bool committer_is_empty(struct committer *c)
{
    pthread_mutex_lock(&c->lock);
    bool is_empty = !c->inside;
    pthread_mutex_unlock(&c->lock);
    return is_empty;
}
