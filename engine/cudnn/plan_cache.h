/* plan_cache.h -- plans that were timed once, in a file, so that the next start need not.
 *
 * A file belongs to one kind of GPU (name, compute capability, multiprocessors), the CUDA of its
 * driver and the version of cuDNN; all of them stand in its name and again inside. In it a plan is
 * found by conv_text, which holds shape, batch and precision. What cannot be read, or is of something
 * else, counts as empty: the plans are made again and the file is written anew, by rename. Processes
 * that share a file do not hurt each other; the last one to write wins.
 *
 * Not for more than one thread at a time. */
#ifndef ENGINE_CUDNN_PLAN_CACHE_H
#define ENGINE_CUDNN_PLAN_CACHE_H

#include "engine/cudnn/graph.h"

struct plan_cache;

/* The file for `target` in the folder `dir`, which need not exist; NULL: no file, the plans are
 * remembered until plan_cache_close. The caller closes it. */
int plan_cache_open(struct plan_cache **out, const char *dir, const struct graph_target *target,
                    struct err *err);
/* The one below the installation's cache folder; without such a folder it lasts until it is closed. */
int plan_cache_open_usual(struct plan_cache **out, const struct graph_target *target,
                          struct err *err);
void plan_cache_close(struct plan_cache *c); /* without saving; NULL is fine */

/* What plan_cache_put was given, the cache's; NULL when there is none. */
const char *plan_cache_get(const struct plan_cache *c, const char *key);

/* `plan` is what graph_plan_save wrote, `us` its time; replaces what `key` had. */
int plan_cache_put(struct plan_cache *c, const char *key, const char *plan, double us,
                   struct err *err);

/* Write the file if anything was put; makes the folder. A failure leaves the old file. */
int plan_cache_save(struct plan_cache *c, struct err *err);

const char *plan_cache_path(const struct plan_cache *c); /* "" without a file */

#endif
