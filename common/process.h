/* process.h -- what the kernel says of a process, and what it lets one do. */
#ifndef COMMON_PROCESS_H
#define COMMON_PROCESS_H

#include <sys/types.h>

/* The letter of proc(5): 'R' it works or would if it had a processor, 'S' it waits for something, 'T' it is
 * stopped, 'Z' it has ended and nobody has buried it; 0: there is none. */
char process_state(pid_t pid);

/* From now on it (0: this one) gets what processor nobody else on this machine wants, and gives it up at once
 * when somebody does; where that cannot be had it has the highest niceness, and keeps it for the rest of a
 * slice, some milliseconds each time. There is no way back without privileges. */
void process_stand_back(pid_t pid);

/* Processors that this process may run on, at least 1: taskset and cgroups may leave it fewer than there
 * are. */
int process_cores(void);

/* Close what this process, which was just forked, has of its parent's: all descriptors but the first three
 * and `also`, and the `n` of `kept`. */
void process_close_others(int also, const int *kept, int n);

#endif
