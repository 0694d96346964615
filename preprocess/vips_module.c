#include "preprocess/vips_module.h"

#include <dlfcn.h>
#include <stdio.h>

#include "common/place.h"

int vips_module_find(char path[VIPS_MODULE_PATH_SIZE])
{
    struct err err = {0};

    return place_module(path, "vips.so", &err);
}

const struct vips_module *vips_module_load(char *why, size_t why_size)
{
    char path[VIPS_MODULE_PATH_SIZE];

    vips_module_find(path);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct vips_module *m = handle ? dlsym(handle, VIPS_MODULE_SYMBOL) : NULL;
    if (!m)
        snprintf(why, why_size, "%s", dlerror());
    else if (m->start()) {
        snprintf(why, why_size, "libvips does not start");
        m = NULL;
    }
    return m;
}
