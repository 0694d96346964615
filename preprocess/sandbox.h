/* sandbox.h -- the walls around a child that decodes an upload.
 *
 * seccomp: memory, threads of its own, reading from descriptors it was given; looking for files
 * answers ENOENT, writing EPERM (libraries probe and complain); anything else (sockets, starting
 * programs, signals to others ...) kills the process. Besides: no new privileges, limits on CPU and
 * memory, no core file, death with the zygote.
 *
 * Sanitized builds: no memory limit (a sanitizer reserves terabytes of addresses) and writing to
 * stderr stays open, for their reports. */
#ifndef PREPROCESS_SANDBOX_H
#define PREPROCESS_SANDBOX_H

#include "common/err.h"

enum { SANDBOX_CONTROL_FD = 3 }; /* the one descriptor that messages may be taken from */

struct sandbox; /* the compiled filter */

/* Once, in the zygote. ERR_CONFIG when libseccomp or the kernel cannot. */
int sandbox_new(struct sandbox **out, struct err *err);
void sandbox_free(struct sandbox *s); /* NULL is fine */

/* Enter, for good. `parent_pid` is the process to die with. 0, or -1: the caller must not go on. */
int sandbox_enter(const struct sandbox *s, int parent_pid, int seconds, int memory_mb);

/* A fence around a process that drives a GPU, and so keeps open devices, threads and most calls: no
 * file is opened from now on, none written, nothing connected, started, traced, mounted or signalled;
 * the process it belongs to takes it along. Weaker than the walls around a child: calls that nobody
 * thought of stay open, and so does what the driver does at the devices' request. For good. */
int sandbox_fence(int parent_pid, struct err *err);

#endif
