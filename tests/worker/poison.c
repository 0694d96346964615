/* Stands between the worker and its parts (linked with --wrap; no other program has it) and plants what
 * a file's name asks for, "<what>-<stage>-...": what a picture does to the process that works on it.
 *
 *   what   crash, hang, memory (takes all there is), and the deeds of a decoder that was taken over:
 *          open, connect, fork, exec, slots (writes to another image's slot)
 *   stage  decode (in the sandboxed child), network, measure
 *
 * The item's tag carries it to where only a tag is known: also into the decoding child, whose zygote
 * was forked long before. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "preprocess/decode.h"
#include "worker/analyst.h"
#include "worker/item.h"
#include "worker/record.h"

enum { STAGE_SHIFT = 56, DEED_SHIFT = 48, MEMORY_STEP = 16 << 20, MEMORY_STEPS = 256 };

int __real_item_look_up(struct item *item, struct studies *studies, struct err *err);
int __wrap_item_look_up(struct item *item, struct studies *studies, struct err *err);
int __real_decoder_open(struct decoder **out, const struct decoder_config *c, struct err *err);
int __wrap_decoder_open(struct decoder **out, const struct decoder_config *c, struct err *err);
int __real_analyst_segment(struct analyst *a, const struct decoded *const *pictures, int n,
                           struct err *err);
int __wrap_analyst_segment(struct analyst *a, const struct decoded *const *pictures, int n,
                           struct err *err);
int __real_record_pictures(struct record_scratch *s, const struct item *item,
                           const struct lesion_input *in, const struct lesion_measures *m,
                           struct err *err);
int __wrap_record_pictures(struct record_scratch *s, const struct item *item,
                           const struct lesion_input *in, const struct lesion_measures *m,
                           struct err *err);

/* ---- deeds: one that a wall refuses returns; one that succeeds, and should not have, aborts ---- */

static void must_fail(bool is_done)
{
    if (is_done)
        abort();
}

static void deed_crash(void)
{
    (void)raise(SIGSEGV);
}

static void deed_hang(void)
{
    for (;;)
        (void)getpid();
}

/* 4 GB, each page touched; then what the kernel's killer does, should there be so much. Returns when it
 * was refused, the memory given back. */
static void deed_memory(void)
{
    char *pieces[MEMORY_STEPS];
    int n = 0;

    for (; n < MEMORY_STEPS; n++) {
        pieces[n] =
            mmap(NULL, MEMORY_STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pieces[n] == MAP_FAILED)
            break;
        memset(pieces[n], 1, MEMORY_STEP);
    }
    if (n == MEMORY_STEPS)
        (void)raise(SIGKILL);
    while (n)
        (void)munmap(pieces[--n], MEMORY_STEP);
}

static void deed_open(void)
{
    must_fail(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
    const char *out = getenv("LENTIGO_TEST_ESCAPE");

    must_fail(!out || open(out, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0);
}

static void deed_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must_fail(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
}

static void deed_fork(void)
{
    must_fail(fork() >= 0);
}

static void deed_exec(void)
{
    char program[] = "/bin/true";
    char *const argv[] = {program, NULL};

    execv(program, argv);
}

/* Of all descriptors at most its own slot can be written. */
static void deed_slots(void)
{
    int writable = 0;

    for (int fd = 0; fd < 1024; fd++)
        writable += mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED;
    must_fail(writable > 1);
}

static const struct {
    const char *word;
    void (*act)(void);
} deeds[] = {
    {"crash",   deed_crash  },
    {"hang",    deed_hang   },
    {"memory",  deed_memory },
    {"open",    deed_open   },
    {"connect", deed_connect},
    {"fork",    deed_fork   },
    {"exec",    deed_exec   },
    {"slots",   deed_slots  },
};
static const char *const stages[] = {"decode", "network", "measure"};

enum { IN_DECODE = 1, IN_NETWORK, IN_MEASURE };

/* ---- from name to tag, and from tag to deed ---- */

static uint64_t mark_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char begin[40];

    for (uint64_t d = 0; d < sizeof(deeds) / sizeof(*deeds); d++)
        for (uint64_t s = 0; s < sizeof(stages) / sizeof(*stages); s++) {
            snprintf(begin, sizeof(begin), "%s-%s-", deeds[d].word, stages[s]);
            if (!strncmp(name, begin, strlen(begin)))
                return (s + 1) << STAGE_SHIFT | d << DEED_SHIFT;
        }
    return 0;
}

/* True: it asked for more memory than there was, and was refused. */
static bool act(uint64_t tag, uint64_t stage)
{
    if (tag >> STAGE_SHIFT != stage)
        return false;
    deeds[(tag >> DEED_SHIFT) & 0xff].act();
    return deeds[(tag >> DEED_SHIFT) & 0xff].act == deed_memory;
}

static void in_child(uint64_t tag)
{
    if (act(tag, IN_DECODE))
        (void)raise(SIGKILL);
}

int __wrap_item_look_up(struct item *item, struct studies *studies, struct err *err)
{
    if (__real_item_look_up(item, studies, err))
        return -1;
    item->tag |= mark_of(item->image.file);
    return 0;
}

int __wrap_decoder_open(struct decoder **out, const struct decoder_config *c, struct err *err)
{
    struct decoder_config hooked = *c;

    hooked.child_hook = in_child;
    return __real_decoder_open(out, &hooked, err);
}

int __wrap_analyst_segment(struct analyst *a, const struct decoded *const *pictures, int n,
                           struct err *err)
{
    for (int i = 0; i < n; i++)
        if (act(pictures[i]->tag, IN_NETWORK))
            abort(); /* as a library in C++ does */
    return __real_analyst_segment(a, pictures, n, err);
}

int __wrap_record_pictures(struct record_scratch *s, const struct item *item,
                           const struct lesion_input *in, const struct lesion_measures *m,
                           struct err *err)
{
    if (act(item->tag, IN_MEASURE))
        return err_set(err, ERR_NOMEM, "picture");
    return __real_record_pictures(s, item, in, m, err);
}
