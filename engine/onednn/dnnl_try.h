/* dnnl_try.h -- oneDNN's status as an err. The one adapter for this library.
 *
 * out_of_memory is ERR_NOMEM (a smaller batch may do); everything else means that the library and
 * our idea of it disagree, which no image is to blame for: ERR_DEVICE. */
#ifndef ENGINE_ONEDNN_DNNL_TRY_H
#define ENGINE_ONEDNN_DNNL_TRY_H

#include <dnnl.h>

#include "common/err.h"

static inline int dnnl_failed(dnnl_status_t status, const char *call, struct err *err)
{
    if (status == dnnl_success)
        return 0;
    return err_set(err, status == dnnl_out_of_memory ? ERR_NOMEM : ERR_DEVICE,
                   "oneDNN: %s: status %d", call, (int)status);
}

#define DNNL_FAILED(err, call) dnnl_failed((call), #call, (err))

#endif
