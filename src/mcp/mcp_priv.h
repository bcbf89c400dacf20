/*
 * mcp_priv.h - the parts of the proxy, as they see each other.
 *
 *     agent.c     one connection of an agent: what it says, and what it is told
 *     call.c      one request of an agent, from its line to its answer
 *     judge.c     policy, the person and the audit, of a call
 *     tool_call.c tools/call, and the way to a server and back
 *     resource_call.c  resources/read, prompts/get and their like
 *     lists.c     what is listed: fetched from all servers, merged
 *     server.c    one server: started, initialized, asked, started again
 *     remote.c flow.c http_call.c   a server behind a URL (remote.h); stdio.c: one that is a
 * process server_in.c what a server says without being asked question.c  what a server wants
 * from an agent: sampling, elicitation, roots mcp.c       all of them together
 *
 * Ownership: mcp owns servers and agents; an agent owns its calls; a server its questions. A
 * call that waits for a server's answer is known there by its `ask`, which either side takes
 * back when it goes.
 */
#ifndef SRC_MCP_MCP_PRIV_H
#define SRC_MCP_MCP_PRIV_H

#include "mcp/ids.h"
#include "mcp/mcp.h"
#include "mcp/message.h"
#include "mcp/peer.h"
#include "mcp/splice.h"
#include "mcp/tools.h"

struct agent_peer;
struct call;
struct server;

/* --- requests of ours to a server ----------------------------------------------------------
 */

struct ask {
    /* Exactly once, unless ask_drop() comes first. answer NULL: none will come, and why. The
     * views are valid during the call. */
    void (*on_answer)(void *ctx, const struct message *answer, const char *why);
    void *ctx;
    struct call *call; /* whose it is, for progress and questions; or NULL */
    uint64_t id;       /* 0: not asked */
};

/* --- servers -------------------------------------------------------------------------------
 */

enum server_state {
    SERVER_OFF,      /* not started yet */
    SERVER_STARTING, /* until it is initialized and its tools are known */
    SERVER_UP,
    SERVER_DOWN,  /* ended; started again by `timer` or by the next call */
    SERVER_BROKEN /* cannot be started */
};

enum {
    HAS_TOOLS = 1,
    HAS_RESOURCES = 2,
    HAS_PROMPTS = 4,
    HAS_LOGGING = 8,
    HAS_COMPLETIONS = 16,
    HAS_SUBSCRIBE = 32
};

struct fetch;
struct question;

struct server {
    struct mcp *mcp;                    /* borrows */
    const struct mcp_server_spec *spec; /* borrows */
    enum server_state state;
    struct peer *peer; /* owns; while STARTING and UP */
    struct ids ids;    /* of struct ask */
    unsigned has;
    struct ask init;
    struct tool_list tools;     /* of now, or of last time */
    bool tools_fresh;           /* they are of the running process */
    struct fetch *fetch;        /* owns; of the tools */
    struct tools_load *load;    /* borrows; until the list of last time is here */
    struct timer *timer;        /* owns; deadline of the start, or time of the next one */
    struct timer *changed;      /* owns; a moment after its lists have changed */
    unsigned changes;           /* which */
    bool late;                  /* the first lists do not wait for it any more */
    unsigned failures;          /* in a row */
    uint64_t up_ms;             /* since when */
    uint64_t ignored;           /* messages that made no sense */
    char why[240];              /* it is down */
    struct call *waiting;       /* borrows; calls that wait for it to be up */
    struct question *questions; /* owns */
    unsigned question_count;
};

void mcpserver_init(struct server *server, struct mcp *mcp, const struct mcp_server_spec *spec);
void mcpserver_release(struct server *server);
void mcpserver_start(struct server *server);
/* What was announced to it is not true any more. */
void mcpserver_restart(struct server *server);
/* It says that its lists have changed. */
enum { CHANGED_TOOLS = 1, CHANGED_RESOURCES = 2, CHANGED_PROMPTS = 4 };
void mcpserver_changed(struct server *server, unsigned what);
const char *mcpserver_cwd(const struct server *server);
/* Will there be no better answer to what it has than now? */
bool mcpserver_settled(const struct server *server);

/* An id for a request that is sent next; 0: too many are under way, or it does not read. */
uint64_t mcpserver_ask(struct server *server, struct ask *ask);
void mcpserver_send(struct server *server, const struct splice *splice);
void mcpserver_send_text(struct server *server, struct str text);
/* on_answer is not called any more; `reason` (raw, or n 0) goes with the notice of it. */
void ask_drop(struct server *server, struct ask *ask, bool tell, struct str reason);

/* server_in.c */
void mcpserver_on_message(void *ctx, struct str about, struct str text);
void mcpserver_on_oversize(void *ctx, struct str about, struct str head, struct str tail);

/* --- fetching lists ------------------------------------------------------------------------
 */

/*
 * All pages of "tools/list" (member "tools") and their like: `lines` holds the entries as they
 * came, each with a newline behind it. Calls done exactly once, never from inside, unless
 * fetch_free() comes first. why NULL: it is all there is.
 */
