/*
 * session.h - one boxed agent: its folders, proxy, box, PTY, words, and the rows about it.
 *
 * session_start() walks one state machine: folders, proxy, orientation, runtime, box, PTY;
 * any failure unwinds in reverse and ends in SESSION_CRASHED with a sentence that says what
 * to do. The screen borrows vt and words and hears about changes through on_change.
 */
#ifndef SRC_SESSION_SESSION_H
#define SRC_SESSION_SESSION_H

#include "docker/agent.h"
#include "gate/gate.h"
#include "io/loop.h"
#include "policy/policy.h"
#include "proxy/ca.h"
#include "proxy/proxy.h"
#include "pty/vt.h"
#include "pty/words.h"
#include "session/config.h"
#include "store/store.h"

#define SESSION_REQUESTS 256 /* rows kept for the live panel */

/* What all sessions share; made once by main. */
struct session_env {
    struct loop *loop;
    struct store *store;
    struct gate *gate;
    struct grants *grants; /* NULL: policy alone */
    struct ca *ca;
    struct credentials *credentials; /* of `providers` */
    const struct price_table *prices;
    const struct config *config;
    const struct policy *policy;
    const struct dial_proxy *via; /* on the way to upstreams; NULL: direct */
    struct provider_table *providers;
    const struct agent_table *agents;
};

struct session_spec {
    const char *agent;       /* name in the agent table */
    const char *name;        /* label; NULL: the workspace's last component */
    const char *workspace;   /* existing folder */
    const char *runtime;     /* "auto", "docker", "bwrap"; "none" only if unboxed */
    bool unboxed;            /* the command runs on the host, and the screen says so */
    const char *const *argv; /* replaces the agent's command; NULL: its own */
    const char *const *env;  /* further variables for the agent, or NULL */
    int cols, rows;
};

struct session_ops {
    void (*on_screen)(void *ctx); /* the vt has changes */
    /* From inside the feeding: a synchronized update just ended, the next may begin in the
     * same bytes. Whoever draws whole updates only does it now. May be NULL. */
    void (*on_whole)(void *ctx);
    void (*on_change)(void *ctx); /* state, status line, requests, words */
    void (*on_bell)(void *ctx);
    /* The agent's title is another one, or it is busy or not any more; may be NULL. */
    void (*on_marks)(void *ctx);
    /* The agent says something; one line, bounded. May be NULL. */
    void (*on_agent)(void *ctx, const char *text);
    /* It wants a text copied: session_clipboard(). May be NULL. */
    void (*on_clipboard)(void *ctx);
    /* Something the user should know ("no docker engine, using bubblewrap"); may be NULL. */
    void (*on_notice)(void *ctx, const char *text);
    void (*on_output)(void *ctx, struct str bytes); /* headless: raw output; may be NULL */
    void (*on_ended)(void *ctx, int exit_status, const char *message); /* once, last */
};

struct session;

/* What can be known before anything is started: the agent, its key, the command. */
int session_check(
        const struct session_env *env, const struct session_spec *spec, struct err *err);

/* The provider that an agent's `names` ("a" or "a|b") means: the first with a key or login. */
const struct provider *session_provider(
        const struct session_env *env, const char *names, struct err *err);

struct session *session_start(const struct session_env *env, const struct session_spec *spec,
        const struct session_ops *ops, void *ctx, struct err *err);
/* Silence; ends the agent and its box, removes run/<id12>. */
void session_free(struct session *session);

enum session_state session_state(const struct session *session);
/* One line for the pane while there is no agent yet, or why there is none any more. */
const char *session_status(const struct session *session);
const struct session_record *session_rec(const struct session *session);
struct vt *session_vt(struct session *session);
struct words *session_words(struct session *session);
/* It asked for something: the user's last words go into user-context.json. */
void session_raised(struct session *session);

/* What the agent wants copied to the user's clipboard; empty: nothing. */
struct str session_clipboard(const struct session *session);
/* That is settled; refuse: and whatever else it wants copied is refused unseen. */
void session_clipboard_done(struct session *session, bool refuse);
/* It prints without end. */
bool session_busy(const struct session *session);

/* Newest first; NULL past the end. */
const struct request_record *session_request(const struct session *session, unsigned index);
unsigned session_request_count(const struct session *session);

/* Keys and pastes for the agent; what they are is recorded as the user's words. */
void session_input(struct session *session, struct str bytes);
void session_paste(struct session *session, struct str text);
void session_key(struct session *session, int key, int mods);
void session_resize(struct session *session, int cols, int rows);
/* Bytes that did not fit any more (agent does not read): dropped, counted, said. */
unsigned session_dropped(const struct session *session);

#endif
