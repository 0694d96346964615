/* replay.h -- one study done once more, beside itself: cmd_replay.c finds and compares,
 * replay_again.c does it.
 *
 * The study is put into a spool of its own in a temporary folder and goes through `lentigo run`: the
 * same decoders, network and report programs as the first time. Nothing of the first time is
 * written to. */
#ifndef CLI_REPLAY_H
#define CLI_REPLAY_H

#include "common/json.h"
#include "common/settings.h"
#include "queue/spool.h"

struct replay {
    struct settings settings;      /* as the first time; `output` becomes that of the replay */
    char report[SPOOL_PATH_SIZE];  /* its folder */
    char root[SPOOL_PATH_SIZE];    /* of the spool that has the study */
    char dir[SPOOL_PATH_SIZE];     /* of the study in it */
    char out[SPOOL_PATH_SIZE];     /* OUT of the run, "" = of an installation */
    char scratch[SPOOL_PATH_SIZE]; /* OUT of the replay; "" = none yet */
    char scratch_study[SPOOL_PATH_SIZE];
    char published[SPOOL_PATH_SIZE]; /* where the replay puts its pages */
    struct study study;
    json_t *upload; /* upload.json */
};

/* Make the scratch folder with the study in it, and run it to its end. ERR_AGAIN: disk; ERR_BUG: the
 * replay did not end well, the text says where its log is (the folder is then kept). */
int replay_again(struct replay *r, struct err *err);
void replay_clean(struct replay *r); /* remove the scratch folder; none is fine */

#endif
