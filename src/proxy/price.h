/*
 * price.h - what models cost, by the name they answer with.
 *
 * The table ships in assets/prices.yaml; entries of the user's come first. The first whose
 * pattern ('*' and '?', fnmatch(3)) matches the whole name counts.
 */
#ifndef SRC_PROXY_PRICE_H
#define SRC_PROXY_PRICE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct usage;

/* Millionths of a US dollar for a million tokens. */
struct price {
    char *pattern;  /* owns */
    size_t literal; /* bytes of it that stand for themselves, at its beginning */
    int64_t input, output, cache_read, cache_write;
};

struct price_table {
    struct price *items; /* owns */
    size_t count;
};

/*
 * Fill `table` from `extra` (a mapping from patterns to prices as the value of `prices` in
 * assets/prices.yaml; may be empty) and what ships with the program. `extra_name` is for
 * messages. Release it even if nothing is in it.
 */
int price_table_load(
        struct price_table *table, struct str extra, const char *extra_name, struct err *err);
void price_table_release(struct price_table *table);

/* Millionths of a US dollar, rounded up; -1: there are no counts, or nobody knows the price
 * of that model. `table` may be NULL. */
int64_t price_cost(const struct price_table *table, const struct usage *usage);

#endif
