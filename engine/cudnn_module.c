#include "engine/cudnn_module.h"

#include <dlfcn.h>

#include "common/place.h"

const struct cudnn_module *cudnn_module_load_from(const char *path, struct err *err)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct cudnn_module *m = handle ? dlsym(handle, CUDNN_MODULE_SYMBOL) : NULL;

    if (!m) {
        err_set(err, ERR_CONFIG, "cuDNN: %s", dlerror());
        if (handle)
            dlclose(handle);
    }
    return m;
}

const struct cudnn_module *cudnn_module_load(struct err *err)
{
#ifdef HAVE_CUDNN
    char path[SETTINGS_PATH_SIZE];

    return place_module(path, "cudnn.so", err) ? NULL : cudnn_module_load_from(path, err);
#else
    err_set(err, ERR_CONFIG, "lentigo was built without cuDNN (WITH_CUDNN)");
    return NULL;
#endif
}
