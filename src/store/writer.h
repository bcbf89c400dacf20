/*
 * writer.h - the thread that owns the writing connection, and the queue before it.
 *
 * It knows nothing of the loop: `notify` is called on the writer's thread when there is
 * something to collect, at most once until the next writer_collect().
 *
 *     writer = writer_start(path, notify, ctx, &err);  // opens the database on its thread
 *     writer_wait(writer, &err);                       // until that is done
 *     writer_push(writer, entry);                 // never waits for the disk
 *     ... notify ... writer_collect(writer, &news) on the loop's thread
 *     writer_stop(writer);                        // writes the rest, waits for the disk
 *     writer_collect(writer, &news);
 *     writer_free(writer);
 */
#ifndef SRC_STORE_WRITER_H
#define SRC_STORE_WRITER_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum entry_kind {
    ENTRY_SESSION,
    ENTRY_REQUEST,
    ENTRY_ESCALATION,
    ENTRY_WORDS,
    ENTRY_REVOCATION,
    ENTRY_KINDS,
    ENTRY_BARRIER = ENTRY_KINDS /* no row: what came before is on the disk */
};

/* One record on its way to the disk; a single block of memory. */
struct entry {
    struct entry *next; /* owns */
    enum entry_kind kind;
    bool written;                                   /* answer: is on the disk */
    size_t bytes;                                   /* of the whole block */
    void (*done)(void *ctx, const struct err *err); /* NULL: nobody wants to know */
    void *done_ctx;                                 /* borrows */
    alignas(max_align_t) char rec[];                /* the record of that kind */
};

/* Room for a record of `size` bytes and `extra` behind it. */
struct entry *entry_new(enum entry_kind kind, size_t size, size_t extra);

struct writer;

struct writer *writer_start(
        const char *path, void (*notify)(void *ctx), void *ctx, struct err *err);
/* Before an id is given. Fails if the database cannot be used: stop and free it then. */
int writer_wait(struct writer *writer, struct err *err);

/* Takes the entry. After a failure entries without `done` are dropped at once. */
void writer_push(struct writer *writer, struct entry *entry);

/* Unique in the database, among all processes, also after a crash. */
uint64_t writer_next_id(struct writer *writer);

/* Above LIMIT_AUDIT_QUEUE, until a writer_collect() says `drained`. */
bool writer_full(struct writer *writer);

struct writer_news {
    struct entry *answers; /* owns: those with `done`, oldest first */
    bool drained;          /* was full, is not any more */
    bool failed;           /* from now on nothing is written */
    struct err why;
};
void writer_collect(struct writer *writer, struct writer_news *ret);

/* Write everything that is queued and end the thread. Entries pushed later are written at
 * once, by the caller. */
void writer_stop(struct writer *writer);
void writer_free(struct writer *writer); /* stopped and collected */

#endif
