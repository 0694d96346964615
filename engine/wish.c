#include "engine/wish.h"

#include <stdlib.h>
#include <string.h>

#include "engine/device.h"

bool wish_is_auto(const char *word)
{
    return !word || !*word || !strcmp(word, "auto");
}

int wish_gpu(const char *device)
{
    char *end = NULL;
    long n = 0;

    if (wish_is_auto(device))
        return 0;
    if (!strncmp(device, "cuda:", 5) && device[5] >= '0' && device[5] <= '9')
        n = strtol(device + 5, &end, 10);
    return end && !*end && n < ENGINE_DEVICES_MAX ? (int)n : -1;
}

bool wish_fits(const char *device, const char *kind)
{
    return wish_is_auto(device) || !strcmp(device, kind) ||
           (!strcmp(kind, "cuda") && wish_gpu(device) >= 0);
}
