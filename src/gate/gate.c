/*
 * gate.c - questions to the human: asking, the clock, looking; decide.c has deciding.
 *
 *     gate_ask            human, clock, limit        row on disk (*), or not
 *        |                        |                           |
 *        v                        v                           v
 *     WAITING ---------------> DECIDING ------------------> finished: `done`, recent ring
 *        |                        |                           ^
 *        +-- gate_cancel of the last asker: without `done`    |
 *        +------------------------+-- gate_free: denied ------+
 *
 *     (*) and after that, for an answer that holds always, its line in answers.rules, or not.
 *
 * gate_finish() is the only function that calls `done`; it takes the item off the list and
 * each asker off the item first, so a second call cannot happen. An approval reaches it only
 * from committed(), with the row on disk. The gate owns its items; askers, grants, store and
 * loop are borrowed and outlive it. Nothing here blocks; one timer runs, for the nearest
 * deadline.
 */
#include "gate/gate.h"

#include "base/limits.h"
#include "base/mem.h"
#include "gate/gate_priv.h"

static void on_timer(void *ctx);

struct gate *gate_new(struct loop *loop, struct store *store, const struct gate_config *config)
{
    struct gate *gate = xcalloc(1, sizeof(*gate));

    gate->loop = loop;
    gate->store = store;
    gate->config = *config;
    gate->timer = timer_new(loop, on_timer, gate);
    return gate;
}

struct grants *gate_grants(const struct gate *gate)
{
    return gate->config.grants;
}

struct store *gate_store(const struct gate *gate)
{
    return gate->store;
}

static void take_off(struct gate *gate, const void *ctx)
{
    struct hold_listener **at = &gate->listeners;

    while (*at && (*at)->ctx != ctx)
        at = &(*at)->next;
    struct hold_listener *listener = *at;
    if (!listener)
        return;
    *at = listener->next;
    free(listener);
}

void gate_on_hold(struct gate *gate, void (*fn)(void *ctx, bool held), void *ctx)
{
    take_off(gate, ctx);
    if (!fn)
        return;
    struct hold_listener *listener = xmalloc(sizeof(*listener));
    *listener = (struct hold_listener){fn, ctx, gate->listeners};
    gate->listeners = listener;
}

bool gate_is_held(const struct gate *gate)
{
    return gate->held;
}

void gate_hold(struct gate *gate, bool hold)
{
    if (gate->held == hold)
        return;
    gate->held = hold;
    for (struct hold_listener *at = gate->listeners; at;) {
        struct hold_listener *next = at->next; /* it may take itself off */

        at->fn(at->ctx, hold);
        at = next;
    }
    gate_changed(gate);
}

/* A decision that is not on disk yet did not happen; the row put here replaces it. */
static void shut(struct gate *gate, struct item *item)
{
    struct escalation_record *rec = &item->pub.rec;
    char reason[sizeof(item->outcome)] = "shutting down";

    if (rec->state != ESC_WAITING) {
        gate_explain(rec, reason, sizeof(reason));
    } else {
        rec->state = ESC_DENIED;
        rec->decided_ms = clock_wall_ms();
        snprintf(rec->by, sizeof(rec->by), "shutdown");
        store_put_escalation(gate->store, rec);
    }
    gate_finish(gate, item, rec->state == ESC_APPROVED, reason);
}

void gate_free(struct gate *gate)
{
    if (!gate)
        return;
    CHECK(!gate->closing);
    gate->closing = true;
    while (gate->count)
        shut(gate, gate->items[0]);
    gate_let_go(gate);
    first_leave(gate);
    gate_leave_revocations(gate);
    gate_drop_expired(gate);
    while (gate->listeners)
        take_off(gate, gate->listeners->ctx);
    timer_free(gate->timer);
    free(gate->items);
    free(gate);
}

void gate_set_on_change(struct gate *gate, void (*on_change)(void *ctx), void *ctx)
{
    gate->config.on_change = on_change;
    gate->config.ctx = ctx;
}

void gate_changed(struct gate *gate)
{
    if (gate->config.on_change && !gate->closing)
        gate->config.on_change(gate->config.ctx);
}

/* --- asking ----------------------------------------------------------------------------- */

/* May one more wait? An agent that asks and asks takes no room from others. */
static bool has_room(const struct gate *gate, const struct item *asked)
{
    size_t all = 0, of_session = 0, bytes = strlen(asked->detail);

    for (size_t i = 0; i < gate->count; i++) {
        const struct item *item = gate->items[i];

        if (item->pub.deciding)
            continue;
        all++;
        if (strcmp(item->pub.rec.session, asked->pub.rec.session) != 0)
            continue;
        of_session++;
        bytes += strlen(item->detail);
    }
    return all < LIMIT_GATE_ITEMS && of_session < LIMIT_GATE_ITEMS_EACH &&
           bytes <= LIMIT_GATE_DETAILS_EACH;
}

