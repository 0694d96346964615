/* profile.h -- what must be known of an embedded colour profile before it is applied (ICC.1:2010).
 */
#ifndef PREPROCESS_PROFILE_H
#define PREPROCESS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum profile_use {
    PROFILE_NONE,  /* none, or sRGB itself: pixels stay as they are */
    PROFILE_APPLY, /* another space: convert */
    PROFILE_BROKEN /* damaged, or made for another number of channels: leave it out and say so */
};

/* `colours`: 1, 3 or 4 channels, alpha not counted. A picture tagged with sRGB has to come out as
 * the same picture without a tag, hence the look at the profile's numbers. */
enum profile_use profile_use(const uint8_t *icc, size_t n, int colours);

#endif
