/*
 * held.c - one number.
 */
#include "base/held.h"

#include "base/limits.h"

/* A queue may take this part of what is left: a few dozen that are full leave most of it. */
#define SHARE 16

/* Nothing else depends on its order. */
static size_t held;

void held_add(size_t bytes)
{
    __atomic_fetch_add(&held, bytes, __ATOMIC_RELAXED);
}

void held_drop(size_t bytes)
{
    __atomic_fetch_sub(&held, bytes, __ATOMIC_RELAXED);
}

size_t held_room(void)
{
    size_t now = __atomic_load_n(&held, __ATOMIC_RELAXED);
    return now < LIMIT_HELD ? (LIMIT_HELD - now) / SHARE : 0;
}
