/*
 * loopback.h - what the worlds around a loop share: waiting for what shall happen, with a
 * deadline, and a TLS server for 127.0.0.1 whose leaves come from a CA of the test.
 */
#ifndef TESTS_SUPPORT_LOOPBACK_H
#define TESTS_SUPPORT_LOOPBACK_H

#include "io/tls.h"
#include "proxy/ca.h"
#include "support/trust.h"
#include "unit/check.h"

/* --- waiting --------------------------------------------------------------------------- */

struct patience {
    struct loop *loop;   /* borrows */
    struct timer *timer; /* owns */
    bool over;
};

static inline void patience_ends(void *ctx)
{
    ((struct patience *)ctx)->over = true;
}

static inline void patience_init(struct patience *p, struct loop *loop)
{
    *p = (struct patience){.loop = loop, .timer = timer_new(loop, patience_ends, p)};
}

static inline void patience_start(struct patience *p, uint64_t ms)
{
    p->over = false;
    timer_start(p->timer, ms);
}

/* Run the loop until `condition`; fail the test if it does not come about. */
#define WAIT_UNTIL(p, ms, condition)                                                           \
    do {                                                                                       \
        patience_start((p), (ms));                                                             \
        while (!(condition) && !(p)->over)                                                     \
            loop_turn((p)->loop, true);                                                        \
        timer_stop((p)->timer);                                                                \
        if (!(condition))                                                                      \
            fail_msg("%s:%d: never: %s", __FILE__, __LINE__, #condition);                      \
    } while (0)

/* --- TLS ------------------------------------------------------------------------------- */

struct test_tls {
    struct ca *ca;             /* borrows */
    struct tls_server *server; /* owns */
};

static inline const struct tls_identity *test_tls_find(
        void *ctx, void *conn_ctx, const char *sni)
{
    (void)conn_ctx;
    return ca_leaf(((struct test_tls *)ctx)->ca, *sni ? sni : "127.0.0.1");
}

static inline void test_tls_open(struct test_tls *t, struct ca *ca)
{
    struct err err = {0};
    t->ca = ca;
    t->server = tls_server_new(test_tls_find, t, &err);
    if (!t->server)
        fail_msg("%s", err.msg);
    tls_server_send_issuer(t->server, ca_issuer(ca));
}

#endif
