/* Stands between the worker and its engine (linked with --wrap; no other program has it) and lets the
 * engine fail as a GPU does. The `ref` backend, which the probe asks for the right answer, never fails.
 *
 *   FAULT_NOMEM_PIXELS=N  a pass over more pixels of input than N is out of memory
 *   FAULT_DEVICE_AT=N     from the N-th pass of the process on, the device is lost
 *   FAULT_DEVICE_PIXELS=N the device is lost at every input of exactly N pixels
 *   FAULT_WRONG_AT=N      from the N-th pass on, the classes are wrong
 *   FAULT_SLOW_MS=N       each pass takes so much longer
 *   FAULT_FORKS=1         it is a processor's all the same: images can be computed apart
 *   FAULT_ONCE=FILE       only in the first process that comes to it (FILE is made then) */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"

int __real_engine_run(struct engine_stream *s, int w, int h, struct engine_image *images, int n,
                      struct err *err);
int __wrap_engine_run(struct engine_stream *s, int w, int h, struct engine_image *images, int n,
                      struct err *err);
int __real_engine_stream_open(struct engine_stream **out, struct engine *e, struct err *err);
int __wrap_engine_stream_open(struct engine_stream **out, struct engine *e, struct err *err);

const struct engine_facts *__real_engine_facts(const struct engine *e);
const struct engine_facts *__wrap_engine_facts(const struct engine *e);

static _Atomic(struct engine_stream *) of_ref;

static long number(const char *name)
{
    const char *value = getenv(name);

    return value ? strtol(value, NULL, 10) : 0;
}

/* Decided at the first call of a process. */
static bool is_faulty(void)
{
    static _Atomic int known; /* 1 yes, 2 no */
    const char *once = getenv("FAULT_ONCE");
    int none = 0;

    if (!known) {
        int fd = once ? open(once, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
        atomic_compare_exchange_strong(&known, &none, !once || fd >= 0 ? 1 : 2);
        if (fd >= 0)
            close(fd);
    }
    return known == 1;
}

/* One engine a process, and `ref`. */
const struct engine_facts *__wrap_engine_facts(const struct engine *e)
{
    static struct engine_facts facts;
    const struct engine_facts *real = __real_engine_facts(e);

    if (number("FAULT_FORKS") || !strcmp(real->backend, "ref"))
        return real;
    facts = *real;
    snprintf(facts.device, sizeof(facts.device), "faulty");
    return &facts;
}

int __wrap_engine_stream_open(struct engine_stream **out, struct engine *e, struct err *err)
{
    int ret = __real_engine_stream_open(out, e, err);

    if (!ret && !strcmp(__real_engine_facts(e)->backend, "ref"))
        of_ref = *out;
    return ret;
}

static void turn_classes(const struct engine_image *image, int pixels)
{
    for (int i = 0; i < pixels; i++)
        image->class_map[i] = (uint8_t)(ENGINE_CLASSES - 1 - image->class_map[i]);
}

int __wrap_engine_run(struct engine_stream *s, int w, int h, struct engine_image *images, int n,
                      struct err *err)
{
    static _Atomic long passes;
    long pass = s == of_ref ? 0 : ++passes, device_at = number("FAULT_DEVICE_AT"),
         wrong_at = number("FAULT_WRONG_AT"), most = number("FAULT_NOMEM_PIXELS"),
         fatal = number("FAULT_DEVICE_PIXELS");

    usleep((useconds_t)number("FAULT_SLOW_MS") * 1000);
    if (!is_faulty() || s == of_ref)
        return __real_engine_run(s, w, h, images, n, err);
    if (most && (long)w * h * n > most)
        return err_set(err, ERR_NOMEM, "%d images of %dx%d do not fit (on purpose)", n, w, h);
    if ((device_at && pass >= device_at) || (fatal && (long)w * h == fatal))
        return err_set(err, ERR_DEVICE, "the device is lost (on purpose)");
    int ret = __real_engine_run(s, w, h, images, n, err);
    for (int i = 0; !ret && wrong_at && pass >= wrong_at && i < n; i++)
        turn_classes(&images[i], w * h);
    return ret;
}
