#include "queue/last_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "lentigo-last-stage"

enum { PAGE_SIZE = 4096 };

struct last_stage {
    _Atomic unsigned noted; /* 1 + stage; 0: nothing yet */
};

static struct last_stage *map(int fd)
{
    void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return page == MAP_FAILED ? NULL : page;
}

/* Sealed: a child that shrank it would kill us with SIGBUS. */
int last_stage_new(struct last_stage **out, int *fd, struct err *err)
{
    int file = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct last_stage *page = NULL;

    if (file >= 0 && !ftruncate(file, PAGE_SIZE) &&
        !fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        page = map(file);
    if (!page) {
        err_set(err, ERR_AGAIN, "no shared memory for a worker's stage: %s", strerror(errno));
        if (file >= 0)
            close(file);
        return -1;
    }
    *out = page;
    *fd = file;
    return 0;
}

void last_stage_free(struct last_stage *page)
{
    if (page)
        munmap(page, PAGE_SIZE);
}

enum wire_stage last_stage_read(const struct last_stage *page)
{
    unsigned noted = page ? page->noted : 0;

    return noted && noted <= STAGE_COUNT ? (enum wire_stage)(noted - 1) : STAGE_COUNT;
}

/* Another file may stand at this number when somebody else started us: the seals tell. */
struct last_stage *last_stage_open(void)
{
    struct stat st;
    int seals = fcntl(LAST_STAGE_FD, F_GET_SEALS);

    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(LAST_STAGE_FD, &st) ||
        st.st_size != PAGE_SIZE)
        return NULL;
    struct last_stage *page = map(LAST_STAGE_FD);
    if (page)
        close(LAST_STAGE_FD); /* no child of ours needs it */
    return page;
}

void last_stage_note(struct last_stage *page, enum wire_stage stage)
{
    if (page)
        page->noted = (unsigned)stage + 1;
}
