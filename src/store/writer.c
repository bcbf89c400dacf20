/*
 * writer.c - the writer thread: whatever has queued up goes to the disk in one transaction.
 *
 * The lock guards the queue only and is held for a handful of instructions; never during a
 * call of sqlite, an allocation or a free of a whole batch. So the loop, which takes it for
 * every put, does not wait for the disk. One fsync per transaction: under load the queue
 * grows while the disk works and the next batch is larger. A row that nobody waits for waits
 * LIMIT_AUDIT_GATHER_MS for others, and of a request that began and ended in one batch only
 * the end is written.
 *
 * Failure latches: the first error (disk full, a lock that another process keeps, a queue
 * nobody throttles) ends writing for good. A half-working audit would show a past that has
 * holes, and the gate must deny when it cannot record.
 *
 * Ids: a process reserves a range in table id_counter when it opens the database, gives back
 * what is left when it closes, and fetches the next range with a batch when half are used.
 */
#include "store/writer.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>

#include "store/db.h"
#include "store/row.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/proc.h"

/* Requests of one batch that are told apart; two in one slot are both written. */
#define LATEST_SLOTS 4096

struct range {
    uint64_t next, end; /* next == end: empty */
};

struct queue {
    struct entry *head; /* owns; oldest first */
    struct entry **tail;
};

struct writer {
    pthread_t thread;
    char *path;                         /* owns; for messages */
    sqlite3 *db;                        /* owns; the thread's; after it ended, the stopper's */
    sqlite3_stmt *puts[ENTRY_KINDS];    /* owns; same */
    sqlite3_stmt *reserve;              /* owns; same */
    struct entry *latest[LATEST_SLOTS]; /* of each request in the batch; same */
    void (*notify)(void *ctx);
    void *ctx;    /* borrows */
    bool stopped; /* no thread any more; the stopper's thread only */

    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_cond_t opened;
    /* All below under the lock. */
    bool is_opened; /* or has failed to be */
    struct queue todo;
    struct queue answers; /* their bytes are not counted */
    size_t bytes;         /* queued or in the hands of the thread */
    bool full;
    bool urgent; /* somebody waits for an entry in todo, or there are many */
    bool stop;
    bool notified;
    bool failed, failure_told;
    struct err why;
    struct range ids, spare;
    bool want_ids;
};

static const struct row_type *const row_types[ENTRY_KINDS] = {
        [ENTRY_SESSION] = &row_session,
        [ENTRY_REQUEST] = &row_request,
        [ENTRY_ESCALATION] = &row_escalation,
        [ENTRY_WORDS] = &row_words,
        [ENTRY_REVOCATION] = &row_revocation,
};

static int prepare_all(struct writer *writer, struct err *err);
static int reserve_ids(struct writer *writer, struct range *ret, struct err *err);
static int start_thread(struct writer *writer, struct err *err);
static void open_first(struct writer *writer);
static void *run(void *arg);
static bool write_round(struct writer *writer);
static void give_back_ids(struct writer *writer);

struct entry *entry_new(enum entry_kind kind, size_t size, size_t extra)
{
    struct entry *entry = xmalloc(sizeof(*entry) + size + extra);

    *entry = (struct entry){.kind = kind, .bytes = sizeof(*entry) + size + extra};
    return entry;
}

static void queue_init(struct queue *queue)
{
    *queue = (struct queue){.tail = &queue->head};
}

static void queue_push(struct queue *queue, struct entry *entry)
{
    entry->next = NULL;
    *queue->tail = entry;
    queue->tail = &entry->next;
}

static struct entry *queue_take(struct queue *queue)
{
    struct entry *all = queue->head;

    queue_init(queue);
    return all;
}

struct writer *writer_start(
        const char *path, void (*notify)(void *ctx), void *ctx, struct err *err)
{
    struct writer *writer = xcalloc(1, sizeof(*writer));

    CHECK(pthread_mutex_init(&writer->lock, NULL) == 0);
    pthread_condattr_t attr;
    CHECK(pthread_condattr_init(&attr) == 0 &&
            pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
            pthread_cond_init(&writer->wake, &attr) == 0 &&
            pthread_cond_init(&writer->opened, &attr) == 0);
    pthread_condattr_destroy(&attr);
    queue_init(&writer->todo);
    queue_init(&writer->answers);
    writer->path = xstrdup(path);
    writer->notify = notify;
    writer->ctx = ctx;
    writer->stopped = true;

    if (start_thread(writer, err) == 0)
        return writer;
    writer_free(writer);
    return NULL;
}

