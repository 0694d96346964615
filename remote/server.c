#include "remote/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/sha256.h"
#include "common/token.h"
#include "remote/store.h"

enum {
    CONNECTIONS_MAX = 64,
    /* Of one address: whoever joins has a dozen, and as many more that a line has cut and that time out here; a
     * stranger who keeps all he gets leaves that many. */
    CONNECTIONS_EACH = CONNECTIONS_MAX / 2,
    CONNECTION_MEMORY = 256 << 10, /* what is read at once of a body lies in it */
    IDLE_S = 2 * PROTOCOL_SILENT_MS / 1000,
    PEM_MAX = 1 << 20,
    HELLO_MAX = 16 << 10,
    END_MAX = 1024,
    RESULT_MAX = 1 << 20, /* SPOOL_RESULT_MAX */
};

struct server {
    struct MHD_Daemon *daemon;
    struct session *session;
    char expected[SHA256_HEX_SIZE]; /* of what stands in "Authorization" */
    struct buf certificate, key;
};

struct request {
    const struct route *route;
    const char
        *rest; /* of the path, behind the route's; MHD's for as long as it calls us with it */
    struct buf body;
};

/* What a handler answers: a status with text of `why`, bytes, or a file. */
struct answer {
    struct buf bytes;
    int fd; /* of a file to send, taken over; -1 = none */
    uint64_t size;
    struct err why;
};

struct route {
    const char *method, *path;
    int (*handle)(struct server *v, const struct request *r, struct answer *a);
    size_t body_max;
    bool is_open; /* to who has the token but no session */
};

/* ---- handlers: the status ---- */

static int status_of(const struct err *why, int otherwise)
{
    return why->code == ERR_AGAIN || why->code == ERR_NOMEM ? 503 : otherwise;
}

static int not_held(struct answer *a)
{
    err_set(&a->why, ERR_INPUT, "this session does not hold it");
    return 403;
}

/* An offset at the end of a path. -1: it is none. */
static int read_offset(const char *text, uint64_t *out)
{
    char *end;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] < '0' || text[0] > '9')
        return -1;
    *out = value;
    return 0;
}

static int no_offset(struct answer *a)
{
    err_set(&a->why, ERR_INPUT, "no offset at the end of the path");
    return 400;
}

static int say_hello(struct server *v, const struct request *r, struct answer *a)
{
    char id[PROTOCOL_SESSION_SIZE];
    int status = session_hello(v->session, r->body.data, r->body.len, id, &a->why);

    if (status == 201)
        buf_add_text(&a->bytes, id);
    return status;
}

static int get_jobs(struct server *v, const struct request *r, struct answer *a)
{
    uint64_t offset;

    return read_offset(r->rest, &offset) ? no_offset(a)
                                         : session_jobs(v->session, offset, &a->bytes, &a->why);
}

static int post_answers(struct server *v, const struct request *r, struct answer *a)
{
    uint64_t offset;

    return read_offset(r->rest, &offset)
               ? no_offset(a)
               : session_answers(v->session, offset, r->body.data, r->body.len, &a->why);
}

static int get_study(struct server *v, const struct request *r, struct answer *a)
{
    const char *root = session_root_of_study(v->session, r->rest);

    if (!root)
        return not_held(a);
    return store_study(root, r->rest, &a->bytes, &a->why) ? status_of(&a->why, 404) : 200;
}

static int get_original(struct server *v, const struct request *r, struct answer *a)
{
    const char *root = session_root_of(v->session, r->rest);

    if (!root)
        return not_held(a);
    return store_original(root, r->rest, &a->fd, &a->size, &a->why) ? status_of(&a->why, 404) : 200;
}

static int keep_result(struct server *v, const struct request *r, const char *id, struct answer *a)
{
    json_t *result =
        r->body.len > RESULT_MAX ? NULL : json_parse(r->body.data, r->body.len, "result", &a->why);

    if (store_status_of(result) == RESULT_NONE) {
        json_decref(result);
        err_set(&a->why, ERR_INPUT, "this is no result of an image");
        return 409;
    }
    return session_keep(v->session, id, result) ? 204 : not_held(a);
}

/* "<upload>/<key>/<n>/<name>" */
static int put_result(struct server *v, const struct request *r, struct answer *a)
{
    const char *name = strrchr(r->rest, '/');
    size_t length = name ? (size_t)(name - r->rest) : 0;
    char id[WIRE_ID_SIZE];

    if (!name || length >= sizeof(id))
        return not_held(a);
    memcpy(id, r->rest, length);
    id[length] = 0;
    enum protocol_file file = protocol_file_of(name + 1);
    const char *root = session_root_of(v->session, id);
    if (!root || file == PROTOCOL_FILES)
        return not_held(a);
    if (file == PROTOCOL_RESULT)
        return keep_result(v, r, id, a);
    return store_picture(root, id, file, r->body.data, r->body.len, &a->why)
               ? status_of(&a->why, 409)
               : 204;
}

