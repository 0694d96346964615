/* process.h -- what the kernel says of a process. */
#ifndef COMMON_PROCESS_H
#define COMMON_PROCESS_H

#include <sys/types.h>

/* The letter of proc(5): 'R' it works or would if it had a processor, 'S' it waits for something, 'T' it is
 * stopped, 'Z' it has ended and nobody has buried it; 0: there is none. */
char process_state(pid_t pid);

#endif
