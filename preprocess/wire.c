#include "preprocess/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union fd_space {
    char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
    struct cmsghdr align;
};

int wire_send(int sock, const void *record, size_t n, const int *fds, int fd_count, int flags)
{
    union fd_space space = {0};
    struct iovec io = {.iov_base = (void *)(uintptr_t)record, .iov_len = n};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};

    if (fd_count > 0) {
        m.msg_control = space.bytes;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fd_count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)fd_count);
    }
    return sendmsg(sock, &m, flags | MSG_NOSIGNAL) == (ssize_t)n ? 0 : -1;
}

ssize_t wire_receive(int sock, void *record, size_t n, int *fds, int flags)
{
    union fd_space space = {0};
    struct iovec io = {.iov_base = record, .iov_len = n};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};

    if (fds) {
        m.msg_control = space.bytes;
        m.msg_controllen = sizeof(space.bytes);
        for (int i = 0; i < WIRE_FDS_MAX; i++)
            fds[i] = -1;
    }
    ssize_t got = recvmsg(sock, &m, flags | MSG_CMSG_CLOEXEC);
    if (got <= 0)
        return got;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); fds && c; c = CMSG_NXTHDR(&m, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
    if (got != (ssize_t)n) {
        errno = EBADMSG;
        return -1;
    }
    return got;
}
