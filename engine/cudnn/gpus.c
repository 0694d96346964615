#include "engine/cudnn/gpus.h"

#include <stdio.h>
#include <string.h>

#include "engine/cudnn/cudnn_try.h"

/* Compute capabilities times ten. */
enum { TURING = 75, AMPERE = 80 };

static int capability(const struct cudaDeviceProp *prop)
{
    return 10 * prop->major + prop->minor;
}

static int count(int *n, struct err *err)
{
    cudaError_t status = cudaGetDeviceCount(n);

    if (status == cudaSuccess && *n > 0)
        return 0;
    (void)cudaGetLastError();
    if (status == cudaErrorInsufficientDriver)
        return err_set(err, ERR_CONFIG,
                       "no driver for NVIDIA GPUs is loaded, or one older than CUDA %d.%d needs: "
                       "install it, or use --device cpu",
                       CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
    if (status == cudaSuccess || status == cudaErrorNoDevice)
        return err_set(
            err, ERR_CONFIG,
            "there is no NVIDIA GPU, or CUDA_VISIBLE_DEVICES hides it: use --device cpu");
    return err_set(err, ERR_CONFIG, "CUDA does not start: %s", cudaGetErrorString(status));
}

/* As nvidia-smi writes it; an instance of a divided GPU says so in its name. */
static void write_uuid(char *out, size_t size, const struct cudaDeviceProp *prop)
{
    int n = snprintf(out, size, "%s", strstr(prop->name, " MIG ") ? "MIG" : "GPU");

    for (int i = 0; i < 16; i++)
        n += snprintf(out + n, size - (size_t)n, "%s%02x",
                      i == 0 || i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                      (unsigned char)prop->uuid.bytes[i]);
}

static void describe(struct engine_device *d, int gpu, const struct cudaDeviceProp *prop)
{
    *d = (struct engine_device){.kind = "cuda", .memory_bytes = (int64_t)prop->totalGlobalMem};
    snprintf(d->name, sizeof(d->name), "cuda:%d", gpu);
    snprintf(d->description, sizeof(d->description), "%s", prop->name);
    write_uuid(d->uuid, sizeof(d->uuid), prop);
}

int gpus_list(struct engine_device *out, int max, struct err *err)
{
    struct cudaDeviceProp prop;
    int n = 0, listed = 0;

    if (count(&n, err))
        return -1;
    for (int gpu = 0; gpu < n && listed < max; gpu++) {
        if (CUDA_FAILED(err, cudaGetDeviceProperties(&prop, gpu)))
            return -1;
        if (capability(&prop) >= TURING)
            describe(&out[listed++], gpu, &prop);
    }
    return listed ? listed
                  : err_set(err, ERR_CONFIG, "GPU %s is older than Turing (compute capability 7.5)",
                            prop.name);
}

bool gpus_can(const char *precision, int gpu)
{
    struct cudaDeviceProp prop;

    if (cudaGetDeviceProperties(&prop, gpu) != cudaSuccess) {
        (void)cudaGetLastError();
        return false;
    }
    if (!strcmp(precision, "bf16"))
        return capability(&prop) >= AMPERE;
    return capability(&prop) >= TURING && (!strcmp(precision, "fp16") || !strcmp(precision, "f32"));
}
