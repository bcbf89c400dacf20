/*
 * diff.c - lines become numbers (equal lines the same), a search finds which are in both, and a
 * walk over both texts writes them down.
 *
 * The search looks from both ends for the middle of the shortest way, then into both halves;
 * each half costs half, so that it never goes deeper than the logarithm of the cost.
 */
#include "diff/diff.h"

#include <stdlib.h>

#include "base/mem.h"

/* Steps of one comparison: some 0.2 s. Two texts of 1 MiB that have nothing in common meet it.
 */
#define WORK_MAX 30000000

struct side {
    struct str *lines; /* owns */
    uint32_t *ids;     /* owns */
    bool *changed;     /* owns */
    size_t count;
    bool is_unended;
};

struct search {
    struct side a, b;
    long *forth, *back; /* own; furthest ends by diagonal, from the middle of the array */
    uint64_t work;
    bool is_rough;
};

/* --- lines to numbers ------------------------------------------------------------------- */

static void split(struct side *side, struct str text)
{
    size_t count = 0;
    struct str line;

    for (size_t i = 0; i < text.n; i++)
        count += text.p[i] == '\n';
    side->is_unended = text.n > 0 && text.p[text.n - 1] != '\n';
    count += side->is_unended;
    side->lines = xcalloc(count + 1, sizeof(*side->lines));
    side->ids = xcalloc(count + 1, sizeof(*side->ids));
    side->changed = xcalloc(count + 1, sizeof(*side->changed));
    while (side->count < count) {
        str_cut(&text, '\n', &line);
        side->lines[side->count++] = line;
    }
}

static uint64_t hash(struct str line, bool is_unended)
{
    uint64_t h = is_unended ? 0x9e3779b97f4a7c15u : 0xcbf29ce484222325u;

    for (size_t i = 0; i < line.n; i++)
        h = (h ^ (unsigned char)line.p[i]) * 0x100000001b3u;
    return h ^ h >> 29;
}

struct entry {
    struct str line;
    bool is_unended;
    uint32_t id; /* 0: free */
};

/* A line without its newline is another one than the same with it. */
static void number(struct side *side, struct entry *table, size_t mask, uint32_t *next)
{
    for (size_t i = 0; i < side->count; i++) {
        struct str line = side->lines[i];
        bool is_unended = side->is_unended && i + 1 == side->count;
        size_t at = hash(line, is_unended) & mask;

        while (table[at].id &&
                (table[at].is_unended != is_unended || !str_eq(table[at].line, line)))
            at = (at + 1) & mask;
        if (!table[at].id)
            table[at] = (struct entry){line, is_unended, ++*next};
        side->ids[i] = table[at].id;
    }
}

static void number_both(struct search *s)
{
    size_t size = 16;
    uint32_t next = 0;

    while (size < 2 * (s->a.count + s->b.count))
        size *= 2;
    struct entry *table = xcalloc(size, sizeof(*table));
    number(&s->a, table, size - 1, &next);
    number(&s->b, table, size - 1, &next);
    free(table);
}

/* --- the search ------------------------------------------------------------------------- */

struct box {
    long a0, a1, b0, b1; /* lines of each that are compared */
};

static void replace(struct search *s, struct box box)
{
    for (long i = box.a0; i < box.a1; i++)
        s->a.changed[i] = true;
    for (long i = box.b0; i < box.b1; i++)
        s->b.changed[i] = true;
}

/* Furthest end on diagonal k after one more step from the front; true: it meets one from the
 * back, and *ret_x is where. */
static bool step_forth(
        struct search *s, struct box box, long d, long delta, long *ret_x, long *ret_y)
{
    long n = box.a1 - box.a0, m = box.b1 - box.b0;

    for (long k = -d; k <= d; k += 2) {
        long *v = s->forth;
        long x = k == -d || (k != d && v[k - 1] < v[k + 1]) ? v[k + 1] : v[k - 1] + 1;
        long y = x - k;

        while (x < n && y < m && x >= 0 && y >= 0 &&
                s->a.ids[box.a0 + x] == s->b.ids[box.b0 + y])
            x++, y++, s->work++;
        v[k] = x;
        s->work++;
        if (delta % 2 != 0 && k >= delta - (d - 1) && k <= delta + (d - 1) &&
                x + s->back[delta - k] >= n) {
            *ret_x = x;
            *ret_y = y;
            return true;
        }
    }
    return false;
}

static bool step_back(
        struct search *s, struct box box, long d, long delta, long *ret_x, long *ret_y)
{
    long n = box.a1 - box.a0, m = box.b1 - box.b0;

    for (long k = -d; k <= d; k += 2) {
        long *v = s->back;
        long x = k == -d || (k != d && v[k - 1] < v[k + 1]) ? v[k + 1] : v[k - 1] + 1;
        long y = x - k;

        while (x < n && y < m && x >= 0 && y >= 0 &&
                s->a.ids[box.a1 - 1 - x] == s->b.ids[box.b1 - 1 - y])
            x++, y++, s->work++;
        v[k] = x;
        s->work++;
        if (delta % 2 == 0 && k >= -d && k <= d && delta - k >= -d && delta - k <= d &&
                x + s->forth[delta - k] >= n) {
            *ret_x = n - x;
            *ret_y = m - y;
            return true;
        }
    }
    return false;
}

