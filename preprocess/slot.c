#include "preprocess/slot.h"

#include <string.h>

#include "preprocess/decode.h"

enum { PAGE = 4096 };

_Static_assert(sizeof(struct slot_head) <= PAGE, "the head fits its page");

static uint64_t picture_bytes(int side)
{
    return ((uint64_t)side * (uint64_t)side * 3 + PAGE - 1) / PAGE * PAGE;
}

struct slot_layout slot_layout(int size_max)
{
    struct slot_layout l = {.network_max = (size_max + 31) / 32 * 32};

    l.network = PAGE;
    l.field = l.network + picture_bytes(l.network_max);
    l.measure = l.field + picture_bytes(DECODE_FIELD_MAX);
    l.display = l.measure + picture_bytes(DECODE_MEASURE_MAX);
    l.size = l.display + picture_bytes(DECODE_DISPLAY_MAX);
    return l;
}

void slot_publish(uint8_t *slot, const struct slot_head *head, uint64_t job)
{
    struct slot_head *shared = (struct slot_head *)(void *)slot;

    memcpy(shared, head, sizeof(*head));
    shared->job = job;
}
