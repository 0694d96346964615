/* `lentigo-worker devices`: one JSON line for each device that this build can use here. The scheduler
 * asks before it starts a worker for each GPU. */
#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/status.h"
#include "engine/device.h"
#include "worker/tools.h"

int tool_devices(void)
{
    struct engine_device devices[ENGINE_DEVICES_MAX];
    int n = engine_devices(devices);

    for (int i = 0; i < n; i++) {
        const struct engine_device *d = &devices[i];
        json_t *line =
            json_pack("{s:s,s:s,s:s,s:I,s:s}", "name", d->name, "kind", d->kind, "description",
                      d->description, "memory_bytes", (json_int_t)d->memory_bytes, "uuid", d->uuid);
        char *text = line ? json_line(line) : NULL;
        if (text)
            puts(text);
        free(text);
        json_decref(line);
    }
    return STATUS_OK;
}
