/*
 * dial_proxy.c - a proxy between us and the Internet: where it is, when it is used, and how
 * it is asked for a tunnel (RFC 9110 section 9.3.6).
 *
 * Its answer is read strictly: whoever sits there must not be able to slip bytes into the
 * connection that follows. The answer to a CONNECT has no body, whatever its fields say.
 */
#include "base/ip.h"
#include "base/mem.h"
#include "io/crypt.h"
#include "io/dial_priv.h"

/* The head of its answer; real ones have some hundred bytes, with cookies a few thousand. */
#define ANSWER_MAX 16384
#define AUTH_MAX 1024

/* --- where ---------------------------------------------------------------------------- */

/* Percent decoding in place of a copy; the length, or negative. */
static long decode(struct str s, char *out, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n && n < cap; i++) {
        char c = s.p[i];

        if (c == '%') {
            int byte = str_percent((struct str){s.p + i, s.n - i});

            if (byte < 0)
                return -1;
            c = (char)byte;
            i += 2;
        }
        out[n++] = c;
    }
    return n < cap ? (long)n : -1;
}

/* "Basic" and user:password in base64 (RFC 7617). */
static int make_auth(struct dial_proxy *proxy, struct str userinfo, struct err *err)
{
    char plain[AUTH_MAX], value[AUTH_MAX * 4 / 3 + 16] = "Basic ";
    struct str user;
    bool has_password = str_cut(&userinfo, ':', &user);
    long n = decode(user, plain, sizeof(plain) - 1);
    long m = -1;

    if (n >= 0) {
        plain[n++] = ':';
        m = has_password ? decode(userinfo, plain + n, sizeof(plain) - (size_t)n) : 0;
    }
    if (m >= 0) {
        size_t k = crypt_base64(plain, (size_t)(n + m), value + 6);

        proxy->auth = secret_new(value, 6 + k);
    }
    mem_wipe(plain, sizeof(plain));
    mem_wipe(value, sizeof(value));
    if (m >= 0)
        return 0;
    return err_set(err, ERR_CONFIG, "user name or password of the proxy cannot be read");
}

static int parse_host(struct dial_proxy *proxy, struct str where, struct err *err)
{
    struct str host = where, port = {NULL, 0};
    uint64_t number = proxy->port;
    struct ip ip;

    if (str_starts(where, STR("["))) {
        where = (struct str){where.p + 1, where.n - 1};
        if (!str_cut(&where, ']', &host) || !ip_parse(host, &ip) ||
                (where.n > 0 && where.p[0] != ':'))
            return err_set(err, ERR_CONFIG, "the address of the proxy cannot be read");
        if (where.n > 0)
            port = (struct str){where.p + 1, where.n - 1};
    } else if (str_cut(&where, ':', &host)) {
        port = where;
    }
    if (port.n > 0 && (!str_u64(port, 65535, &number) || number == 0))
        return err_set(err, ERR_CONFIG, "the port of the proxy cannot be read");
    if (host.n == 0 || host.n > 253 || memchr(host.p, '\0', host.n))
        return err_set(err, ERR_CONFIG, "the host of the proxy is missing");
    proxy->host = xstrndup(host.p, host.n);
    proxy->port = (uint16_t)number;
    proxy->name = strchr(proxy->host, ':')
                          ? xasprintf("[%s]:%u", proxy->host, (unsigned)proxy->port)
                          : xasprintf("%s:%u", proxy->host, (unsigned)proxy->port);
    return 0;
}

static int parse(
        struct dial_proxy *proxy, struct str url, const char *extra_ca, struct err *err)
{
    const char *sep = memmem(url.p, url.n, "://", 3);
    struct str scheme = sep ? (struct str){url.p, (size_t)(sep - url.p)} : STR("http");
    struct str rest = sep ? (struct str){sep + 3, url.n - scheme.n - 3} : url;
    bool https = str_eq_icase(scheme, STR("https"));

    if (!https && !str_eq_icase(scheme, STR("http")))
        return err_set(err, ERR_CONFIG, "only http:// and https:// proxies are known");
    struct str authority = rest;
    if (str_cut(&rest, '/', &authority) && rest.n > 0)
        return err_set(err, ERR_CONFIG, "the address of a proxy has no path");
    for (size_t i = authority.n; i > 0; i--) {
        if (authority.p[i - 1] != '@')
            continue;
        int rc = make_auth(proxy, (struct str){authority.p, i - 1}, err);
        if (rc < 0)
            return rc;
        authority = (struct str){authority.p + i, authority.n - i};
        break;
    }
    proxy->port = https ? 443 : 80;
    int rc = parse_host(proxy, authority, err);
    if (rc == 0 && https && !(proxy->tls = tls_client_new(extra_ca, err)))
        rc = ERR_CONFIG;
    return rc;
}

struct dial_proxy *dial_proxy_new(
        const char *url, const char *no_proxy, const char *extra_ca, struct err *err)
{
    struct dial_proxy *proxy = xcalloc(1, sizeof(*proxy));

    proxy->no_proxy = xstrdup(no_proxy ? no_proxy : "");
    if (parse(proxy, str_trim(str_of(url)), extra_ca, err) == 0)
        return proxy;
    dial_proxy_free(proxy);
    return NULL;
}

void dial_proxy_free(struct dial_proxy *proxy)
{
    if (!proxy)
        return;
    tls_client_free(proxy->tls);
    secret_free(proxy->auth);
    free(proxy->host);
    free(proxy->name);
    free(proxy->no_proxy);
    free(proxy);
}

const char *dial_proxy_name(const struct dial_proxy *proxy)
{
    return proxy->name;
}

/* --- when ----------------------------------------------------------------------------- */

