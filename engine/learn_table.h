/* learn_table.h -- what a training step asks the table of layers, whatever the backend.
 *
 * Backends keep the gradient by a layer's first input (its `back`) where that layer made it. The
 * gradient by a map is the sum of what those who read it have; learn_sources says who. */
#ifndef ENGINE_LEARN_TABLE_H
#define ENGINE_LEARN_TABLE_H

#include "engine/network.h"

/* A part of the gradient by a map: the `back` of `reader`, from channel `before` on, of pixels of
 * `step` channels. */
struct learn_part {
    int reader, before, step;
};
enum { LEARN_SOURCES_MAX = 3, LEARN_CHANNELS_MAX = 1024 };

/* The parts of the gradient by the output of `layer`; how many. */
int learn_sources(int layer, struct learn_part out[LEARN_SOURCES_MAX]);

/* Has it a `back` of its own? (Pools, bins, sums and statistics add to a neighbour's.) */
bool learn_has_back(int layer);

/* Does anybody but a concatenation read its output? */
bool learn_wants_map(int layer);

/* The first convolution that reads `layer`. */
int learn_reader_of(int layer);

/* The average pool that reads what the depthwise convolution `layer` reads. */
int learn_pool_beside(int layer);

bool learn_is_plane(int layer);  /* a convolution of the attention, on planes */
bool learn_is_dense(int layer);  /* a convolution with a norm that is none of ours */
bool learn_is_logits(int layer); /* the convolution that ends a head */

/* The logits of head 0, 1 and 2. */
extern const int learn_heads_at[3];

/* The number in network_params of a layer's parameter of each role, -1 for none. */
void learn_find_params(int of[LAYER_COUNT][ROLE_SCALE + 1]);

#endif
