/*
 * dial_priv.h - what dial.c and dial_proxy.c share.
 */
#ifndef SRC_IO_DIAL_PRIV_H
#define SRC_IO_DIAL_PRIV_H

#include "io/chan.h"
#include "io/tls.h"

struct dial_proxy {
    char *host; /* owns */
    uint16_t port;
    char *name;             /* owns; "host:port" */
    struct tls_client *tls; /* owns; NULL: plain */
    struct secret *auth;    /* owns; the value of Proxy-Authorization; NULL: none */
    char *no_proxy;         /* owns; "": everything goes through it */
};

/* Ask for a tunnel to host:port. */
void proxy_ask(
        const struct dial_proxy *proxy, struct chan *chan, const char *host, uint16_t port);
/*
 * Its answer, from chan_in(): 1 when it is complete and the tunnel stands, 0 if more is to
 * come, or negative. silent: the other end of the tunnel waits for us to speak, so that
 * anything behind the answer is not from there.
 */
int proxy_answer(const struct dial_proxy *proxy, struct buf *in, bool silent, struct err *err);

#endif
