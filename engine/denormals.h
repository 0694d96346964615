/* denormals.h -- numbers too small for a whole mantissa are slow: with AMX they make f32
 * convolutions 60 times slower. */
#ifndef ENGINE_DENORMALS_H
#define ENGINE_DENORMALS_H

/* Of the calling thread and of those that it starts: denormals are zero, in and out. */
void denormals_flush(void);

#endif