static void append(struct gate *gate, struct item *item)
{
    if (gate->count == gate->room) {
        gate->room = gate->room ? gate->room * 2 : 16;
        gate->items = xrealloc(gate->items, gate->room * sizeof(struct item *));
    }
    gate->items[gate->count++] = item;
}

/* An item of the same question that may have one more asker, or NULL. */
static struct item *same(const struct gate *gate, const struct item *asked)
{
    for (size_t i = 0; i < gate->count; i++) {
        struct item *item = gate->items[i];

        if (!item->pub.deciding && !item->in_review && item->pub.count < LIMIT_GATE_ASKERS &&
                item_is_same(item, asked))
            return item;
    }
    return NULL;
}

static void enter(struct gate *gate, struct item *item, uint64_t id)
{
    bool is_full = !has_room(gate, item);
    char message[32];

    item->pub.rec.id = id;
    item->pub.rec.number = ++gate->asked;
    if (item->timeout_ms == 0)
        item->timeout_ms = gate->config.timeout_ms;
    item->asked_at_ms = loop_now_ms(gate->loop);
    item->pub.deadline_ms = item->asked_at_ms + item->timeout_ms;
    if (is_full)
        item_cut(item);
    int late = is_full || !item->is_shown ? 0 : late_take(gate, item, item->pub.rec.number);
    snprintf(message, sizeof(message), "late, to #%d", late);
    append(gate, item);
    store_put_escalation(gate->store, &item->pub.rec);
    if (is_full)
        gate_settle(gate, item, ESC_DENIED, "limit", "too many requests wait for an answer");
    else if (!item->is_shown)
        gate_settle(gate, item, ESC_DENIED, "limit", "too long to be shown whole");
    else if (late > 0)
        gate_settle(gate, item, ESC_APPROVED, "human", message);
    else
        first_ask(gate, item);
    gate_rearm(gate);
}

uint64_t gate_ask(
        struct gate *gate, const struct gate_question *question, gate_done_fn done, void *ctx)
{
    struct item *asked = item_new(question);
    struct item *item = same(gate, asked);
    uint64_t ticket = store_next_id(gate->store);

    const struct asker asker = {ticket, done, question->judge, ctx};
    item_add(item ? item : asked, &asker);
    if (item)
        item_free(asked);
    else
        enter(gate, asked, ticket);
    gate_changed(gate);
    return ticket;
}

struct item *gate_item(const struct gate *gate, uint64_t id)
{
    for (size_t i = 0; i < gate->count; i++)
        if (gate->items[i]->pub.rec.id == id)
            return gate->items[i];
    return NULL;
}

uint64_t gate_item_id(const struct gate *gate, uint64_t ticket)
{
    for (size_t i = 0; i < gate->count; i++)
        if (item_has(gate->items[i], ticket))
            return gate->items[i]->pub.rec.id;
    for (const struct item *item = gate->finishing; item; item = item->next)
        if (item->telling == ticket || item_has(item, ticket))
            return item->pub.rec.id;
    return 0;
}

/* Whose asker is being told just now. */
static const struct item *telling(const struct gate *gate, uint64_t ticket)
{
    const struct item *item = gate->finishing;

    while (item && item->telling != ticket)
        item = item->next;
    return item;
}

struct str gate_edited(const struct gate *gate, uint64_t ticket)
{
    const struct item *item = telling(gate, ticket);

    return item ? str_of(item->edited) : (struct str){0};
}

const char *gate_message(const struct gate *gate, uint64_t ticket)
{
    const struct item *item = telling(gate, ticket);

    return item && item->has_message ? item->pub.rec.message : "";
}

/* The last asker is gone. */
static void abandon(struct gate *gate, struct item *item)
{
    struct escalation_record *rec = &item->pub.rec;

    if (item->pub.deciding)
        return;
    rec->state = ESC_CANCELED;
    rec->decided_ms = clock_wall_ms();
    snprintf(rec->by, sizeof(rec->by), "agent-gone");
    store_put_escalation(gate->store, rec);
    gate_finish(gate, item, false, "");
}

