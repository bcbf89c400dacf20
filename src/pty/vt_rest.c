/*
 * vt_rest.c - see vt_rest.h. Bounded in screens and in bytes; the oldest goes first.
 */
#include "pty/vt_rest.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pty/vt_internal.h"

#define FNV_START 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

void vt_rest_init(struct vt_rest *rest, unsigned max)
{
    *rest = (struct vt_rest){.max = max};
    vt_scroll_init(&rest->lines, max * LIMIT_VT_ROWS);
    rest->lines.max_bytes = LIMIT_VT_REST;
}

void vt_rest_release(struct vt_rest *rest)
{
    vt_scroll_clear(&rest->lines);
    free(rest->screens);
    rest->screens = NULL;
}

static uint64_t hash_screen(const struct vt_grid *grid)
{
    uint64_t hash = FNV_START;

    for (int row = 0; row < grid->rows; row++) {
        const struct vt_line *line = grid->lines[row];

        for (int col = 0; col < line->used; col++) {
            const struct vt_cell *cell = &line->cells[col];

            hash = (hash ^ cell->cp) * FNV_PRIME;
            hash = (hash ^ (uint64_t)cell->attrs << 32 ^ cell->fg ^ cell->bg) * FNV_PRIME;
        }
        hash = (hash ^ '\n') * FNV_PRIME;
    }
    return hash;
}

static bool has_text(const struct vt_line *line)
{
    for (int col = 0; col < line->used; col++)
        if (line->cells[col].cp && line->cells[col].cp != ' ')
            return true;
    return false;
}

/*
 * The alternate screen is a full-screen program's. On the main one it is taken for one if the
 * last row is in use and yet nothing went into the history since the last look: a program that
 * prints would have scrolled.
 */
static bool is_full_screen(struct vt_rest *rest, const struct vt *vt)
{
    uint64_t lines = vt->scroll.end;
    bool scrolled = lines != rest->scroll_lines;

    rest->scroll_lines = lines;
    return vt->modes.alt_screen || (!scrolled && has_text(vt->grid->lines[vt->grid->rows - 1]));
}

/* The oldest screen, and what is left of its lines. */
static void drop_oldest(struct vt_rest *rest)
{
    rest->count--;
    memmove(rest->screens, rest->screens + 1, rest->count * sizeof(*rest->screens));
    while (vt_scroll_rows_of(&rest->lines) &&
            (!rest->count || vt_scroll_first(&rest->lines) < rest->screens[0].first))
        vt_scroll_drop(&rest->lines);
}

static void keep(struct vt_rest *rest, const struct vt_grid *grid, int64_t at_ms)
{
    if (!rest->screens)
        rest->screens = xcalloc(rest->max, sizeof(*rest->screens));
    if (rest->count == rest->max)
        drop_oldest(rest);
    rest->screens[rest->count++] =
            (struct vt_rest_screen){rest->lines.end, grid->rows, at_ms};
    for (int row = 0; row < grid->rows; row++)
        vt_scroll_push(&rest->lines, grid->lines[row]);
    while (rest->count && rest->screens[0].first < vt_scroll_first(&rest->lines))
        drop_oldest(rest);
}

void vt_rest_look(struct vt_rest *rest, const struct vt *vt, uint64_t now_ms, int64_t wall_ms)
{
    uint64_t quiet = now_ms - rest->fed_ms;
    bool first = rest->fed_ms == 0;

    rest->fed_ms = now_ms;
    if (first || quiet < VT_REST_MS || rest->max == 0 || !is_full_screen(rest, vt))
        return;

    uint64_t hash = hash_screen(vt->grid);
    if (hash == rest->hash)
        return;
    rest->hash = hash;
    keep(rest, vt->grid, wall_ms - (int64_t)quiet);
}

const struct vt_rest_screen *vt_rest_find(const struct vt_rest *rest, uint64_t line)
{
    unsigned low = 0, high = rest->count;

    while (low < high) {
        unsigned mid = low + (high - low) / 2;

        if (rest->screens[mid].first <= line)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return NULL;

    const struct vt_rest_screen *screen = &rest->screens[low - 1];
    return line < screen->first + (uint64_t)screen->rows ? screen : NULL;
}
