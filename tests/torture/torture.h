/* torture.h -- one piece of work, done again and again while the N-th call of one kind fails, for
 * every N until none does.
 *
 * After each try: an error says what kind it is (memory or disk, never that the item is to blame) and,
 * of the disk, names the file; no memory and no descriptor is left behind; a try that says it went
 * well has made what an undisturbed one makes; and `check` finds nothing half-made. */
#ifndef TESTS_TORTURE_TORTURE_H
#define TESTS_TORTURE_TORTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "tests/torture/faults.h"

struct torture {
    const char *name;
    void (*setup)(const char *dir); /* into an empty folder; may be NULL */
    /* The work; what it made goes to `made`. 0 or -1. */
    int (*run)(const char *dir, struct buf *made, struct err *err);
    void (*check)(const char *dir, bool has_failed); /* may be NULL */
    bool is_configuration; /* whatever is wrong is ERR_CONFIG, except memory */
    bool is_nameless;      /* its errors name no file on purpose */
    unsigned kinds;        /* bits of faults_kind to leave out */
    long step;             /* every step-th N; 0 is 1 */
};

/* Aborts with the case, the kind, N and what failed. Prints how many calls there were. */
void torture_run(const struct torture *t);

/* Abort with a sentence unless `holds`. */
void torture_expect(bool holds, const char *what);

/* Write, read (appended to `made`); both abort when that fails. */
void torture_write(const char *dir, const char *name, const void *bytes, size_t n);
void torture_read(const char *dir, const char *name, struct buf *made);

#endif