struct fetch *fetch_start(struct server *server, const char *method, const char *member,
        void (*done)(void *ctx, struct str lines, const char *why), void *ctx);
void fetch_free(struct fetch *fetch);

/* --- requests of an agent ------------------------------------------------------------------
 */

struct batch {
    unsigned waiting; /* answers that are due, and 1 while the batch is read */
    struct buf text;  /* owns; answers, comma separated */
    struct buf about; /* owns; id of its first request */
};

struct method;
struct fan;
struct judged;

struct call {
    struct agent_peer *agent;  /* borrows */
    struct call *next, **prev; /* in agent->calls */
    const struct method *method;
    struct batch *batch;    /* borrows from its calls together; or NULL */
    struct buf id;          /* owns; as the agent spelled it */
    struct buf token;       /* owns; likewise; empty: it wants no progress */
    struct buf text;        /* owns; the request, as long as it may be needed */
    struct message msg;     /* views of `text` */
    struct str token_place; /* likewise, of the token */
    struct server *server;  /* borrows; where it is, or waits to be */
    struct call *next_waiting, **prev_waiting; /* in a queue; prev NULL: in none */
    struct ask ask;
    struct buf subject;    /* owns; the resource of a subscription, a raw string */
    struct fan *fan;       /* owns; a list is being fetched */
    struct judged *judged; /* owns; what policy and the person say */
};

enum { METHOD_KEEPS = 1, METHOD_LISTS = 2, METHOD_JUDGED = 4 };

struct method {
    const char *name;
    void (*run)(struct call *call);
    unsigned flags;
};

/* call.c: each of these is the end of the call. */
void call_result(struct call *call, struct str result);
void call_error(struct call *call, int code, const char *text);
/* The server's answer with the agent's id. */
void call_relay(struct call *call, const struct message *msg);
/* Without an answer. tell: its server, too. */
void call_free(struct call *call, bool tell, struct str reason);

struct call *call_new(struct agent_peer *agent, const struct method *method,
        const struct message *msg, struct batch *batch);
/* Say it again when servers are ready. */
void call_wait(struct call *call, struct call **queue);
void calls_run(struct call **queue);
/* One answer less is due; sends them all with the last one. */
void batch_done(struct agent_peer *agent, struct batch *batch);
/* Members of its params; false: answered. */
struct json_member;
bool call_params(struct call *call, struct json_member *members, size_t count);
/* A notice about it to its agent, unless that does not read. */
void call_notify(struct call *call, const struct splice *splice);

/* judge.c: what policy and the person say of a call, and its row in the audit. */
struct target {
    struct server *server;
    const char *method;   /* "call", "read", "prompt" */
    struct str what;      /* as policy names it: TOOL, "resource:URI", "prompt:NAME" */
    struct str arguments; /* raw object; n 0: none */
};

struct judged {
    struct request_record rec; /* id 0: it has no row */
    struct buf arguments;      /* owns; redacted, with a NUL */
    struct buf what;           /* owns; of the target */
    struct server *server;     /* borrows */
    struct timer *beat;        /* owns; progress while a person is asked */
    unsigned beats;
    uint64_t ticket; /* in the gate; 0: not there */
    uint64_t start_ms, asked_ms;
    struct buf by_person; /* owns; arguments that were approved in place of those asked for */
    struct buf note;      /* owns; what the agent is told beside the result, or empty */
    struct buf edited;    /* owns; arguments as they are to be sent; empty: as they came */
    /* What is exchanged when it is sent: the place in the call's text (a string with its
     * quotes), and what comes there, raw. */
    struct str place, arguments_place;
    struct buf name;   /* owns; empty: as it came */
    size_t next_guess; /* whose server is not known: the next one to try; 0: it is known */
};

/* With call->judged made, places and name in it. It is forwarded, refused, or waits. */
void judge(struct call *call, const struct target *target);
/* The row of a call of a tool that nobody has. */
void record_unknown(struct call *call, struct str tool);
/* Allowed without asking anybody? No row. */
bool judge_quietly(struct mcp *mcp, const struct target *target);
void judged_free(struct judged *judged);
/* The row's end. result: "ok", "error", "canceled". */
void judged_end(struct call *call, const char *result, size_t bytes);
/* The call is refused: a result with isError for tools, else an error. Not for commands. */
void call_refuse(struct call *call, const char *text);

/* tool_call.c, resource_call.c */
void run_tools_call(struct call *call);
void run_resources_read(struct call *call);
void run_prompts_get(struct call *call);
void run_subscribe(struct call *call);
/* A server that was started anew is told what agents are subscribed to. */
void subscribe_again(struct server *server);
void run_unsubscribe(struct call *call);
void run_completion(struct call *call);
/* Sends it to its server, or waits for that. */
void call_forward(struct call *call);
/* A server did not know the resource: is there another one to ask? */
bool guess_again(struct call *call);

