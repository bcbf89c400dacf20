/*
 * client.h - the connections of a load: CONNECT to a peer where it is a proxy, TLS, and
 * requests one after the other.
 *
 * A load owns a set of connections and an epoll; what happens to a connection is told to its
 * three functions. Nothing else runs between, so that a delay is the peer's and not ours.
 *
 *     load_open(load, &lane, host);        -> on_ready, once TLS is up
 *     conn_ask(conn);                      -> on_body*, on_done
 *     conn_close(conn);                    (silence after it)
 *     anything that breaks                 -> on_fail, already counted and closed
 */
#ifndef BENCH_PROXY_CLIENT_H
#define BENCH_PROXY_CLIENT_H

#include <sys/socket.h>

#include <openssl/types.h>

#include "base/buf.h"
#include "message.h"
#include "modes.h"

#define CLIENT_READ_MAX 65536

/* Where to, and what is asked there. A test has one through the peer and one to the origin. */
struct lane {
    struct sockaddr_storage address;
    socklen_t address_len;
    bool connect;       /* CONNECT first */
    SSL_CTX *tls;       /* owns */
    const char *key;    /* borrows */
    struct buf request; /* head and body; the same each time */
    uint64_t upload;    /* further bytes of the body, made up while they are sent */
};

enum conn_state {
    CONN_CLOSED,
    CONN_CONNECTING,
    CONN_TUNNEL, /* CONNECT is sent */
    CONN_HANDSHAKE,
    CONN_READY,
    CONN_SENDING,
    CONN_RECEIVING,
};

struct load;

struct conn {
    struct load *load;       /* borrows */
    const struct lane *lane; /* borrows */
    enum conn_state state;
    int fd;
    SSL *ssl; /* owns */
    uint32_t watched;
    char host[64];
    size_t sent;     /* of the request */
    uint64_t upload; /* still to send */
    uint64_t opened_ns, tunnel_ns, ready_ns, asked_ns;
    unsigned scan;  /* for the test's on_body */
    uint64_t stamp; /* likewise */
    struct message answer;
};

struct load_ops {
    void (*on_ready)(struct load *load, struct conn *conn);
    void (*on_done)(struct load *load, struct conn *conn);
    void (*on_fail)(struct load *load, struct conn *conn); /* or NULL */
    void (*on_body)(
            struct load *load, struct conn *conn, const char *p, size_t n); /* or NULL */
};

/* Embed it first in the struct of a test. */
struct load {
    const struct load_ops *ops;
    int epoll;
    struct conn *conn; /* owns; an array that does not move */
    unsigned count;    /* conns in the array */
    unsigned opening;  /* not ready yet */
    uint64_t answered; /* requests with status 200, through the peer */
    uint64_t failures; /* broken connections, and answers with another status */
    char first_failure[200];
    char in[CLIENT_READ_MAX];
};

void load_init(struct load *load, const struct load_ops *ops, unsigned connections);
void load_release(struct load *load);
/* {"answered":, "failures":, "first_failure":} */
void load_put(const struct load *load, json_t *ret);

void conn_open(struct load *load, struct conn *conn, const struct lane *lane, const char *host);
void conn_ask(struct conn *conn);
void conn_close(struct conn *conn);

/* Handles what happens until `until_ns`, or until done(load) says so (NULL: never). */
void load_run(struct load *load, uint64_t until_ns, bool (*done)(struct load *load));
/* Opens the connections [from, to), at most 16 at a time, and waits for all of them. */
void load_open_all(struct load *load, unsigned from, unsigned to, const struct lane *lane);

/* The lane through the peer (without a peer: to the origin), and the one to the origin. */
void lane_to_peer(struct lane *lane, const struct options *options);
void lane_to_origin(struct lane *lane, const struct options *options);
void lane_release(struct lane *lane);
/* POST `path` with a JSON body of `body` bytes; `what` goes into x-bench. */
void lane_request(struct lane *lane, const char *path, const char *what, size_t body);
/* POST `path` with `bytes` that are made up on the way. */
void lane_upload(struct lane *lane, const char *path, uint64_t bytes);

#endif
