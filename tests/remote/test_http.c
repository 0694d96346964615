/* A request arrives as it was meant; an answer that is whole is told from one that is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "canned.h"
#include "remote/http.h"

/* What came last, and what is answered to it. */
struct scene {
    struct canned *canned;
    const char *answer; /* "": hang up; NULL: none, until the server ends */
    char head[4096], body[4096];
    size_t n_body;
    bool is_over;
    int moved;
    char taken[4096];
    size_t n_taken;
};

static void answer(void *ctx, const struct canned_request *request, char *out, size_t size)
{
    struct scene *s = ctx;

    snprintf(s->head, sizeof(s->head), "%s", request->head);
    s->n_body = request->n_body;
    memcpy(s->body, request->body, request->n_body < sizeof(s->body) ? request->n_body : 0);
    while (!s->answer && !canned_is_over(s->canned))
        usleep(1000);
    snprintf(out, size, "%s", s->answer ? s->answer : "");
}

static bool is_over(void *ctx)
{
    return ((struct scene *)ctx)->is_over;
}

static void on_moved(void *ctx)
{
    ((struct scene *)ctx)->moved++;
}

static int take(void *ctx, const char *bytes, size_t n, struct err *err)
{
    struct scene *s = ctx;

    if (s->n_taken + n >= sizeof(s->taken))
        return err_set(err, ERR_LIMIT, "no room");
    memcpy(s->taken + s->n_taken, bytes, n);
    s->n_taken += n;
    return 0;
}

/* Each request over a connection of its own, to whatever `url` is (NULL: the server). */
static int send_to(struct scene *s, const char *url, struct http_request request,
                   struct http_answer *out, struct err *err)
{
    const struct http_watch watch = {is_over, on_moved, s};
    struct http_seat seat = {.url = url, .token = "0123456789abcdef", .authority = ""};
    struct http *http;

    if (!url) {
        s->canned = canned_new(answer, s);
        seat.url = canned_url(s->canned);
    }
    assert_int_equal(http_new(&http, &seat, &watch, err), 0);
    int ret = http_send(http, &request, out, err);
    http_free(http);
    if (!url)
        canned_free(s->canned);
    return ret;
}

static const char fine[] = "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\n\r\nhello";

static void an_answer_is_taken(void **state)
{
    struct scene s = {.answer = fine};
    struct http_answer out;
    struct err err = {0};

    (void)state;
    assert_int_equal(
        send_to(
            &s, NULL,
            (struct http_request){
                .method = "GET", .path = "/v1/jobs/0", .session = "00ff", .take = take, .ctx = &s},
            &out, &err),
        0);
    assert_int_equal(out.status, 200);
    assert_int_equal(out.size_bytes, 5);
    assert_string_equal(s.taken, "hello");
    assert_string_equal(out.text, "");
    assert_true(s.moved > 0);
    assert_non_null(strstr(s.head, "GET /v1/jobs/0 HTTP/1.1"));
    assert_non_null(strstr(s.head, "Authorization: Bearer 0123456789abcdef"));
    assert_non_null(strstr(s.head, "Lentigo-Session: 00ff"));
}

