/* intern.c - see intern.h. Open addressing, at most half full. */
#include "tui/intern.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define SLOTS_MIN 64

void intern_init(struct intern *table, size_t size, unsigned max)
{
    *table = (struct intern){.size = size, .max = max};
}

void intern_release(struct intern *table)
{
    free(table->things);
    free(table->slots);
    intern_init(table, table->size, table->max);
}

void intern_clear(struct intern *table)
{
    table->count = 0;
    if (table->slots)
        memset(table->slots, 0, table->slot_count * sizeof(*table->slots));
}

const void *intern_get(const struct intern *table, unsigned number)
{
    CHECK(number >= 1 && number <= table->count);
    return table->things + (number - 1) * table->size;
}

static uint32_t hash(const char *p, size_t n)
{
    uint64_t h = 0;

    for (; n >= 4; n -= 4, p += 4) {
        uint32_t word;

        memcpy(&word, p, 4);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return (uint32_t)(h >> 16);
}

static unsigned find_slot(const struct intern *table, const void *thing)
{
    unsigned slot = hash(thing, table->size) & (table->slot_count - 1);

    while (table->slots[slot] &&
            memcmp(intern_get(table, table->slots[slot]), thing, table->size) != 0)
        slot = (slot + 1) & (table->slot_count - 1);
    return slot;
}

static void grow(struct intern *table)
{
    free(table->slots);
    table->slot_count = table->slot_count ? table->slot_count * 2 : SLOTS_MIN;
    table->slots = xcalloc(table->slot_count, sizeof(*table->slots));
    table->cap = table->slot_count / 2;
    table->things = xrealloc(table->things, table->cap * table->size);
    for (unsigned i = 1; i <= table->count; i++)
        table->slots[find_slot(table, intern_get(table, i))] = i;
}

unsigned intern_put(struct intern *table, const void *thing)
{
    if (table->count == table->cap)
        grow(table);

    unsigned slot = find_slot(table, thing);
    if (table->slots[slot])
        return table->slots[slot];
    if (table->count == table->max)
        return 0;
    memcpy(table->things + table->count * table->size, thing, table->size);
    return table->slots[slot] = ++table->count;
}
