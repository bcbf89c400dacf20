/*
 * store.c - the loop's side of the audit: records go into the writer's queue, answers come
 * back through loop_post().
 *
 * A post cannot be taken back, and close means silence: if one is on its way when the store
 * is closed, the store's memory lives until it arrives and finds `closed`.
 */
#include "store/store.h"

#include <stdatomic.h>

#include "store/internal.h"
#include "store/writer.h"

#include "base/mem.h"

struct store {
    struct loop *loop;     /* borrows */
    char *path;            /* owns */
    struct writer *writer; /* owns */
    atomic_bool posted;    /* on_news is on its way; set by the writer's thread */
    bool closed;
    bool delivering;

    /* What the loop knows; the writer may be ahead. */
    bool failed;
    struct err why;

    struct drain *drains; /* owns */
    void (*on_failure)(void *ctx, const char *why);
    void *failure_ctx; /* borrows */
};

/* Who waits for room. */
struct drain {
    void (*fn)(void *ctx);
    void *ctx;          /* borrows */
    struct drain *next; /* owns */
};

static void notify(void *ctx);
static void on_news(void *ctx);
static bool deliver(struct store *store);

struct store *store_start(struct loop *loop, const char *path, struct err *err)
{
    struct store *store = xcalloc(1, sizeof(*store));

    store->loop = loop;
    store->path = xstrdup(path);
    store->writer = writer_start(path, notify, store, err);
    if (store->writer)
        return store;
    free(store->path);
    free(store);
    return NULL;
}

int store_wait(struct store *store, struct err *err)
{
    return writer_wait(store->writer, err);
}

struct store *store_open(struct loop *loop, const char *path, struct err *err)
{
    struct store *store = store_start(loop, path, err);

    if (store && store_wait(store, err) < 0) {
        store_close(store);
        store = NULL;
    }
    return store;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    CHECK(!store->delivering);
    writer_stop(store->writer);
    /* Callbacks may put and commit more; that is written at once now. */
    while (deliver(store))
        continue;
    writer_free(store->writer);
    while (store->drains)
        store_on_drain(store, NULL, store->drains->ctx);
    free(store->path);
    store->closed = true;
    if (!atomic_load(&store->posted))
        free(store);
}

bool store_failed(const struct store *store)
{
    return store->failed;
}

const char *store_error(const struct store *store)
{
    return store->why.msg;
}

bool store_full(const struct store *store)
{
    return writer_full(store->writer);
}

void store_on_drain(struct store *store, void (*fn)(void *ctx), void *ctx)
{
    struct drain **at = &store->drains;

    while (*at && (*at)->ctx != ctx)
        at = &(*at)->next;
    struct drain *drain = *at;
    if (drain && !fn) {
        *at = drain->next;
        free(drain);
    } else if (fn) {
        if (!drain)
            drain = *at = xcalloc(1, sizeof(*drain));
        drain->fn = fn;
        drain->ctx = ctx;
    }
}

void store_on_failure(struct store *store, void (*fn)(void *ctx, const char *why), void *ctx)
{
    store->on_failure = fn;
    store->failure_ctx = ctx;
}

uint64_t store_next_id(struct store *store)
{
    return writer_next_id(store->writer);
}

const char *store_path(const struct store *store)
{
    return store->path;
}

/* --- in ------------------------------------------------------------------------------- */

void store_put_session(struct store *store, const struct session_record *rec)
{
    struct entry *entry = entry_new(ENTRY_SESSION, sizeof(struct session_row), 0);

    /* The record comes first in the row; the writer fills the rest. */
    memcpy(entry->rec, rec, sizeof(*rec));
    writer_push(store->writer, entry);
}

