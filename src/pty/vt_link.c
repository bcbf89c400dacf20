/*
 * vt_link.c - hyperlinks (OSC 8): where they lead, kept beside the grid.
 *
 * A cell has room for a number below VT_LINKS only: when it is full,
 * both screens are looked through for numbers that no cell has any more, and if there is none,
 * half of the links are forgotten, with their cells. A cell therefore never names a target that
 * it was not printed with. History keeps no links.
 */
#include "pty/vt_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Cells of both screens, of which one may be the alternate. */
static void each_line(struct vt *vt, void (*fn)(struct vt_line *line, void *ctx), void *ctx)
{
    for (int screen = 0; screen < 2; screen++)
        for (int row = 0; row < vt->screens[screen].rows; row++)
            fn(vt->screens[screen].lines[row], ctx);
}

static void mark_used(struct vt_line *line, void *ctx)
{
    bool *used = ctx;

    for (int col = 0; col < line->used; col++)
        used[line->cells[col].link] = true;
}

static void clear_unnamed(struct vt_line *line, void *ctx)
{
    struct vt *vt = ctx;

    for (int col = 0; col < line->used; col++)
        if (line->cells[col].link && !vt->links[line->cells[col].link].target)
            line->cells[col].link = 0;
}

static void forget(struct vt *vt, unsigned link)
{
    free(vt->links[link].target);
    vt->links[link] = (struct vt_link){0};
}

/* There is a free number afterwards. */
static void make_room(struct vt *vt)
{
    bool used[VT_LINKS] = {false};
    bool found = false;

    each_line(vt, mark_used, used);
    for (unsigned i = 1; i < VT_LINKS; i++)
        if (!used[i]) {
            forget(vt, i);
            found = true;
        }
    if (found)
        return;
    vt->links_half = !vt->links_half;
    for (unsigned i = vt->links_half ? 1 : 2; i < VT_LINKS; i += 2)
        forget(vt, i);
    each_line(vt, clear_unnamed, vt);
}

static uint8_t number_of(struct vt *vt, struct str target)
{
    for (int pass = 0; pass < 2; pass++) {
        unsigned place = 0;

        for (unsigned i = 1; i < VT_LINKS; i++) {
            const struct vt_link *link = &vt->links[i];

            if (!link->target)
                place = place ? place : i;
            else if (str_eq(target, (struct str){link->target, link->len}))
                return (uint8_t)i;
        }
        if (place) {
            vt->links[place] = (struct vt_link){xstrndup(target.p, target.n), target.n};
            return (uint8_t)place;
        }
        make_room(vt);
    }
    return 0;
}

void vt_set_link(struct vt *vt, struct str body)
{
    struct str parameters;

    vt->pen.link = 0;
    if (!str_cut(&body, ';', &parameters) || body.n == 0 || body.n > LIMIT_VT_LINK ||
            memchr(body.p, '\0', body.n))
        return;
    vt->pen.link = number_of(vt, body);
}

void vt_links_release(struct vt *vt)
{
    for (unsigned i = 0; i < VT_LINKS; i++)
        forget(vt, i);
}

const char *vt_link_target(const struct vt *vt, unsigned link)
{
    return link < VT_LINKS ? vt->links[link].target : NULL;
}
