/* place.h -- a spool with one study of two images, and a session that holds them: what tests of a seat begin with.
 * A step that fails fails the test. */
#ifndef TESTS_REMOTE_PLACE_H
#define TESTS_REMOTE_PLACE_H

#include "queue/spool.h"
#include "remote/session.h"

enum { IMAGES = 2 };

extern char root[64];           /* of the spool */
extern char study_dir[128];     /* uploads/u1/studies/s1 in it */
extern struct session *session; /* new for each case */
extern int scheduler;           /* the scheduler's end of its wire */

/* cmocka's, of a case; what the first makes the second removes. Nothing is handed to the case. */
int place_setup(void **state);
int place_teardown(void **state);

/* HELLO is said, the scheduler heard it, and both images are held. */
void sit_down_and_hold(char id[PROTOCOL_SESSION_SIZE]);

/* The next message that the scheduler gets. */
const struct wire_message *heard(void);
bool is_silent(void); /* nothing waits for the scheduler */

json_t *a_result(const char *status); /* with entry and model; the caller's */

#endif
