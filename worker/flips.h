/* flips.h -- test-time augmentation: what the network says of a picture and of its three mirror images.
 *
 * Scores are the means over the four, each mirror image's sums counted per pixel of its own lesion. The
 * outline is a vote: a pixel is lesion where three of four say so, or two of which the picture itself is
 * one; its class is the one most of them name, the picture's own where that is a tie. (The backends give
 * class maps and sums of softmax values and not each pixel's, so their mean cannot be taken.) Three more
 * passes of the network for every picture. */
#ifndef WORKER_FLIPS_H
#define WORKER_FLIPS_H

#include <stdint.h>

#include "engine/engine.h"

enum { FLIPS = 4 }; /* as it is, left to right, upside down, both */

/* The picture in rgb (h,w,3; content_w x content_h of it at the top left) mirrored within its content;
 * padding is copied. `flip` 1..3. */
void flip_picture(const struct engine_image *image, int w, int h, int flip, uint8_t *out);

/* images[0] is the picture as it is, images[flip] its mirror images, all with maps of h,w and scores.
 * The vote and the means go into images[0]. */
void flips_merge(struct engine_image images[FLIPS], int w);

#endif
