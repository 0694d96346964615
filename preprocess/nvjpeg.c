#include "preprocess/nvjpeg.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdlib.h>

/* What of NVIDIA's interfaces is used, by nvjpeg.h (12 and 13) and cuda.h; 0 is success. Tests compare
 * these numbers with nvjpeg.h where that is found. */
enum {
    NVJPEG_BACKEND_CORES = 2,  /* NVJPEG_BACKEND_GPU_HYBRID */
    NVJPEG_BACKEND_ENGINE = 3, /* NVJPEG_BACKEND_HARDWARE */
    NVJPEG_RGB_INTERLEAVED = 5,
    NVJPEG_STRICT = 1 << 2, /* NVJPEG_FLAGS_BITSTREAM_STRICT */
    NVJPEG_INTERPOLATES =
        1 << 5, /* chroma as libjpeg does; NVJPEG_FLAGS_UPSAMPLING_WITH_INTERPOLATION */
    NVJPEG_CHANNELS = 4,
    CUDA_STREAM_NON_BLOCKING = 1,
};

struct nvjpeg_image {
    unsigned char *channel[NVJPEG_CHANNELS];
    size_t pitch[NVJPEG_CHANNELS];
};

struct nvjpeg {
    void *cuda, *library;
    void *context, *stream, *handle, *state;
    int device, threads;
    const char *backend;
    unsigned long long pixels; /* of the device: `bytes` */
    uint8_t *host;
    size_t bytes;
    int batch; /* the number of pictures that `state` is made ready for; 0: none */

    int (*init)(unsigned);
    int (*device_get)(int *, int);
    int (*context_retain)(void **, int);
    int (*context_set)(void *);
    int (*stream_create)(void **, unsigned);
    int (*allocate)(unsigned long long *, size_t);
    int (*allocate_host)(void **, size_t);
    int (*copy_back)(void *, unsigned long long, size_t, void *);
    int (*synchronise)(void *);
    int (*create)(int, void *, void *, unsigned, void **);
    int (*create_state)(void *, void **);
    int (*prepare)(void *, void *, int, int, int);
    int (*decode)(void *, void *, const unsigned char *const *, const size_t *,
                  struct nvjpeg_image *, void *);
};

static void *open_first(const char *const *names)
{
    void *library = NULL;

    for (; *names && !library; names++)
        library = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
    return library;
}

static int find_symbols(struct nvjpeg *j, struct err *err)
{
    const struct {
        void *library;
        const char *name;
        void **at;
    } symbols[] = {
        {j->cuda,    "cuInit",                        (void **)&j->init          },
        {j->cuda,    "cuDeviceGet",                   (void **)&j->device_get    },
        {j->cuda,    "cuDevicePrimaryCtxRetain",      (void **)&j->context_retain},
        {j->cuda,    "cuCtxSetCurrent",               (void **)&j->context_set   },
        {j->cuda,    "cuStreamCreate",                (void **)&j->stream_create },
        {j->cuda,    "cuMemAlloc_v2",                 (void **)&j->allocate      },
        {j->cuda,    "cuMemAllocHost_v2",             (void **)&j->allocate_host },
        {j->cuda,    "cuMemcpyDtoHAsync_v2",          (void **)&j->copy_back     },
        {j->cuda,    "cuStreamSynchronize",           (void **)&j->synchronise   },
        {j->library, "nvjpegCreateEx",                (void **)&j->create        },
        {j->library, "nvjpegJpegStateCreate",         (void **)&j->create_state  },
        {j->library, "nvjpegDecodeBatchedInitialize", (void **)&j->prepare       },
        {j->library, "nvjpegDecodeBatched",           (void **)&j->decode        },
    };

    for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
        *symbols[i].at = dlsym(symbols[i].library, symbols[i].name);
        if (!*symbols[i].at)
            return err_set(err, ERR_CONFIG, "nvJPEG or CUDA's driver is too old: no %s",
                           symbols[i].name);
    }
    return 0;
}

static int open_libraries(struct nvjpeg *j, struct err *err)
{
    static const char *const drivers[] = {"libcuda.so.1", NULL};
    static const char *const libraries[] = {"libnvjpeg.so.13", "libnvjpeg.so.12",
                                            "/usr/local/cuda/lib64/libnvjpeg.so.13",
                                            "/usr/local/cuda/lib64/libnvjpeg.so.12", NULL};

    j->cuda = open_first(drivers);
    if (!j->cuda)
        return err_set(err, ERR_CONFIG, "no driver of CUDA: %s", dlerror());
    j->library = open_first(libraries);
    if (!j->library)
        return err_set(err, ERR_CONFIG, "no nvJPEG: %s", dlerror());
    return find_symbols(j, err);
}

