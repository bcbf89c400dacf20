/*
 * url.h - where an HTTP server is: "https://host:port/path?query", as the user writes it.
 *
 * Strict: http and https only, no user or password (a secret there would be shown), no
 * fragment, visible ASCII only. What is not written has its usual value (port 443 or 80,
 * path "/").
 */
#ifndef SRC_HTTP_URL_H
#define SRC_HTTP_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct http_url {
    bool tls;
    uint16_t port;
    char *host;      /* owns; lower case; an IPv6 address without its brackets */
    char *authority; /* owns; as the Host field has it */
    char *target;    /* owns; path and query */
};

int http_url_parse(struct http_url *ret, const char *text, struct err *err);
void http_url_release(struct http_url *url);

#endif