static struct str without_dots(struct str name)
{
    while (str_starts(name, STR(".")))
        name = (struct str){name.p + 1, name.n - 1};
    if (str_ends(name, STR(".")))
        name.n--;
    return name;
}

static bool name_fits(struct str host, struct str entry)
{
    host = without_dots(host);
    entry = without_dots(entry);
    if (entry.n == 0 || host.n < entry.n)
        return false;
    struct str tail = {host.p + (host.n - entry.n), entry.n};
    return str_eq_icase(tail, entry) && (host.n == entry.n || tail.p[-1] == '.');
}

/* "10.0.0.0/8", "[fd00::]/8", or one address. */
static bool address_fits(const struct ip *host, struct str entry)
{
    struct str text;
    struct ip net;
    uint64_t bits = 0;
    bool cidr = str_cut(&entry, '/', &text);

    if (!ip_parse(text, &net))
        return false;
    if (!cidr)
        return ip_equal(host, &net);
    return str_u64(entry, net.is_v6 ? 128 : 32, &bits) && ip_in_net(host, &net, (unsigned)bits);
}

static bool in_list(const char *host, struct str list)
{
    struct str name = {host, strlen(host)};
    struct ip ip;
    bool literal = ip_parse(name, &ip);

    while (list.n > 0) {
        size_t n = 0;

        while (n < list.n && !strchr(", \t", list.p[n]))
            n++;
        struct str entry = {list.p, n};
        if (literal ? address_fits(&ip, entry) : name_fits(name, entry))
            return true;
        n += n < list.n;
        list = (struct str){list.p + n, list.n - n};
    }
    return false;
}

bool dial_proxy_wanted(const struct dial_proxy *proxy, const char *host)
{
    struct str list = str_of(proxy->no_proxy);

    return !in_list(host, STR("localhost,127.0.0.0/8,::1")) &&
           !str_eq(str_trim(list), STR("*")) && !in_list(host, list);
}

/* --- how ------------------------------------------------------------------------------ */

void proxy_ask(
        const struct dial_proxy *proxy, struct chan *chan, const char *host, uint16_t port)
{
    struct buf *out = chan_out(chan);
    char where[300];

    snprintf(where, sizeof(where), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host,
            (unsigned)port);
    buf_printf(out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", where, where);
    if (proxy->auth) {
        buf_mark_secret(out);
        buf_puts(out, "Proxy-Authorization: ");
        buf_append(out, secret_bytes(proxy->auth), secret_len(proxy->auth));
        buf_puts(out, "\r\n");
    }
    buf_puts(out, "\r\n");
    chan_flush_soon(chan);
}

static bool line_is_clean(struct str line)
{
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* A field: a name without spaces, a colon, anything. No continued lines. */
static bool line_is_field(struct str line)
{
    struct str name;

    if (!str_cut(&line, ':', &name) || name.n == 0)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || (unsigned char)name.p[i] >= 0x7f)
            return false;
    return true;
}

/* The status, or negative if this is no head of HTTP/1. */
static int read_head(struct str head, struct str *ret_reason)
{
    static const struct str versions[] = {
            {"HTTP/1.1 ", 9},
            {"HTTP/1.0 ", 9},
    };
    uint64_t status = 0;
    bool first = true;

    while (head.n > 0) {
        const char *end = memmem(head.p, head.n, "\r\n", 2);
        struct str line = {head.p, (size_t)(end - head.p)};

        if (!line_is_clean(line))
            return ERR_PROTO;
        if (!first && !line_is_field(line))
            return ERR_PROTO;
        if (first) {
            if (line.n < 12 ||
                    (!str_starts(line, versions[0]) && !str_starts(line, versions[1])))
                return ERR_PROTO;
            if (!str_u64((struct str){line.p + 9, 3}, 599, &status) || status < 100 ||
                    (line.n > 12 && line.p[12] != ' '))
                return ERR_PROTO;
            *ret_reason = str_trim((struct str){line.p + 12, line.n - 12});
        }
        first = false;
        head = (struct str){end + 2, head.n - line.n - 2};
    }
    return (int)status;
}

static int refused(
        const struct dial_proxy *proxy, int status, struct str reason, struct err *err)
{
    char vis[100];

    if (status == 407)
        return err_set(err, ERR_CREDENTIAL, "%s (407)",
                proxy->auth ? "it does not accept the user name and password it was given"
                            : "it wants a user name and a password");
    return err_set(err, status == 403 ? ERR_DENIED : ERR_IO, "it answered %d %s", status,
            str_vis(vis, sizeof(vis), reason));
}

int proxy_answer(const struct dial_proxy *proxy, struct buf *in, bool silent, struct err *err)
{
    struct str bytes = buf_str(in), reason = {NULL, 0};
    const char *end = memmem(bytes.p, bytes.n, "\r\n\r\n", 4);
    size_t looked = bytes.n < 7 ? bytes.n : 7;

    if (memcmp(bytes.p, "HTTP/1.", looked) != 0)
        return err_set(err, ERR_PROTO, "what answers there is not an HTTP proxy");
    if (!end && bytes.n < ANSWER_MAX)
        return 0;
    size_t n = end ? (size_t)(end - bytes.p) + 4 : bytes.n;
    if (n > ANSWER_MAX || !end)
        return err_set(err, ERR_LIMIT, "its answer is too long");
    int status = read_head((struct str){bytes.p, n - 2}, &reason);
    if (status < 0)
        return err_set(err, ERR_PROTO, "its answer is not correct HTTP");
    if (status / 100 != 2)
        return refused(proxy, status, reason, err);
    if (silent && bytes.n > n)
        return err_set(err, ERR_PROTO, "it sent bytes that nobody asked for");
    buf_consume(in, n);
    return 1;
}
