#include "place.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "tests/queue/temp.h"

char root[64], study_dir[128];
struct session *session;
int scheduler;
static int wire;
static struct buf pending;

static void make_study(void)
{
    static struct study_image images[IMAGES];
    struct study study = {.upload = "u1", .key = "s1", .n_images = IMAGES, .images = images};
    struct err err = {0};
    char path[160];

    snprintf(study.patient_name, sizeof(study.patient_name), "Grace Hopper");
    snprintf(study.patient_id, sizeof(study.patient_id), "p-1906");
    for (int i = 0; i < IMAGES; i++) {
        images[i] = (struct study_image){.n = i, .size_bytes = 5};
        snprintf(images[i].file, sizeof(images[i].file), "%d.jpg", i);
        snprintf(images[i].notes, sizeof(images[i].notes), "seen by Hopper");
        snprintf(path, sizeof(path), "%s/originals/%d", study_dir, i);
        assert_int_equal(file_write(path, "bytes", 5, &err), 0);
    }
    json_t *object = study_to_json(&study);
    snprintf(path, sizeof(path), "%s/study.json", study_dir);
    assert_int_equal(json_write(path, object, &err), 0);
    json_decref(object);
}

int place_setup(void **state)
{
    struct err err = {0};
    char path[160];
    int ends[2];

    (void)state;
    snprintf(root, sizeof(root), "/tmp/lentigo-seat-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    snprintf(study_dir, sizeof(study_dir), "%s/uploads/u1/studies/s1", root);
    snprintf(path, sizeof(path), "%s/originals", study_dir);
    assert_int_equal(dir_make(path, &err), 0);
    make_study();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    scheduler = ends[0];
    wire = ends[1];
    buf_init(&pending, WIRE_LINE_MAX);
    return session_new(&session, wire, &err);
}

int place_teardown(void **state)
{
    (void)state;
    session_free(session);
    buf_release(&pending);
    close(scheduler);
    close(wire);
    temp_remove(root);
    return 0;
}

const struct wire_message *heard(void)
{
    static struct wire_message m;
    struct err err = {0};

    assert_int_equal(wire_read(scheduler, &pending, &m, &err), 1);
    return &m;
}

bool is_silent(void)
{
    struct pollfd fd = {scheduler, POLLIN, 0};

    return !pending.len && !poll(&fd, 1, 0);
}

void sit_down_and_hold(char id[PROTOCOL_SESSION_SIZE])
{
    static struct wire_message m;
    struct err err = {0};
    struct buf line;

    buf_init(&line, WIRE_LINE_MAX);
    wire_begin(&m, WIRE_HELLO);
    m.version = WIRE_VERSION;
    m.credit = 8;
    snprintf(m.role, sizeof(m.role), "worker");
    assert_int_equal(wire_format(&m, &line, &err), 0);
    assert_int_equal(session_hello(session, line.data, line.len, id, &err), 201);
    assert_int_equal(heard()->kind, WIRE_HELLO);
    buf_release(&line);
    wire_begin(&m, WIRE_JOBS);
    snprintf(m.dir, sizeof(m.dir), "%s", root);
    wire_add(&m, "u1/s1/0")->attempt = 1;
    wire_add(&m, "u1/s1/1")->attempt = 1;
    assert_int_equal(session_take(session, &m, &err), 0);
}

json_t *a_result(const char *status)
{
    return json_pack("{s:i,s:s,s:{s:s},s:{s:s}}", "version", 1, "status", status, "entry", "file",
                     "0.jpg", "model", "name", "m");
}
