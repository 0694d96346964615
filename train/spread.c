#include "train/spread.h"

#include <pthread.h>
#include <stdbool.h>

struct share {
    int thread, threads, n;
    void (*one)(void *arg, int thread, int part);
    void *arg;
};

static void *share_main(void *share)
{
    const struct share *s = share;

    for (int i = s->thread; i < s->n; i += s->threads)
        s->one(s->arg, s->thread, i);
    return NULL;
}

void spread(int threads, int n, void (*one)(void *arg, int thread, int part), void *arg)
{
    struct share shares[SPREAD_THREADS_MAX] = {
        {0, threads, n, one, arg}
    };
    pthread_t thread[SPREAD_THREADS_MAX];
    bool is_started[SPREAD_THREADS_MAX];

    for (int i = 1; i < threads; i++)
        shares[i] = (struct share){i, threads, n, one, arg};
    for (int i = 1; i < threads; i++)
        is_started[i] = i < n && !pthread_create(&thread[i], NULL, share_main, &shares[i]);
    share_main(&shares[0]);
    for (int i = 1; i < threads; i++)
        if (is_started[i])
            pthread_join(thread[i], NULL);
        else
            share_main(&shares[i]);
}
