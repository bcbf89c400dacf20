/*
 * session_priv.h - the insides of a session, shared by session.c (what others call) and
 * steps.c (how it starts, runs and ends).
 */
#ifndef SRC_SESSION_SESSION_PRIV_H
#define SRC_SESSION_SESSION_PRIV_H

#include "mcp/mcp.h"
#include "session/news.h"
#include "session/prepare.h"
#include "session/session.h"

struct box;
struct child;
struct guest;

enum step { PREPARING, PROBING, BOXING, CONNECTING, RUNNING, ENDED };

/* A step on a pool thread or in a library call without cancel. */
struct pending {
    struct session *session; /* borrows; NULL: the session is gone */
    struct loop *loop;       /* borrows; of an undoing */
    struct prepare prepare;
    int rc;
    struct err err;
};

struct session {
    struct session_env env;
    struct session_ops ops;
    void *ctx;
    enum step step;
    struct session_record rec;
    const struct agent *agent; /* borrows from the agent table */
    char **argv;               /* owns; NULL: the agent's */
    char **extra_env;          /* owns; or NULL */
    bool auto_runtime;
    int cols, rows;
    char status[512];

    struct prepare paths;      /* owned once prepared */
    struct pending *pending;   /* the step under way, or NULL */
    struct proxy *proxy;       /* owns */
    struct mcp *mcp;           /* owns */
    struct policy_world world; /* what the words of a call mean; `guarded` is owned */
    char *user_home;           /* owns; of `world` */
    char *tools_dir;           /* owns; lists of tools that are kept */
    struct box *box;           /* owns */
    struct child *child;       /* owns; runtime "none" */
    struct guest *guest;       /* owns */
    struct vt *vt;             /* owns */
    struct words *words;       /* owns */
    int64_t context_ms;        /* time of the words in user-context.json; 0: none */
    struct news news;
    bool no_clipboard;                                /* the agent's copies are refused */
    struct request_record requests[SESSION_REQUESTS]; /* ring */
    unsigned request_head;                            /* place of the next one */
    unsigned request_count;
    unsigned dropped;
    bool box_ended;
    int box_status;
};

/* Start the first step; the session ends by itself if a later one fails. */
int steps_begin(struct session *s, const struct session_spec *spec, struct err *err);
/* Take down everything that can produce an event; vt, words and rows stay. */
void steps_take_down(struct session *s);
/* Put the session's last row. */
void steps_record_end(struct session *s, enum session_state state, int exit_status);
/* mcp_setup.c: the MCP proxy, once the folders are there; what its calls mean. */
int session_open_mcp(struct session *s, const char *socket, struct err *err);
void session_close_mcp(struct session *s);
void session_on_request(void *ctx, const struct request_record *rec);
/* Log it and tell the owner. */
void session_notice(struct session *s, const char *text);

#endif
