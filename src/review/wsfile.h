/*
 * wsfile.h - a file of the workspace as it is now, read for a review. Nothing outside of the
 * workspace is opened, whatever links say; nothing but a plain file is read. Blocks.
 */
#ifndef SRC_REVIEW_WSFILE_H
#define SRC_REVIEW_WSFILE_H

#include <sys/stat.h>

#include "base/buf.h"
#include "policy/call.h"

enum ws_state {
    WS_FILE,
    WS_NEW,     /* nothing there yet */
    WS_OUTSIDE, /* by its text, or by a link: not looked at */
    WS_OTHER,   /* a folder, a device, a socket */
    WS_LARGE,   /* more than WSFILE_MAX */
    WS_ERROR    /* cannot be read */
};

#define WSFILE_MAX (1u << 20)

struct wsfile {
    enum ws_state state;
    struct str rel;  /* borrows from `path`: below the workspace; "" outside */
    char link[256];  /* where the last component leads, safe to print; "": it is no link */
    struct stat st;  /* of WS_FILE and WS_LARGE */
    struct buf text; /* owns; of WS_FILE */
};

void wsfile_read(struct wsfile *file, const struct policy_world *world, struct str path);
void wsfile_release(struct wsfile *file);
/* Is it another one now, or has another content? */
bool wsfile_changed(const struct wsfile *file, const struct policy_world *world);

#endif
