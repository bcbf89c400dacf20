/*
 * clip.h - where the user's copies go: a command of the configuration, the terminal's clipboard
 * (OSC 52), or a file.
 *
 * The command gets the text on its standard input and replaces the terminal's clipboard; if it
 * fails, the text takes the other way. What is too long for a terminal becomes a file of ours.
 * Nothing is ever read from a clipboard.
 */
#ifndef SRC_TUI_CLIP_H
#define SRC_TUI_CLIP_H

#include "base/buf.h"
#include "io/loop.h"

struct clip;

/* command: argv, NULL-terminated, borrowed; NULL: none. on_done says where a text went, or why
 * it did not, possibly from inside clip_put(). */
struct clip *clip_new(struct loop *loop, char *const *command,
        void (*on_done)(void *ctx, const char *message), void *ctx);
void clip_free(struct clip *clip);

void clip_put(struct clip *clip, struct str text);
/* The bytes for the terminal, appended once. */
void clip_flush(struct clip *clip, struct buf *out);

#endif
