/*
 * pattern.c - reading and matching the target of a net rule.
 *
 * Nothing is decoded or normalised, on either side: a pattern that is not plain is refused
 * when it is read, a request path that is not plain cannot be told. The same holds for the
 * scheme and path of a CONNECT, which are inside the tunnel.
 */
#include "policy/pattern.h"

#include "base/mem.h"
#include "policy/host.h"

static int parse_host(struct str host, struct pattern *ret, struct err *err);
static int parse_authority(struct str authority, struct pattern *ret, struct err *err);
static int parse_path(struct str path, struct pattern *ret, struct err *err);

bool is_method(struct str method)
{
    if (method.n == 0 || method.n > 32)
        return false;
    for (size_t i = 0; i < method.n; i++)
        if (!(method.p[i] >= 'A' && method.p[i] <= 'Z') && method.p[i] != '-' &&
                method.p[i] != '_')
            return false;
    return true;
}

static int parse_methods(struct str methods, struct pattern *ret, struct err *err)
{
    struct str rest = methods;
    struct str method;
    bool more = true;

    if (str_eq(methods, STR("*")))
        return 0;
    while (more) {
        more = str_cut(&rest, ',', &method);
        if (!is_method(method)) {
            char shown[40];

            return err_set(err, ERR_CONFIG,
                    "'%s' is not a method; write GET, POST, ... in upper case or *",
                    str_vis(shown, sizeof(shown), method));
        }
    }
    ret->methods = xstrndup(methods.p, methods.n);
    return 0;
}

static bool cut_scheme(struct str *url, struct str *scheme)
{
    for (size_t i = 0; i + 3 <= url->n; i++) {
        if (memcmp(url->p + i, "://", 3) != 0)
            continue;
        *scheme = (struct str){url->p, i};
        *url = (struct str){url->p + i + 3, url->n - i - 3};
        return true;
    }
    return false;
}

static int parse_url(struct str url, struct pattern *ret, struct err *err)
{
    struct str scheme = {"", 0};
    struct str rest = url;
    bool has_scheme = cut_scheme(&rest, &scheme);
    struct str authority = rest;
    const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;

    if (has_scheme && !str_eq(scheme, STR("https")) && !str_eq(scheme, STR("http")))
        return err_set(err, ERR_CONFIG, "only https:// and http:// can be matched");
    (void)str_copy(ret->scheme, sizeof(ret->scheme), scheme);
    if (slash)
        authority.n = (size_t)(slash - rest.p);
    int rc = parse_authority(authority, ret, err);
    if (rc == 0 && slash)
        rc = parse_path((struct str){slash, rest.n - authority.n}, ret, err);
    if (rc < 0)
        return rc;

    if (ret->port == 0 && has_scheme)
        ret->port = str_eq(scheme, STR("https")) ? 443 : 80;
    if (ret->methods && strcmp(ret->methods, "CONNECT") == 0 && (has_scheme || slash))
        return err_set(
                err, ERR_CONFIG, "a CONNECT has no scheme and no path, write it as HOST:PORT");
    return 0;
}

int pattern_parse(struct str methods, struct str url, struct pattern *ret, struct err *err)
{
    struct pattern pattern = {.kind = HOST_ANY};
    int rc = parse_methods(methods, &pattern, err);

    if (rc == 0)
        rc = parse_url(url, &pattern, err);
    if (rc < 0) {
        pattern_release(&pattern);
        return rc;
    }
    *ret = pattern;
    return 0;
}

void pattern_release(struct pattern *pattern)
{
    free(pattern->methods);
    free(pattern->path);
    *pattern = (struct pattern){.kind = HOST_ANY};
}

