/*
 * limits.h - every maximum of the program, each with its reason.
 *
 * A queue or a field that something outside can grow has its bound here.
 */
#ifndef SRC_BASE_LIMITS_H
#define SRC_BASE_LIMITS_H

/* sockaddr_un.sun_path is 108 bytes with the final NUL (unix(7)). */
#define LIMIT_SUN_PATH 107

/* A channel stops reading its peer above HIGH unsent bytes and goes on below LOW. */
#define LIMIT_CHAN_HIGH 262144
#define LIMIT_CHAN_LOW 65536
/* All buffers of the process together: with ordinary use there are some MB. From there on the
 * proxy's connections hold less each, down to LEAST, which a head and a TLS record need. So
 * many MB, and LIMIT_TUNNELS times that for each of a tunnel's four queues, is what a box
 * that stalls everything can make us hold. */
#define LIMIT_HELD (256u << 20)
#define LIMIT_CHAN_LEAST 16384

/* Head of one HTTP message: real agents send 3 kB; nginx takes 32 kB in all. */
#define LIMIT_HTTP_HEAD (1u << 16)
#define LIMIT_HTTP_FIELDS 128
/* Names in its Connection field; each is compared with every field. One or two are usual. */
#define LIMIT_HTTP_OPTIONS 64

/* Headers and parameters in which one provider takes its key. */
#define LIMIT_KEY_PLACES 4

/* So much of a body that nobody wants is read to keep the connection; agents' telemetry,
 * which is refused, has up to 700 kB. */
#define LIMIT_HTTP_DISCARD (1u << 20)
/* Interim (1xx) answers before the real one; none to two are usual. */
#define LIMIT_HTTP_INTERIM 16

/* One line, and the data of one event, of an event stream that is read along; the whole
 * answer is repeated in the last event of some, and agents' answers have some 100 kB. */
#define LIMIT_SSE_LINE (1u << 20)
/* A compressed body that is read along: what comes out of it may be (above the first MiB) so
 * many times the length of what went in; JSON and event streams reach 30. More is a bomb, and
 * would hold the loop for longer than 10 ms a piece. */
#define LIMIT_INFLATE_RATIO 64
/* Memory of one decoder: the window of zstd and br on the web is at most 8 MiB (RFC 9659). */
#define LIMIT_INFLATE_WINDOW_LOG 23
#define LIMIT_INFLATE_MEMORY (10u << 20)

/* HTTP/2: requests at once on one connection, whoever opened it; agents use a few, and the
 * RFC asks for no less than 100. */
#define LIMIT_H2_STREAMS 128
/* On all connections of a box; more are answered 503. Each may hold what a connection of
 * HTTP/1.1 holds, and streams cost the agent much less. */
#define LIMIT_H2_ALL_STREAMS 4096
/* Body bytes that may come before somebody took the earlier ones, of one stream and of all
 * streams of a connection. An agent is near; an upstream may be 100 ms away. */
#define LIMIT_H2_STREAM_WINDOW (256 << 10)
#define LIMIT_H2_AGENT_WINDOW (1 << 20)
#define LIMIT_H2_UPSTREAM_WINDOW (4 << 20)
/* Streams that an agent breaks off or begins wrongly: each costs a request, none is answered.
 * At once, and what is forgiven per second; a person stops an agent now and then. */
#define LIMIT_H2_RESETS 256
#define LIMIT_H2_RESETS_PER_S 16
/* Frames that carry nothing (PING, SETTINGS, PRIORITY, empty DATA, unknown ones); gRPC pings
 * with every window, others every few seconds. */
#define LIMIT_H2_FRAMES 1024
#define LIMIT_H2_FRAMES_PER_S 256

/* A CONNECT must finish its TLS handshake within this time. */
#define LIMIT_HANDSHAKE_MS 10000
/* Head of a request must be complete within this time (slowloris). */
#define LIMIT_HEAD_MS 30000
/* A raw tunnel with one side ended waits so long for bytes of the other: on a Unix socket
 * nothing tells a half-closed peer from one that is gone. */
#define LIMIT_HALF_CLOSED_MS 60000
/* Dialing an upstream: resolve, connect and TLS handshake together. */
#define LIMIT_DIAL_MS 20000
/* An idle upstream connection is kept for reuse this long, at most so many per origin: with
 * fewer, as many agents at once would pay a TLS handshake for almost every request. */