int writer_wait(struct writer *writer, struct err *err)
{
    pthread_mutex_lock(&writer->lock);
    while (!writer->is_opened)
        pthread_cond_wait(&writer->opened, &writer->lock);
    bool failed = writer->failed;
    if (failed && err)
        *err = writer->why;
    int rc = failed ? (int)writer->why.code : 0;
    pthread_mutex_unlock(&writer->lock);
    return rc;
}

void writer_free(struct writer *writer)
{
    if (!writer)
        return;
    CHECK(writer->stopped && !writer->todo.head && !writer->answers.head);
    for (int i = 0; i < ENTRY_KINDS; i++)
        sqlite3_finalize(writer->puts[i]);
    sqlite3_finalize(writer->reserve);
    if (writer->db)
        give_back_ids(writer);
    db_close(writer->db);
    pthread_cond_destroy(&writer->wake);
    pthread_cond_destroy(&writer->opened);
    pthread_mutex_destroy(&writer->lock);
    free(writer->path);
    free(writer);
}

/* Under the lock. Only the first reason counts. */
static void latch(struct writer *writer, const struct err *why)
{
    if (writer->failed)
        return;
    writer->failed = true;
    writer->why = *why;
}

void writer_push(struct writer *writer, struct entry *entry)
{
    pthread_mutex_lock(&writer->lock);
    if (writer->bytes + entry->bytes > LIMIT_AUDIT_HARD) {
        struct err why;

        (void)err_set(&why, ERR_LIMIT, "more than %d bytes of audit rows wait for the disk",
                LIMIT_AUDIT_HARD);
        latch(writer, &why);
    }
    bool drop = writer->failed && !entry->done;
    if (!drop) {
        bool urgent = entry->done || writer->bytes > LIMIT_AUDIT_GATHER;
        if (!writer->todo.head || (urgent && !writer->urgent))
            pthread_cond_signal(&writer->wake);
        writer->urgent = writer->urgent || urgent;
        queue_push(&writer->todo, entry);
        writer->bytes += entry->bytes;
        writer->full = writer->full || writer->bytes > LIMIT_AUDIT_QUEUE;
    }
    pthread_mutex_unlock(&writer->lock);

    if (drop)
        free(entry);
    if (writer->stopped)
        (void)write_round(writer);
}

uint64_t writer_next_id(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    struct range *ids = &writer->ids;
    if (ids->next == ids->end && writer->spare.next != writer->spare.end) {
        *ids = writer->spare;
        writer->spare = (struct range){0, 0};
    }
    if (ids->next == ids->end) {
        struct err why;

        /* Numbers go on so that callers can, but no row with them will be written. */
        (void)err_set(&why, ERR_LIMIT, "audit ids are used up faster than the disk answers");
        latch(writer, &why);
        ids->end++;
    }
    uint64_t id = ids->next++;
    if (ids->end - ids->next < LIMIT_AUDIT_IDS / 2 && writer->spare.next == writer->spare.end &&
            !writer->want_ids) {
        writer->want_ids = true;
        pthread_cond_signal(&writer->wake);
    }
    pthread_mutex_unlock(&writer->lock);
    return id;
}

bool writer_full(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    bool full = writer->full;
    pthread_mutex_unlock(&writer->lock);
    return full;
}

void writer_collect(struct writer *writer, struct writer_news *ret)
{
    pthread_mutex_lock(&writer->lock);
    ret->answers = queue_take(&writer->answers);
    ret->drained = writer->full && writer->bytes <= LIMIT_AUDIT_LOW;
    if (ret->drained)
        writer->full = false;
    ret->failed = writer->failed;
    ret->why = writer->why;
    writer->notified = false;
    writer->failure_told = writer->failed;
    pthread_mutex_unlock(&writer->lock);
}

void writer_stop(struct writer *writer)
{
    if (writer->stopped)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->stop = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    CHECK(pthread_join(writer->thread, NULL) == 0);
    writer->stopped = true;
}

