#include "engine/onednn/dnnl_try.h"

int dnnl_failed(dnnl_status_t status, const char *call, struct err *err)
{
    if (status == dnnl_success)
        return 0;
    return err_set(err, status == dnnl_out_of_memory ? ERR_NOMEM : ERR_DEVICE,
                   "oneDNN: %s: status %d", call, (int)status);
}
