/*
 * ids.h - ids of requests that we send, and what each is for.
 *
 * Small integers; a number that was answered is not given out again soon, so that a second or a
 * late answer finds nothing. As progress tokens they are of the same spelling.
 */
#ifndef SRC_MCP_IDS_H
#define SRC_MCP_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct ids {
    struct id_slot {
        void *what; /* borrows; NULL: free */
        uint32_t round;
    } * slots; /* owns */
    size_t cap, used;
    size_t next; /* where to look for a free one */
};

#define ID_TEXT 24

/* 0: `max` are in use. */
uint64_t ids_add(struct ids *ids, size_t max, void *what);
/* By number, or as the other side spelled it; NULL: none, or not any more. */
void *ids_get(const struct ids *ids, uint64_t id);
void *ids_find(const struct ids *ids, struct str raw);
void ids_drop(struct ids *ids, uint64_t id);
/* Any one that is in use, or NULL. */
void *ids_any(const struct ids *ids);
void ids_release(struct ids *ids);

/* Decimal digits. */
struct str id_text(uint64_t id, char text[ID_TEXT]);

#endif