#define LIMIT_POOL_IDLE_MS 60000
#define LIMIT_POOL_PER_ORIGIN 64

/* A request body that is looked into is held whole: ten times what agents with pictures send,
 * and what a rule may raise it to. */
#define LIMIT_BODY (10u << 20)
#define LIMIT_BODY_MAX (64u << 20)
/* Pieces cut out of one body; agents name a handful of tools that a provider runs. */
#define LIMIT_BODY_CUTS 1024

/* Without a rule a body is kept up to this size, to be sent again after a 401. */
#define LIMIT_BODY_AGAIN (1u << 20)
/* Bodies that one proxy holds whole, all together. */
#define LIMIT_BODIES (128u << 20)

/* Concurrent tunnels of one session; an agent uses a handful, a build that fetches its
 * dependencies hundreds. Idle ones take 16 kB each. */
#define LIMIT_TUNNELS 16384
/* So much of the process's descriptors (one part in) is not for accepted connections: files,
 * children and the other half of tunnels go on when a box connects without end. */
#define LIMIT_ACCEPT_SPARE 4

/* Minted leaf certificates kept; agents talk to a handful of hosts. About 2 kB each. */
#define LIMIT_LEAVES 512

/* One WebSocket message of an agent, which is read as a whole: a conversation with pictures;
 * providers take 10 to 15 MB. */
#define LIMIT_WS_MESSAGE (16u << 20)
/* Messages of the upstream up to this size are looked at as a whole; of a larger one, parts of
 * LIMIT_WS_PART go on as they come. */
#define LIMIT_WS_TAP (1u << 20)
#define LIMIT_WS_PART (64u << 10)
/* Names of subprotocols that one handshake offers; a browser puts its token there. */
#define LIMIT_WS_PROTOCOLS 4096
/* A side that does not answer the other's Close within this time is not waited for. */
#define LIMIT_WS_CLOSE_MS 30000

/* Bytes of audit rows that may wait for the disk before reading from agents stops. */
#define LIMIT_AUDIT_QUEUE (16 << 20)
/* Reading goes on when so few are left: half, so that it does not flap. */
#define LIMIT_AUDIT_LOW (LIMIT_AUDIT_QUEUE / 2)
/* What is already on its way when reading stops must fit; beyond, the audit counts as
 * failed, because somebody does not listen to store_full(). */
#define LIMIT_AUDIT_HARD (64 << 20)
/* Rows that nobody waits for wait so long for others, or until there are so many bytes: one
 * transaction costs as much as twenty rows. */
#define LIMIT_AUDIT_GATHER_MS 10
#define LIMIT_AUDIT_GATHER (1 << 20)
/* The audit waits so long for another process's lock before it counts as failed. */
#define LIMIT_AUDIT_BUSY_MS 10000
/* Ids that a process reserves at once; the next ones are fetched when half are used, so
 * half must be far more than the rows that fit into LIMIT_AUDIT_HARD. */
#define LIMIT_AUDIT_IDS (1 << 20)

/* Escalations that may wait at once, all together and of one session, which leaves room for
 * the others; further ones are denied. */
#define LIMIT_GATE_ITEMS 256
#define LIMIT_GATE_ITEMS_EACH 64
/* More than so many questions of one session in such a time are a flood: shown as one row. */
#define LIMIT_FLOOD 10
#define LIMIT_FLOOD_MS 10000
/* Text of one escalation, made safe to show: a file that is written, whole. */
#define LIMIT_GATE_DETAIL (1 << 20)
/* Same, of all that wait in one session. */
#define LIMIT_GATE_DETAILS_EACH (4 << 20)
/* Askers of the same that share one question; further ones make a question of their own. */
#define LIMIT_GATE_ASKERS 256
/* Answers of a human that are remembered until a session ends: nobody gives more. */
#define LIMIT_GRANTS 512
/* Recorded requests that a rule is tried on before a human makes it one: read in a moment. */
#define LIMIT_PAST 10000
/* answers.rules: more answers than LIMIT_POLICY_RULES would not be read anyway. */
#define LIMIT_ANSWERS (1 << 20)
/* Escalations that nobody answered in time are kept for a late answer: so many, and so much of
 * their text. */