static int parse_authority(struct str authority, struct pattern *ret, struct err *err)
{
    struct str host = authority;
    size_t colon = authority.n;

    /* The last colon, unless it is inside the brackets of an IPv6 address. */
    while (colon > 0 && authority.p[colon - 1] != ':' && authority.p[colon - 1] != ']')
        colon--;
    if (colon > 0 && authority.p[colon - 1] == ':') {
        struct str digits = {authority.p + colon, authority.n - colon};
        uint64_t port = 0;

        if (!str_u64(digits, 65535, &port) || port == 0)
            return err_set(err, ERR_CONFIG, "the port must be a number from 1 to 65535");
        ret->port = (uint16_t)port;
        host.n = colon - 1;
    }
    return parse_host(host, ret, err);
}

static int parse_host(struct str host, struct pattern *ret, struct err *err)
{
    char shown[100];

    if (str_eq(host, STR("*")))
        return 0;
    ret->kind = HOST_NAME;
    if (str_starts(host, STR("*."))) {
        ret->kind = HOST_BELOW;
        host = (struct str){host.p + 2, host.n - 2};
    } else if (host.n > 1 && host.p[host.n - 1] == '.') {
        host.n--;
    }
    str_vis(shown, sizeof(shown), host);
    if (!str_copy(ret->host, sizeof(ret->host), host))
        return err_set(err, ERR_CONFIG, "the host is too long");
    for (char *c = ret->host; *c; c++)
        *c = char_lower(*c);

    if (ret->kind == HOST_NAME && ip_parse(host, &ret->ip)) {
        ret->kind = HOST_ADDRESS;
        return 0;
    }
    for (size_t i = 0; i < host.n; i++)
        if ((unsigned char)host.p[i] >= 0x80)
            return err_set(err, ERR_CONFIG,
                    "host '%s' has letters beyond ASCII; write its punycode form (xn--...)",
                    shown);
    if (memchr(host.p, '*', host.n))
        return err_set(err, ERR_CONFIG,
                "host '%s': a * may stand alone or as the whole first label (*.example.org)",
                shown);
    if (!host_is_name((struct str){ret->host, host.n}))
        return err_set(err, ERR_CONFIG, "'%s' is not a host name or address", shown);
    return 0;
}

/* %XX at p: valid, upper case, and of a character that must be encoded (RFC 3986, 2.3). */
static bool is_plain_escape(const char *p, size_t n)
{
    int c = str_percent((struct str){p, n});

    if (c < 0x20 || c == 0x7f || p[1] > 'F' || p[2] > 'F')
        return false;
    return !char_is_alnum((char)c) && !strchr("-._~/\\%;", c);
}

static bool is_plain_segment(struct str segment)
{
    if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
        return false;
    for (size_t i = 0; i < segment.n; i++) {
        unsigned char c = (unsigned char)segment.p[i];

        /* Some servers drop what follows a ';', so that "..;" is "..". */
        if (c <= 0x20 || c >= 0x7f || strchr("\\;?#\"<>^`{|}", c))
            return false;
        if (c == '%' && !is_plain_escape(segment.p + i, segment.n - i))
            return false;
    }
    return true;
}

bool path_is_plain(struct str path)
{
    struct str segment;
    bool more = true;

    if (path.n == 0 || path.p[0] != '/')
        return false;
    path = (struct str){path.p + 1, path.n - 1};
    while (more) {
        more = str_cut(&path, '/', &segment);
        if (!is_plain_segment(segment) || (more && segment.n == 0))
            return false;
    }
    return true;
}

static int parse_path(struct str path, struct pattern *ret, struct err *err)
{
    char shown[120];

    str_vis(shown, sizeof(shown), path);
    if (memchr(path.p, '?', path.n) || memchr(path.p, '#', path.n))
        return err_set(err, ERR_CONFIG,
                "path '%s': queries are never matched, leave out what follows the ?", shown);
    if (!path_is_plain(path))
        return err_set(err, ERR_CONFIG,
                "path '%s' can be read in two ways (.., //, ; or needless %%-encoding)", shown);
    for (size_t i = 0; i + 1 < path.n; i++)
        if (path.p[i] == '*' && path.p[i + 1] == '*' &&
                (i + 2 != path.n || path.p[i - 1] != '/'))
            return err_set(err, ERR_CONFIG, "path '%s': ** must be the last segment", shown);
    if (!str_eq(path, STR("/**")))
        ret->path = xstrndup(path.p, path.n);
    return 0;
}

