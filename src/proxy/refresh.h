/*
 * refresh.h - one OAuth login that is in use, and how it is kept fresh.
 *
 * One flight at a time; who asks meanwhile waits for the same end. Two of our processes do not
 * renew the same login at once: the flight holds a lock file in our own home. The files of
 * login.h are read and written on pool threads.
 */
#ifndef SRC_PROXY_REFRESH_H
#define SRC_PROXY_REFRESH_H

#include "io/chan.h"
#include "proxy/credential.h"
#include "proxy/login.h"

struct refresh;

struct refresh_config {
    struct loop *loop;               /* borrows */
    const struct oauth_login *login; /* borrows */
    const char *path;                /* copied */
    const char *address;             /* connect there instead of resolving, or NULL; copied */
    uint16_t port;                   /* with address */
    bool allow_private;              /* the operator named the endpoint */
    const struct dial_proxy *via;    /* borrows; or NULL */
    const char *extra_ca;            /* copied; or NULL */
    void (*on_notice)(void *ctx, const char *text); /* or NULL */
    void *ctx;
};

/* Takes the tokens over; *token is empty afterwards. */
struct refresh *refresh_new(const struct refresh_config *config, struct login_token *token);
/* No waiter may be left. Waits as credentials_free() says. */
void refresh_free(struct refresh *refresh);

const struct login_token *refresh_token(const struct refresh *refresh);
const char *refresh_path(const struct refresh *refresh);
const struct oauth_login *refresh_login(const struct refresh *refresh);
unsigned refresh_generation(const struct refresh *refresh);

/* See credential_refresh(); credential_cancel() is in refresh.c. */
struct credential_wait *refresh_start(struct refresh *refresh, unsigned generation,
        void (*done)(void *ctx, const struct err *err), void *ctx);

#endif