#define LIMIT_GATE_EXPIRED 32
#define LIMIT_GATE_EXPIRED_DETAILS (8 << 20)
/* A file that answers an escalation. */
#define LIMIT_RESPONSE 65536
/* A late answer holds so long for the same question. */
#define LIMIT_LATE_MS 900000
/* Reading an escalation stops its clock for so long in all: a forgotten review ends too. */
#define LIMIT_REVIEW_MS 600000

/* Sessions of one server: more do not fit into a row of tabs, and each has an agent. */
#define LIMIT_TABS 99

/* One message between client and server: a command of 128 KiB, the longest argument there can
 * be (MAX_ARG_STRLEN), and what else a session has; and what the server answers. */
#define LIMIT_PACKET (160u << 10)
#define LIMIT_PACKET_ANSWER (16u << 10)
/* Connections to the server: one has the screen, the others come and go. */
#define LIMIT_CLIENTS 64

/* Rolling buffer of the user's keystrokes. */
#define LIMIT_WORDS (32u << 10)
/* Messages rebuilt from them, and the text of each: more than a review can show. */
#define LIMIT_WORDS_SENT 64
#define LIMIT_WORDS_ENTRY (8u << 10)

/* One paste of the user; it must fit into what may wait for the agent. */
#define LIMIT_PASTE (1024 * 1024 - 64)

/* Bytes typed for the agent that it has not read yet. */
#define LIMIT_PTY_WRITE (1u << 20)
/* Output of one agent handed on in one loop turn: 2 ms of work for the emulator (15 MB/s at
 * its slowest), so that a flood delays keys and other sessions by no more than that. */
#define LIMIT_PTY_TURN (32u << 10)
/* The helper in the box must greet within this time after the connection. */
#define LIMIT_GUEST_READY_MS 10000

/* One OSC string of the agent: titles and colour queries are far shorter. */
#define LIMIT_VT_STRING (8 * 1024)
/* A clipboard text (OSC 52), base64; terminals cap it between 100 kB and 1 MB. */
#define LIMIT_VT_CLIPBOARD (1024 * 1024)
/* Lines that one agent's notifications and copies may become at once, and the time in which
 * one more is earned: a person reads a few, and every line pushes older ones out. */
#define LIMIT_NEWS 5
#define LIMIT_NEWS_MS 2000
/* Between two bells of agents that are passed on. */
#define LIMIT_BELL_MS 5000
/* An agent that prints more than this in a second is busy, which its tab says: builds print a
 * tenth of it. */
#define LIMIT_BUSY_BYTES (512 << 10)
/* Target of a hyperlink (OSC 8): what browsers take at least (RFC 9110 asks for 8000; longer
 * ones are not shown whole on any screen). */
#define LIMIT_VT_LINK 2048
/* Largest screen; no real terminal reaches it, and 4 million cells take 64 MB. */
#define LIMIT_VT_COLS 2000
#define LIMIT_VT_ROWS 1000
/* Lines of scrollback that may be asked for: what fits into LIMIT_VT_SCROLL if they are short,
 * and a resize counts them all. */
#define LIMIT_VT_LINES 1000000
/* Scrollback of one session; 100,000 ordinary lines take 10 MB, hostile ones 700 MB. */
#define LIMIT_VT_SCROLL (64 * 1024 * 1024)
/* One copy of the user: 100,000 ordinary lines have 6 MB. What goes to the terminal's clipboard
 * (OSC 52) is less: xterm and others take 100 kB; no more is taken from an agent either. */
#define LIMIT_COPY (16u << 20)
#define LIMIT_COPY_OSC 100000
/* Screens at rest of one session; 200 ordinary ones take 2 MB. */
#define LIMIT_VT_REST (8 * 1024 * 1024)

/* Rules of one policy file: every request is compared with all of them. */
#define LIMIT_POLICY_RULES 4096
#define LIMIT_POLICY_LINE 4096
/* Values in the arguments of one call: what holds more is denied, not half looked at. */
#define LIMIT_CALL_VALUES 100000
/* One line on the input of `policy explain`; a longer one is read as several, all denied. */
#define LIMIT_EXPLAIN_LINE (1 << 20)
/* A question that waits longer than a day is not waiting any more. */
#define LIMIT_POLICY_TIMEOUT_MS (24 * 60 * 60 * 1000)