static int post_end(struct server *v, const struct request *r, struct answer *a)
{
    struct protocol_end end;

    if (protocol_end_parse(&end, r->body.data, r->body.len, &a->why))
        return 400;
    session_end(v->session, &end);
    return 204;
}

static const struct route routes[] = {
    {"POST", "/v1/hello",      say_hello,    HELLO_MAX,            true },
    {"GET",  "/v1/jobs/",      get_jobs,     0,                    false},
    {"POST", "/v1/answers/",   post_answers, PROTOCOL_ANSWERS_MAX, false},
    {"GET",  "/v1/studies/",   get_study,    0,                    false},
    {"GET",  "/v1/originals/", get_original, 0,                    false},
    {"PUT",  "/v1/results/",   put_result,   PROTOCOL_FILE_MAX,    false},
    {"POST", "/v1/end",        post_end,     END_MAX,              false},
};

/* ---- requests ---- */

/* Digests are compared, so that the time it takes tells nothing of the token. */
static bool has_token(const struct server *v, struct MHD_Connection *connection)
{
    const char *said = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    char hex[SHA256_HEX_SIZE];

    sha256_hex(hex, said ? said : "", said ? strlen(said) : 0);
    return !strcmp(hex, v->expected);
}

/* A path that ends in '/' has something behind it; any other is whole. */
static const struct route *route_of(const char *method, const char *path, const char **rest)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
        size_t n = strlen(routes[i].path);
        bool is_whole = routes[i].path[n - 1] != '/';
        if (!strcmp(method, routes[i].method) && !strncmp(path, routes[i].path, n) &&
            (!is_whole || !path[n])) {
            *rest = path + n;
            return &routes[i];
        }
    }
    return NULL;
}

/* 0: it may be read on. Else the status that ends it before its body is looked at. */
static int check(const struct server *v, struct MHD_Connection *connection,
                 const struct route *route, struct err *why)
{
    if (!has_token(v, connection)) {
        err_set(why, ERR_CONFIG, "this seat has another token");
        return 401;
    }
    if (!route) {
        err_set(why, ERR_INPUT, "there is no such thing here");
        return 404;
    }
    if (route->is_open)
        return 0;
    int status = session_visit(
        v->session,
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, PROTOCOL_SESSION_HEADER), why);
    return status == 200 ? 0 : status;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, int status, struct answer *a)
{
    struct MHD_Response *response;

    if (a->fd >= 0) {
        response = MHD_create_response_from_fd64(a->size, a->fd);
        if (!response)
            close(a->fd);
    } else {
        if (status >= 400) {
            buf_clear(&a->bytes);
            buf_printf(&a->bytes, "%s\n", a->why.msg);
        }
        size_t n = a->bytes.len;
        char *bytes = n ? buf_take(&a->bytes) : NULL;
        response = MHD_create_response_from_buffer(bytes ? n : 0, bytes, MHD_RESPMEM_MUST_FREE);
        if (!response)
            free(bytes);
    }
    if (!response)
        return MHD_NO; /* the connection is closed: who asked asks again */
    enum MHD_Result ret = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return ret;
}

static void begin_answer(struct answer *a)
{
    *a = (struct answer){.fd = -1};
    buf_init(&a->bytes, PROTOCOL_STUDY_MAX);
}

static enum MHD_Result refuse(struct MHD_Connection *connection, int status, const struct err *why)
{
    struct answer a;

    begin_answer(&a);
    a.why = *why;
    enum MHD_Result ret = send_answer(connection, status, &a);
    buf_release(&a.bytes);
    return ret;
}

static enum MHD_Result begin(struct server *v, struct MHD_Connection *connection, const char *path,
                             const char *method, void **state)
{
    const char *rest = "";
    const struct route *route = route_of(method, path, &rest);
    struct err why = {0};
    int status = check(v, connection, route, &why);

    if (status)
        return refuse(connection, status, &why);
    struct request *r = calloc(1, sizeof(*r));
    if (!r)
        return MHD_NO;
    r->route = route;
    buf_init(&r->body, route->body_max);
    *state = r;
    return MHD_YES;
}

static enum MHD_Result finish(struct server *v, struct MHD_Connection *connection, const char *path,
                              struct request *r)
{
    struct answer a;
    int status;

    begin_answer(&a);
    r->rest = path + strlen(r->route->path);
    buf_add(&r->body, "", 0); /* an empty one has bytes, too */
    if (buf_check(&r->body, "the request", &a.why))
        status = a.why.code == ERR_LIMIT ? 413 : 503;
    else
        status = r->route->handle(v, r, &a);
    if (status < 400 && buf_check(&a.bytes, "the answer", &a.why))
        status = 503;
    enum MHD_Result ret = send_answer(connection, status, &a);
    buf_release(&a.bytes);
    return ret;
}

/* MHD calls this once for the head, then for each piece of the body, then for its end. */
// NOLINTNEXTLINE(readability-function-size): libmicrohttpd's own signature
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *n, void **state)
{
    struct request *r = *state;

    (void)version;
    if (!r)
        return begin(ctx, connection, path, method, state);
    if (!*n)
        return finish(ctx, connection, path, r);
    buf_add(&r->body, bytes, *n);
    *n = 0;
    return MHD_YES;
}

