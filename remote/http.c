#include "remote/http.h"

#include <curl/curl.h>
#include <unistd.h>

#include "common/token.h"
#include "common/version.h"
#include "remote/protocol.h"

enum {
    CONNECT_MS = 5000,
    DEAD_S = PROTOCOL_SILENT_MS / 1000 - 2, /* nothing moves for so long: the link is dead */
    HEADER_SIZE = TOKEN_SIZE + 64,
    URL_SIZE = 4096 + 256,
};

struct http {
    CURL *curl;
    const struct http_seat *seat;
    const struct http_watch *watch;
    char error[CURL_ERROR_SIZE];
    /* the request under way */
    const struct http_request *request;
    struct http_answer *answer;
    struct err taking; /* what `take` said */
    int64_t sent;      /* bytes of the file */
    curl_off_t moved;
};

int http_open_all(struct err *err)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) ? err_set(err, ERR_NOMEM, "libcurl: no memory")
                                                 : 0;
}

void http_close_all(void)
{
    curl_global_cleanup();
}

int http_new(struct http **out, const struct http_seat *seat, const struct http_watch *watch,
             struct err *err)
{
    struct http *h = calloc(1, sizeof(*h));

    if (!h || !(h->curl = curl_easy_init())) {
        free(h);
        return err_set(err, ERR_NOMEM, "connection to the seat: no memory");
    }
    h->seat = seat;
    h->watch = watch;
    *out = h;
    return 0;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->curl);
    free(h);
}

static void keep_text(struct http_answer *a, const char *bytes, size_t n)
{
    size_t have = strlen(a->text), room = sizeof(a->text) - 1 - have;

    memcpy(a->text + have, bytes, n < room ? n : room);
    a->text[have + (n < room ? n : room)] = 0;
    a->text[strcspn(a->text, "\r\n")] = 0;
}

static size_t on_answer(char *bytes, size_t one, size_t n, void *ctx)
{
    struct http *h = ctx;
    long status = 0;

    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    if (!h->request->take || status / 100 != 2)
        keep_text(h->answer, bytes, one * n);
    else if (h->request->take(h->request->ctx, bytes, one * n, &h->taking))
        return CURL_WRITEFUNC_ERROR;
    return one * n;
}

static size_t on_send(char *bytes, size_t one, size_t n, void *ctx)
{
    struct http *h = ctx;
    ssize_t got = pread(h->request->fd, bytes, one * n, h->sent);

    if (got < 0)
        return CURL_READFUNC_ABORT;
    h->sent += got;
    return (size_t)got;
}

/* Of a connection that turned out to be closed: the file is sent again from its start on another. */
static int on_seek(void *ctx, curl_off_t to, int from)
{
    struct http *h = ctx;

    if (from != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    h->sent = to;
    return CURL_SEEKFUNC_OK;
}

static int on_progress(void *ctx, curl_off_t to_get, curl_off_t got, curl_off_t to_send,
                       curl_off_t sent)
{
    struct http *h = ctx;

    (void)to_get;
    (void)to_send;
    if (got + sent != h->moved && h->watch->on_moved)
        h->watch->on_moved(h->watch->ctx);
    h->moved = got + sent;
    return h->watch->is_over(h->watch->ctx);
}

/* Each returns 0 or one of curl's codes or several, or'ed: all that matters is whether all went well. */
static unsigned set_connection(struct http *h)
{
    CURL *c = h->curl;
    unsigned bad = 0;

    bad |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
    bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L); /* other threads */
    bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    bad |= curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(c, CURLOPT_USERAGENT, "lentigo-join/" LENTIGO_VERSION);
    bad |= curl_easy_setopt(c, CURLOPT_TCP_NODELAY, 1L);
    bad |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    bad |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    bad |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)DEAD_S);
    bad |= curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    bad |= curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    bad |= curl_easy_setopt(c, CURLOPT_XFERINFODATA, h);
    bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_answer);
    bad |= curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
    if (h->seat->authority[0])
        bad |= curl_easy_setopt(c, CURLOPT_CAINFO, h->seat->authority);
    return bad;
}

static unsigned set_body(struct http *h, const struct http_request *r)
{
    CURL *c = h->curl;
    unsigned bad = 0;

    if (r->bytes) {
        bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->size_bytes);
        bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->bytes);
    } else if (strcmp(r->method, "GET") != 0) {
        bad |= curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
        bad |= curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->size_bytes);
        bad |= curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
        bad |= curl_easy_setopt(c, CURLOPT_READDATA, h);
        bad |= curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
        bad |= curl_easy_setopt(c, CURLOPT_SEEKDATA, h);
    }
    return bad | curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
}

static unsigned set_url(struct http *h, const struct http_request *r)
{
    char url[URL_SIZE];
    int n = snprintf(url, sizeof(url), "%s%s", h->seat->url, r->path);

    return n < 0 || n >= (int)sizeof(url) ? CURLE_URL_MALFORMAT
                                          : curl_easy_setopt(h->curl, CURLOPT_URL, url);
}

/* Without memory the list is given up, and NULL. */
static void add_header(struct curl_slist **headers, const char *name, const char *value)
{
    char line[HEADER_SIZE];

    snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(*headers, line);
    if (!longer)
        curl_slist_free_all(*headers);
    *headers = longer;
}

/* Without "Expect: 100-continue", which costs a round trip. */
static struct curl_slist *make_headers(const struct http *h, const struct http_request *r)
{
    char bearer[TOKEN_SIZE + 16];
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");

    snprintf(bearer, sizeof(bearer), "Bearer %s", h->seat->token);
    if (headers)
        add_header(&headers, "Authorization", bearer);
    if (headers)
        add_header(&headers, "Content-Type", "application/octet-stream");
    if (headers && r->session)
        add_header(&headers, PROTOCOL_SESSION_HEADER, r->session);
    return headers;
}

static enum err_code code_of(CURLcode code)
{
    switch (code) {
    case CURLE_ABORTED_BY_CALLBACK: return ERR_CANCELLED;
    case CURLE_OUT_OF_MEMORY: return ERR_NOMEM;
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CACERT_BADFILE: return ERR_CONFIG;
    default: return ERR_AGAIN;
    }
}

/* What libcurl says in detail of a connection has milliseconds in it: the same would look different each time. */
static int err_set_curl(struct err *err, const struct http *h, CURLcode code)
{
    bool has_times = code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT;

    if (h->taking.code)
        return err_set(err, h->taking.code, "%s", h->taking.msg);
    return err_set(err, code_of(code), "%.160s: %s", h->seat->url,
                   h->error[0] && !has_times ? h->error : curl_easy_strerror(code));
}

int http_send(struct http *h, const struct http_request *request, struct http_answer *out,
              struct err *err)
{
    curl_off_t size = -1;
    long status = 0;

    *out = (struct http_answer){.size_bytes = -1};
    h->request = request;
    h->answer = out;
    h->taking = (struct err){0};
    h->error[0] = 0;
    h->sent = h->moved = 0;
    curl_easy_reset(h->curl); /* the connection stays */
    struct curl_slist *headers = make_headers(h, request);
    if (!headers ||
        set_connection(h) | set_body(h, request) | set_url(h, request) |
            (unsigned)curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers) |
            (unsigned)curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, (long)request->limit_ms)) {
        curl_slist_free_all(headers);
        return err_set(err, ERR_NOMEM, "%s: request: no memory", request->path);
    }
    CURLcode code = curl_easy_perform(h->curl);
    curl_slist_free_all(headers);
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(h->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
    out->status = (int)status;
    out->size_bytes = size;
    return code ? err_set_curl(err, h, code) : 0;
}