/* --- setting up ----------------------------------------------------------------------- */

static int prepare_all(struct writer *writer, struct err *err)
{
    int rc = 0;

    for (int i = 0; i < ENTRY_KINDS && rc == 0; i++) {
        struct buf sql = BUF_INIT;

        row_put_sql(row_types[i], &sql);
        buf_putc(&sql, '\0');
        rc = db_prepare(writer->db, buf_data(&sql), &writer->puts[i], err);
        buf_release(&sql);
    }
    if (rc == 0)
        rc = db_prepare(writer->db, "UPDATE id_counter SET next=next+?1 RETURNING next",
                &writer->reserve, err);
    return rc;
}

/* Signals are the loop's business: the thread starts with all of them blocked. */
static int start_thread(struct writer *writer, struct err *err)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&writer->thread, NULL, run, writer);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        return err_set(err, ERR_IO, "cannot start the audit thread: %s", strerror(rc));
    writer->stopped = false;
    return 0;
}

/* --- ids ------------------------------------------------------------------------------ */

static int reserve_ids(struct writer *writer, struct range *ret, struct err *err)
{
    sqlite3_stmt *stmt = writer->reserve;
    int rc = 0;

    sqlite3_bind_int64(stmt, 1, LIMIT_AUDIT_IDS);
    int step = sqlite3_step(stmt);
    if (step == SQLITE_ROW) {
        ret->end = (uint64_t)sqlite3_column_int64(stmt, 0);
        ret->next = ret->end - LIMIT_AUDIT_IDS;
        step = sqlite3_step(stmt);
    }
    if (step != SQLITE_DONE)
        rc = db_fail(writer->db, err);
    else if (ret->end <= LIMIT_AUDIT_IDS)
        rc = err_set(err, ERR_PROTO, "table id_counter is damaged");
    sqlite3_reset(stmt);
    return rc;
}

/* So that numbers stay small when nothing crashed. Only the last range can be returned, and
 * only if nobody reserved behind it. Failing costs nothing but larger numbers. */
static void give_back_ids(struct writer *writer)
{
    struct range last = writer->spare.end ? writer->spare : writer->ids;
    char sql[128];

    /* A spare range that nobody else's separates from the one in use goes back with it. */
    if (writer->spare.end && writer->spare.next == writer->ids.end)
        last.next = writer->ids.next;
    if (writer->failed || last.next == last.end)
        return;
    snprintf(sql, sizeof(sql), "UPDATE id_counter SET next=%" PRIu64 " WHERE next=%" PRIu64,
            last.next, last.end);
    (void)db_exec(writer->db, sql, NULL);
}

/* --- the thread ----------------------------------------------------------------------- */

static bool must_write(const struct writer *writer)
{
    return writer->urgent || writer->want_ids || writer->stop;
}

/* Called with the lock and something in todo: what comes in a moment shares the transaction. */
static void gather(struct writer *writer)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LIMIT_AUDIT_GATHER_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    while (!must_write(writer)) {
        if (pthread_cond_timedwait(&writer->wake, &writer->lock, &until) != 0)
            break;
    }
    writer->urgent = false;
}

/* Here and not by whoever starts us: it has other things to make ready meanwhile. */
static void open_first(struct writer *writer)
{
    struct range ids = {0, 0};
    struct err why;
    int rc = db_open_write(writer->path, &writer->db, &why);

    if (rc == 0)
        rc = prepare_all(writer, &why);
    if (rc == 0)
        rc = reserve_ids(writer, &ids, &why);
    pthread_mutex_lock(&writer->lock);
    if (rc < 0)
        latch(writer, &why);
    writer->ids = ids;
    writer->is_opened = true;
    pthread_cond_signal(&writer->opened);
    pthread_mutex_unlock(&writer->lock);
}

static void *run(void *arg)
{
    struct writer *writer = arg;

    open_first(writer);
    for (;;) {
        pthread_mutex_lock(&writer->lock);
        while (!writer->todo.head && !writer->want_ids && !writer->stop)
            pthread_cond_wait(&writer->wake, &writer->lock);
        gather(writer);
        bool end = writer->stop && !writer->todo.head;
        pthread_mutex_unlock(&writer->lock);
        if (end)
            return NULL;
        if (write_round(writer))
            writer->notify(writer->ctx);
    }
}

