/*
 * late.c - what nobody answered in time is kept for a while. Agents ask again, so that a late
 * "yes" can still be of use: to the same question, once, and not for long.
 *
 *     expired (kept) --gate_allow_late--> on its way to the disk --(*)--> late answer
 *          ^                                                                   |
 *          +------------ LIMIT_LATE_MS passed ---------------------------------+
 *                                  the same question again: used up, forgotten-+
 *
 *     (*) if the row could be written, else nothing.
 */
#include <inttypes.h>

#include "base/limits.h"
#include "gate/gate_priv.h"

static void drop(struct item **at)
{
    struct item *item = *at;

    *at = item->next;
    item_free(item);
}

static bool holds(const struct gate *gate, const struct item *item)
{
    return item->late_until_ms > loop_now_ms(gate->loop);
}

void late_keep(struct gate *gate, struct item *item)
{
    size_t count = 0, bytes = 0;

    item->next = gate->expired;
    gate->expired = item;
    item->pub.rec.detail = item->detail;
    for (struct item **at = &gate->expired; *at;) {
        count++;
        bytes += strlen((*at)->detail);
        if (count > LIMIT_GATE_EXPIRED || bytes > LIMIT_GATE_EXPIRED_DETAILS)
            drop(at);
        else
            at = &(*at)->next;
    }
    gate_changed(gate);
}

void gate_drop_expired(struct gate *gate)
{
    while (gate->expired)
        drop(&gate->expired);
    gate_changed(gate);
}

void gate_forget_expired(struct gate *gate, uint64_t id)
{
    for (struct item **at = &gate->expired; *at; at = &(*at)->next)
        if ((*at)->pub.rec.id == id) {
            drop(at);
            break;
        }
    gate_changed(gate);
}

int late_take(struct gate *gate, const struct item *asked, int again)
{
    for (struct item **at = &gate->expired; *at; at = &(*at)->next) {
        struct item *item = *at;
        int number = item->pub.rec.number;

        if (!item_is_same(item, asked))
            continue;
        item->pub.again = again;
        if (!holds(gate, item) || gate_is_denied_now(gate, asked))
            continue;
        drop(at);
        return number;
    }
    return 0;
}

/* --- looking ---------------------------------------------------------------------------- */

static const struct gate_item *show(const struct gate *gate, struct item *item)
{
    uint64_t now = loop_now_ms(gate->loop);

    item->pub.left_ms = 0;
    item->pub.age_ms = now - item->asked_at_ms;
    item->pub.late_ms = holds(gate, item) ? item->late_until_ms - now : 0;
    return &item->pub;
}

const struct gate_item *gate_expired_at(struct gate *gate, unsigned index)
{
    struct item *item = gate->expired;

    for (; item && index > 0; index--)
        item = item->next;
    return item ? show(gate, item) : NULL;
}

static struct item *find(const struct gate *gate, uint64_t id)
{
    struct item *item = gate->expired;

    while (item && item->pub.rec.id != id)
        item = item->next;
    return item;
}

const struct gate_item *gate_expired_find(struct gate *gate, uint64_t id)
{
    struct item *item = find(gate, id);

    return item ? show(gate, item) : NULL;
}

/* --- the late answer -------------------------------------------------------------------- */

static void committed(void *ctx, const struct err *err)
{
    struct commit *commit = ctx;
    struct gate *gate = commit->gate;
    struct item *item = gate ? find(gate, commit->id) : NULL;

    if (item && !err) {
        item->pub.rec = commit->rec;
        item->late_until_ms = loop_now_ms(gate->loop) + LIMIT_LATE_MS;
    }
    if (item)
        item->pub.deciding = false;
    commit_free(commit);
    if (item)
        gate_changed(gate);
}

int gate_allow_late(struct gate *gate, uint64_t id, const char *digest,
        const char *policy_version, struct err *err)
{
    struct item *item = find(gate, id);

    if (!item)
        return err_set(err, ERR_NOENT, "request #%" PRIu64 " is not among the expired", id);
    const struct escalation_record *rec = &item->pub.rec;
    if (strcmp(digest, rec->digest) != 0 || strcmp(policy_version, rec->policy_version) != 0)
        return err_set(
                err, ERR_CONFLICT, "request #%d is another one, look again", rec->number);
    if (item->pub.deciding || holds(gate, item))
        return err_set(err, ERR_CONFLICT, "request #%d has its late answer", rec->number);
    if (gate_is_denied_now(gate, item))
        return err_set(
                err, ERR_CONFLICT, "request #%d is denied by an answer meanwhile", rec->number);
    item->pub.deciding = true;
    struct commit *commit = commit_new(gate, item, ESC_EXPIRED, rec->by, rec->message);
    commit->rec.decided_ms = rec->decided_ms;
    snprintf(commit->rec.answer, sizeof(commit->rec.answer), "once, if asked again in %d min",
            LIMIT_LATE_MS / 60000);
    store_commit_escalation(gate->store, &commit->rec, committed, commit);
    return 0;
}