static int open_device(struct nvjpeg *j, struct err *err)
{
    int device, status = j->init(0);
    void *host;

    if (status || (status = j->device_get(&device, j->device)) ||
        (status = j->context_retain(&j->context, device)) ||
        (status = j->context_set(j->context)) ||
        (status = j->stream_create(&j->stream, CUDA_STREAM_NON_BLOCKING)))
        return err_set(err, ERR_CONFIG, "cuda:%d: CUDA's error %d", j->device, status);
    if ((status = j->allocate(&j->pixels, j->bytes)) ||
        (status = j->allocate_host(&host, j->bytes)))
        return err_set(err, ERR_NOMEM, "cuda:%d: no %zu bytes for pictures: CUDA's error %d",
                       j->device, j->bytes, status);
    j->host = host;
    return 0;
}

static int open_decoder(struct nvjpeg *j, struct err *err)
{
    static const struct {
        int backend;
        const char *name;
    } backends[] = {
        {NVJPEG_BACKEND_ENGINE, "engine"},
        {NVJPEG_BACKEND_CORES,  "cores" },
    };
    int status = -1;

    for (size_t i = 0; i < sizeof(backends) / sizeof(*backends) && status; i++) {
        j->backend = backends[i].name;
        status = j->create(backends[i].backend, NULL, NULL, NVJPEG_STRICT | NVJPEG_INTERPOLATES,
                           &j->handle);
    }
    if (status || (status = j->create_state(j->handle, &j->state)))
        return err_set(err, ERR_CONFIG, "nvJPEG does not start: its status %d", status);
    return 0;
}

int nvjpeg_open(struct nvjpeg **out, int device, size_t bytes, int threads, struct err *err)
{
    struct nvjpeg *j = calloc(1, sizeof(*j));

    if (!j)
        return err_set(err, ERR_NOMEM, "no memory for nvJPEG");
    j->device = device;
    j->bytes = bytes;
    j->threads = threads;
    if (open_libraries(j, err) || open_device(j, err) || open_decoder(j, err)) {
        nvjpeg_close(j);
        return -1;
    }
    *out = j;
    return 0;
}

/* What CUDA holds for the process ends with it: there is one of these in the life of one. */
void nvjpeg_close(struct nvjpeg *j)
{
    free(j);
}

const char *nvjpeg_backend(const struct nvjpeg *j)
{
    return j->backend;
}

/* Where the pixels go, one picture behind the other. Returns the bytes in all. */
static size_t lay_out(const struct nvjpeg *j, struct nvjpeg_picture *pictures, int n,
                      struct nvjpeg_image *images)
{
    size_t at = 0;

    for (int i = 0; i < n; i++) {
        size_t pitch = (size_t)pictures[i].w * 3;

        images[i] = (struct nvjpeg_image){.channel = {(unsigned char *)(uintptr_t)(j->pixels + at)},
                                          .pitch = {pitch}};
        pictures[i].rgb = j->host + at;
        at += pitch * (size_t)pictures[i].h;
    }
    assert(at <= j->bytes);
    return at;
}

static int decode(struct nvjpeg *j, const unsigned char *const *data, const size_t *sizes,
                  struct nvjpeg_image *images, int n, struct err *err)
{
    int status = 0;

    if (j->batch != n)
        status = j->prepare(j->handle, j->state, n, j->threads, NVJPEG_RGB_INTERLEAVED);
    j->batch = status ? 0 : n;
    if (!status)
        status = j->decode(j->handle, j->state, data, sizes, images, j->stream);
    if (!status)
        return 0;
    j->batch = 0; /* a batch that failed is to be made ready anew */
    return err_set(err, ERR_INPUT, "nvJPEG's status %d", status);
}

int nvjpeg_decode(struct nvjpeg *j, struct nvjpeg_picture *pictures, int n, struct err *err)
{
    struct nvjpeg_image *images = calloc((size_t)n, sizeof(*images));
    const unsigned char **data = calloc((size_t)n, sizeof(*data));
    size_t *sizes = calloc((size_t)n, sizeof(*sizes));
    int ret = -1;

    if (!images || !data || !sizes) {
        err_set(err, ERR_NOMEM, "no memory for %d pictures", n);
        goto done;
    }
    for (int i = 0; i < n; i++) {
        data[i] = pictures[i].bytes;
        sizes[i] = pictures[i].n;
    }
    size_t bytes = lay_out(j, pictures, n, images);

    ret = decode(j, data, sizes, images, n, err);
    /* Also when it failed: what is under way still writes to the memory of the next one. */
    int status = ret ? 0 : j->copy_back(j->host, j->pixels, bytes, j->stream);
    if (status || (status = j->synchronise(j->stream))) {
        *err = (struct err){0};
        ret = err_set(err, ERR_DEVICE, "CUDA's error %d", status);
    }
done:
    free(images);
    free(data);
    free(sizes);
    return ret;
}
