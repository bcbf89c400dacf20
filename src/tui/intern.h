/*
 * intern.h - a table that gives equal things equal numbers, from 1 on.
 *
 * Things are compared as bytes, so they must not have padding. Numbers hold until
 * intern_clear(). Memory grows with what is in it.
 */
#ifndef SRC_TUI_INTERN_H
#define SRC_TUI_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct intern {
    size_t size;  /* of a thing */
    unsigned max; /* how many there may be */
    unsigned count, cap;
    char *things;    /* owns */
    uint32_t *slots; /* owns; numbers by hash, 0: free */
    unsigned slot_count;
};

void intern_init(struct intern *table, size_t size, unsigned max);
void intern_release(struct intern *table);
void intern_clear(struct intern *table);
/* Its number; 0: the table is full. */
unsigned intern_put(struct intern *table, const void *thing);
/* Borrowed until the next intern_put(). */
const void *intern_get(const struct intern *table, unsigned number);

#endif
