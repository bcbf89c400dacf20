/*
 * url.c - hosts of URLs, read twice: strictly, for rules that let something through, where
 * every doubt is told; and in the ways of lenient programs, for addresses that are never
 * reached, where every doubt counts against the URL.
 */
#include "policy/url.h"

#include <stdio.h>

#include "base/ip.h"
#include "policy/host.h"
#include "policy/idna.h"

/* Whose authority is a host on the network, and what their slashes are worth to browsers. */
static const struct scheme {
    const char *name;
    bool is_special;
} schemes[] = {{"http", true}, {"https", true}, {"ws", true}, {"wss", true}, {"ftp", true},
        {"ftps", false}, {"ssh", false}, {"sftp", false}, {"git", false}, {"git+ssh", false},
        {"git+http", false}, {"git+https", false}, {"svn", false}, {"gopher", false}};

static bool no(const char **ret_why, const char *why)
{
    *ret_why = why;
    return false;
}

/* --- strictly --------------------------------------------------------------------------- */

static bool read_port(struct str digits, uint16_t standard, struct url *ret)
{
    uint64_t port;

    if (!str_u64(digits, 65535, &port) || port == 0 || digits.p[0] == '0')
        return false;
    ret->port = (uint16_t)port;
    ret->is_standard_port = port == standard;
    return true;
}

static bool read_host(struct str host, struct url *ret, const char **ret_why)
{
    struct ip ip;

    ret->is_address = ip_parse(host, &ip);
    if (ret->is_address) {
        if (host.p[0] == '[')
            host = (struct str){host.p + 1, host.n - 2};
        for (size_t i = 0; i < host.n; i++)
            ret->host[i] = char_lower(host.p[i]);
        ret->host[host.n] = '\0';
        return true;
    }
    if (host.n && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n == 0)
        return no(ret_why, "the URL names no host");
    if (!idna_encode(host, ret->host, sizeof(ret->host)))
        return no(ret_why, "programs may read the URL's host differently");
    if (!host_is_name(str_of(ret->host)))
        return no(ret_why, "the URL's host is no host name");
    return true;
}

static bool read_authority(
        struct str authority, uint16_t standard, struct url *ret, const char **ret_why)
{
    size_t colon = authority.n;

    for (size_t i = 0; i < authority.n; i++)
        if (memchr("\\@%", authority.p[i], 3))
            return no(ret_why, "the URL's host can be read in two ways");
    while (colon > 0 && authority.p[colon - 1] != ':' && authority.p[colon - 1] != ']')
        colon--;
    ret->port = standard;
    ret->is_standard_port = true;
    if (colon > 0 && authority.p[colon - 1] == ':') {
        if (!read_port((struct str){authority.p + colon, authority.n - colon}, standard, ret))
            return no(ret_why, "the URL's port is odd");
        authority.n = colon - 1;
    }
    return read_host(authority, ret, ret_why);
}

static size_t find_end(struct str text, const char *ends)
{
    size_t n = 0;

    while (n < text.n && !(text.p[n] && strchr(ends, text.p[n])))
        n++;
    return n;
}

bool url_read(struct str text, struct url *ret, const char **ret_why)
{
    static const struct {
        const char *prefix;
        uint16_t port;
    } known[] = {{"https://", 443}, {"http://", 80}};

    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] <= 0x20 || text.p[i] == 0x7f)
            return no(ret_why, "the URL holds blanks or control characters");
    for (size_t i = 0; i < 2; i++) {
        struct str prefix = str_of(known[i].prefix);

        if (text.n < prefix.n || !str_eq_icase((struct str){text.p, prefix.n}, prefix))
            continue;
        struct str rest = {text.p + prefix.n, text.n - prefix.n};
        rest.n = find_end(rest, "/?#");
        return read_authority(rest, known[i].port, ret, ret_why);
    }
    return no(ret_why, "it is no http or https URL");
}

/* --- leniently -------------------------------------------------------------------------- */

/* Full-width, circled, super- and subscript characters that some programs take for ASCII. */
static char as_ascii(uint32_t cp)
{
    if (cp >= 0xff01 && cp <= 0xff5e)
        return (char)(cp - 0xff01 + '!');
    if (cp == 0x3002 || cp == 0xff61)
        return '.';
    if (cp == 0x24ea || cp == 0x2070 || cp == 0x2080)
        return '0';
    if (cp >= 0x2460 && cp <= 0x2468)
        return (char)(cp - 0x2460 + '1');
    if (cp >= 0x24d0 && cp <= 0x24e9)
        return (char)(cp - 0x24d0 + 'a');
    if (cp >= 0x24b6 && cp <= 0x24cf)
        return (char)(cp - 0x24b6 + 'a');
    if (cp == 0xb9 || cp == 0xb2 || cp == 0xb3)
        return cp == 0xb9 ? '1' : cp == 0xb2 ? '2' : '3';
    if ((cp >= 0x2074 && cp <= 0x2079) || (cp >= 0x2080 && cp <= 0x2089))
        return (char)((cp & 15) + '0');
    return cp < 0x80 ? (char)cp : '?';
}

