/*
 * diff.h - the lines in which two texts differ.
 *
 * By the algorithm of Myers in linear space, so that the result is the shortest there is; with
 * a bound on the work, behind which what is left counts as replaced: longer, and as true.
 */
#ifndef SRC_DIFF_DIFF_H
#define SRC_DIFF_DIFF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct diff_line {
    char mark;         /* ' ' in both, '-' in the old, '+' in the new one, '@' left out */
    bool is_unended;   /* the last line, without a newline */
    unsigned old, new; /* number of the line in each, from 1; '@': of the next line shown */
    struct str text;   /* borrows from the texts; without its newline */
};

struct diff {
    struct diff_line *lines; /* owns */
    size_t count;
    unsigned added, removed;
    bool is_rough; /* the bound was met: there may be a shorter one */
};

#define DIFF_ALL UINT32_MAX

/* Lines that differ, with so many equal ones around them. Equal texts have no lines. */
void diff_make(struct diff *diff, struct str before, struct str after, unsigned context);
void diff_release(struct diff *diff);

#endif
