/*
 * vt_ranges.h - is a code point in one of the ranges of a sorted table?
 */
#ifndef SRC_PTY_VT_RANGES_H
#define SRC_PTY_VT_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
    uint32_t first, last;
};

static inline bool in_ranges(const struct range *ranges, size_t count, uint32_t cp)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (cp > ranges[mid].last)
            low = mid + 1;
        else if (cp < ranges[mid].first)
            high = mid;
        else
            return true;
    }
    return false;
}

#endif
