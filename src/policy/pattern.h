/*
 * pattern.h - the target of a net rule: METHODS and URL-PATTERN.
 */
#ifndef SRC_POLICY_PATTERN_H
#define SRC_POLICY_PATTERN_H

#include "base/err.h"
#include "base/ip.h"
#include "policy/policy.h"

enum host_pattern { HOST_ANY, HOST_BELOW, HOST_NAME, HOST_ADDRESS };

struct pattern {
    char *methods;  /* owns; "GET,HEAD", NULL: any */
    char scheme[8]; /* "" any */
    enum host_pattern kind;
    char host[256]; /* HOST_NAME: the name; HOST_BELOW: what follows "*." */
    struct ip ip;   /* HOST_ADDRESS */
    uint16_t port;  /* 0: any */
    char *path;     /* owns; NULL: any */
};

/* In this order, so that the least of several is the answer for all of them together. */
enum match { MATCH_NO, MATCH_UNKNOWN, MATCH_YES };

/* `methods` is what stands between "net:" and the blank. The message has no file and line. */
int pattern_parse(struct str methods, struct str url, struct pattern *ret, struct err *err);
void pattern_release(struct pattern *pattern);
enum match pattern_match(const struct pattern *pattern, const struct net_request *req);

/* No wildcard in it: one method, host, port and path (a CONNECT has none). */
bool pattern_is_exact(const struct pattern *pattern);

/* The host alone; an address is taken by "*" too. */
bool pattern_takes_host(const struct pattern *pattern, struct str host);

/* Does it take some https request to this host and port? */
bool pattern_takes_https(const struct pattern *pattern, struct str host, uint16_t port);

/* Upper-case method of an HTTP request. */
bool is_method(struct str method);

/*
 * Two readers of this path see the same: it begins with a slash, has no empty, "." or ".."
 * segment, nothing is encoded that need not be, hex digits are upper case.
 */
bool path_is_plain(struct str path);

#endif
