#include "worker/item.h"

#include <unistd.h>

#include "lesion/entry.h"

void item_list_push(struct item_list *list, struct item *item)
{
    struct item **at = list->tail ? &list->tail->next : &list->head;

    if (item->is_urgent)
        for (at = &list->head; *at && (*at)->is_urgent;)
            at = &(*at)->next;
    item->next = *at;
    *at = item;
    if (!item->next)
        list->tail = item;
    list->length++;
}

void item_list_push_first(struct item_list *list, struct item *item)
{
    item->next = list->head;
    if (!list->head)
        list->tail = item;
    list->head = item;
    list->length++;
}

struct item *item_list_take_like(struct item_list *list, const struct item *like)
{
    struct item *before = NULL, *at = list->head;

    while (at && (at->is_fine != like->is_fine || at->input_w != like->input_w ||
                  at->input_h != like->input_h)) {
        before = at;
        at = at->next;
    }
    if (!before)
        return at ? item_list_pop(list) : NULL;
    if (!at)
        return NULL;
    before->next = at->next;
    if (list->tail == at)
        list->tail = before;
    list->length--;
    at->next = NULL;
    return at;
}

struct item *item_list_pop(struct item_list *list)
{
    struct item *item = list->head;

    if (!item)
        return NULL;
    list->head = item->next;
    if (!list->head)
        list->tail = NULL;
    list->length--;
    item->next = NULL;
    return item;
}

struct item *item_new(const struct wire_message *jobs, int i, uint64_t tag, struct err *err)
{
    const struct wire_item *job = &jobs->items[i];
    struct item *item = calloc(1, sizeof(*item));

    if (!item) {
        err_set(err, ERR_NOMEM, "job");
        return NULL;
    }
    item->tag = tag;
    item->fd = -1;
    item->attempt = job->attempt;
    item->is_alone = job->is_alone;
    item->is_urgent = job->is_urgent;
    item->want_display = jobs->want_display;
    item->is_careful = job->is_careful;
    memcpy(item->id, job->id, sizeof(item->id));
    if (!spool_image_of_id(jobs->dir, item->id, item->study_dir, &item->image.n, err))
        return item;
    item_free(item);
    return NULL;
}

int item_look_up(struct item *item, struct studies *studies, struct err *err)
{
    const struct study_image *image;

    if (studies_image(studies, item->study_dir, item->image.n, &image, err)) {
        err->code = err->code == ERR_NOMEM ? ERR_NOMEM : ERR_AGAIN;
        return -1;
    }
    item->image = *image;
    item->image.extra = NULL;
    item->is_known = true;
    return 0;
}

void item_free(struct item *item)
{
    if (!item)
        return;
    if (item->fd >= 0)
        close(item->fd);
    json_decref(item->entry);
    free(item);
}

void item_give_back(struct item *item, enum wire_stage stage, const struct err *err)
{
    item->outcome = WIRE_FAILED;
    item->stage = stage;
    item->err = *err;
}

void item_set_aside(struct item *item, enum reason reason, const char *detail)
{
    struct image_entry *entry = calloc(1, sizeof(*entry));
    struct err err = {0};

    if (entry) {
        entry_begin(entry, item->image.file, item->image.stem, item->image.sha256);
        entry_set_aside(entry, reason, detail);
        entry->width = item->decoded.width;
        entry->height = item->decoded.height;
        item->entry = entry_to_json(entry);
        free(entry);
    }
    if (!item->entry) {
        err_set(&err, ERR_NOMEM, "image entry");
        item_give_back(item, STAGE_MEASURE, &err);
        return;
    }
    item->outcome = WIRE_DONE;
    item->status = RESULT_SET_ASIDE;
    item->reason = reason;
    snprintf(item->risk, sizeof(item->risk), "%s", risk_word(RISK_RETAKE));
}
