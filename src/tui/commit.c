/* commit.c - see commit.h for the machine. Everything here fails towards "does not count". */
#include "tui/commit.h"

#include <string.h>

#include "base/err.h"
#include "base/str.h"

void commit_init(struct commit *commit, uint32_t arm_ms)
{
    memset(commit, 0, sizeof *commit);
    commit->arm_ms = arm_ms > 0 ? arm_ms : COMMIT_ARM_MS;
    commit->can_decide = true;
}

void commit_open(struct commit *commit, uint64_t id, const char *digest,
        const char *policy_version, bool high, const char code[2])
{
    commit->phase = COMMIT_PAINT;
    commit->id = id;
    commit->high = high;
    commit->seen = false;
    commit->typed = 0;
    commit->code[0] = code[0];
    commit->code[1] = code[1];
    commit->code[2] = '\0';
    /* A digest that does not fit cannot match later; the gate then answers "changed". */
    str_copy(commit->digest, sizeof commit->digest, str_of(digest));
    str_copy(commit->policy_version, sizeof commit->policy_version, str_of(policy_version));
}

void commit_close(struct commit *commit)
{
    commit->phase = COMMIT_NONE;
    commit->id = 0;
}

static bool is_alive(const struct commit *commit)
{
    return commit->phase != COMMIT_NONE && commit->phase != COMMIT_DEAD &&
           commit->phase != COMMIT_SENT;
}

void commit_repaint(struct commit *commit)
{
    if (!is_alive(commit))
        return;
    commit->phase = COMMIT_PAINT;
    commit->typed = 0;
}

bool commit_painted(struct commit *commit, uint64_t now)
{
    if (commit->phase != COMMIT_PAINT)
        return false;
    commit->phase = COMMIT_FENCE;
    commit->painted_at = now;
    commit->asked++;
    return true;
}

static void arm(struct commit *commit, uint64_t now)
{
    commit->phase = COMMIT_ARMING;
    commit->typed = 0;
    commit->armed_at = now + (uint64_t)commit->arm_ms * (commit->high ? COMMIT_HIGH_FACTOR : 1);
}

void commit_fence_answer(struct commit *commit, uint64_t now)
{
    if (commit->answered >= commit->asked)
        return; /* nobody asked; somebody's noise opens nothing */
    commit->answered++;
    if (commit->answered < commit->asked)
        return;
    if (commit->phase == COMMIT_FENCE)
        arm(commit, now);
}

void commit_rearm(struct commit *commit, uint64_t now)
{
    if (commit->phase == COMMIT_ARMING || commit->phase == COMMIT_READY ||
            commit->phase == COMMIT_CODE)
        arm(commit, now);
}

void commit_set_seen(struct commit *commit, bool seen)
{
    commit->seen = seen;
}

void commit_set_can_decide(struct commit *commit, bool can_decide)
{
    commit->can_decide = can_decide;
}

void commit_check(
        struct commit *commit, bool waits, const char *digest, const char *policy_version)
{
    if (!is_alive(commit))
        return;
    if (!waits || strcmp(digest, commit->digest) != 0 ||
            strcmp(policy_version, commit->policy_version) != 0)
        commit->phase = COMMIT_DEAD;
}

void commit_kill(struct commit *commit)
{
    if (commit->phase != COMMIT_NONE)
        commit->phase = COMMIT_DEAD;
}

enum commit_phase commit_phase(struct commit *commit, uint64_t now)
{
    if (commit->phase == COMMIT_FENCE && now >= commit->painted_at + COMMIT_FENCE_ALONE_MS)
        arm(commit, commit->painted_at + COMMIT_FENCE_ALONE_MS);
    if (commit->phase == COMMIT_ARMING && now >= commit->armed_at)
        commit->phase = COMMIT_READY;
    return commit->phase;
}

uint64_t commit_next_ms(struct commit *commit, uint64_t now)
{
    enum commit_phase phase = commit_phase(commit, now);
    if (phase == COMMIT_FENCE)
        return commit->painted_at + COMMIT_FENCE_ALONE_MS - now;
    if (phase == COMMIT_ARMING)
        return commit->armed_at - now;
    return 0;
}

bool commit_drops_keys(struct commit *commit, uint64_t now)
{
    enum commit_phase phase = commit_phase(commit, now);
    return phase == COMMIT_PAINT || phase == COMMIT_FENCE;
}

enum commit_answer commit_approve(struct commit *commit, uint64_t now)
{
    switch (commit_phase(commit, now)) {
    case COMMIT_NONE:
    case COMMIT_SENT:
    case COMMIT_DEAD:
        return COMMIT_GONE;
    case COMMIT_PAINT:
    case COMMIT_FENCE:
        return COMMIT_IGNORED;
    case COMMIT_ARMING:
        return commit->can_decide ? COMMIT_NOT_READY : COMMIT_TOO_SMALL;
    case COMMIT_READY:
    case COMMIT_CODE:
        break;
    }
    if (!commit->can_decide)
        return COMMIT_TOO_SMALL;
    if (!commit->seen)
        return COMMIT_NOT_SEEN;
    if (commit->high) {
        commit->phase = COMMIT_CODE;
        commit->typed = 0;
        return COMMIT_ASKS_CODE;
    }
    commit->phase = COMMIT_SENT;
    return COMMIT_OK;
}

enum commit_answer commit_deny(struct commit *commit, uint64_t now)
{
    switch (commit_phase(commit, now)) {
    case COMMIT_NONE:
    case COMMIT_SENT:
    case COMMIT_DEAD:
        return COMMIT_GONE;
    case COMMIT_PAINT:
    case COMMIT_FENCE:
        return COMMIT_IGNORED;
    case COMMIT_ARMING:
    case COMMIT_READY:
    case COMMIT_CODE:
        break;
    }
    commit->phase = COMMIT_SENT;
    return COMMIT_OK;
}

enum commit_answer commit_letter(struct commit *commit, uint32_t cp, uint64_t now)
{
    if (commit_phase(commit, now) != COMMIT_CODE)
        return COMMIT_GONE;
    if (cp != (unsigned char)commit->code[commit->typed]) {
        arm(commit, now);
        return COMMIT_WRONG_CODE;
    }
    commit->typed++;
    if (commit->typed < 2)
        return COMMIT_ASKS_CODE;
    if (!commit->can_decide || !commit->seen) {
        arm(commit, now);
        return COMMIT_NOT_SEEN;
    }
    commit->phase = COMMIT_SENT;
    return COMMIT_OK;
}
