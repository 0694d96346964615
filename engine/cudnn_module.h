/* cudnn_module.h -- the CUDA half behind a door that is opened only where it is wanted.
 *
 * A program must start on a machine without CUDA, so everything that uses CUDA or cuDNN is one
 * loadable module, lib/lentigo/cudnn.so beside the programs' bin/. It carries copies of the parts
 * of `common` and `engine` that it calls; they hold no state. Both come from one build: the module's
 * table is not checked against another version's. */
#ifndef ENGINE_CUDNN_MODULE_H
#define ENGINE_CUDNN_MODULE_H

#include "engine/backend.h"
#include "engine/device.h"
#include "engine/learn_backend.h"

/* As the libraries count them: cuDNN 9.19.0 is 91900, CUDA 13.0 is 13000. */
struct cudnn_versions {
    int cudnn;   /* of the library that was loaded */
    int runtime; /* of the CUDA runtime inside the module */
    int driver;  /* the newest CUDA that the driver does; 0 without one */
};

struct cudnn_module {
    void (*versions)(struct cudnn_versions *out);
    /* gpus.h's gpus_list */
    int (*gpus)(struct engine_device *out, int max, struct err *err);
    const struct backend *backend;
    const struct learn_backend *learner;
};

/* The module's one exported symbol. */
#define CUDNN_MODULE_SYMBOL "lentigo_cudnn_module"
extern const struct cudnn_module lentigo_cudnn_module;

/* Load the module for the life of the process; any thread, any number of times. NULL and
 * ERR_CONFIG with the reason: built without cuDNN, not installed, or a library that it needs (the
 * message names it) is missing. */
const struct cudnn_module *cudnn_module_load(struct err *err);

/* The same from `path`. */
const struct cudnn_module *cudnn_module_load_from(const char *path, struct err *err);

#endif
