/* wish.h -- the words of a configuration that ask for a backend's device: "auto", "cpu", "cuda:N". */
#ifndef ENGINE_WISH_H
#define ENGINE_WISH_H

#include <stdbool.h>

bool wish_is_auto(const char *word); /* "auto", "" or NULL */

/* N of "cuda:N", 0 for "auto"; -1 for another word. */
int wish_gpu(const char *device);

/* Does a backend of `kind` ("cpu", "cuda") do what `device` asks for? */
bool wish_fits(const char *device, const char *kind);

#endif
