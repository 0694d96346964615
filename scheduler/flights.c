#include "scheduler/flights.h"

void flights_release(struct flights *f)
{
    free(f->rows);
    *f = (struct flights){0};
}

struct flight *flights_of(const struct flights *f, const struct index *x, uint32_t image)
{
    uint16_t place = x->images[image].flight;

    return place ? &f->rows[place - 1] : NULL;
}

struct flight *flights_of_entry(const struct flights *f, const struct broker_lease *lease)
{
    for (int i = 0; i < f->n; i++)
        if (f->rows[i].lease.class == lease->class && !strcmp(f->rows[i].lease.entry, lease->entry))
            return &f->rows[i];
    return NULL;
}

static void link_held(struct flights *f, const struct index *x, struct flight *flight)
{
    flight->before = f->n_held ? f->last_held : INDEX_NONE;
    flight->after = INDEX_NONE;
    if (f->n_held++)
        flights_of(f, x, flight->before)->after = flight->image;
    else
        f->first_held = flight->image;
    f->last_held = flight->image;
}

static void unlink_held(struct flights *f, const struct index *x, const struct flight *flight)
{
    if (flight->before == INDEX_NONE)
        f->first_held = flight->after;
    else
        flights_of(f, x, flight->before)->after = flight->after;
    if (flight->after == INDEX_NONE)
        f->last_held = flight->before;
    else
        flights_of(f, x, flight->after)->before = flight->before;
    f->n_held--;
}

static bool is_urgent(const struct index *x, uint32_t image)
{
    return !x->studies[index_study_of_image(x, image)].class;
}

struct flight *flights_add(struct flights *f, struct index *x, uint32_t image,
                           const struct broker_lease *lease, int64_t now_ms)
{
    if (f->n == FLIGHTS_MAX)
        return NULL;
    if (f->n == f->cap) {
        int cap = f->cap ? 2 * f->cap : 64;
        struct flight *grown = realloc(f->rows, (size_t)cap * sizeof(*grown));
        if (!grown)
            return NULL;
        f->rows = grown;
        f->cap = cap;
    }
    struct flight *flight = &f->rows[f->n++];
    *flight = (struct flight){.image = image, .progress_ms = now_ms, .renewed_ms = now_ms};
    flights_lease(f, flight, lease);
    x->images[image].flight = (uint16_t)f->n;
    f->n_urgent += is_urgent(x, image);
    link_held(f, x, flight);
    return flight;
}

void flights_remove(struct flights *f, struct index *x, struct flight *flight)
{
    struct flight *last = &f->rows[f->n - 1];

    if (!flight->worker)
        unlink_held(f, x, flight);
    f->n_urgent -= is_urgent(x, flight->image);
    x->images[flight->image].flight = 0;
    if (flight != last) {
        *flight = *last;
        x->images[flight->image].flight = (uint16_t)(flight - f->rows + 1);
    }
    f->n--;
}

void flights_begin_turn(struct flights *f)
{
    f->turn++;
}

void flights_lease(const struct flights *f, struct flight *flight, const struct broker_lease *lease)
{
    flight->lease = *lease;
    flight->leased_turn = f->turn;
}

void flights_ask(const struct flights *f, struct flight *flight)
{
    flight->asked_turn = f->turn;
}

void flights_lose(struct flight *flight)
{
    if (flight->leased_turn <= flight->asked_turn)
        flight->lease.entry[0] = 0;
}

void flights_send(struct flights *f, const struct index *x, struct flight *flight,
                  struct child *worker)
{
    if (!flight->worker)
        unlink_held(f, x, flight);
    flight->worker = worker;
}

void flights_hold(struct flights *f, const struct index *x, struct flight *flight)
{
    if (!flight->worker)
        return;
    flight->worker = NULL;
    link_held(f, x, flight);
}

uint32_t flights_next_held(const struct flights *f, const struct index *x, uint32_t image)
{
    if (image != INDEX_NONE)
        return flights_of(f, x, image)->after;
    return f->n_held ? f->first_held : INDEX_NONE;
}
