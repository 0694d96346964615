#include "scheduler/verdict.h"

#include <signal.h>

#include "common/status.h"

/* The out-of-memory killer, an operator or a shutdown send these to anyone. */
static bool is_unexplained(int signal)
{
    return signal == SIGKILL || signal == SIGTERM;
}

enum verdict verdict_of_failure(enum err_code code, int signal, bool is_alone)
{
    if (signal) {
        if (!is_alone)
            return VERDICT_SUSPECT;
        return is_unexplained(signal) ? VERDICT_UNEXPLAINED : VERDICT_CRASH;
    }
    switch (code) {
    case ERR_CANCELLED: return VERDICT_GIVE_BACK;
    case ERR_AGAIN:
    case ERR_NOMEM: return VERDICT_LATER;
    case ERR_CONFIG: return VERDICT_STOP;
    /* INPUT and LIMIT come as DONE set_aside; as FAILED they are a bug like any other. A DEVICE had answered
     * a probe rightly before: it, or what it was given. Alone will show. */
    case ERR_OK:
    case ERR_INPUT:
    case ERR_LIMIT:
    case ERR_BUG:
    case ERR_DEVICE: break;
    }
    return is_alone ? VERDICT_CRASH : VERDICT_SUSPECT; /* a batch fails as one */
}

bool verdict_is_in_doubt(const struct death *death, bool has_worked)
{
    return death->by_us || !is_unexplained(death->signal) || !has_worked;
}

enum verdict verdict_of_death(const struct death *death)
{
    if (!death->signal && (death->status == STATUS_DEVICE || death->status == STATUS_UNFIT))
        return VERDICT_GIVE_BACK;
    if (death->n_held != 1)
        return VERDICT_SUSPECT;
    if (death->signal && (death->by_us || !is_unexplained(death->signal)))
        return VERDICT_CRASH;
    return VERDICT_UNEXPLAINED;
}