void gate_cancel(struct gate *gate, uint64_t ticket)
{
    for (size_t i = 0; i < gate->count; i++) {
        struct item *item = gate->items[i];

        if (!item_remove(item, ticket))
            continue;
        if (item->pub.count == 0)
            abandon(gate, item);
        else
            gate_changed(gate);
        return;
    }
    for (struct item *item = gate->finishing; item; item = item->next)
        if (item_remove(item, ticket))
            return;
}

/* --- the clock -------------------------------------------------------------------------- */

static uint64_t review_used(const struct item *item, uint64_t now)
{
    if (!item->in_review)
        return 0;
    uint64_t used = now - item->review_since_ms;
    return used < item->review_left_ms ? used : item->review_left_ms;
}

/* When the item expires if nothing happens: a review that goes on uses up what it may. */
static uint64_t expires_at(const struct item *item)
{
    return item->pub.deadline_ms + (item->in_review ? item->review_left_ms : 0);
}

void gate_rearm(struct gate *gate)
{
    uint64_t now = loop_now_ms(gate->loop);
    uint64_t nearest = UINT64_MAX;

    for (size_t i = 0; i < gate->count; i++) {
        uint64_t at = expires_at(gate->items[i]);

        if (!gate->items[i]->pub.deciding && at < nearest)
            nearest = at;
    }
    if (nearest == UINT64_MAX)
        timer_stop(gate->timer);
    else
        timer_start(gate->timer, nearest > now ? nearest - now : 0);
}

static void on_timer(void *ctx)
{
    struct gate *gate = ctx;
    uint64_t now = loop_now_ms(gate->loop);
    char message[64];

    for (size_t i = 0; i < gate->count; i++) {
        struct item *item = gate->items[i];
        uint32_t seconds = item->timeout_ms / 1000;

        if (item->pub.deciding || expires_at(item) > now)
            continue;
        snprintf(message, sizeof(message), "nobody answered in %u:%02u", seconds / 60,
                seconds % 60);
        gate_settle(gate, item, ESC_EXPIRED, "timeout", message);
    }
    gate_rearm(gate);
    gate_changed(gate);
}

void gate_review_begin(struct gate *gate, uint64_t id)
{
    struct item *item = gate_item(gate, id);

    if (!item || item->in_review)
        return;
    item->in_review = true;
    item->review_since_ms = loop_now_ms(gate->loop);
    gate_rearm(gate);
}

void gate_review_end(struct gate *gate, uint64_t id)
{
    struct item *item = gate_item(gate, id);

    if (!item || !item->in_review)
        return;
    uint64_t used = review_used(item, loop_now_ms(gate->loop));
    item->pub.deadline_ms += used;
    item->review_left_ms -= used;
    item->in_review = false;
    gate_rearm(gate);
}

/* --- looking ---------------------------------------------------------------------------- */

static const struct gate_item *show(const struct gate *gate, struct item *item)
{
    uint64_t now = loop_now_ms(gate->loop);
    uint64_t end = item->pub.deadline_ms + review_used(item, now);

    item->pub.left_ms = end > now ? end - now : 0;
    item->pub.age_ms = now - item->asked_at_ms;
    return &item->pub;
}

unsigned gate_count(const struct gate *gate)
{
    return (unsigned)gate->count;
}

unsigned gate_count_of(const struct gate *gate, const char *session)
{
    unsigned count = 0;

    for (size_t i = 0; i < gate->count; i++)
        count += strcmp(gate->items[i]->pub.rec.session, session) == 0;
    return count;
}

bool gate_floods(const struct gate *gate, const char *session)
{
    uint64_t times[LIMIT_FLOOD] = {0};
    unsigned count = 0;

    for (size_t i = 0; i < gate->count; i++) {
        const struct item *item = gate->items[i];

        if (item->pub.deciding || strcmp(item->pub.rec.session, session) != 0)
            continue;
        uint64_t *before = &times[count % LIMIT_FLOOD];
        if (count++ >= LIMIT_FLOOD && item->asked_at_ms - *before <= LIMIT_FLOOD_MS)
            return true;
        *before = item->asked_at_ms;
    }
    return false;
}

const struct gate_item *gate_at(struct gate *gate, unsigned index)
{
    return index < gate->count ? show(gate, gate->items[index]) : NULL;
}

const struct gate_item *gate_find(struct gate *gate, uint64_t id)
{
    struct item *item = gate_item(gate, id);

    return item ? show(gate, item) : NULL;
}

const struct gate_item *gate_recent(struct gate *gate, unsigned index)
{
    unsigned kept = gate->recent_count < GATE_RECENT ? gate->recent_count : GATE_RECENT;

    if (index >= kept)
        return NULL;
    return &gate->recent[(gate->recent_count - 1 - index) % GATE_RECENT];
}
