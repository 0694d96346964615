#include "canned.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, MESSAGE_MAX = 1 << 20 };

struct canned {
    canned_answer *answer;
    void *ctx;
    int listener;
    char url[64];
    pthread_t thread;
    atomic_bool is_over;
    int fds[CONNECTIONS_MAX]; /* of the accepting thread, until it is joined */
    pthread_t threads[CONNECTIONS_MAX];
    int n;
};

struct connection {
    struct canned *canned;
    int fd;
};

/* A whole request in `text`, and where its body begins; 0: the other side is gone. */
static size_t read_request(int fd, char *text, size_t *n_body)
{
    size_t n = 0, length = 0;
    const char *end = NULL, *header;

    for (;;) {
        ssize_t got = read(fd, text + n, MESSAGE_MAX - 1 - n);
        if (got <= 0)
            return 0;
        n += (size_t)got;
        text[n] = 0;
        if (!end && (end = strstr(text, "\r\n\r\n")) &&
            (header = strcasestr(text, "\r\ncontent-length:")))
            length = strtoul(header + 17, NULL, 10);
        if (end && n >= (size_t)(end - text) + 4 + length)
            break;
    }
    *n_body = length;
    return (size_t)(end - text) + 4;
}

static bool serve_one(const struct connection *c, char *text, char *out)
{
    struct canned_request request = {0};
    size_t body = read_request(c->fd, text, &request.n_body);

    if (!body || sscanf(text, "%7s %255s", request.method, request.path) != 2)
        return false;
    text[body - 1] = 0;
    request.head = text;
    request.body = text + body;
    out[0] = 0;
    c->canned->answer(c->canned->ctx, &request, out, MESSAGE_MAX);
    size_t n = strlen(out);
    return n && send(c->fd, out, n, MSG_NOSIGNAL) == (ssize_t)n &&
           !strstr(out, "Connection: close");
}

static void *serve(void *arg)
{
    struct connection *c = arg;
    char *text = malloc(MESSAGE_MAX), *out = malloc(MESSAGE_MAX);

    while (text && out && serve_one(c, text, out))
        ;
    shutdown(c->fd, SHUT_RDWR); /* closed when nobody can mistake its number any more */
    free(text);
    free(out);
    free(c);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct canned *c = arg;
    int fd;

    while (c->n < CONNECTIONS_MAX && (fd = accept(c->listener, NULL, NULL)) >= 0) {
        struct connection *connection = malloc(sizeof(*connection));
        if (!connection)
            abort();
        *connection = (struct connection){c, fd};
        c->fds[c->n] = fd;
        if (pthread_create(&c->threads[c->n], NULL, serve, connection))
            abort();
        c->n++;
    }
    return NULL;
}

struct canned *canned_new(canned_answer *answer, void *ctx)
{
    struct canned *c = calloc(1, sizeof(*c));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);

    if (!c)
        abort();
    c->answer = answer;
    c->ctx = ctx;
    c->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(c->listener, (struct sockaddr *)&at, size) || listen(c->listener, CONNECTIONS_MAX) ||
        getsockname(c->listener, (struct sockaddr *)&at, &size) ||
        pthread_create(&c->thread, NULL, accept_all, c))
        abort();
    snprintf(c->url, sizeof(c->url), "http://127.0.0.1:%d", ntohs(at.sin_port));
    return c;
}

void canned_free(struct canned *c)
{
    c->is_over = true;
    shutdown(c->listener, SHUT_RDWR);
    pthread_join(c->thread, NULL);
    for (int i = 0; i < c->n; i++) {
        shutdown(c->fds[i], SHUT_RDWR);
        pthread_join(c->threads[i], NULL);
        close(c->fds[i]);
    }
    close(c->listener);
    free(c);
}

const char *canned_url(const struct canned *c)
{
    return c->url;
}

int canned_is_over(const struct canned *c)
{
    return c->is_over;
}

void canned_put(char *out, size_t size, int status, const char *body)
{
    if (status == 204)
        snprintf(out, size, "HTTP/1.1 204 X\r\n\r\n");
    else
        snprintf(out, size, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body),
                 body);
}
