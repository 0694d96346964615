/* Over HTTP: who may ask for what, and that files come whole. */
#include <curl/curl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "place.h"
#include "remote/server.h"

#define TOKEN "0123456789abcdef"

static struct server *server;
static char session_id[PROTOCOL_SESSION_SIZE];
static struct buf got;

static int open_at(const char *address, const char *certificate, const char *key, struct err *err)
{
    const struct server_config config = {session, address, TOKEN, certificate, key};

    return server_open(&server, &config, err);
}

static int setup(void **state)
{
    struct err err = {0};

    if (place_setup(state))
        return -1;
    buf_init(&got, 1 << 20);
    sit_down_and_hold(session_id);
    return open_at("127.0.0.1:0", "", "", &err);
}

static int teardown(void **state)
{
    server_close(server);
    server = NULL;
    buf_release(&got);
    return place_teardown(state);
}

static size_t on_bytes(char *bytes, size_t size, size_t n, void *ctx)
{
    buf_add(ctx, bytes, size * n);
    return size * n;
}

struct call {
    const char *method, *path, *token, *id, *body, *from;
    size_t n;
};

static long status_of(const struct call *c)
{
    char url[256], token[64], id[64];
    struct curl_slist *headers = NULL;
    CURL *curl = curl_easy_init();
    long status = 0;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server_port(server), c->path);
    snprintf(token, sizeof(token), "Authorization: Bearer %s", c->token ? c->token : TOKEN);
    snprintf(id, sizeof(id), PROTOCOL_SESSION_HEADER ": %s", c->id ? c->id : session_id);
    headers = curl_slist_append(curl_slist_append(headers, token), id);
    buf_clear(&got);
    buf_add(&got, "", 0);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, c->method);
    if (c->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, c->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)(c->n ? c->n : strlen(c->body)));
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &got);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L); /* against a hang */
    if (c->from)
        curl_easy_setopt(curl, CURLOPT_INTERFACE, c->from);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code && !status)
        fail_msg("%s %s: %s", c->method, c->path, curl_easy_strerror(code));
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

static void everything_is_asked_for_with_token_and_session(void **state)
{
    static const struct {
        struct call call;
        long status;
        const char *says;
    } rows[] = {
        {{.method = "GET", .path = "/v1/originals/u1/s1/0", .token = "another"},
         401,                                                                         "another token"},
        {{.method = "GET", .path = "/v1/originals/u1/s1/0", .id = "0123"},       410, "begin another"},
        {{.method = "POST", .path = "/v1/hello", .body = "x", .token = "no"},    401, "another token"},
        {{.method = "GET", .path = "/v1/originals/u1/s1/0"},                     200, "bytes"        },
        {{.method = "GET", .path = "/v1/originals/u1/s1/9"},                     403, "does not hold"},
        {{.method = "GET", .path = "/v1/originals/u1/../../etc/passwd"},         403, "does not hold"},
        {{.method = "GET", .path = "/v1/originals/u1/s1/0/"},                    403, "does not hold"},
        {{.method = "GET", .path = "/v1/studies/u1/s1"},                         200, "\"images\""   },
        {{.method = "GET", .path = "/v1/studies/u1/s2"},                         403, "does not hold"},
        {{.method = "GET", .path = "/v1/studies/"},                              403, "does not hold"},
        {{.method = "GET", .path = "/v1/jobs/0"},                                200, "u1/s1/1"      },
        {{.method = "GET", .path = "/v1/jobs/x"},                                400, "no offset"    },
        {{.method = "GET", .path = "/v1/jobs/-1"},                               400, "no offset"    },
        {{.method = "GET", .path = "/v1/jobs/99999999999999999999"},             400, "no offset"    },
        {{.method = "GET", .path = "/"},                                         404, "no such thing"},
        {{.method = "DELETE", .path = "/v1/originals/u1/s1/0"},                  404, "no such thing"},
        {{.method = "POST", .path = "/v1/answers/0", .body = "nonsense\n"},      400, NULL           },
        {{.method = "POST", .path = "/v1/hello", .body = "nonsense"},            400, NULL           },
        {{.method = "PUT", .path = "/v1/results/u1/s1/0/exe", .body = "x"},      403, "does not hold"},
        {{.method = "PUT", .path = "/v1/results/u1/s1/9/mask.png", .body = "x"},
         403,                                                                         "does not hold"},
        {{.method = "PUT", .path = "/v1/results/u1/s1/0/json", .body = "{}"},    409, "no result"    },
        {{.method = "PUT", .path = "/v1/results/u1/s1/0/mask.png", .body = "x"}, 204, NULL           },
        {{.method = "POST", .path = "/v1/end", .body = "{}"},                    400, "status"       },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        long status = status_of(&rows[i].call);
        if (status != rows[i].status || (rows[i].says && !strstr(got.data, rows[i].says)))
            fail_msg("%s %s: %ld %s", rows[i].call.method, rows[i].call.path, status, got.data);
    }
    assert_true(is_silent());
}

