/* sweep_screen.h -- does screening want this installation's machines? Then trials give way.
 *
 * Asked of the figures that schedulers publish on the same Redis (queue/stats.h): images of the classes
 * interactive and bulk that wait or are at work on any node; those of a class that an operator has paused
 * only while they are at work. A pause of the class `training` is one for trials too. */
#ifndef TRAIN_SWEEP_SCREEN_H
#define TRAIN_SWEEP_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

struct sweep_screen {
    const char *redis; /* borrowed */
    int64_t due_us;
    int busy, calm; /* looks in a row */
    int64_t images; /* at the last look */
    bool gives_way; /* trials are not to run now */
    bool is_paused; /* because an operator said so */
};

/* Looks when it is time, which takes a second at most. True: `gives_way` has changed. */
bool sweep_screen_look(struct sweep_screen *s);

#endif