static void lines_and_files_are_sent(void **state)
{
    struct scene s = {.answer = "HTTP/1.1 204 Fine\r\n\r\n"};
    struct http_answer out;
    struct err err = {0};
    int fd = memfd_create("result", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(
        send_to(&s, NULL,
                (struct http_request){
                    .method = "POST", .path = "/v1/answers/0", .bytes = "line\n", .size_bytes = 5},
                &out, &err),
        0);
    assert_int_equal(out.status, 204);
    assert_memory_equal(s.body, "line\n", 5);
    assert_null(strstr(s.head, "Lentigo-Session"));
    assert_int_equal(write(fd, "0123456789", 10), 10);
    assert_int_equal(
        send_to(&s, NULL,
                (struct http_request){
                    .method = "PUT", .path = "/v1/results/u/k/0/json", .fd = fd, .size_bytes = 10},
                &out, &err),
        0);
    assert_int_equal(s.n_body, 10);
    assert_memory_equal(s.body, "0123456789", 10);
    assert_non_null(strstr(s.head, "PUT /v1/results/u/k/0/json"));
    close(fd);
}

static void a_refusal_is_a_line_of_text(void **state)
{
    struct scene s = {
        .answer = "HTTP/1.1 409 No\r\nContent-Length: 22\r\n\r\nanother model\r\nx = 1\r\n"};
    struct http_answer out;
    struct err err = {0};

    (void)state;
    assert_int_equal(send_to(&s, NULL,
                             (struct http_request){
                                 .method = "GET", .path = "/v1/jobs/0", .take = take, .ctx = &s},
                             &out, &err),
                     0);
    assert_int_equal(out.status, 409);
    assert_string_equal(out.text, "another model");
    assert_int_equal(s.n_taken, 0);
}

static void a_long_text_is_cut(void **state)
{
    char text[2048];
    struct scene s = {.answer = text};
    struct http_answer out;
    struct err err = {0};

    (void)state;
    int n = snprintf(text, sizeof(text), "HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n");
    memset(text + n, 'x', 1000);
    text[n + 1000] = 0;
    assert_int_equal(
        send_to(&s, NULL, (struct http_request){.method = "GET", .path = "/"}, &out, &err), 0);
    assert_int_equal(strlen(out.text), sizeof(out.text) - 1);
}

static void what_is_not_whole_is_no_answer(void **state)
{
    /* hung up at once; cut; chunks without an end; no HTTP */
    static const char *const rows[] = {
        "",
        "HTTP/1.1 200 X\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhello",
        "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n",
        "nonsense\r\nConnection: close\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct scene s = {.answer = rows[i]};
        struct http_answer out;
        struct err err = {0};
        assert_int_equal(
            send_to(&s, NULL,
                    (struct http_request){.method = "GET", .path = "/", .take = take, .ctx = &s},
                    &out, &err),
            -1);
        assert_int_equal(err.code, ERR_AGAIN);
    }
}

static void who_takes_ends_it(void **state)
{
    struct scene s = {.answer = fine, .n_taken = sizeof(s.taken) - 2};
    struct http_answer out;
    struct err err = {0};

    (void)state;
    assert_int_equal(
        send_to(&s, NULL,
                (struct http_request){.method = "GET", .path = "/", .take = take, .ctx = &s}, &out,
                &err),
        -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.msg, "no room");
}

static void a_request_is_given_up(void **state)
{
    struct scene s = {.is_over = true};
    struct http_answer out;
    struct err err = {0};

    (void)state;
    assert_int_equal(
        send_to(&s, NULL, (struct http_request){.method = "GET", .path = "/"}, &out, &err), -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    s.is_over = false;
    err = (struct err){0};
    assert_int_equal(send_to(&s, NULL,
                             (struct http_request){.method = "GET", .path = "/", .limit_ms = 50},
                             &out, &err),
                     -1);
    assert_int_equal(err.code, ERR_AGAIN);
}

static void nobody_in_between(void **state)
{
    struct scene s = {.answer = fine};
    struct http_answer out;
    struct err err = {0};

    (void)state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(
        send_to(&s, NULL, (struct http_request){.method = "GET", .path = "/"}, &out, &err), 0);
    assert_int_equal(out.status, 200);
    unsetenv("http_proxy");
    s.answer = "HTTP/1.1 302 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(
        send_to(&s, NULL, (struct http_request){.method = "GET", .path = "/"}, &out, &err), 0);
    assert_int_equal(out.status, 302);
}

static void what_is_no_seat_is_told(void **state)
{
    static const struct {
        const char *url;
        enum err_code code;
    } rows[] = {
        {"http://127.0.0.1:1", ERR_AGAIN },
        {"http://",            ERR_CONFIG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct scene s = {.answer = fine};
        struct http_answer out;
        struct err err = {0};
        assert_int_equal(send_to(&s, rows[i].url,
                                 (struct http_request){.method = "GET", .path = "/"}, &out, &err),
                         -1);
        assert_int_equal(err.code, rows[i].code);
        assert_non_null(strstr(err.msg, rows[i].url));
    }
}

static int open_all(void **state)
{
    struct err err = {0};

    (void)state;
    return http_open_all(&err);
}

static int close_all(void **state)
{
    (void)state;
    http_close_all();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_taken),
        cmocka_unit_test(lines_and_files_are_sent),
        cmocka_unit_test(a_refusal_is_a_line_of_text),
        cmocka_unit_test(a_long_text_is_cut),
        cmocka_unit_test(what_is_not_whole_is_no_answer),
        cmocka_unit_test(who_takes_ends_it),
        cmocka_unit_test(a_request_is_given_up),
        cmocka_unit_test(nobody_in_between),
        cmocka_unit_test(what_is_no_seat_is_told),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
