/*
 * judge.c - what a request inside a provider's tunnel may be, and how it goes on.
 *
 * In this order: the Host must be the CONNECT's, the endpoint one of the provider's, the key
 * the fake one or none. Any other key is refused, the agent's own too: with a key of their
 * own, who took over the agent could send data to an account of theirs at an allowed host.
 * The same for keys in other headers and in the query.
 *
 * What goes upstream is written anew from the parsed head: one framing, no field that
 * concerns this hop only, Host and key from our tables.
 */
#include "proxy/proxy_priv.h"

#define KEY_MISMATCH "Rejected: API key does not match expected sentinel."

static bool refuse(struct refusal *refusal, int status, enum request_decision decision,
        const char *reason);

static struct str target_path(struct str target)
{
    struct str path, rest = target;
    str_cut(&rest, '?', &path);
    return path;
}

static struct str target_query(struct str target)
{
    struct str path;
    return str_cut(&target, '?', &path) ? target : (struct str){target.p, 0};
}

/* "host", "host:port", "[v6]", "[v6]:port"; without a port it is 443's. */
static bool host_agrees(const struct tunnel *tunnel, struct str host)
{
    char want[300];
    if (tunnel->port == 443 && str_eq_icase(host, str_of(tunnel->host)))
        return true; /* as nearly everybody sends it; an address literal has brackets */
    bool literal = strchr(tunnel->host, ':') != NULL;
    int n = snprintf(want, sizeof(want), literal ? "[%s]" : "%s", tunnel->host);
    if (tunnel->port == 443 && str_eq_icase(host, (struct str){want, (size_t)n}))
        return true;
    n += snprintf(want + n, sizeof(want) - (size_t)n, ":%u", (unsigned)tunnel->port);
    return str_eq_icase(host, (struct str){want, (size_t)n});
}

static bool host_is_well_formed(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || !strchr(".-_:[]", c)))
            return false;
    }
    return host.n > 0;
}

static bool judge_host(
        const struct tunnel *tunnel, const struct http_head *head, struct refusal *refusal)
{
    if (head->minor == 0 && head->host.p == NULL)
        return true;
    if (host_agrees(tunnel, head->host))
        return true;
    if (!host_is_well_formed(head->host))
        return refuse(refusal, 400, REQUEST_ERROR, "Rejected: malformed Host.");
    char reason[sizeof(refusal->reason)];
    snprintf(reason, sizeof(reason),
            "Rejected: Host differs from the host of this tunnel, %.150s.", tunnel->host);
    return refuse(refusal, 421, REQUEST_DENY, reason);
}

static bool judge_endpoint(
        struct tunnel *tunnel, const struct http_head *head, struct refusal *refusal)
{
    char path[160], reason[sizeof(refusal->reason)];
    struct str raw = target_path(head->target);
    if (memchr(head->target.p, '#', head->target.n))
        return refuse(refusal, 400, REQUEST_ERROR, "Rejected: fragment in the request target.");
    if (provider_allows(tunnel->provider, head->method, raw))
        return true;
    snprintf(reason, sizeof(reason), "Blocked: %.*s %s is not an allowed endpoint.",
            STR_ARG(head->method), str_vis(path, sizeof(path), raw));
    return refuse(refusal, 403, REQUEST_DENY, reason);
}

/* Headers in which providers take keys. */
static bool is_credential_header(struct str name)
{
    static const char *const names[] = {
            "authorization", "x-api-key", "x-goog-api-key", "api-key"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (str_eq_icase(name, str_of(names[i])))
            return true;
    }
    return false;
}

static bool query_has_key(struct str query)
{
    struct str item, name;
    bool more = query.n > 0;
    while (more) {
        more = str_cut(&query, '&', &item);
        str_cut(&item, '=', &name);
        if (str_eq_icase(name, STR("key")) || str_eq_icase(name, STR("api_key")) ||
                str_eq_icase(name, STR("access_token")))
            return true;
    }
    return false;
}

/* Sets *swap if the fake key was there. */
static bool judge_key(const struct tunnel *tunnel, const struct http_head *head, bool *swap,
        struct refusal *refusal)
{
    const struct credential *cred = proxy_credential(tunnel->proxy, tunnel->provider);
    struct str header = str_of(tunnel->provider->key_header);
    unsigned seen = 0;
    *swap = false;
    for (size_t i = 0; i < head->count; i++) {
        const struct http_field *field = &head->fields[i];
        if (field->hop)
            continue;
        if (header.n == 0 || !str_eq_icase(field->name, header)) {
            if (is_credential_header(field->name))
                return refuse(refusal, 403, REQUEST_DENY, KEY_MISMATCH);
            continue;
        }
        if (++seen > 1)
            return refuse(refusal, 400, REQUEST_DENY, "Rejected: API key header given twice.");
        *swap = cred->fake_value && mem_equal_ct(field->value.p, field->value.n,
                                            cred->fake_value, strlen(cred->fake_value));
        if (!*swap)
            return refuse(refusal, 403, REQUEST_DENY, KEY_MISMATCH);
    }
    if (query_has_key(target_query(head->target)))
        return refuse(refusal, 403, REQUEST_DENY, KEY_MISMATCH);
    return true;
}

bool judge_request(struct tunnel *tunnel, const struct http_head *head,
        struct request_record *rec, struct refusal *refusal)
{
    refusal->status = 0;
    str_copy(rec->method, sizeof(rec->method), head->method);
    str_vis(rec->path, sizeof(rec->path), target_path(head->target));
    str_copy(rec->rule, sizeof(rec->rule), STR("provider table"));
    bool ok = judge_host(tunnel, head, refusal) && judge_endpoint(tunnel, head, refusal) &&
              judge_key(tunnel, head, &rec->key_swapped, refusal);
    if (ok)
        rec->decision = REQUEST_ALLOW;
    else
        rec->key_swapped = false;
    return ok;
}

void judge_write_head(const struct tunnel *tunnel, const struct http_head *head,
        const struct request_record *rec, struct buf *out)
{
    const struct credential *cred = proxy_credential(tunnel->proxy, tunnel->provider);
    struct str header = str_of(tunnel->provider->key_header);
    buf_append_str(out, head->method);
    buf_putc(out, ' ');
    if (tunnel->provider->upstream)
        buf_puts(out, tunnel->provider->to.prefix);
    buf_append_str(out, head->target);
    buf_puts(out, " HTTP/1.1\r\nhost: ");
    buf_puts(out, tunnel->origin->authority);
    for (size_t i = 0; i < head->count; i++) {
        const struct http_field *field = &head->fields[i];
        if (field->hop || field->known == HTTP_HOST || field->known == HTTP_CONTENT_LENGTH)
            continue;
        buf_append(out, "\r\n", 2);
        buf_append_str(out, field->name);
        buf_append(out, ": ", 2);
        if (rec->key_swapped && str_eq_icase(field->name, header))
            buf_append(out, secret_bytes(cred->real_value), secret_len(cred->real_value));
        else
            buf_append_str(out, field->value);
    }
    if (head->framing == HTTP_CHUNKED)
        buf_puts(out, "\r\ntransfer-encoding: chunked");
    else if (head->has_length)
        http_put_length(out, head->length);
    buf_append(out, "\r\n\r\n", 4);
}

static bool refuse(
        struct refusal *refusal, int status, enum request_decision decision, const char *reason)
{
    refusal->status = status;
    refusal->decision = decision;
    str_copy(refusal->reason, sizeof(refusal->reason), str_of(reason));
    return false;
}
