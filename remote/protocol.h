/* protocol.h -- what a machine that joins and a seat say to each other: HTTP/1.1, over TLS where the seat
 * has a certificate.
 *
 * The seat (lentigo-seat) stands beside the scheduler and the spool; to the scheduler it is one of its
 * workers. Who joins (lentigo-join) starts a real worker and is its scheduler. So two streams of lines
 * (queue/wire.h) go through HTTP, one each way, and files go beside them:
 *
 *   POST /v1/hello                        the worker's HELLO -> 201, the session: PROTOCOL_SESSION_SIZE - 1
 *                                         digits; 409: somebody else sits here; 426: another wire
 *   GET  /v1/jobs/<offset>                what the scheduler says from this byte on, whole lines of JOBS and
 *                                         DRAIN; waits PROTOCOL_WAIT_MS for some, then 204. Bytes before the
 *                                         offset are forgotten: an answer that got lost is asked for again.
 *   POST /v1/answers/<offset>             what the worker says from this byte on, whole lines of ALIVE,
 *                                         STATS, FAILED and DONE -> 204. What came before is passed over, so
 *                                         that a request whose answer got lost is sent again as it was. A
 *                                         DONE is durable when it is answered.
 *   GET  /v1/studies/<upload>/<key>       study.json, without anything that says who the patient is
 *   GET  /v1/originals/<upload>/<key>/<n> the file as it was handed in
 *   PUT  /v1/results/<upload>/<key>/<n>/<name>
 *                                         a file of the result (protocol_file_name) -> 204; before the DONE
 *   POST /v1/end                          how the worker ended (struct protocol_end) -> 204
 *
 * Each request has "Authorization: Bearer <token>", all but the first "Lentigo-Session: <session>".
 *   401 the token is another          403 this session does not hold it
 *   404 it is not there               409 not so, for the reason given (of jobs: the scheduler has no use
 *                                     for this worker)
 *   410 the session is over           413 too large
 *   426 another wire                  503 the disk is full, or no memory: the same again later
 * What is not 2xx has a line of text for a person in it.
 *
 * A session of which nothing was heard for PROTOCOL_SILENT_MS is over: what it held goes back to the queue,
 * and no image is blamed. So is one that has had no connection for PROTOCOL_GONE_MS: a process that was killed. */
#ifndef REMOTE_PROTOCOL_H
#define REMOTE_PROTOCOL_H

#include "queue/wire.h"

enum {
    PROTOCOL_SESSION_SIZE = 33,
    PROTOCOL_WAIT_MS = 2000,
    PROTOCOL_SILENT_MS = 10000,
    PROTOCOL_GONE_MS = 3000,
    PROTOCOL_ANSWERS_MAX = 4 * WIRE_LINE_MAX, /* bytes of one POST */
    PROTOCOL_STUDY_MAX = 256 << 20,           /* SPOOL_JSON_MAX */
    PROTOCOL_FILE_MAX = 64 << 20,             /* of a result */
};

#define PROTOCOL_SESSION_HEADER "Lentigo-Session"

/* The files of a result, the one that makes it count last. */
enum protocol_file {
    PROTOCOL_MASK,
    PROTOCOL_DISPLAY,
    PROTOCOL_OVERLAY,
    PROTOCOL_RESULT,
    PROTOCOL_FILES
};

/* "mask.png": the file is results/<n>.<name> of its study. */
const char *protocol_file_name(enum protocol_file file);

/* PROTOCOL_FILES: no such name. */
enum protocol_file protocol_file_of(const char *name);

/* How a worker ended: an exit status, or the signal that killed it, and what it did last (STAGE_COUNT: it
 * is not known). */
struct protocol_end {
    int status, signal;
    enum wire_stage stage;
};

/* {"status","signal","stage"}: one line. ERR_NOMEM, ERR_LIMIT. */
int protocol_end_format(const struct protocol_end *end, struct buf *out, struct err *err);
int protocol_end_parse(struct protocol_end *out, const char *bytes, size_t n, struct err *err);

#endif
