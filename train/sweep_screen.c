#include "train/sweep_screen.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "queue/broker.h"
#include "queue/client.h"

/* A look in a row each way: one image does not stop a trial, a pause between two batches starts none. */
enum { NODES = 16, EVERY_US = 1000000, TIMEOUT_MS = 500, BUSY = 3, CALM = 5 };

static void count_node(struct sweep_screen *s, const struct stats *node)
{
    for (int c = 0; c < STATS_CLASSES; c++) {
        const struct stats_class *class = &node->classes[c];
        bool is_paused = class->paused_at[0] != 0;
        if (!strcmp(class->name, "training"))
            s->is_paused = s->is_paused || is_paused;
        else
            s->images += class->leased + (is_paused ? 0 : class->ready);
    }
}

bool sweep_screen_look(struct sweep_screen *s)
{
    int64_t now = clock_mono_us();
    struct queue_client *client = NULL;
    struct err err = {0};
    int n = 0;

    if (now < s->due_us)
        return false;
    s->due_us = now + EVERY_US;
    struct stats *nodes = calloc(NODES, sizeof(*nodes)); /* some 100 kB each */
    int ret = !nodes || queue_client_open(&client, s->redis, TIMEOUT_MS, &err) ||
              queue_client_stats(client, nodes, NODES, &n, &err);
    if (!ret) {
        s->images = 0;
        s->is_paused = false;
        for (int i = 0; i < n; i++)
            count_node(s, &nodes[i]);
        bool is_wanted = s->images > 0 || s->is_paused;
        s->busy = is_wanted ? s->busy + 1 : 0;
        s->calm = is_wanted ? 0 : s->calm + 1;
    }
    queue_client_close(client);
    free(nodes);
    bool was = s->gives_way;
    s->gives_way = was ? s->calm < CALM : s->busy >= BUSY;
    return s->gives_way != was;
}
