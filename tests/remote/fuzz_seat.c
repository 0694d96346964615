/* Requests to a seat, over a real connection: who holds the images of one study has the token, and says
 * anything. "SESSION" in the input becomes his session. What the scheduler hears must be lines of a worker, and
 * a DONE must lie in the spool. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/file.h"
#include "queue/spool.h"
#include "remote/server.h"
#include "tests/fuzz/fuzz.h"

#define TOKEN "0123456789abcdef"
#define MARK  "SESSION"
#define STUDY "uploads/u1/studies/s1/"

enum { IMAGES = 2, REQUEST_MAX = 256 << 10 };

static struct wire_message m; /* 90 kB */

static void make_spool(void)
{
    struct study_image images[IMAGES] = {
        {.n = 0, .size_bytes = 5},
        {.n = 1, .size_bytes = 5}
    };
    struct study study = {.upload = "u1", .key = "s1", .n_images = IMAGES, .images = images};
    json_t *object = study_to_json(&study);
    char *line = json_line(object);

    fuzz_expect(line != NULL, "memory");
    fuzz_file(STUDY "study.json", line, strlen(line));
    fuzz_file(STUDY "originals/0", "bytes", 5);
    fuzz_file(STUDY "originals/1", "bytes", 5);
    free(line);
    json_decref(object);
}

/* What the input before this one may have put there. */
static void remove_results(void)
{
    char path[SPOOL_PATH_SIZE];

    for (int i = 0; i < IMAGES; i++)
        for (int file = 0; file < PROTOCOL_FILES; file++) {
            snprintf(path, sizeof(path), "%s/" STUDY "results/%d.%s", fuzz_dir(), i,
                     protocol_file_name((enum protocol_file)file));
            (void)unlink(path);
        }
}

static void sit_down(struct session *session, char id[PROTOCOL_SESSION_SIZE])
{
    struct err err = {0};
    struct buf line;

    buf_init(&line, WIRE_LINE_MAX);
    wire_begin(&m, WIRE_HELLO);
    m.version = WIRE_VERSION;
    m.credit = IMAGES;
    snprintf(m.role, sizeof(m.role), "worker");
    fuzz_expect(!wire_format(&m, &line, &err), "a HELLO");
    fuzz_expect(session_hello(session, line.data, line.len, id, &err) == 201, "a seat");
    buf_release(&line);
    wire_begin(&m, WIRE_JOBS);
    snprintf(m.dir, sizeof(m.dir), "%s", fuzz_dir());
    wire_add(&m, "u1/s1/0")->attempt = 1;
    wire_add(&m, "u1/s1/1")->attempt = 1;
    fuzz_expect(!session_take(session, &m, &err), "two jobs");
}

/* The input with the session in it. */
static void expand(struct buf *out, const char *data, size_t size, const char *id)
{
    buf_init(out, REQUEST_MAX);
    while (size) {
        const char *mark = memmem(data, size, MARK, strlen(MARK));
        size_t n = mark ? (size_t)(mark - data) : size;
        buf_add(out, data, n);
        if (mark)
            buf_add_text(out, id);
        n += mark ? strlen(MARK) : 0;
        data += n;
        size -= n;
    }
}

static int connect_to(const struct server *server)
{
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)server_port(server)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    fuzz_expect(fd >= 0 && !connect(fd, (const void *)&at, sizeof(at)), "a connection");
    return fd;
}

static void ask(const struct server *server, const struct buf *request)
{
    char chunk[4096];
    ssize_t n;
    int fd = connect_to(server);

    /* The server may have had enough, and close. */
    if (request->len)
        (void)send(fd, request->data, request->len, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    while ((n = recv(fd, chunk, sizeof(chunk) - 1, 0)) > 0) {
        chunk[n] = 0;
        if (strstr(chunk, " 20"))
            fuzz_accepted();
    }
    close(fd);
}

static void check_told(int scheduler)
{
    struct buf pending = {0};
    struct err err = {0};
    int got;

    buf_init(&pending, WIRE_LINE_MAX);
    while ((got = wire_read(scheduler, &pending, &m, &err)) == 1)
        for (int i = 0; m.kind == WIRE_DONE && i < m.n_items; i++) {
            char dir[SPOOL_PATH_SIZE];
            enum result_status status = RESULT_NONE;
            int n;
            /* One that he never held is the scheduler's to see. */
            if (!spool_image_of_id(fuzz_dir(), m.items[i].id, dir, &n, &err) && n < IMAGES &&
                !strncmp(m.items[i].id, "u1/s1/", 6))
                fuzz_expect(!result_peek(dir, n, &status, NULL, &err) && status != RESULT_NONE,
                            "a DONE lies in the spool");
        }
    fuzz_expect(!got, "the scheduler hears lines of a worker");
    buf_release(&pending);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool has_spool;
    char id[PROTOCOL_SESSION_SIZE];
    struct session *session;
    struct server *server;
    struct buf request;
    struct err err = {0};
    int wire[2];

    if (!has_spool)
        make_spool();
    has_spool = true;
    remove_results();
    fuzz_expect(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire), "a wire");
    fuzz_expect(!session_new(&session, wire[1], &err), err.msg);
    const struct server_config config = {session, "127.0.0.1:0", TOKEN, "", ""};
    fuzz_expect(!server_open(&server, &config, &err), err.msg);
    sit_down(session, id);
    expand(&request, (const char *)data, size, id);
    ask(server, &request);
    server_close(server);
    close(wire[1]);
    check_told(wire[0]);
    close(wire[0]);
    session_free(session);
    buf_release(&request);
    return 0;
}
