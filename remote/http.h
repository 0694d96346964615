/* http.h -- one request to the seat after the other, through libcurl; this is its one home.
 *
 * The connection stays open between requests. Nothing goes through a proxy and no redirect is followed:
 * what is sent are pictures of patients, and they go to the seat that was named. One thread each. */
#ifndef REMOTE_HTTP_H
#define REMOTE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Whom all requests go to; the texts are borrowed. */
struct http_seat {
    const char *url;       /* "https://intake:8700"; http or https */
    const char *token;     /* the secret */
    const char *authority; /* certificates by which the seat's is checked, PEM; "" = the system's */
};

/* Called by the thread that waits for an answer, once a second at least. */
struct http_watch {
    bool (*is_over)(void *ctx);  /* true: the request is given up, ERR_CANCELLED */
    void (*on_moved)(void *ctx); /* bytes came or went; may be NULL */
    void *ctx;
};

struct http_request {
    const char *method, *path;
    const char *session; /* NULL: there is none yet */
    /* What is sent: bytes, or so many bytes of a file from its start (a PUT). */
    const void *bytes;
    int fd;
    int64_t size_bytes;
    /* Takes the answer when its status is 2xx; -1 ends the request with its error, which is not ERR_AGAIN.
     * NULL: it is a line for `text`. */
    int (*take)(void *ctx, const char *bytes, size_t n, struct err *err);
    void *ctx;
    int limit_ms; /* 0: as long as something moves */
};

struct http_answer {
    int status;
    int64_t size_bytes; /* as the seat announced it; -1: it did not */
    char text[256];     /* what was not taken, cut */
};

struct http;

/* ERR_NOMEM. The two are borrowed. */
int http_new(struct http **out, const struct http_seat *seat, const struct http_watch *watch,
             struct err *err);
void http_free(struct http *h); /* NULL is fine */

/* 0: there is a whole answer, of any status. ERR_AGAIN: there is none, or a part of one was taken;
 * ERR_CANCELLED; ERR_CONFIG: URL or authority are none; ERR_NOMEM; or what `take` said. */
int http_send(struct http *h, const struct http_request *request, struct http_answer *out,
              struct err *err);

/* Once a program, before the first thread, and at its end. ERR_NOMEM. */
int http_open_all(struct err *err);
void http_close_all(void);

#endif
