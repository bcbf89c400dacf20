/*
 * files.h - questions and answers as files, for programs of the user's own that watch and
 * answer: sessions/<uuid>/escalations/request-<id>.json and response-<id>.json.
 *
 * A request is there while it waits. A response, put in its place by rename, is
 *
 *     {"decision":"approved"|"denied","digest":"...","message":"...","whitelistSelection":0}
 *
 * with the digest of the request; the last two may be missing, and a selection makes the answer
 * one for the session with that rule of the request's whitelistCandidates. What cannot be
 * read is a denial. What has another digest does not count, nor does an approval of high
 * risk: that takes a person on a terminal. The folders are never mounted into a box.
 */
#ifndef SRC_GATE_FILES_H
#define SRC_GATE_FILES_H

#include "gate/gate.h"

struct gate_files;

/* `home` has the folder "sessions". */
struct gate_files *gate_files_new(struct loop *loop, struct gate *gate, const char *home);
/* Removes the files of what still waits. */
void gate_files_free(struct gate_files *files);
/* The queue changed. */
void gate_files_look(struct gate_files *files);

#endif
