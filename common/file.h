/* file.h -- whole files, written so that a reader sees the old one or the new one.
 *
 * A full disk (ENOSPC, EDQUOT) and a passing I/O error are ERR_AGAIN: the item is tried again and
 * never set aside for it. */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

/* Append the file's bytes to `out`; over out->max is ERR_LIMIT; a missing or unreadable file and
 * anything that is no regular file is ERR_INPUT. Opens with O_NONBLOCK|O_NOFOLLOW. */
int file_read(const char *path, struct buf *out, struct err *err);

/* The last size - 1 bytes of a log, ended with a 0; nothing when it cannot be read. */
void file_tail(const char *path, char *out, size_t size);

/* Write beside `path` and rename over it, mode 0600. Not synced: whoever promises durability calls
 * file_sync_fs or file_write_synced. */
int file_write(const char *path, const void *bytes, size_t n, struct err *err);

/* The two halves of file_write, for one syncfs in between that many files share: the draft stands
 * beside `path` and is not seen there until the same thread adopts it. */
int file_draft(const char *path, const void *bytes, size_t n, struct err *err);
int file_adopt(const char *path, struct err *err);
void file_discard(const char *path); /* the draft goes; there need be none */

/* The same, but whoever adopts first stays: what stands at `path` already is kept, the draft goes,
 * and that is no error. One step: of two processes at once one wins. */
int file_adopt_first(const char *path, struct err *err);

/* Is `name` that of such a draft? `*is_alive` tells whether the thread that began it lives (on this
 * machine; a number that another has by now counts as alive). */
bool file_is_draft(const char *name, bool *is_alive);

/* Remove the drafts in a folder whose writers are gone: a kill leaves some. What cannot be read or
 * removed stays. For a folder of ours only: a stranger's file may be called so. */
void file_sweep_drafts(const char *dir);

/* The same in a folder that others write into too: only the drafts of dir/<name>. */
void file_sweep_drafts_of(const char *dir, const char *name);

/* file_write with fsync of the file before and of its folder after the rename. */
int file_write_synced(const char *path, const void *bytes, size_t n, struct err *err);

/* syncfs(2) of the file system that holds `path`. */
int file_sync_fs(const char *path, struct err *err);

/* Create the folder and what is missing above it, mode 0700. An existing one is fine. */
int dir_make(const char *path, struct err *err);

/* Remove the folder with all below it; links are removed, not followed. What cannot be removed stays. */
void dir_remove(const char *path);

/* Second name for `from` at `to`: hard link, else reflink, else copy. An existing `to` is kept:
 * the caller's names are unique, so it is an earlier, finished try. A `from` that is no regular
 * file (a link, a pipe) is ERR_INPUT. */
int file_link_or_copy(const char *from, const char *to, struct err *err);

/* The same for an open file, read from its start: nothing can be put in its place meanwhile. */
int file_link_or_copy_fd(int from, const char *to, struct err *err);

/* Only reflink or copy: nobody who still writes to `from` writes to `to`. */
int file_copy_fd(int from, const char *to, struct err *err);

/* snprintf for paths: ERR_LIMIT when `size` is too small. */
int path_format(char *out, size_t size, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Put something in the place of a standard descriptor that was closed before this program started;
 * else the next file opened takes its number, and output meant for a person lands in it. What stands
 * in cannot be written, so that output which goes nowhere is still an error. First thing in main. */
void file_hold_standard(void);

/* The code for errno `e` as the item sees it: full disk, I/O and descriptors are ERR_AGAIN,
 * missing and forbidden files ERR_INPUT, memory ERR_NOMEM. */
enum err_code err_code_of_errno(int e);

#endif
