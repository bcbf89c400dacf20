/*
 * refresh.c - the flight that renews a login.
 *
 *     IDLE --> LOOKING --> GRANTING --> WRITING --> IDLE    renewed by us
 *                 |            +------> LOOKING --> IDLE    refused; did somebody else?
 *                 +-----------------------------> IDLE      the file had a newer one
 *                 +--> BUSY --> LOOKING                     another process holds the lock
 *
 * What pool threads touch is in `struct job`, which belongs to them while they run and to the
 * flight afterwards; if the refresh is freed meanwhile, the job finds nobody and frees itself.
 * So a token that was written half is written whole, whoever has gone.
 *
 * Owns the tokens in use, waiters, the lock's descriptor, the TLS context. Blocks: only
 * refresh_free(), as its header says.
 */
#include "proxy/refresh.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "io/tls.h"
#include "proxy/grant.h"
#include "proxy/http_client.h"

enum step { IDLE, LOOKING, BUSY, GRANTING, WRITING };

struct credential_wait {
    struct refresh *refresh; /* borrows */
    void (*done)(void *ctx, const struct err *err);
    void *ctx;                           /* borrows */
    struct credential_wait *next, *prev; /* all waiters of this login */
    bool due;                            /* its answer is there */
    struct err err;                      /* with due; ERR_OK: renewed */
};

struct job {
    struct refresh *refresh; /* borrows; NULL: nobody waits for the result */
    enum oauth_store store;
    char *path, *lock, *extra_ca; /* own */
    int lock_fd;                  /* owns; -1: not held */
    bool locked_out;              /* somebody else holds it */
    struct tls_client *tls;       /* owns; made at the first look, and handed on */
    bool needs_tls;
    struct login_token there; /* owns; what the file has */
    struct login_token fresh; /* owns; to be written */
    struct secret *replaces;  /* owns; the file's refresh token that it takes the place of */
    int rc;
    struct err err;
};

struct refresh {
    struct loop *loop;                      /* borrows */
    const struct oauth_login *login;        /* borrows */
    char *path, *lock, *extra_ca, *address; /* own */
    uint16_t port;
    bool allow_private;
    const struct dial_proxy *via; /* borrows; or NULL */
    void (*on_notice)(void *ctx, const char *text);
    void *ctx;                /* borrows */
    struct login_token token; /* owns; in use */
    struct secret *used_up;   /* owns; a refresh token that could not be replaced in the file */
    unsigned generation;
    enum step step;
    bool was_refused; /* the flight's grant; refusal says by what */
    struct err refusal;
    struct err told;               /* why the flights since the last good one failed */
    uint64_t granted_ms;           /* when the last grant was sent; 0: never */
    uint64_t busy_since_ms;        /* 0: nobody was in the way */
    struct job *job;               /* owns; also while a pool thread has it */
    struct http_client *client;    /* owns; GRANTING */
    struct tls_client *tls;        /* owns */
    struct timer *timer;           /* owns; BUSY */
    struct loop_hook settle;       /* answers that are due */
    struct credential_wait *waits; /* owns */
};

static void look(struct refresh *r);
static void on_settle(void *ctx);

struct refresh *refresh_new(const struct refresh_config *config, struct login_token *token)
{
    struct refresh *r = xcalloc(1, sizeof(*r));
    char name[64];

    snprintf(name, sizeof(name), "login-%s.lock", oauth_store_name(config->login->store));
    r->loop = config->loop;
    r->login = config->login;
    r->path = xstrdup(config->path);
    r->lock = path_join(path_home(), name);
    r->extra_ca = xstrdup(config->extra_ca);
    r->via = config->via;
    r->address = xstrdup(config->address);
    r->port = config->port;
    r->allow_private = config->allow_private;
    r->on_notice = config->on_notice;
    r->ctx = config->ctx;
    r->token = *token;
    *token = (struct login_token){0};
    r->generation = 1;
    r->settle = (struct loop_hook){.fn = on_settle, .ctx = r};
    return r;
}

