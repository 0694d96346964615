#include "engine/device.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/cudnn_module.h"

/* "model name : Intel(R) ..." of /proc/cpuinfo; other architectures have no such line. */
static void describe_processor(char *out, size_t size)
{
    static const char key[] = "model name";
    char line[256];
    FILE *in = fopen("/proc/cpuinfo", "re");

    snprintf(out, size, "processor");
    while (in && fgets(line, sizeof(line), in)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) != 0 || !colon)
            continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(out, size, "%s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    if (in)
        (void)fclose(in);
}

int engine_devices(struct engine_device out[ENGINE_DEVICES_MAX])
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

    out[0] = (struct engine_device){
        .name = "cpu",
        .kind = "cpu",
        .memory_bytes = pages > 0 && page > 0 ? (int64_t)pages * page : -1,
    };
    describe_processor(out[0].description, sizeof(out[0].description));
    struct err none = {0}; /* no module, no driver or no GPU: the processor is all there is */
    const struct cudnn_module *m = cudnn_module_load(&none);
    int gpus = m ? m->gpus(out + 1, ENGINE_DEVICES_MAX - 1, &none) : 0;
    return 1 + (gpus > 0 ? gpus : 0);
}

bool device_is_listed(const struct engine_device *list, int n, const char *name)
{
    int found = 0;

    while (found < n && strcmp(list[found].name, name) != 0)
        found++;
    return found < n;
}
