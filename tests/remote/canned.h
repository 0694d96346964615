/* canned.h -- a server of HTTP that answers what a test tells it to, bytes as they stand. */
#ifndef TESTS_REMOTE_CANNED_H
#define TESTS_REMOTE_CANNED_H

#include <stddef.h>

struct canned;

struct canned_request {
    char method[8], path[256];
    const char *head; /* all lines before the empty one; ends with a 0 */
    const char *body;
    size_t n_body;
};

/* Append the whole answer, head and body; nothing: hang up. With a "Connection: close" in it the
 * connection is closed behind it. Called by a thread of each connection. */
typedef void canned_answer(void *ctx, const struct canned_request *request, char *out, size_t size);

/* At a free port of this machine; fails the test when there is none. The caller ends it with canned_free. */
struct canned *canned_new(canned_answer *answer, void *ctx);
void canned_free(struct canned *c);
const char *canned_url(const struct canned *c);

/* Has canned_free begun? For an answer that is not to come. */
int canned_is_over(const struct canned *c);

/* "HTTP/1.1 <status> X", a length, and the body. */
void canned_put(char *out, size_t size, int status, const char *body);

#endif