/* lists.c */
void run_tools_list(struct call *call);
void run_resources_list(struct call *call);
void run_templates_list(struct call *call);
void run_prompts_list(struct call *call);
void fan_free(struct fan *fan);
/* The place of what an agent names; NULL: nowhere. `name`: as the server calls it. */
struct server *find_uri(struct mcp *mcp, struct str uri);
void uris_release(struct mcp *mcp);
struct server *find_prompt(struct mcp *mcp, struct str shown, struct str *name);

/* --- agents --------------------------------------------------------------------------------
 */

enum { CAN_ROOTS, CAN_SAMPLING, CAN_ELICITATION, CAN_COUNT };
extern const char *const can_names[CAN_COUNT];

struct agent_peer {
    struct mcp *mcp;   /* borrows */
    struct peer *peer; /* owns */
    struct agent_peer *next, **prev;
    bool initialized;
    bool batches;       /* its revision has them */
    unsigned can;       /* bit i: can_names[i] */
    int level;          /* of messages that it wants; -1: it did not say */
    struct call *calls; /* owns; newest first */
    unsigned call_count;
    struct ids ids;         /* of struct question */
    struct str *subscribed; /* owns, with its texts (raw) */
    size_t subscribed_count;
    struct timer *cut; /* owns; it does not read, or has gone */
    bool *freed;       /* set by agent_free() while a line is read */
};

void agent_new(struct mcp *mcp, struct peer *peer);
void agent_free(struct agent_peer *agent);
/* One that leaves LIMIT_MCP_UNSENT unread is cut off, a moment later. */
void agent_send(
        struct agent_peer *agent, struct str about, const struct str *parts, size_t count);
/* Unless it does not read: what nobody asked for. */
void agent_notify(struct agent_peer *agent, struct str about, const struct splice *splice);

/* To a resource, as its server calls it (raw). False: no more. */
bool agent_subscribe(struct agent_peer *agent, struct str uri);
void agent_unsubscribe(struct agent_peer *agent, struct str uri);
bool agent_subscribed(const struct agent_peer *agent, struct str uri);

/* --- questions of servers ------------------------------------------------------------------
 */

void question_ask(struct server *server, const struct message *msg, struct str about);
void question_answered(struct agent_peer *agent, const struct message *msg);
void question_canceled(struct server *server, struct str id, struct str reason);
/* From an agent, about one that is open. */
void question_progress(struct agent_peer *agent, const struct message *msg);
void questions_of_agent_end(struct agent_peer *agent);
void questions_of_server_end(struct server *server);

/* --- all together --------------------------------------------------------------------------
 */

struct uri_owner;

struct mcp {
    struct mcp_config config;
    struct listener *listener; /* owns */
    struct tls_client *tls;    /* owns; made with the first server that needs it */
    struct agent_peer *agents; /* owns */
    unsigned agent_count;
    struct server *servers; /* owns; sorted by name */
    size_t server_count;
    bool started;
    struct buf
            announced; /* owns; capabilities of the agents, as servers were told: an object */
    struct buf tools;  /* owns; the merged list, comma separated */
    struct call *waiting;   /* borrows; lists that wait for servers */
    struct call *held;      /* borrows; calls that wait for the audit, or while all is held */
    struct uri_owner *uris; /* owns */
    size_t uri_count, uri_cap;
    struct buf workspace_uri, box_uri; /* own; "file:///..." of both workspaces */
};

/* The revision as we spell it, or NULL: not one that we speak. */
const char *mcp_revision(struct str name);
/* An agent has initialized itself and can that. */
void mcp_agent_ready(struct mcp *mcp, const struct agent_peer *agent, struct str capabilities);
bool mcp_settled(const struct mcp *mcp);
/* No call may begin just now: the audit is behind, or a person holds everything. */
bool mcp_must_wait(const struct mcp *mcp);
/* A server's state or tools changed: what waits for it may go on. */
void mcp_on_server(struct server *server);
void mcp_tools_changed(struct mcp *mcp);
/* A notification without parameters to all agents. */
void mcp_tell_all(struct mcp *mcp, const char *method);
const struct tool *mcp_find_tool(struct mcp *mcp, struct str shown, struct server **ret_server);
struct server *mcp_find_server(struct mcp *mcp, struct str name);

/* paths.c */
void paths_init(struct mcp *mcp);
/* A raw string's content, "file:///workspace/x": as the host has it. False: it is not in there.
 */
bool paths_uri_to_host(const struct mcp *mcp, struct str uri, struct buf *ret);
/* JSON text in which strings that are a path or file URI of the workspace become the box's.
 * False: there are none. */
bool paths_to_box(const struct mcp *mcp, struct str json, struct buf *ret);

/* logging.c */
int log_level_of(struct str name); /* -1: unknown */
void run_set_level(struct call *call);
void log_relay(struct server *server, const struct message *msg, struct str about);
/* A server that is up again is told what agents want. */
void log_tell_level(struct server *server);

#endif
