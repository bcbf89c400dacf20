/*
 * store.h - the audit: sessions, requests, escalations and their decisions, in sqlite.
 *
 * One writer thread owns the writing connection. The loop hands over records and never
 * waits; the thread commits whatever has queued up in one transaction (WAL,
 * synchronous=FULL). Two ways in: store_put_* is buffered, store_commit_* calls back on the
 * loop after the fsync. A write error latches: store_failed() is true from then on, every
 * later commit callback gets the error, and callers deny.
 *
 * Records are copied; strings are UTF-8 or any bytes, NULL is allowed where it says so.
 * Times are Unix milliseconds. No secret may be in a record.
 */
#ifndef SRC_STORE_STORE_H
#define SRC_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "io/loop.h"

struct store;

/*
 * Opens or makes `path` (0600, its folder must exist, a symlink is refused), migrates it,
 * starts the writer. Several processes may open one database. Waits for the disk, and up to
 * LIMIT_AUDIT_BUSY_MS for another process: call it at start.
 */
struct store *store_open(struct loop *loop, const char *path, struct err *err);
/* The same in two parts: the waiting is done by the writer's thread, beside what the caller has
 * to do otherwise. No id is given before store_wait(); if that fails, nothing is written. */
struct store *store_start(struct loop *loop, const char *path, struct err *err);
int store_wait(struct store *store, struct err *err);
/* Writes what is queued, ends the thread, closes; waits for the disk. Pending commit
 * callbacks are called. Not from inside a callback of the store; before loop_free(). */
void store_close(struct store *store);

const char *store_path(const struct store *store); /* borrows */
bool store_failed(const struct store *store);
const char *store_error(const struct store *store); /* why, or "" */
/* More than LIMIT_AUDIT_QUEUE bytes wait: stop reading from agents until on_drain. Whoever
 * goes on to LIMIT_AUDIT_HARD makes the store fail. */
bool store_full(const struct store *store);
/* One listener for each ctx; fn NULL takes it off, but not from inside of one. */
void store_on_drain(struct store *store, void (*fn)(void *ctx), void *ctx);
/* Called on the loop once, when writing fails for the first time. */
void store_on_failure(struct store *store, void (*fn)(void *ctx, const char *why), void *ctx);

enum session_state { SESSION_STARTING, SESSION_RUNNING, SESSION_STOPPED, SESSION_CRASHED };
const char *session_state_name(enum session_state state);

struct session_record {
    char id[37];
    char label[64];
    char agent[32];
    char runtime[16];     /* "docker", "bwrap", "none" */
    char workspace[1024]; /* host path */
    char box[64];         /* container name or "" */
    int64_t started_ms;
    int64_t ended_ms; /* 0: not ended */
    enum session_state state;
    int exit_status; /* -1: not known */
    int64_t pid;     /* of our process */
};
void store_put_session(
        struct store *store, const struct session_record *rec); /* upsert by id */

enum request_decision {
    REQUEST_ALLOW,    /* by rule or provider table */
    REQUEST_DENY,     /* by rule */
    REQUEST_HELD,     /* waits for the human */
    REQUEST_APPROVED, /* by the human */
    REQUEST_REFUSED,  /* by the human */
    REQUEST_EXPIRED,  /* nobody answered */
    REQUEST_ERROR     /* malformed, upstream failed */
};
const char *request_decision_name(enum request_decision decision);

/* One proxied request. Put it when the head is known and again with the same id when it
 * ended: the second put replaces the row. */
struct request_record {
    uint64_t id; /* from store_next_id(); unique in the database */
    char session[37];
    int64_t started_ms;
    char kind[8];      /* "llm", "http", "net" */
    char provider[32]; /* provider name or "" */
    char method[16];
    char host[256];
    uint16_t port;
    char path[512]; /* escaped by str_vis, query cut */
    int status;     /* HTTP status sent to the agent; 0: none yet */
    enum request_decision decision;
    char rule[128];
    char reason[240];
    bool key_swapped;
    uint64_t bytes_up;     /* body bytes from the agent */
    uint64_t bytes_down;   /* body bytes to the agent */
    int64_t first_byte_ms; /* duration until the first response byte; -1 */
    int64_t total_ms;      /* duration; -1 while it goes on */
    uint64_t escalation;   /* id or 0 */
    bool done;
    bool inspected;    /* false: a raw tunnel, only its bytes were counted */
    char protocol[12]; /* "http/1.1", "h2", "websocket"; "" if it did not come to that */
    /* What the model's answer told; empty and 0 where it did not. */
    char model[96];
    char stop_reason[32];
    uint64_t input_tokens; /* without those of the cache */
    uint64_t output_tokens;
    uint64_t cache_read_tokens;
    uint64_t cache_write_tokens;
    int64_t cost_micro; /* millionths of a US dollar by the price table; -1: not known */
    /* Of a tool call (kind "mcp": host is the server, path the tool). */
    const char *arguments; /* with secrets masked, cut; whose it is depends on who made the
                            * record; NULL: none */
    char result[12];       /* "", "ok", "error", "canceled" */
    int64_t waited_ms;     /* for a person */
};
/* The cost of it is known; for records, which are zero where nobody wrote. */
static inline bool request_has_cost(const struct request_record *rec)
{
    return rec->model[0] != '\0' && rec->cost_micro >= 0;
}

