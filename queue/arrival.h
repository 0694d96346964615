/* arrival.h -- has an upload that comes in by rsync, SFTP, SMB or a copy arrived whole?
 *
 * Nothing in a file system tells. These do, the first that holds:
 *   1. a marker, a file of a given name directly in the upload's folder: the sender puts it there last;
 *   2. SHA256SUMS (as sha256sum writes it) that names every other file, and every digest agrees;
 *   3. nothing changed (names, sizes, times) for a given while.
 * Never complete, whatever else: a folder or file that cannot be read; a file under a name that tools
 * of transfer use until it is whole (".a.jpg.Xy12ab", "a.jpg.part"). Complete by the marker alone: when
 * SHA256SUMS does not agree, or manifest.csv names a file that is not there. And whatever tells must be
 * followed by a while without a change, because a marker may overtake what it stands for.
 *
 * Time is the caller's, monotonic, and each arrival is looked at again and again: what was not seen
 * to stand still did not. Links are not followed. One thread. */
#ifndef QUEUE_ARRIVAL_H
#define QUEUE_ARRIVAL_H

#include "queue/tree.h"

enum arrival_state {
    ARRIVAL_NEW,        /* not looked at yet */
    ARRIVAL_EMPTY,      /* no file in it */
    ARRIVAL_UNREADABLE, /* by us */
    ARRIVAL_UNFINISHED, /* a file has the name of one on its way */
    ARRIVAL_SHORT,      /* of files that SHA256SUMS or the manifest names */
    ARRIVAL_SETTLING,   /* it changed a moment ago */
    ARRIVAL_QUIET,      /* nothing changed, but for too short a time */
    ARRIVAL_COMPLETE
};

struct arrival_rules {
    const char *marker;   /* "" = there is none */
    const char *encoding; /* of manifest.csv, "" = UTF-8 */
    int64_t settle_ms;    /* without a change, whatever else tells */
    int64_t quiet_ms;     /* without a change, when nothing else tells; 0 = that is never enough */
};

struct arrival {
    enum arrival_state state;
    char why[200];    /* for a person; names of files in it, so for the operator alone */
    uint64_t print;   /* of all names, sizes and times as last seen */
    int64_t since_ms; /* it has been so since */
    int files;
    int64_t bytes;
    /* what was found out about `print`, which takes reading files */
    bool is_checked;
    bool is_listed; /* SHA256SUMS names every file, and agrees */
    char lack[200]; /* what SHA256SUMS or the manifest misses; "" = nothing */
};

/* Look at the folder `dir` and fill in the rest. ERR_AGAIN: it could not be read now; ERR_CONFIG: no such
 * folder, or more in it than an upload may have. */
int arrival_look(struct arrival *a, const char *dir, const struct arrival_rules *rules,
                 int64_t now_ms, struct err *err);

/* As it is now, is the folder still what `a` saw? ERR_AGAIN: no. */
int arrival_confirm(const struct arrival *a, const char *dir, struct err *err);

/* Is this the name of a file or folder that is still on its way? */
bool arrival_is_partial(const char *name);

const char *arrival_word(enum arrival_state state);

#endif
