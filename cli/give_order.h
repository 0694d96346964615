/* give_order.h -- an order on its way: its target found, its line written, its outcome waited for. */
#ifndef CLI_GIVE_ORDER_H
#define CLI_GIVE_ORDER_H

#include "queue/order.h"

/* `given` with the upload's whole name in place of a beginning of it. ERR_INPUT: it names nothing in
 * the spool, or several uploads. */
int order_target(char out[WIRE_ID_SIZE], const struct spool *s, const char *given, struct err *err);

/* Sign the order and write it down. `*changed` receives how many images it changed, or -1 when that
 * is not known yet: no scheduler is at work, or it takes longer than some seconds. `changed` NULL:
 * nothing is waited for. */
int order_give(struct spool *s, struct order *o, const char *why, int *changed, struct err *err);

/* What a person reads when the outcome is not known yet. */
const char *order_pending(const struct spool *s);

#endif
