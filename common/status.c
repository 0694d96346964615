#include "common/status.h"

int status_of_err(const struct err *err)
{
    switch (err->code) {
    case ERR_CONFIG: return STATUS_CONFIG;
    case ERR_AGAIN:
    case ERR_NOMEM: return STATUS_AGAIN;
    case ERR_INPUT: return STATUS_USAGE;
    case ERR_DEVICE: return STATUS_DEVICE;
    default: return STATUS_UNFINISHED;
    }
}

int status_of_broken(const struct err *err)
{
    switch (err->code) {
    case ERR_CONFIG: return STATUS_CONFIG;
    case ERR_DEVICE: return STATUS_DEVICE;
    default: return STATUS_BROKEN;
    }
}