static void on_over(void *ctx, struct MHD_Connection *connection, void **state,
                    enum MHD_RequestTerminationCode how)
{
    struct request *r = *state;

    (void)ctx;
    (void)connection;
    (void)how;
    if (r)
        buf_release(&r->body);
    free(r);
    *state = NULL;
}

__attribute__((format(printf, 2, 0))) static void on_log(void *ctx, const char *fmt, va_list args)
{
    char text[256], quoted[512];

    (void)ctx;
    vsnprintf(text, sizeof(text), fmt, args);
    text[strcspn(text, "\n")] = 0;
    log_event(LOG_DEBUG, "seat.http", "why=%s", log_quote(quoted, sizeof(quoted), text));
}

/* ---- life ---- */

/* getaddrinfo takes larger ones, and cuts them. */
static bool is_port(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);

    return end != text && !*end && port >= 0 && port <= UINT16_MAX;
}

/* Where to listen: the caller frees it by freeaddrinfo. */
static int resolve(struct addrinfo **out, const char *address, struct err *err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char host[256];
    const char *colon = strrchr(address, ':'), *from = address;
    size_t n = colon ? (size_t)(colon - address) : 0;

    if (n > 2 && from[0] == '[' && from[n - 1] == ']') {
        from++;
        n -= 2;
    }
    if (!n || n >= sizeof(host) || !is_port(colon + 1))
        return err_set(err, ERR_CONFIG, "\"%.100s\" is no host:port to listen at", address);
    memcpy(host, from, n);
    host[n] = 0;
    int ret = getaddrinfo(host, colon + 1, &hints, out);
    return ret ? err_set(err, ret == EAI_AGAIN ? ERR_AGAIN : ERR_CONFIG, "\"%.100s\": %s", address,
                         gai_strerror(ret))
               : 0;
}

static int read_pem(struct buf *out, const char *path, struct err *err)
{
    buf_init(out, PEM_MAX);
    if (file_read(path, out, err) || buf_check(out, path, err)) {
        err->code = ERR_CONFIG;
        return -1;
    }
    return 0;
}

static int read_certificate(struct server *v, const struct server_config *config, struct err *err)
{
    if (!config->certificate[0] && !config->key[0])
        return 0;
    if (!config->certificate[0] || !config->key[0])
        return err_set(err, ERR_CONFIG, "a certificate needs its key, and a key its certificate");
    return read_pem(&v->certificate, config->certificate, err) ||
                   read_pem(&v->key, config->key, err)
               ? -1
               : 0;
}

static int start(struct server *v, const char *address, bool has_tls, struct err *err)
{
    struct addrinfo *at;

    if (resolve(&at, address, err))
        return -1;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, v->certificate.data},
        {MHD_OPTION_HTTPS_MEM_KEY,  0, v->key.data        },
        {MHD_OPTION_END,            0, NULL               },
    };
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_POLL | MHD_USE_ERROR_LOG | (has_tls ? MHD_USE_TLS : 0) |
                     (at->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    errno = 0;
    v->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, v, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_SOCK_ADDR, at->ai_addr, MHD_OPTION_NOTIFY_COMPLETED, on_over, NULL,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        CONNECTIONS_EACH, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_ARRAY, has_tls ? tls : &tls[2],
        MHD_OPTION_END);
    int why = errno;
    bool may_pass = why == EADDRINUSE || why == EADDRNOTAVAIL; /* after a boot it may be ours yet */
    freeaddrinfo(at);
    if (v->daemon)
        return 0;
    return err_set(err, may_pass ? ERR_AGAIN : ERR_CONFIG, "cannot listen at %.100s: %s", address,
                   why ? strerror(why) : "the certificate or its key is none");
}

int server_open(struct server **out, const struct server_config *config, struct err *err)
{
    char said[TOKEN_SIZE + 16];
    bool has_tls = config->certificate[0] != 0;
    struct server *v = calloc(1, sizeof(*v));

    if (!v)
        return err_set(err, ERR_NOMEM, "server");
    v->session = config->session;
    snprintf(said, sizeof(said), "Bearer %s", config->token);
    sha256_hex(v->expected, said, strlen(said));
    if (read_certificate(v, config, err) || start(v, config->address, has_tls, err)) {
        server_close(v);
        return -1;
    }
    *out = v;
    return 0;
}

void server_close(struct server *v)
{
    if (!v)
        return;
    if (v->daemon)
        MHD_stop_daemon(v->daemon);
    buf_release(&v->certificate);
    buf_release(&v->key);
    free(v);
}

int server_connections(const struct server *v)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(v->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info ? (int)info->num_connections : 0;
}

int server_port(const struct server *v)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(v->daemon, MHD_DAEMON_INFO_BIND_PORT);

    return info ? info->port : 0;
}
