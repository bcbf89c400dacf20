/*
 * lines.h - messages on a channel, one a line: the framing of MCP's stdio.
 *
 * CRLF and blank lines are tolerated. A line over LIMIT_MCP_MESSAGE, or over LIMIT_MCP_SMALL
 * while the process holds too much, is skipped to its end and told once.
 */
#ifndef SRC_MCP_LINES_H
#define SRC_MCP_LINES_H

#include "base/str.h"
#include "io/chan.h"

#define LINES_ENDS 256 /* bytes of both ends of a line that was skipped */

/* Views are valid during the call. */
struct lines_ops {
    void (*on_line)(void *ctx, struct str line);
    void (*on_long)(void *ctx, struct str head, struct str tail);
    void (*on_end)(void *ctx, const struct err *why); /* last */
};

struct lines;
/* patient: lines are taken only while the peer reads what we write. With a peer that reads
 * nothing before it could write, both would wait for ever: that is for agents alone. */
struct lines *lines_new(
        struct chan *chan /* owned */, bool patient, const struct lines_ops *ops, void *ctx);
void lines_free(struct lines *lines); /* also from inside its callbacks */

/* The parts, one behind another, are one line. */
void lines_write(struct lines *lines, const struct str *parts, size_t count);
size_t lines_unsent(const struct lines *lines);
/* Nothing more will be written; lines still come. */
void lines_finish(struct lines *lines);

#endif