const struct login_token *refresh_token(const struct refresh *refresh)
{
    return &refresh->token;
}

const char *refresh_path(const struct refresh *refresh)
{
    return refresh->path;
}

const struct oauth_login *refresh_login(const struct refresh *refresh)
{
    return refresh->login;
}

unsigned refresh_generation(const struct refresh *refresh)
{
    return refresh->generation;
}

/* --- waiters --------------------------------------------------------------------------- */

struct credential_wait *refresh_start(struct refresh *refresh, unsigned generation,
        void (*done)(void *ctx, const struct err *err), void *ctx)
{
    struct credential_wait *wait = xcalloc(1, sizeof(*wait));

    wait->refresh = refresh;
    wait->done = done;
    wait->ctx = ctx;
    wait->next = refresh->waits;
    if (wait->next)
        wait->next->prev = wait;
    refresh->waits = wait;
    if (generation != refresh->generation) {
        wait->due = true;
        loop_defer(refresh->loop, &refresh->settle);
    } else if (refresh->step == IDLE) {
        refresh->was_refused = false;
        refresh->busy_since_ms = 0;
        look(refresh);
    }
    return wait;
}

void credential_cancel(struct credential_wait *wait)
{
    if (!wait)
        return;
    if (wait->next)
        wait->next->prev = wait->prev;
    *(wait->prev ? &wait->prev->next : &wait->refresh->waits) = wait->next;
    free(wait);
}

/* A callback may cancel or add others, so the list is looked at anew after each. */
static void on_settle(void *ctx)
{
    struct refresh *r = ctx;
    struct credential_wait *wait = r->waits;

    while (wait) {
        if (!wait->due) {
            wait = wait->next;
            continue;
        }
        void (*done)(void *ctx, const struct err *err) = wait->done;
        void *its = wait->ctx;
        struct err err = wait->err;

        credential_cancel(wait);
        done(its, err.code == ERR_OK ? NULL : &err);
        wait = r->waits;
    }
}

/* err NULL: a newer value is in force. */
static void finish(struct refresh *r, const struct err *err)
{
    r->step = IDLE;
    for (struct credential_wait *wait = r->waits; wait; wait = wait->next) {
        if (wait->due)
            continue;
        wait->due = true;
        wait->err = err ? *err : (struct err){0};
    }
    loop_defer(r->loop, &r->settle);
}

static void adopt(struct refresh *r, struct login_token *token)
{
    login_token_release(&r->token);
    r->token = *token;
    *token = (struct login_token){0};
    r->generation++;
}

/* --- jobs ------------------------------------------------------------------------------ */

static void job_free(struct job *job)
{
    if (!job)
        return;
    if (job->lock_fd >= 0)
        close(job->lock_fd); /* gives the lock up */
    tls_client_free(job->tls);
    login_token_release(&job->there);
    login_token_release(&job->fresh);
    secret_free(job->replaces);
    free(job->path);
    free(job->lock);
    free(job->extra_ca);
    free(job);
}

static struct job *job_new(struct refresh *r)
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->refresh = r;
    job->store = r->login->store;
    job->path = xstrdup(r->path);
    job->lock = xstrdup(r->lock);
    job->extra_ca = xstrdup(r->extra_ca);
    job->lock_fd = -1;
    job->needs_tls = !r->tls;
    return job;
}

/* Who waits does not tell the box why, so it is said here; an agent that tries again and again
 * makes it no louder. */
static void tell(struct refresh *r, const struct err *err)
{
    bool known = err->code == ERR_AGAIN ? r->told.code != ERR_OK
                                        : strcmp(r->told.msg, err->msg) == 0;
    char text[640];

    if (known || !r->on_notice)
        return;
    r->told = *err;
    snprintf(text, sizeof(text), "a login was not renewed: %s", err->msg);
    r->on_notice(r->ctx, text);
}

/* The flight is over, and with it the lock. err may be the job's. */
static void land(struct refresh *r, const struct err *err)
{
    if (err)
        tell(r, err);
    else
        r->told = (struct err){0};
    finish(r, err);
    job_free(r->job);
    r->job = NULL;
}