void store_put_request(struct store *store, const struct request_record *rec)
{
    struct request_record copy = *rec;
    const char *arguments = rec->arguments ? rec->arguments : "";
    size_t n = strlen(arguments) + 1;
    struct entry *entry = entry_new(ENTRY_REQUEST, sizeof(copy), n);

    CHECK(rec->id != 0);
    copy.arguments = memcpy(entry->rec + sizeof(copy), arguments, n);
    memcpy(entry->rec, &copy, sizeof(copy));
    writer_push(store->writer, entry);
}

void store_put_escalation(struct store *store, const struct escalation_record *rec)
{
    store_commit_escalation(store, rec, NULL, NULL);
}

void store_commit_escalation(struct store *store, const struct escalation_record *rec,
        void (*done)(void *ctx, const struct err *err), void *ctx)
{
    struct escalation_record copy = *rec;
    const char *detail = rec->detail ? rec->detail : "";
    const char *edited = rec->edited ? rec->edited : "";
    size_t n = strlen(detail) + 1, more = strlen(edited) + 1;
    struct entry *entry = entry_new(ENTRY_ESCALATION, sizeof(copy), n + more);

    CHECK(rec->id != 0);
    copy.detail = memcpy(entry->rec + sizeof(copy), detail, n);
    copy.edited = memcpy(entry->rec + sizeof(copy) + n, edited, more);
    memcpy(entry->rec, &copy, sizeof(copy));
    entry->done = done;
    entry->done_ctx = ctx;
    writer_push(store->writer, entry);
}

void store_commit_revocation(struct store *store, const struct revocation_record *rec,
        void (*done)(void *ctx, const struct err *err), void *ctx)
{
    struct entry *entry = entry_new(ENTRY_REVOCATION, sizeof(*rec), 0);

    CHECK(rec->id != 0);
    memcpy(entry->rec, rec, sizeof(*rec));
    entry->done = done;
    entry->done_ctx = ctx;
    writer_push(store->writer, entry);
}

void store_put_words(struct store *store, const struct words_record *rec)
{
    struct words_record copy = *rec;
    const char *text = rec->text ? rec->text : "";
    size_t n = strlen(text) + 1;
    struct entry *entry = entry_new(ENTRY_WORDS, sizeof(copy), n);

    copy.text = memcpy(entry->rec + sizeof(copy), text, n);
    memcpy(entry->rec, &copy, sizeof(copy));
    writer_push(store->writer, entry);
}

void store_barrier(
        struct store *store, void (*done)(void *ctx, const struct err *err), void *ctx)
{
    struct entry *entry = entry_new(ENTRY_BARRIER, 0, 0);

    entry->done = done;
    entry->done_ctx = ctx;
    writer_push(store->writer, entry);
}

/* --- out ------------------------------------------------------------------------------ */

/* On the writer's thread. */
static void notify(void *ctx)
{
    struct store *store = ctx;

    atomic_store(&store->posted, true);
    loop_post(store->loop, on_news, store);
}

static void on_news(void *ctx)
{
    struct store *store = ctx;

    if (store->closed) {
        free(store);
        return;
    }
    /* Before collecting: only after that the writer notifies again. */
    atomic_store(&store->posted, false);
    (void)deliver(store);
}

/* Call back for all that the writer has done. False: there was nothing. */
static bool deliver(struct store *store)
{
    struct writer_news news;

    writer_collect(store->writer, &news);
    bool first_failure = news.failed && !store->failed;
    bool any = news.answers || first_failure;
    store->delivering = true;
    if (first_failure) {
        store->failed = true;
        store->why = news.why;
        if (store->on_failure)
            store->on_failure(store->failure_ctx, store->why.msg);
    }
    while (news.answers) {
        struct entry *entry = news.answers;

        news.answers = entry->next;
        entry->done(entry->done_ctx, entry->written ? NULL : &store->why);
        free(entry);
    }
    /* A callback may have filled it again; then the next drain will come. */
    if (news.drained && !writer_full(store->writer)) {
        for (struct drain *drain = store->drains; drain; drain = drain->next)
            drain->fn(drain->ctx);
    }
    store->delivering = false;
    return any;
}
