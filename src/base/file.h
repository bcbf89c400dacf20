/*
 * file.h - reading and writing files so that nothing is half-written and no symlink of
 * somebody else is followed.
 *
 * Folders are made 0700 and files 0600 unless a mode is given. A path handed to a writing
 * function must end in a real directory entry: a symlink in the last component is refused.
 */
#ifndef SRC_BASE_FILE_H
#define SRC_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* $IRONCURTAIN_HOME or ~/.ironcurtain, absolute, from the environment at first call. */
const char *path_home(void);

/* "a/b/c" joined with single slashes; caller frees. */
char *path_join(const char *a, const char *b);
char *path_join3(const char *a, const char *b, const char *c);

/* Make the folder and its parents; an existing one must be a folder of ours (owner, no
 * symlink as the last component). Mode 0700 is given to those we make. */
int file_mkdir(const char *path, struct err *err);

/* Whole file, at most `max` bytes (ERR_LIMIT beyond). Appends to `ret`. */
int file_read(const char *path, size_t max, struct buf *ret, struct err *err);

/* As file_read, of a file that holds a secret: regular, ours, closed to group and others, and
 * no symlink; anything else is refused (ERR_CREDENTIAL). */
int file_read_private(const char *path, size_t max, struct buf *ret, struct err *err);

/* Temporary file beside it, write, fsync, rename, fsync of the folder. The old content
 * stays whole if anything fails, and the temporary file is removed. */
int file_write(const char *path, const void *p, size_t n, mode_t mode, struct err *err);

/* The same without waiting for the disk, for files that are of no use after a boot: after a
 * power failure there may be an empty file of that name, or none. */
int file_write_passing(const char *path, const void *p, size_t n, mode_t mode, struct err *err);

/* Create; ERR_CONFLICT if it exists (O_EXCL). */
int file_create(const char *path, const void *p, size_t n, mode_t mode, struct err *err);

/* O_APPEND|O_CREAT|O_NOFOLLOW|O_CLOEXEC, 0600. Returns the descriptor or a negative code. */
int file_open_append(const char *path, struct err *err);

/* Remove a folder and what is in it, without following symlinks. Missing is fine. */
int file_remove_tree(const char *path, struct err *err);

bool file_exists(const char *path);

/* Absolute path of an executable looked up in $PATH (a name with a slash is taken as it is);
 * NULL: not there. Caller frees. */
char *file_in_path(const char *program);

#endif
