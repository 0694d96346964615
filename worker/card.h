/* card.h -- a model's card: card.json gets what was measured, card.md says it to people.
 *
 * card.md is made whole from card.json and policy.json each time: data, licence, figures in all and of
 * each class and source, what the policy expects to happen, intended use and limits. */
#ifndef WORKER_CARD_H
#define WORKER_CARD_H

#include "common/err.h"
#include "common/json.h"

/* Figures of one split (what `eval` prints; borrowed) into `folder`/card.json. ERR_CONFIG: no such card. */
int card_record(const char *folder, const char *split, const json_t *figures, struct err *err);

/* `folder`/card.md from card.json and the policy of one size, which both have to be there. */
int card_write_text(const char *folder, struct err *err);

#endif
