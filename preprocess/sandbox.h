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

#endif
