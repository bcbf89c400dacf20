/*
 * grant.h - the refresh grant of OAuth 2 (RFC 6749 section 6): what is asked, what comes back.
 */
#ifndef SRC_PROXY_GRANT_H
#define SRC_PROXY_GRANT_H

#include "proxy/login.h"

/* Content type of the request. */
const char *grant_type(const struct oauth_login *login);
/* The request body. `body` becomes a secret buffer. */
void grant_request(
        const struct oauth_login *login, const struct secret *refresh, struct buf *body);
/* The answer. Keeps the old refresh token (copied) if no new one came. Whatever the endpoint
 * says goes into the error only as an error name of RFC 6749. */
int grant_answer(const struct oauth_login *login, const struct login_token *old, int status,
        struct str body, struct login_token *ret, struct err *err);

#endif