bool pattern_is_exact(const struct pattern *pattern)
{
    if (!pattern->methods || strchr(pattern->methods, ',') || pattern->port == 0 ||
            (pattern->kind != HOST_NAME && pattern->kind != HOST_ADDRESS))
        return false;
    if (strcmp(pattern->methods, "CONNECT") == 0)
        return true;
    return pattern->scheme[0] && pattern->path && !strchr(pattern->path, '*');
}

/* --- matching --------------------------------------------------------------------------- */

static bool match_method(const struct pattern *pattern, struct str method)
{
    struct str rest = str_of(pattern->methods);
    struct str one;
    bool more = pattern->methods != NULL;

    if (!more)
        return true;
    while (more) {
        more = str_cut(&rest, ',', &one);
        if (str_eq(one, method))
            return true;
    }
    return false;
}

bool pattern_takes_host(const struct pattern *pattern, struct str host)
{
    struct str want = str_of(pattern->host);
    struct ip ip;

    switch (pattern->kind) {
    case HOST_ANY:
        return true;
    case HOST_BELOW:
        return host.n > want.n + 1 && str_ends(host, want) &&
               host.p[host.n - want.n - 1] == '.' && !ip_parse(host, &ip);
    case HOST_NAME:
        return str_eq(host, want);
    case HOST_ADDRESS:
        return ip_parse(host, &ip) && ip_equal(&ip, &pattern->ip);
    }
    CHECK_UNREACHABLE();
}

/*
 * One * takes one or more characters of a segment, so the usual "go back to the last star"
 * is enough: a star never has to give back across a slash.
 */
static bool match_path(struct str want, struct str path)
{
    size_t w = 0;
    size_t p = 0;
    size_t star = SIZE_MAX;
    size_t retry = 0;

    while (p < path.n) {
        if (w + 2 == want.n && want.p[w] == '*' && want.p[w + 1] == '*')
            return true;
        if (w < want.n && want.p[w] == '*' && path.p[p] != '/') {
            star = w++;
            retry = ++p;
        } else if (w < want.n && want.p[w] != '*' && want.p[w] == path.p[p]) {
            w++;
            p++;
        } else if (star != SIZE_MAX && path.p[retry] != '/') {
            w = star + 1;
            p = ++retry;
        } else {
            return false;
        }
    }
    return w == want.n || (w + 2 == want.n && want.p[w] == '*' && want.p[w + 1] == '*');
}

bool pattern_takes_https(const struct pattern *pattern, struct str host, uint16_t port)
{
    if (pattern->methods && strcmp(pattern->methods, "CONNECT") == 0)
        return false;
    if (pattern->scheme[0] && strcmp(pattern->scheme, "https") != 0)
        return false;
    return (pattern->port == 0 || pattern->port == port) && pattern_takes_host(pattern, host);
}

enum match pattern_match(const struct pattern *pattern, const struct net_request *req)
{
    if (!match_method(pattern, req->method) || !pattern_takes_host(pattern, req->host))
        return MATCH_NO;
    if (pattern->port != 0 && pattern->port != req->port)
        return MATCH_NO;
    if (req->scheme.n == 0)
        return pattern->scheme[0] || pattern->path ? MATCH_UNKNOWN : MATCH_YES;
    if (pattern->scheme[0] && !str_eq(str_of(pattern->scheme), req->scheme))
        return MATCH_NO;
    if (!pattern->path)
        return MATCH_YES;
    if (!path_is_plain(req->path))
        return MATCH_UNKNOWN;
    return match_path(str_of(pattern->path), req->path) ? MATCH_YES : MATCH_NO;
}
