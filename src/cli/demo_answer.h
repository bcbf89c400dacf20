/*
 * demo_answer.h - what the demo provider says: a Messages API request in, the answer out.
 */
#ifndef SRC_CLI_DEMO_ANSWER_H
#define SRC_CLI_DEMO_ANSWER_H

#include <stdbool.h>

#include "base/buf.h"

struct demo_answer {
    bool ok;     /* false: the body was no Messages request */
    bool stream; /* the client wants SSE */
    char model[96];
    char *text; /* owns */
};

void demo_answer_make(struct demo_answer *answer, struct str body);
void demo_answer_release(struct demo_answer *answer);

/* The whole answer as one JSON message. */
void demo_answer_json(const struct demo_answer *answer, struct buf *out);
/* The SSE events: the beginning, one piece of text, the end. */
void demo_answer_sse_begin(const struct demo_answer *answer, struct buf *out);
void demo_answer_sse_piece(struct str piece, struct buf *out);
void demo_answer_sse_end(const struct demo_answer *answer, struct buf *out);

#endif
