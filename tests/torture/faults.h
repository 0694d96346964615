/* faults.h -- lets the N-th allocation, or the N-th call that touches the disk, fail.
 *
 * Linked with --wrap (CMakeLists.txt), so it sees the calls of our own code, and jansson's allocations,
 * which pass common/json.c. Other libraries are left alone. One thread. */
#ifndef TESTS_TORTURE_FAULTS_H
#define TESTS_TORTURE_FAULTS_H

#include <stdbool.h>

enum faults_kind {
    FAULTS_MEMORY,      /* malloc, calloc, realloc, strdup */
    FAULTS_MEMORY_FROM, /* that one and every later one */
    FAULTS_DISK,        /* open, read, write, sync, rename, link, mkdir ... of errno EIO */
    FAULTS_DISK_FULL,   /* calls that need room, that one and every later one; ENOSPC, after a short
                           write */
    FAULTS_KINDS
};

/* From now on the `n`-th call of this kind (from 1) fails. */
void faults_arm(enum faults_kind kind, long n);

/* Back to normal; true when a call failed since faults_arm. */
bool faults_disarm(void);

/* What failed first, for a message. */
const char *faults_what(void);

/* Allocations that are still there; descriptors that are still open. */
long faults_memory(void);
int faults_descriptors(void);

#endif