/* Encoded bytes decoded, look-alikes made ASCII, lower case, what browsers leave out left out.
 */
static size_t normalise(struct str host, char *out, size_t cap)
{
    char bytes[256];
    size_t m = 0;
    size_t n = 0;

    for (size_t i = 0; i < host.n && m < sizeof(bytes); i++) {
        int byte = host.p[i] == '%' ? str_percent((struct str){host.p + i, host.n - i}) : -1;

        if (byte >= 0)
            i += 2;
        else
            byte = (unsigned char)host.p[i];
        if (byte != '\t' && byte != '\n' && byte != '\r' && byte != 0)
            bytes[m++] = (char)byte;
    }
    for (size_t i = 0; i < m && n + 1 < cap;) {
        uint32_t cp = '?';
        int len = utf8_decode(bytes + i, m - i, &cp);

        out[n++] = char_lower(len > 0 ? as_ascii(cp) : '?');
        i += len > 0 ? (size_t)len : 1;
    }
    out[n] = '\0';
    return n;
}

static bool is_private_host(struct str raw, bool is_network, char *why, size_t cap)
{
    char text[256];
    struct ip ip;
    struct str host = {text, normalise(raw, text, sizeof(text))};

    if (host.n && text[0] == '[') {
        host = (struct str){text + 1, host.n - 1};
        host.n = find_end(host, "]%"); /* with or without a zone */
    } else {
        host.n = find_end(host, ": ");
    }
    while (host.n && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n == 0)
        return false;
    if (ip_parse(host, &ip))
        return host_is_forbidden(host, why, cap);
    if (ip_looks_numeric(host)) {
        snprintf(why, cap, "'%.*s' is an address to some programs", STR_ARG(host));
        return true;
    }
    if (!is_network || !name_is_local(host))
        return false;
    char shown[100];
    snprintf(why, cap, "'%s' is a name of this machine or its local network",
            str_vis(shown, sizeof(shown), host));
    return true;
}

/* Behind "user:password@", if there is one. */
static struct str cut_user(struct str authority)
{
    for (size_t i = authority.n; i > 0; i--)
        if (authority.p[i - 1] == '@')
            return (struct str){authority.p + i, authority.n - i};
    return authority;
}

static const struct scheme *find_scheme(struct str name)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (str_eq_icase(name, str_of(schemes[i].name)))
            return &schemes[i];
    return NULL;
}

/* Blanks and controls in front are cut off by browsers. */
static bool cut_scheme(struct str *rest, struct str *ret)
{
    size_t n = 0;

    while (rest->n && (unsigned char)rest->p[0] <= 0x20)
        *rest = (struct str){rest->p + 1, rest->n - 1};
    while (n < rest->n && n < 32 &&
            (char_is_alnum(rest->p[n]) || (n && memchr("+-.\t\r\n", rest->p[n], 6))))
        n++;
    if (n == 0 || n == rest->n || rest->p[n] != ':')
        return false;
    *ret = (struct str){rest->p, n};
    *rest = (struct str){rest->p + n + 1, rest->n - n - 1};
    return true;
}

bool url_is_private(struct str text, char *why, size_t cap)
{
    struct str rest = text;
    struct str name;
    char plain[33];
    size_t n = 0;

    if (!cut_scheme(&rest, &name))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] > ' ')
            plain[n++] = name.p[i];
    const struct scheme *scheme = find_scheme((struct str){plain, n});
    if (!(scheme && scheme->is_special) && !str_starts(rest, STR("//")))
        return false;
    if (str_eq_icase((struct str){plain, n}, STR("file")))
        return false;
    while (rest.n && memchr("/\\\t\r\n", rest.p[0], 5))
        rest = (struct str){rest.p + 1, rest.n - 1};
    struct str browser = {rest.p, find_end(rest, "/\\?#")};
    struct str other = {rest.p, find_end(rest, "/?#")};
    return is_private_host(cut_user(browser), scheme != NULL, why, cap) ||
           is_private_host(cut_user(other), scheme != NULL, why, cap);
}
