/*
 * first.c - is it the first time that a session wants this host or tool? The record knows, and
 * is asked off the loop while the question waits; whoever reviews it then reads so.
 */
#include "base/mem.h"
#include "gate/gate_priv.h"
#include "policy/risk.h"

struct first {
    struct gate *gate; /* borrows; NULL: gone */
    uint64_t id;
    char *db;          /* owns */
    char *host, *tool; /* own; tool NULL: a network request */
    char session[37];
    bool is_known; /* or nobody can tell */
    struct first *next, **prev;
};

static void work(void *ctx)
{
    struct first *first = ctx;
    struct store_reader *reader = store_reader_open(first->db, NULL);

    if (!reader || store_seen_before(reader, first->session, first->host, first->tool,
                           &first->is_known, NULL) < 0)
        first->is_known = true;
    store_reader_free(reader);
}

static void done(void *ctx)
{
    struct first *first = ctx;
    struct gate *gate = first->gate;
    struct item *item = gate && !first->is_known ? gate_item(gate, first->id) : NULL;

    if (gate) {
        *first->prev = first->next;
        if (first->next)
            first->next->prev = first->prev;
    }
    free(first->db);
    free(first->host);
    free(first->tool);
    free(first);
    if (!item)
        return;
    item->pub.hazards |= hazard_bit(HAZARD_FIRST);
    gate_changed(gate);
}

void first_ask(struct gate *gate, const struct item *item)
{
    const struct call_request *call = item_call(item);
    char tool[512];

    if (!call && !item->host)
        return;
    struct first *first = xcalloc(1, sizeof(*first));
    first->gate = gate;
    first->id = item->pub.rec.id;
    first->db = xstrdup(store_path(gate->store));
    (void)str_copy(first->session, sizeof(first->session), str_of(item->pub.rec.session));
    if (call) {
        first->host = xstrndup(call->server.p, call->server.n);
        first->tool = xstrdup(str_vis(tool, sizeof(tool), call->tool)); /* as it is recorded */
    } else {
        first->host = xstrdup(item->host);
    }
    first->next = gate->firsts;
    first->prev = &gate->firsts;
    if (first->next)
        first->next->prev = &first->next;
    gate->firsts = first;
    loop_work(gate->loop, work, done, first);
}

void first_leave(struct gate *gate)
{
    for (struct first *first = gate->firsts; first; first = first->next)
        first->gate = NULL;
    gate->firsts = NULL;
}
