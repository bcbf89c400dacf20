/*
 * held.h - what all connections together hold, and how much of it one more may take.
 *
 * Every struct buf counts itself; so do decoders. Nobody is refused memory here. Who decides
 * whether to read on asks held_room(): a part of what is left of LIMIT_HELD, the same for
 * everybody, so that each one takes less the more there are, and who comes last still gets
 * some (dynamic thresholds, Choudhury and Hahne 1998).
 */
#ifndef SRC_BASE_HELD_H
#define SRC_BASE_HELD_H

#include <stddef.h>

/* Any thread. */
void held_add(size_t bytes);
void held_drop(size_t bytes);

/* So much one queue may hold now; far more than any needs while little is held in all. */
size_t held_room(void);

#endif