/* A point on a shortest way through the box, not at one of its ends if that can be; false: it
 * would cost too much. */
static bool middle(struct search *s, struct box box, long *ret_x, long *ret_y)
{
    long delta = (box.a1 - box.a0) - (box.b1 - box.b0);

    s->forth[1] = 0;
    s->back[1] = 0;
    for (long d = 0; s->work < WORK_MAX; d++)
        if (step_forth(s, box, d, delta, ret_x, ret_y) ||
                step_back(s, box, d, delta, ret_x, ret_y))
            return true;
    return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the logarithm of the cost */
static void compare(struct search *s, struct box box)
{
    long x, y;

    while (box.a0 < box.a1 && box.b0 < box.b1 && s->a.ids[box.a0] == s->b.ids[box.b0])
        box.a0++, box.b0++;
    while (box.a0 < box.a1 && box.b0 < box.b1 && s->a.ids[box.a1 - 1] == s->b.ids[box.b1 - 1])
        box.a1--, box.b1--;
    if (box.a0 == box.a1 || box.b0 == box.b1) {
        replace(s, box);
        return;
    }
    if (!middle(s, box, &x, &y)) {
        s->is_rough = true;
        replace(s, box);
        return;
    }
    bool is_inside = (x > 0 || y > 0) && (x < box.a1 - box.a0 || y < box.b1 - box.b0);
    if (!is_inside) {
        replace(s, box);
        return;
    }
    compare(s, (struct box){box.a0, box.a0 + x, box.b0, box.b0 + y});
    compare(s, (struct box){box.a0 + x, box.a1, box.b0 + y, box.b1});
}

/* --- writing ---------------------------------------------------------------------------- */

struct writer {
    struct diff *diff;
    const struct search *s;
    size_t room;
    size_t i, j; /* lines of both that are done */
};

static void put(struct writer *w, char mark, const struct side *side, size_t at)
{
    struct diff *diff = w->diff;

    if (diff->count == w->room) {
        w->room = w->room ? w->room * 2 : 64;
        diff->lines = xrealloc(diff->lines, w->room * sizeof(*diff->lines));
    }
    struct diff_line *line = &diff->lines[diff->count++];
    *line = (struct diff_line){
            .mark = mark, .old = (unsigned)w->i + 1, .new = (unsigned)w->j + 1};
    if (!side)
        return;
    line->text = side->lines[at];
    line->is_unended = side->is_unended && at + 1 == side->count;
}

/* Equal lines from here on. */
static size_t equal_run(const struct writer *w)
{
    size_t n = 0;

    while (w->i + n < w->s->a.count && w->j + n < w->s->b.count && !w->s->a.changed[w->i + n] &&
            !w->s->b.changed[w->j + n])
        n++;
    return n;
}

static void put_equal(struct writer *w, size_t n)
{
    for (; n > 0; n--) {
        put(w, ' ', &w->s->a, w->i);
        w->i++;
        w->j++;
    }
}

static void put_run(struct writer *w, unsigned context)
{
    size_t n = equal_run(w);
    bool is_first = w->i == 0 && w->j == 0;
    bool is_last = w->i + n == w->s->a.count && w->j + n == w->s->b.count;
    size_t before = is_first ? 0 : n < context ? n : context;
    size_t after = is_last ? 0 : n - before < context ? n - before : context;
    size_t skipped = n - before - after;

    put_equal(w, before);
    w->i += skipped;
    w->j += skipped;
    if (skipped > 0)
        put(w, '@', NULL, 0);
    put_equal(w, after);
}

static void put_changes(struct writer *w)
{
    for (; w->i < w->s->a.count && w->s->a.changed[w->i]; w->i++, w->diff->removed++)
        put(w, '-', &w->s->a, w->i);
    for (; w->j < w->s->b.count && w->s->b.changed[w->j]; w->j++, w->diff->added++)
        put(w, '+', &w->s->b, w->j);
}

static void side_release(struct side *side)
{
    free(side->lines);
    free(side->ids);
    free(side->changed);
}

void diff_make(struct diff *diff, struct str before, struct str after, unsigned context)
{
    struct search s = {0};

    *diff = (struct diff){0};
    if (str_eq(before, after))
        return;
    split(&s.a, before);
    split(&s.b, after);
    number_both(&s);
    size_t reach = s.a.count + s.b.count + 2;
    long *memory = xcalloc(4 * reach + 2, sizeof(*memory));
    s.forth = memory + reach;
    s.back = memory + 3 * reach + 1;
    compare(&s, (struct box){0, (long)s.a.count, 0, (long)s.b.count});

    struct writer w = {.diff = diff, .s = &s};
    while (w.i < s.a.count || w.j < s.b.count) {
        put_run(&w, context);
        put_changes(&w);
    }
    diff->is_rough = s.is_rough;
    free(memory);
    side_release(&s.a);
    side_release(&s.b);
}

void diff_release(struct diff *diff)
{
    free(diff->lines);
    *diff = (struct diff){0};
}
