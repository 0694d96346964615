#include "engine/denormals.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

void denormals_flush(void)
{
#if defined(__SSE__)
    enum { DENORMALS_ARE_ZERO = 1 << 6, FLUSH_TO_ZERO = 1 << 15 };
    _mm_setcsr(_mm_getcsr() | DENORMALS_ARE_ZERO | FLUSH_TO_ZERO);
#endif
}