static void a_result_comes_whole(void **state)
{
    enum { SIZE = 3 << 20 };
    char *bytes = calloc(1, SIZE), path[256];
    const struct call put = {
        .method = "PUT", .path = "/v1/results/u1/s1/1/display.jpg", .body = bytes, .n = SIZE};
    struct err err = {0};
    struct buf back;

    (void)state;
    assert_non_null(bytes);
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 7);
    assert_int_equal(status_of(&put), 204);
    buf_init(&back, SIZE);
    snprintf(path, sizeof(path), "%s/results/1.display.jpg", study_dir);
    assert_int_equal(file_read(path, &back, &err), 0);
    assert_int_equal(back.len, SIZE);
    assert_memory_equal(back.data, bytes, SIZE);
    buf_release(&back);
    free(bytes);
}

static void a_body_that_is_too_long_is_refused(void **state)
{
    enum { SIZE = 1 << 20 };
    char *bytes = calloc(1, SIZE);
    const struct call post = {.method = "POST", .path = "/v1/answers/0", .body = bytes, .n = SIZE};

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'x', SIZE);
    assert_int_equal(status_of(&post), 413);
    free(bytes);
}

static void an_original_that_is_gone_is_not_there(void **state)
{
    const struct call get = {.method = "GET", .path = "/v1/originals/u1/s1/0"};
    char path[256];

    (void)state;
    snprintf(path, sizeof(path), "%s/originals/0", study_dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(status_of(&get), 404);
    while (server_connections(server)) /* each call had one of its own */
        usleep(1000);
}

static void an_end_ends_the_session(void **state)
{
    const struct call end = {
        .method = "POST", .path = "/v1/end", .body = "{\"status\":71,\"signal\":0,\"stage\":5}\n"};
    const struct call get = {.method = "GET", .path = "/v1/originals/u1/s1/0"};
    struct protocol_end told;

    (void)state;
    assert_int_equal(status_of(&end), 204);
    assert_true(session_end_of(session, &told));
    assert_int_equal(told.status, 71);
    assert_int_equal(status_of(&get), 410);
}

static void an_address_that_is_none_is_said(void **state)
{
    static const char *const bad[] = {"8700", ":8700", "127.0.0.1:http", "127.0.0.1:99999"};
    char taken[64];
    const char *const later[] = {taken, "192.0.2.1:1"}; /* used, and not ours (RFC 5737) */
    struct err err = {0};

    (void)state;
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", server_port(server));
    struct server *first = server;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        err = (struct err){0};
        assert_int_equal(open_at(bad[i], "", "", &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
    }
    for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++) {
        err = (struct err){0};
        assert_int_equal(open_at(later[i], "", "", &err), -1);
        assert_int_equal(err.code, ERR_AGAIN);
    }
    err = (struct err){0};
    assert_int_equal(open_at("127.0.0.1:0", "/nowhere", "", &err), -1);
    assert_non_null(strstr(err.msg, "needs its key"));
    err = (struct err){0};
    assert_int_equal(open_at("127.0.0.1:0", "/etc/passwd", "/etc/passwd", &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    server = first;
}

/* Who has no token can still connect, and say nothing. */
static void a_stranger_leaves_room_for_others(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)server_port(server))};
    const struct call get = {.method = "GET", .path = "/v1/originals/u1/s1/0", .from = "127.0.0.2"};
    int fds[128];

    (void)state;
    for (int i = 0; i < 128; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&at, sizeof(at)), 0);
    }
    assert_int_equal(status_of(&get), 200);
    for (int i = 0; i < 128; i++)
        close(fds[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(everything_is_asked_for_with_token_and_session),
        CASE(a_result_comes_whole),
        CASE(a_body_that_is_too_long_is_refused),
        CASE(an_original_that_is_gone_is_not_there),
        CASE(an_end_ends_the_session),
        CASE(an_address_that_is_none_is_said),
        CASE(a_stranger_leaves_room_for_others),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
