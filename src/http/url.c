/*
 * url.c - see url.h. Errors do not show the text: its query may hold a secret.
 */
#include "http/url.h"

#include "base/mem.h"
#include "base/str.h"

static int refuse(struct err *err, const char *why)
{
    return err_set(err, ERR_CONFIG, "the url %s", why);
}

static bool is_visible(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] >= 0x7f || text.p[i] == '#')
            return false;
    }
    return true;
}

static bool is_host(struct str host, bool literal)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool fits = literal ? char_hex(c) >= 0 || c == ':' || c == '.'
                            : char_is_alnum(c) || c == '.' || c == '-' || c == '_';

        if (!fits)
            return false;
    }
    return host.n > 0 && host.n <= 253;
}

static char *lower(struct str text)
{
    char *copy = xstrndup(text.p, text.n);

    for (char *c = copy; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    return copy;
}

/* "[v6]:port", "host:port"; the host without brackets. */
static bool cut_host(struct str *authority, struct str *host, bool *literal)
{
    const char *end;

    *literal = authority->n > 0 && authority->p[0] == '[';
    if (!*literal) {
        end = memchr(authority->p, ':', authority->n);
        host->p = authority->p;
        host->n = end ? (size_t)(end - authority->p) : authority->n;
        *authority = (struct str){host->p + host->n, authority->n - host->n};
        return true;
    }
    end = memchr(authority->p, ']', authority->n);
    if (!end)
        return false;
    *host = (struct str){authority->p + 1, (size_t)(end - authority->p) - 1};
    *authority = (struct str){end + 1, authority->n - host->n - 2};
    return true;
}

int http_url_parse(struct http_url *ret, const char *text, struct err *err)
{
    struct str rest = str_of(text), host;
    bool tls = str_starts(rest, STR("https://")), literal;
    uint64_t port = tls ? 443 : 80;

    if (!tls && !str_starts(rest, STR("http://")))
        return refuse(err, "begins with neither https:// nor http://");
    if (!is_visible(rest))
        return refuse(err, "has a blank, a '#' or a character that is no ASCII");
    rest = (struct str){rest.p + (tls ? 8 : 7), rest.n - (tls ? 8 : 7)};
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    struct str authority = {rest.p, n};
    rest = (struct str){rest.p + n, rest.n - n};
    if (memchr(authority.p, '@', authority.n))
        return refuse(err, "has a user name; put it into a header");
    if (!cut_host(&authority, &host, &literal) || !is_host(host, literal))
        return refuse(err, "has no host");
    if (authority.n &&
            (authority.p[0] != ':' ||
                    !str_u64((struct str){authority.p + 1, authority.n - 1}, 65535, &port) ||
                    port == 0))
        return refuse(err, "has an impossible port");
    ret->tls = tls;
    ret->port = (uint16_t)port;
    ret->host = lower(host);
    ret->target = xasprintf("%s%.*s", rest.n && rest.p[0] == '/' ? "" : "/", STR_ARG(rest));
    ret->authority = port == (tls ? 443 : 80) ? xasprintf(literal ? "[%s]" : "%s", ret->host)
                                              : xasprintf(literal ? "[%s]:%u" : "%s:%u",
                                                        ret->host, (unsigned)port);
    return 0;
}

void http_url_release(struct http_url *url)
{
    free(url->host);
    free(url->authority);
    free(url->target);
    *url = (struct http_url){0};
}
