/*
 * ids.c - a table of slots; the id is the slot's number and how often it was used.
 *
 *     id = round * SLOTS + slot + 1
 *
 * Slots are taken in turn, so a number comes again only after SLOTS others.
 */
#include "mcp/ids.h"

#include <stdio.h>

#include "base/mem.h"

#define SLOTS 1024

static void grow(struct ids *ids, size_t max)
{
    size_t cap = ids->cap ? ids->cap * 2 : 16;

    if (cap > max)
        cap = max;
    ids->slots = xrealloc(ids->slots, cap * sizeof(*ids->slots));
    memset(ids->slots + ids->cap, 0, (cap - ids->cap) * sizeof(*ids->slots));
    ids->next = ids->cap;
    ids->cap = cap;
}

uint64_t ids_add(struct ids *ids, size_t max, void *what)
{
    if (max > SLOTS)
        max = SLOTS;
    if (ids->used == ids->cap && ids->cap >= max)
        return 0;
    if (ids->used == ids->cap)
        grow(ids, max);
    while (ids->slots[ids->next].what)
        ids->next = (ids->next + 1) % ids->cap;

    struct id_slot *slot = &ids->slots[ids->next];
    slot->what = what;
    slot->round++;
    ids->used++;
    uint64_t id = (uint64_t)slot->round * SLOTS + ids->next + 1;
    ids->next = (ids->next + 1) % ids->cap;
    return id;
}

static struct id_slot *slot_of(const struct ids *ids, uint64_t id)
{
    size_t at = id ? (id - 1) % SLOTS : 0;

    if (id == 0 || at >= ids->cap || !ids->slots[at].what ||
            ids->slots[at].round != (id - 1 - at) / SLOTS)
        return NULL;
    return &ids->slots[at];
}

void *ids_get(const struct ids *ids, uint64_t id)
{
    const struct id_slot *slot = slot_of(ids, id);

    return slot ? slot->what : NULL;
}

void *ids_find(const struct ids *ids, struct str raw)
{
    uint64_t id;

    return str_u64(raw, UINT64_MAX, &id) ? ids_get(ids, id) : NULL;
}

void ids_drop(struct ids *ids, uint64_t id)
{
    struct id_slot *slot = slot_of(ids, id);

    if (!slot)
        return;
    slot->what = NULL;
    ids->used--;
}

void *ids_any(const struct ids *ids)
{
    for (size_t i = 0; ids->used && i < ids->cap; i++) {
        if (ids->slots[i].what)
            return ids->slots[i].what;
    }
    return NULL;
}

void ids_release(struct ids *ids)
{
    free(ids->slots);
    *ids = (struct ids){0};
}

struct str id_text(uint64_t id, char text[ID_TEXT])
{
    int n = snprintf(text, ID_TEXT, "%llu", (unsigned long long)id);

    return (struct str){text, (size_t)n};
}