static int take_lock(struct job *job, struct err *err)
{
    if (job->lock_fd >= 0)
        return 0;
    int fd = open(job->lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot open '%s': %s", job->lock, strerror(errno));
    job->locked_out = flock(fd, LOCK_EX | LOCK_NB) < 0;
    if (job->locked_out)
        close(fd);
    else
        job->lock_fd = fd;
    return 0;
}

static void look_work(void *ctx)
{
    struct job *job = ctx;

    login_token_release(&job->there);
    secret_free(job->replaces);
    job->replaces = NULL;
    job->rc = take_lock(job, &job->err);
    if (job->rc == 0)
        job->rc = login_read(job->store, job->path, &job->there, &job->err);
    if (job->rc == 0 && job->needs_tls && !job->tls) {
        job->tls = tls_client_new(job->extra_ca, &job->err);
        job->rc = job->tls ? 0 : (int)job->err.code;
    }
}

static void write_work(void *ctx)
{
    struct job *job = ctx;

    job->rc = login_write(job->store, job->path, job->replaces, &job->fresh, &job->err);
}

/* --- looking into the file ------------------------------------------------------------- */

static void look_done(void *ctx);
static void grant(struct refresh *r);

static void look(struct refresh *r)
{
    r->step = LOOKING;
    if (!r->job)
        r->job = job_new(r);
    loop_work(r->loop, look_work, look_done, r->job);
}

static void on_timer(void *ctx)
{
    look(ctx);
}

static bool same(const struct secret *a, const struct secret *b)
{
    return a && b &&
           mem_equal_ct(secret_bytes(a), secret_len(a), secret_bytes(b), secret_len(b));
}

static bool lives(const struct login_token *token)
{
    return token->expires_ms == LOGIN_NEVER ||
           token->expires_ms - clock_wall_ms() >= LIMIT_TOKEN_LIFE_MS;
}

/* Somebody else is at it, and its result will be in the file. */
static void wait_for_other(struct refresh *r)
{
    struct err err;
    uint64_t now = loop_now_ms(r->loop);

    if (r->busy_since_ms == 0)
        r->busy_since_ms = now;
    if (now - r->busy_since_ms > LIMIT_LOGIN_BUSY_MS) {
        err_set(&err, ERR_TIMEOUT, "another process holds '%s' and does not end", r->lock);
        land(r, &err);
        return;
    }
    r->step = BUSY;
    if (!r->timer)
        r->timer = timer_new(r->loop, on_timer, r);
    timer_start(r->timer, LIMIT_LOGIN_LOOK_MS);
}

/* The file had nothing newer: why no grant may be asked for, or 0. */
static int may_grant(const struct refresh *r, struct err *err)
{
    if (!r->job->there.refresh)
        return err_set(err, ERR_CREDENTIAL,
                "the login in '%s' has ended and cannot be renewed; log in again with the "
                "program it belongs to",
                r->path);
    if (r->granted_ms && loop_now_ms(r->loop) - r->granted_ms < LIMIT_TOKEN_PAUSE_MS)
        return err_set(err, ERR_AGAIN,
                "the endpoint was asked for the login in '%s' a moment ago", r->path);
    return 0;
}

/* The file still has the refresh token that we used up: ours is the newer login, and its
 * refresh token the one that counts. */
static bool file_is_behind(struct refresh *r)
{
    struct job *job = r->job;

    if (!same(job->there.refresh, r->used_up) || !r->token.refresh)
        return false;
    job->replaces = job->there.refresh;
    job->there.refresh =
            secret_new(secret_bytes(r->token.refresh), secret_len(r->token.refresh));
    return true;
}

static void look_done(void *ctx)
{
    struct job *job = ctx;
    struct refresh *r = job->refresh;
    struct err err;

    if (!r) {
        job_free(job);
        return;
    }
    if (job->tls) {
        r->tls = job->tls;
        job->tls = NULL;
        job->needs_tls = false;
    }
    bool behind = job->rc == 0 && file_is_behind(r);
    if (job->rc < 0) {
        land(r, r->was_refused ? &r->refusal : &job->err);
    } else if (!behind && !same(job->there.access, r->token.access) && lives(&job->there)) {
        adopt(r, &job->there);
        land(r, NULL);
    } else if (r->was_refused) {
        land(r, &r->refusal);
    } else if (job->locked_out) {
        wait_for_other(r);
    } else if (may_grant(r, &err) < 0) {
        land(r, &err);
    } else {
        grant(r);
    }
}

/* --- asking the token endpoint --------------------------------------------------------- */

static void write_done(void *ctx)
{
    struct job *job = ctx;
    struct refresh *r = job->refresh;
    char text[640];

    if (!r) {
        job_free(job);
        return;
    }
    if (job->rc < 0) {
        secret_free(r->used_up);
        r->used_up = job->replaces;
        job->replaces = NULL;
    }
    if (job->rc < 0 && r->on_notice) {
        snprintf(text, sizeof(text),
                "a login was renewed, but not written back, so its own program may have to log "
                "in again: %s",
                job->err.msg);
        r->on_notice(r->ctx, text);
    }
    adopt(r, &job->fresh);
    land(r, NULL);
}

static void granted(void *ctx, int status, struct str body, const struct err *err)
{
    struct refresh *r = ctx;
    struct job *job = r->job;
    int rc = err ? (int)err->code : 0;

    r->client = NULL;
    r->refusal = err ? *err : (struct err){0};
    if (rc == 0)
        rc = grant_answer(r->login, &job->there, status, body, &job->fresh, &r->refusal);
    if (rc < 0) {
        r->was_refused = true;
        err_wrap(&r->refusal, "renew the login in '%s'", r->path);
        look(r);
        return;
    }
    if (!job->replaces) {
        job->replaces = job->there.refresh;
        job->there.refresh = NULL;
    }
    r->step = WRITING;
    loop_work(r->loop, write_work, write_done, job);
}

static void grant(struct refresh *r)
{
    const struct provider_upstream *to = &r->login->token;
    struct buf body = BUF_INIT;
    struct http_client_post post = {
            .to = {.host = to->host,
                    .port = r->address ? r->port : to->port,
                    .address = r->address,
                    .via = r->via,
                    .tls = to->plain ? NULL : r->tls,
                    .allow_private = r->allow_private},
            .port = to->port,
            .path = *to->prefix ? to->prefix : "/",
            .type = grant_type(r->login),
    };

    grant_request(r->login, r->job->there.refresh, &body);
    post.body = buf_str(&body);
    r->step = GRANTING;
    r->granted_ms = loop_now_ms(r->loop);
    r->client = http_client_start(r->loop, &post, LIMIT_TOKEN_MS, granted, r);
    buf_release(&body);
}

/* --- the end --------------------------------------------------------------------------- */

static void on_late(void *ctx)
{
    *(bool *)ctx = true;
}

static void wait_for_grant(struct refresh *r)
{
    bool late = false;
    struct timer *timer = timer_new(r->loop, on_late, &late);

    timer_start(timer, LIMIT_TOKEN_END_MS);
    while (!late && (r->step == GRANTING || r->step == WRITING))
        loop_turn(r->loop, true);
    timer_free(timer);
}

void refresh_free(struct refresh *r)
{
    if (!r)
        return;
    while (r->waits)
        credential_cancel(r->waits);
    wait_for_grant(r);
    http_client_cancel(r->client);
    loop_undefer(&r->settle);
    timer_free(r->timer);
    if (r->job && (r->step == LOOKING || r->step == WRITING))
        r->job->refresh = NULL; /* a pool thread has it */
    else
        job_free(r->job);
    tls_client_free(r->tls);
    login_token_release(&r->token);
    secret_free(r->used_up);
    free(r->path);
    free(r->lock);
    free(r->extra_ca);
    free(r->address);
    free(r);
}
