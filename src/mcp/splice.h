/*
 * splice.h - a text of which some places are exchanged, as a list of pieces.
 *
 *     struct splice splice = {.text = msg.text};
 *     splice_put(&splice, msg.id, STR("17"));
 *     struct str parts[SPLICE_PARTS];
 *     peer_send(peer, about, parts, splice_parts(&splice, parts));
 */
#ifndef SRC_MCP_SPLICE_H
#define SRC_MCP_SPLICE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#define SPLICE_MAX 6
#define SPLICE_PARTS (2 * SPLICE_MAX + 1)

struct splice {
    struct str text; /* borrows, as all here */
    struct cut {
        size_t at, len;
        struct str with;
    } cuts[SPLICE_MAX];
    size_t count;
};

/* `old` is a view into the text (n may be 0: what is put in there); places do not overlap. */
void splice_put(struct splice *splice, struct str old, struct str with);
size_t splice_parts(const struct splice *splice, struct str parts[SPLICE_PARTS]);
size_t splice_len(const struct splice *splice);

#endif
