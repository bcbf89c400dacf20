/*
 * editor.h - the user's editor, run by the client, whose terminal it is.
 */
#ifndef SRC_CLI_EDITOR_H
#define SRC_CLI_EDITOR_H

/* Keeps what an editor needs of the environment, before that is overwritten. */
void editor_keep_environment(void);
/* $VISUAL, $EDITOR or vi, on this terminal; returns when it has ended. Its words are divided by
 * blanks: there is no shell. Signals are the caller's again afterwards. */
void editor_run(const char *path, int tty);

#endif