/* Entries of one mapping in a configuration file; looking for duplicates is quadratic. */
#define LIMIT_YAML_ENTRIES 512
/* Nesting in it; libyaml's time grows with the square of the depth. */
#define LIMIT_YAML_DEPTH 32

/* What child_run() collects of each output; a tool of ours prints some kilobytes. */
#define LIMIT_CHILD_OUTPUT 1048576

/* One JSON-RPC message: tools return pictures and files, 20 MB happen. One beyond SMALL is
 * taken only while there is room for another of that size (held_room()). */
#define LIMIT_MCP_MESSAGE (32u << 20)
#define LIMIT_MCP_SMALL (1u << 20)
/* What may wait for an agent or a server that does not read: two of the largest. An agent is
 * cut off then, a server is not sent anything more; what nobody asked for is dropped from
 * LIMIT_CHAN_HIGH on. */
#define LIMIT_MCP_UNSENT (64u << 20)
/* Requests of one connection that are under way, among them those that wait for a person; and
 * those of all connections on one server. */
#define LIMIT_MCP_CALLS 256
#define LIMIT_MCP_SERVER_CALLS 1024
/* Requests to one HTTP server at once, each on a connection of its own; and everything that is
 * under way to it or waits. */
#define LIMIT_MCP_POSTS 128
#define LIMIT_MCP_FLOWS 2048
/* Questions of one server (sampling, elicitation) that wait for agents: people answer them. */
#define LIMIT_MCP_QUESTIONS 32
/* Servers of one session; the list of tools is longer than a model reads by then. */
#define LIMIT_MCP_SERVERS 64
/* Arguments of a call as the audit keeps them. */
#define LIMIT_MCP_ARGUMENTS 4096
/* Of what a server writes to stderr, so much goes to the log in a minute. */
#define LIMIT_MCP_STDERR (64u << 10)
/* What one server may list: entries, pages, and bytes that are kept. */
#define LIMIT_MCP_TOOLS 1024
#define LIMIT_MCP_PAGES 64
#define LIMIT_MCP_LIST (8u << 20)
/* Resources and prompts whose server is remembered; others are asked for in turn. */
#define LIMIT_MCP_URIS 8192
/* One page must come within this time; some servers ask elsewhere. */
#define LIMIT_MCP_PAGE_MS 30000
/* Resources that one connection is subscribed to. */
#define LIMIT_MCP_SUBSCRIPTIONS 256
/* How deep JSON may nest; each level takes stack. */
#define LIMIT_JSON_DEPTH 128
/* Messages in one batch (MCP 2025-03-26), and clients of one session. */
#define LIMIT_MCP_BATCH 64
#define LIMIT_MCP_CLIENTS 32

/* A login file of another program; Claude Code keeps MCP logins in its own too. */
#define LIMIT_LOGIN_FILE (256 << 10)
/* One token; JWTs of ChatGPT have about 2 kB, and a request head must have room for it. */
#define LIMIT_TOKEN (16 << 10)
/* The answer of a token endpoint: a few tokens. */
#define LIMIT_TOKEN_ANSWER (64 << 10)
#define LIMIT_TOKEN_MS 30000
/* A token with less life than this is renewed before it is used. */
#define LIMIT_TOKEN_LIFE_MS 300000
/* So long after a grant no other is asked for: a 401 with a fresh token would come again. */
#define LIMIT_TOKEN_PAUSE_MS 30000
/* Another process that renews the same login is waited for so long, and looked at this often:
 * its grant may take LIMIT_TOKEN_MS, and a lock of the system tells nobody that it is free. */
#define LIMIT_LOGIN_BUSY_MS 40000
#define LIMIT_LOGIN_LOOK_MS 250
/* At the end a grant that was sent is waited for: its answer replaces the refresh token. */
#define LIMIT_TOKEN_END_MS 3000
/* A command that prints a key may ask a key store, but not a person. */
#define LIMIT_KEY_COMMAND_MS 10000

/* Any configuration or state file we read whole. */
#define LIMIT_FILE (4 << 20)

#endif
