#include "preprocess/vips_module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int vips_module_find(char path[VIPS_MODULE_PATH_SIZE])
{
    static const char beside[] = "/../lib/lentigo/vips.so";
    ssize_t n = readlink("/proc/self/exe", path, VIPS_MODULE_PATH_SIZE - sizeof(beside));
    char *slash;

    path[n > 0 ? n : 0] = 0;
    slash = strrchr(path, '/');
    memcpy(slash ? slash : path, beside, sizeof(beside));
    return access(path, R_OK);
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
