/*
 * vt_rest.h - screens at rest: what full-screen programs showed before they drew over it.
 *
 * Their screens never become history. A screen is kept when it changed and then rested for
 * VT_REST_MS; that is found out when the next output comes, so nothing runs while nothing
 * happens. The rows are packed like history and numbered on and on, screens one after the
 * other, the oldest first.
 */
#ifndef SRC_PTY_VT_REST_H
#define SRC_PTY_VT_REST_H

#include "pty/vt_scroll.h"

#define VT_REST_MS 500
#define VT_REST_SCREENS 200 /* kept, if nothing else is said */

struct vt_rest_screen {
    uint64_t first; /* number of its first line in `lines` */
    int rows;
    int64_t at_ms; /* Unix time at which it came to rest */
};

struct vt_rest {
    struct vt_scroll lines;         /* at most LIMIT_VT_REST bytes */
    struct vt_rest_screen *screens; /* owns; in the order of time */
    unsigned count, max;
    uint64_t fed_ms;       /* when output came last; 0: never */
    uint64_t hash;         /* of the screen kept last */
    uint64_t scroll_lines; /* of the history, at the last look */
};

void vt_rest_init(struct vt_rest *rest, unsigned max);
void vt_rest_release(struct vt_rest *rest);

/* Output comes now: was there a rest before it, and a screen worth keeping? */
void vt_rest_look(struct vt_rest *rest, const struct vt *vt, uint64_t now_ms, int64_t wall_ms);

/* The screen that holds this line, or NULL: it is gone. */
const struct vt_rest_screen *vt_rest_find(const struct vt_rest *rest, uint64_t line);

#endif
