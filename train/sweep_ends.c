/* What ends a trainer decides what becomes of its job (sweep_taker.h has the table). */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/status.h"
#include "train/sweep_taker_priv.h"
#include "train/tools.h"

enum {
    SILENT_US = 1800000000, /* a trainer that says nothing for so long hangs */
    GRACE_US = 120000000,   /* for one that was told to end */
    EXIT_NO_PROGRAM = 127
};

/* The first word of a trainer: config.json is there, so it can be compared. */
static void agree(struct taker *t, struct taker_slot *slot)
{
    struct err err = {0};

    slot->is_agreed = true;
    if (!sweep_agree(t->w, slot->child.trial, &err))
        return;
    slot->is_foreign = true;
    err_set(&t->fatal, err.code, "%s", err.msg);
    sweep_child_kill(&slot->child);
}

/* How a trainer ended, in a few words, when it was neither done nor told to. */
static void name_death(char out[64], int status)
{
    if (WIFSIGNALED(status))
        snprintf(out, 64, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(out, 64, "status %d", WEXITSTATUS(status));
}

static void bury(struct taker *t, struct taker_slot *slot, int status, bool is_crash)
{
    char death[64], words[200], what[300];
    struct sweep_result aside;
    struct err err = {0};
    int trial = slot->child.trial;

    name_death(death, status);
    sweep_last_words(words, t->w, trial);
    snprintf(what, sizeof(what), "%s%s%s", death, words[0] ? "; last words: " : "", words);
    ticker_say(&t->ticker.line, "trial %d: its trainer died: %s", trial + 1, what);
    int hopeless = sweep_note_death(t->w, trial, is_crash, what, &err)
                       ? -1
                       : sweep_is_hopeless(t->w, trial, &aside, &err);
    if (hopeless > 0)
        return taker_set_result(t, &slot->lease, trial, slot->child.rung, &aside);
    if (hopeless < 0)
        taker_suffer(t, &err);
    taker_give_back(t, &slot->lease, hopeless < 0);
}

static void conclude(struct taker *t, struct taker_slot *slot, bool has_failed)
{
    const struct sweep_child *c = &slot->child;
    struct sweep_result result;
    struct err err = {0};

    if (sweep_collect(t->w, c->trial, c->rung, &result, &err)) {
        if (!has_failed) {
            taker_suffer(t, &err);
            return taker_give_back(t, &slot->lease, true);
        }
        result = sweep_result_of(SWEEP_FAILED); /* it failed before its first line of a log */
    }
    if (has_failed) {
        result.status = SWEEP_FAILED;
        sweep_last_words(result.reason, t->w, c->trial);
    }
    if (result.status == SWEEP_FAILED)
        ticker_say(&t->ticker.line, "trial %d failed: %s", c->trial + 1, result.reason);
    taker_set_result(t, &slot->lease, c->trial, c->rung, &result);
}

/* A trainer that says that nobody can train so here. Its trial is sound. */
static void refuse(struct taker *t, struct taker_slot *slot)
{
    char words[200], path[SETTINGS_PATH_SIZE];
    struct err ignored = {0};

    sweep_last_words(words, t->w, slot->child.trial);
    err_set(&t->fatal, ERR_CONFIG, "trial %d: %s", slot->child.trial + 1, words);
    if (slot->is_foreign && !slot->child.goes_on &&
        !sweep_path(path, t->w, "trials", slot->child.trial, "", &ignored))
        dir_remove(path); /* begun here, where it should not have been */
    taker_give_back(t, &slot->lease, false);
}

static void settle(struct taker *t, struct taker_slot *slot, int status)
{
    struct sweep_child *c = &slot->child;
    bool was_told = c->stopped_us != 0, hangs = clock_mono_us() - c->heard_us > SILENT_US;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (c->iteration > c->from && c->from >= 0)
        t->iterations += (double)(c->iteration - c->from);
    t->seconds += (double)(clock_mono_us() - c->begun_us) / 1e6;
    if (slot->is_foreign || code == STATUS_CONFIG || code == STATUS_USAGE || code == STATUS_UNFIT ||
        code == EXIT_NO_PROGRAM)
        refuse(t, slot);
    else if (code == STATUS_OK || code == STATUS_UNFINISHED)
        conclude(t, slot, code == STATUS_UNFINISHED);
    else if (code == STATUS_AGAIN || (was_told && (number == SIGTERM || number == SIGKILL))) {
        char words[200];
        sweep_last_words(words, t->w, c->trial);
        if (!was_told)
            ticker_say(&t->ticker.line, "trial %d: %s; trying again", c->trial + 1, words);
        taker_give_back(t, &slot->lease, !was_told);
    } else
        bury(t, slot, status,
             hangs || (number != SIGKILL && number != SIGTERM && code != STATUS_DEVICE));
    slot->has_lease = false;
}

void taker_watch_trainers(struct taker *t, int64_t now)
{
    int status;

    for (int i = 0; i < t->how->trainers; i++) {
        struct taker_slot *slot = &t->slots[i];
        struct sweep_child *c = &slot->child;
        if (c->pid <= 0)
            continue;
        sweep_child_read(c);
        bool has_ended = sweep_child_ended(c, &status);
        if (c->iteration >= 0 && !slot->is_agreed)
            agree(t, slot);
        if (has_ended)
            settle(t, slot, status);
        else if (now - c->heard_us > SILENT_US || (c->stopped_us && now - c->stopped_us > GRACE_US))
            sweep_child_kill(c);
    }
}