uint64_t store_next_id(struct store *store); /* for requests and escalations alike */
/* Copies the arguments. */
void store_put_request(struct store *store, const struct request_record *rec);

enum escalation_state { ESC_WAITING, ESC_APPROVED, ESC_DENIED, ESC_EXPIRED, ESC_CANCELED };
const char *escalation_state_name(enum escalation_state state);

struct escalation_record {
    uint64_t id; /* from store_next_id() */
    int number;  /* what people call it: counts from 1 in the process that asked */
    char session[37];
    char kind[8];       /* "net", "mcp" */
    char subject[512];  /* one line: "CONNECT example.com:443" */
    const char *detail; /* canonical text that the digest covers, safe to print; whose it is
                           says the function that takes or gives the record; NULL: none */
    char digest[65];    /* sha256 hex */
    char rule[128];
    char where[128];
    char reason[240];
    char risk[8];
    char policy_version[17];
    int64_t asked_ms;
    int64_t decided_ms;
    enum escalation_state state;
    /* "human", "answer" to another, "timeout", "shutdown", "agent-gone", "limit" */
    char by[16];
    char message[240];
    char answer[704]; /* of a human: "once", "this session: allow net:GET ..."; else "" */
    /* A call that a human approved with other arguments: those, and the digest of the detail
     * with them; whose they are as with `detail`. NULL or "": it was not. */
    const char *edited;
    char edited_digest[65];
};
void store_put_escalation(
        struct store *store, const struct escalation_record *rec); /* copies the detail */
/* Calls done after the row is on disk (err NULL) or with the reason why it is not. */
void store_commit_escalation(struct store *store, const struct escalation_record *rec,
        void (*done)(void *ctx, const struct err *err), void *ctx);

/* What the user typed, one message or draft end. */
struct words_record {
    char session[37];
    int64_t at_ms;
    char source[12]; /* "typed", "pasted" */
    bool unsure;
    const char *text; /* borrows during the call */
};
void store_put_words(struct store *store, const struct words_record *rec);

/* An answer that held for longer was taken back by a human. */
struct revocation_record {
    uint64_t id; /* from store_next_id() */
    int64_t at_ms;
    char session[37]; /* "": it held for all */
    int number;       /* of the request that it answered; 0: not known */
    char scope[32];   /* "this session", "always" */
    char rule[704];
    char where[128]; /* "answer #12", "answers.rules:3" */
};
/* As store_commit_escalation(). */
void store_commit_revocation(struct store *store, const struct revocation_record *rec,
        void (*done)(void *ctx, const struct err *err), void *ctx);

/* Calls done when all that was put so far is on disk, or with the reason why it is not. */
void store_barrier(
        struct store *store, void (*done)(void *ctx, const struct err *err), void *ctx);

/* --- reading (command line tools, panels at start) ------------------------------------ */

/*
 * A read-only connection of its own; synchronous, so for command line tools or from
 * loop_work(). fn gets records valid during the call, and returns false to stop. Newest first;
 * limit 0 is all. ERR_NOENT if there is no database yet. A session whose process is dead is
 * shown as crashed, recovered or not.
 */
struct store_reader;
struct store_reader *store_reader_open(const char *path, struct err *err);
void store_reader_free(struct store_reader *reader);
int store_each_session(struct store_reader *reader,
        bool (*fn)(void *ctx, const struct session_record *rec), void *ctx, struct err *err);
int store_each_request(struct store_reader *reader, const char *session_or_null, uint32_t limit,
        bool (*fn)(void *ctx, const struct request_record *rec), void *ctx, struct err *err);
int store_each_escalation(struct store_reader *reader, const char *session_or_null,
        uint32_t limit, bool (*fn)(void *ctx, const struct escalation_record *rec), void *ctx,
        struct err *err);

/* Those that wait, oldest first; also of processes that are dead. */
int store_each_waiting(struct store_reader *reader,
        bool (*fn)(void *ctx, const struct escalation_record *rec), void *ctx, struct err *err);

/* Was there a request of this session to the host, or a call of the server's tool (`tool` NULL:
 * a request), among the last LIMIT_PAST that are decided? */
int store_seen_before(struct store_reader *reader, const char *session, const char *host,
        const char *tool, bool *ret, struct err *err);

/* ERR_NOENT if there is none of that id. ret->arguments is the caller's: request_release(). */
int store_find_request(
        struct store_reader *reader, uint64_t id, struct request_record *ret, struct err *err);
void request_release(struct request_record *rec);
/* ret->detail is the caller's: escalation_release(). */
int store_find_escalation(struct store_reader *reader, uint64_t id,
        struct escalation_record *ret, struct err *err);
void escalation_release(struct escalation_record *rec);

/*
 * Sessions left as running by a process that is dead (pid, start time and boot differ) become
 * crashed; of ended sessions, escalations left waiting become expired ("shutdown") and open
 * requests done. Waits for the disk; called at start, from any thread. Returns how many
 * sessions.
 */
int store_recover(const char *path, struct err *err);

#endif
