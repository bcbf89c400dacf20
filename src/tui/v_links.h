/*
 * v_links.h - LINKS and COPY?: what the agent offers, as it was when the user asked for it.
 *
 * Both are taken when the view is opened and stay as they are: what is opened or copied is what
 * was on the screen.
 */
#ifndef SRC_TUI_V_LINKS_H
#define SRC_TUI_V_LINKS_H

#include "base/buf.h"
#include "pty/vt.h"

#define LINKS_MAX 200

struct link {
    char *target; /* owns; where it leads, as the agent wrote it */
    char *text;   /* owns; what is on the screen, or NULL: the target itself */
};

struct links {
    struct link items[LINKS_MAX];
    unsigned count;
};

/* Those of the screen, from the top; each target once for each text. */
void links_collect(struct links *links, struct vt *vt);
void links_release(struct links *links);

/* May it be opened? Otherwise *ret_why says why not. */
bool link_can_open(const char *target, const char **ret_why);

/* A text for the clipboard with all that is invisible written out, in lines of `cols` cells. */
struct offer {
    struct buf text;  /* owns; as the agent sent it */
    struct buf shown; /* owns; safe to print */
    size_t *lines;    /* owns; where each begins in `shown` */
    unsigned count;
    int cols; /* they are for */
};

void offer_take(struct offer *offer, struct str text);
void offer_release(struct offer *offer);
/* How many lines it has in `cols` cells. */
unsigned offer_lines(struct offer *offer, int cols);

#endif