static int write_entry(struct writer *writer, struct entry *entry, struct err *err)
{
    if (entry->kind == ENTRY_BARRIER)
        return 0;
    sqlite3_stmt *stmt = writer->puts[entry->kind];
    if (entry->kind == ENTRY_SESSION) {
        struct session_row *row = (struct session_row *)entry->rec;
        struct proc_id id;
        char text[80] = "";

        /* Here and not in the put: looking into /proc is a read of a file. */
        if (row->rec.pid > 0 && proc_identify((pid_t)row->rec.pid, &id))
            proc_format(&id, text);
        (void)str_copy(row->process, sizeof(row->process), str_of(text));
    }
    int rc = row_bind(stmt, row_types[entry->kind], entry->rec) == SQLITE_OK &&
                             sqlite3_step(stmt) == SQLITE_DONE
                     ? 0
                     : db_fail(writer->db, err);
    sqlite3_reset(stmt);
    return rc;
}

static struct entry **latest_slot(struct entry **latest, const struct entry *entry)
{
    return &latest[((const struct request_record *)(const void *)entry->rec)->id %
                   LATEST_SLOTS];
}

/* Is there a later row of the same request in this batch? */
static bool is_outdated(struct entry **latest, const struct entry *entry)
{
    if (entry->kind != ENTRY_REQUEST)
        return false;
    const struct request_record *rec = (const void *)entry->rec;
    const struct entry *last = *latest_slot(latest, entry);
    return last != entry &&
           ((const struct request_record *)(const void *)last->rec)->id == rec->id;
}

static int write_batch(
        struct writer *writer, struct entry *list, struct range *ret_ids, struct err *err)
{
    int rc = db_begin(writer->db, err);
    struct entry **latest = writer->latest;

    for (struct entry *entry = list; entry; entry = entry->next) {
        if (entry->kind == ENTRY_REQUEST)
            *latest_slot(latest, entry) = entry;
    }
    for (struct entry *entry = list; entry && rc == 0; entry = entry->next) {
        if (!is_outdated(latest, entry))
            rc = write_entry(writer, entry, err);
    }
    if (rc == 0 && ret_ids)
        rc = reserve_ids(writer, ret_ids, err);
    if (rc == 0)
        rc = db_commit(writer->db, err);
    if (rc < 0) {
        db_rollback(writer->db);
        return err_wrap(err, "cannot write '%s'", writer->path);
    }
    return 0;
}

/* Frees what nobody waits for, collects the others in `answers`; returns all their bytes. */
static size_t settle(struct entry *list, bool written, struct queue *answers)
{
    size_t bytes = 0;

    queue_init(answers);
    while (list) {
        struct entry *entry = list;

        list = entry->next;
        bytes += entry->bytes;
        entry->written = written;
        if (entry->done)
            queue_push(answers, entry);
        else
            free(entry);
    }
    return bytes;
}

/* One swap of the queue. True: there is news and nobody was told yet. */
static bool write_round(struct writer *writer)
{
    struct queue answers;
    struct range ids = {0, 0};
    struct err why;
    int rc = 0;

    pthread_mutex_lock(&writer->lock);
    struct entry *list = queue_take(&writer->todo);
    bool write = !writer->failed;
    bool want_ids = writer->want_ids;
    pthread_mutex_unlock(&writer->lock);

    if (write)
        rc = write_batch(writer, list, want_ids ? &ids : NULL, &why);
    size_t bytes = settle(list, write && rc == 0, &answers);

    pthread_mutex_lock(&writer->lock);
    if (rc < 0)
        latch(writer, &why);
    if (write && rc == 0 && want_ids)
        writer->spare = ids;
    writer->want_ids = false;
    writer->bytes -= bytes;
    if (answers.head) {
        *writer->answers.tail = answers.head;
        writer->answers.tail = answers.tail;
    }
    bool news = writer->answers.head || (writer->failed && !writer->failure_told) ||
                (writer->full && writer->bytes <= LIMIT_AUDIT_LOW);
    bool tell = news && !writer->notified;
    if (tell)
        writer->notified = true;
    pthread_mutex_unlock(&writer->lock);
    return tell;
}
