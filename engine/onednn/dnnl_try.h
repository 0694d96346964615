/* dnnl_try.h -- oneDNN's status as an err. The one adapter for this library.
 *
 * out_of_memory is ERR_NOMEM (a smaller batch may do); everything else means that the library and
 * our idea of it disagree, which no image is to blame for: ERR_DEVICE. */
#ifndef ENGINE_ONEDNN_DNNL_TRY_H
#define ENGINE_ONEDNN_DNNL_TRY_H

#include <dnnl.h>

#include "common/err.h"

/* 0, or -1 with `call`, the text of what was called, in err. */
int dnnl_failed(dnnl_status_t status, const char *call, struct err *err);

#define DNNL_FAILED(err, call) dnnl_failed((call), #call, (err))

#endif
