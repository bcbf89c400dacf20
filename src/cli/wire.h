/*
 * wire.h - what client and server say to each other: one packet is one message.
 *
 *     VERB NUL name=value NUL name=value NUL ...
 *
 * Strings as the system has them (paths, arguments and names need not be UTF-8), in no
 * encoding that could be read in two ways; a name may come several times. Unknown names are
 * ignored. Verbs, `version`, `code` and `text` keep their meaning in all versions, so that
 * programs of two versions can tell each other that they are.
 *
 *   client                                    server
 *   ATTACH session= terminal and descriptor   ATTACHED          the screen is up
 *   NEW    the session, and the same          NEED  key=NAME..  has no key: send it, if you
 *                                                               have
 *          detach=1: without a terminal       BYE   code= text= [out=]  the end, the terminal
 *          key=NAME=VALUE                                       is as it was
 *   RESIZE, DETACH, SUSPEND                   SUSPEND           stop, then ATTACH again
 *                                             EDIT  path=       edit that, then ATTACH again
 *   LIST                                      TABS  tab=NUMBER ID, for each
 *   RULE   id= allow= width=                  RULE  line=       what such an answer would be
 *   DECIDE id= digest= policy= allow= scope=  BYE
 *          [width= rule= uses= for_ms= message=]
 *   GRANTS from=                              GRANTS number=..  answers that hold, as many as
 *                                                               fit; none: no more
 *   REVOKE number=                            BYE
 *   WATCH                                     CHANGED           each time the queue changes
 *
 * Every first message has version=.
 */
#ifndef SRC_CLI_WIRE_H
#define SRC_CLI_WIRE_H

#include "base/buf.h"
#include "base/err.h"

void wire_begin(struct buf *message, const char *verb);
/* value NULL: nothing is put. */
void wire_put(struct buf *message, const char *name, const char *value);
void wire_put_number(struct buf *message, const char *name, long value);

/* A message can be read: whole strings, and a verb in front. */
bool wire_ok(struct str message);
const char *wire_verb(struct str message);
/* The value, in the message; NULL: it is not there. */
const char *wire_get(struct str message, const char *name);
bool wire_is_set(struct str message, const char *name);
long wire_number(struct str message, const char *name, long otherwise);
/* The values of a name one after the other: *pos is 0 at first. NULL after the last. */
const char *wire_next(struct str message, const char *name, size_t *pos);

/* Blocking, for the client. fd -1: none. */
int wire_send(int socket, struct str message, int fd, struct err *err);
/* Returns 0 at the end of the connection, or the length; the buffer is replaced. */
int wire_receive(int socket, struct buf *message);

#endif
