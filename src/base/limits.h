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
#define LIMIT_CHAN_HIGH (256 * 1024)
#define LIMIT_CHAN_LOW (64 * 1024)

/* Head of one HTTP message: real agents send 3 kB; nginx takes 32 kB in all. */
#define LIMIT_HTTP_HEAD (64 * 1024)
#define LIMIT_HTTP_FIELDS 128

/* A CONNECT must finish its TLS handshake within this time. */
#define LIMIT_HANDSHAKE_MS 10000
/* Head of a request must be complete within this time (slowloris). */
#define LIMIT_HEAD_MS 30000
/* Dialing an upstream: resolve, connect and TLS handshake together. */
#define LIMIT_DIAL_MS 20000
/* An idle upstream connection is kept for reuse this long, at most so many per origin. */
#define LIMIT_POOL_IDLE_MS 60000
#define LIMIT_POOL_PER_ORIGIN 16

/* Concurrent tunnels of one session; an agent uses a handful. */
#define LIMIT_TUNNELS 1024

/* Bytes of audit rows that may wait for the disk before reading from agents stops. */
#define LIMIT_AUDIT_QUEUE (16 * 1024 * 1024)

/* Escalations that may wait at once; further ones are denied. */
#define LIMIT_GATE_ITEMS 256

/* Rolling buffer of the user's keystrokes. */
#define LIMIT_WORDS (32 * 1024)

/* Bytes typed for the agent that it has not read yet. */
#define LIMIT_PTY_WRITE (1024 * 1024)

/* Entries of one mapping in a configuration file; looking for duplicates is quadratic. */
#define LIMIT_YAML_ENTRIES 512

/* Any configuration or state file we read whole. */
#define LIMIT_FILE (4 * 1024 * 1024)

#endif
