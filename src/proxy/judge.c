/*
 * judge.c - what a request may be, and how it goes on.
 *
 * The Host must be the tunnel's. At a provider: the endpoint one of its table, the key the
 * fake one or none. Any other key is refused, the agent's own too: with a key of their own,
 * who took over the agent could send data to an account of theirs at an allowed host. The
 * same for keys in other headers and in the query. At any other host: what the policy says.
 *
 * What goes upstream is written anew from the parsed head: no field that concerns this hop
 * only, Host from our tables, a mark where the real key belongs.
 */
#include "proxy/proxy_priv.h"

#include "proxy/authority.h"

#define KEY_MISMATCH "Rejected: API key does not match expected sentinel."

static bool refuse(
        struct judged *judged, int status, enum request_decision decision, const char *reason);

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

/* --- host ----------------------------------------------------------------------------- */

/* In any spelling that a CONNECT may have; without a port it is the scheme's. */
static bool host_agrees(const struct tunnel *tunnel, struct str host)
{
    uint16_t usual = tunnel->plain ? 80 : 443;
    struct authority to;
    if (tunnel->port == usual && str_eq_icase(host, str_of(tunnel->host)))
        return true; /* as nearly everybody sends it; an address literal has brackets */
    return authority_parse(host, usual, &to) == 0 && to.port == tunnel->port &&
           strcmp(to.host, tunnel->host) == 0;
}

static bool host_is_well_formed(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (!char_is_alnum(c) && (c == '\0' || !strchr(".-_:[]", c)))
            return false;
    }
    return host.n > 0;
}

static bool judge_host(
        const struct tunnel *tunnel, const struct http_head *head, struct judged *judged)
{
    if (head->minor == 0 && head->host.p == NULL)
        return true;
    if (host_agrees(tunnel, head->host))
        return true;
    if (!host_is_well_formed(head->host))
        return refuse(judged, 400, REQUEST_ERROR, "Rejected: malformed Host.");
    char reason[sizeof(judged->reason)];
    snprintf(reason, sizeof(reason),
            "Rejected: Host differs from the host of this tunnel, %.150s.", tunnel->host);
    return refuse(judged, 421, REQUEST_DENY, reason);
}

/* A target with a host of its own would name one that nobody has judged: servers go by it and
 * not by Host (RFC 9112 section 3.2.2). A CONNECT would make a tunnel of the upstream. */
static bool judge_form(const struct http_head *head, struct judged *judged)
{
    if (memchr(head->target.p, '#', head->target.n))
        return refuse(judged, 400, REQUEST_ERROR, "Rejected: fragment in the request target.");
    if (str_eq(head->method, STR("CONNECT")))
        return refuse(
                judged, 403, REQUEST_DENY, "Blocked: CONNECT is refused inside of a tunnel.");
    if (!str_starts(head->target, STR("/")) && !str_eq(head->target, STR("*")))
        return refuse(judged, 403, REQUEST_DENY,
                "Blocked: a target with a host in it is refused inside of a tunnel; send the "
                "path alone.");
    return true;
}

/* --- endpoint ------------------------------------------------------------------------- */

static bool asks_for_websocket(const struct http_head *head)
{
    size_t at = 0;
    const struct http_field *field;
    while (head->upgrade && (field = http_next(head, STR("upgrade"), &at)) != NULL) {
        if (str_eq_icase(field->value, STR("websocket")))
            return true;
    }
    return false;
}

/* What is compressed would pass by the rules for its body. */
static bool judge_coding(const struct http_head *head, struct judged *judged)
{
    size_t at = 0;
    const struct http_field *field;
    while ((field = http_next(head, STR("content-encoding"), &at)) != NULL) {
        if (!str_eq_icase(field->value, STR("identity")))
            return refuse(judged, 415, REQUEST_DENY,
                    "Rejected: unsupported Content-Encoding for this endpoint.");
    }
    return true;
}

static bool judge_handshake(const struct http_head *head, struct judged *judged)
{
    struct http_fault fault;
    char reason[sizeof(judged->reason)];
    if (ws_check_request(head, &judged->offer, &fault) == 0)
        return true;
    snprintf(reason, sizeof(reason), "Rejected: %.200s.", fault.reason);
    return refuse(judged, fault.status, REQUEST_ERROR, reason);
}

/* A server that takes no notice of such a body takes it for the next request, unjudged. */
static bool has_odd_body(const struct http_head *head)
{
    return head->framing != HTTP_NO_BODY &&
           (str_eq(head->method, STR("GET")) || str_eq(head->method, STR("HEAD")));
}

static bool judge_endpoint(
        const struct tunnel *tunnel, const struct http_head *head, struct judged *judged)
{
    char path[160], reason[sizeof(judged->reason)];
    struct str raw = target_path(head->target);
    const struct provider *provider = tunnel->provider;
    judged->websocket = asks_for_websocket(head);
    if (tunnel->plain)
        return refuse(
                judged, 403, REQUEST_DENY, "Blocked: this provider is reached by https only.");
    if (has_odd_body(head) && !judged->websocket)
        return refuse(judged, 400, REQUEST_ERROR, "Rejected: GET or HEAD with a body.");
    if (judged->websocket && provider_allows_websocket(provider, head->method, raw))
        return judge_handshake(head, judged);
    if (judged->websocket)
        return refuse(judged, 426, REQUEST_DENY,
                "Blocked: no WebSocket at this endpoint; plain requests are answered.");
    if (provider_allows(provider, head->method, raw))
        return !provider_body_rule(provider, head->method, raw) || judge_coding(head, judged);
    snprintf(reason, sizeof(reason), "Blocked: %.*s %s is not an allowed endpoint.",
            STR_ARG(head->method), str_vis(path, sizeof(path), raw));
    return refuse(
            judged, provider_is_telemetry(provider, raw) ? 404 : 403, REQUEST_DENY, reason);
}

/* --- key ------------------------------------------------------------------------------ */

static char cgi_char(char c)
{
    return c == '_' ? '-' : char_lower(c);
}

/* Some servers read "x_api_key" as if it had hyphens. */
static bool same_to_cgi(struct str name, struct str want)
{
    if (name.n != want.n)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (cgi_char(name.p[i]) != cgi_char(want.p[i]))
            return false;
    }
    return true;
}

/* Whose table says where keys of this provider stand, be there one or not. */
static const struct provider *key_table(const struct tunnel *tunnel)
{
    return provider_key_owner(tunnel->proxy->config.providers, tunnel->provider);
}

/* Headers in which providers take keys, and those of this one. */
static bool is_credential_header(const struct provider *table, struct str name)
{
    static const char *const names[] = {"authorization", "x-api-key", "x-goog-api-key",
            "api-key", "x-goog-iam-authorization-token"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (same_to_cgi(name, str_of(names[i])))
            return true;
    }
    for (size_t i = 0; i < table->place_count; i++) {
        if (same_to_cgi(name, str_of(table->places[i].header)))
            return true;
    }
    return table->oauth && same_to_cgi(name, str_of(table->oauth->place.header));
}

/* Browsers cannot set headers of a WebSocket, so there is a subprotocol that is a key. */
static bool is_credential_protocol(const struct http_field *field)
{
    struct str rest = field->value, item;
    bool more = str_eq_icase(field->name, STR("sec-websocket-protocol"));
    while (more) {
        more = str_cut(&rest, ',', &item);
        if (str_starts(str_trim(item), STR("openai-insecure-api-key.")))
            return true;
    }
    return false;
}

static const struct key_value *place_of_header(const struct key_set *keys, struct str name)
{
    for (size_t i = 0; i < keys->count; i++) {
        const char *header = keys->values[i].place->header;
        if (*header && str_eq_icase(name, str_of(header)))
            return &keys->values[i];
    }
    return NULL;
}

static const struct key_value *place_of_query(const struct key_set *keys, struct str name)
{
    for (size_t i = 0; i < keys->count; i++) {
        const char *query = keys->values[i].place->query;
        if (*query && str_eq(name, str_of(query)))
            return &keys->values[i];
    }
    return NULL;
}

static bool is_fake(const struct key_value *value, struct str text)
{
    return value->fake && mem_equal_ct(text.p, text.n, value->fake, strlen(value->fake));
}

/* May this parameter's name mean a key to a server that decodes it? */
static bool is_credential_parameter(const struct provider *table, struct str name)
{
    /* Google's front end reads these with "$", too, and any header out of "$httpHeaders". */
    static const char *const names[] = {"key", "api_key", "apikey", "api-key", "access_token",
            "oauth_token", "bearer_token", "httpheaders", "httpmethod"};
    char plain[32];
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        int byte = str_percent((struct str){name.p + i, name.n - i});
        if (n == sizeof(plain))
            return false; /* longer than any of them */
        plain[n++] = byte >= 0 ? (char)byte : name.p[i];
        i += byte >= 0 ? 2 : 0;
    }
    bool dollar = n > 0 && plain[0] == '$';
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (str_eq_icase((struct str){plain + dollar, n - dollar}, str_of(names[i])))
            return true;
    }
    for (size_t i = 0; i < table->place_count; i++) {
        const char *query = table->places[i].query;
        if (*query && str_eq_icase((struct str){plain, n}, str_of(query)))
            return true;
    }
    return false;
}

static bool judge_query_key(
        const struct tunnel *tunnel, struct str query, bool *swap, struct judged *judged)
{
    const struct key_set *keys = keys_of(tunnel->proxy, tunnel->provider);
    const struct provider *table = key_table(tunnel);
    unsigned seen = 0;
    struct str item, name;
    bool more = query.n > 0;
    while (more) {
        more = str_cut(&query, '&', &item);
        struct str value = item;
        bool has_value = str_cut(&value, '=', &name);
        const struct key_value *place = place_of_query(keys, name);
        if (!place && !is_credential_parameter(table, name))
            continue;
        if (!place || !has_value || !is_fake(place, value))
            return refuse(judged, 403, REQUEST_DENY, KEY_MISMATCH);
        if (++seen > 1)
            return refuse(judged, 400, REQUEST_DENY, "Rejected: API key given twice.");
        *swap = true;
    }
    return true;
}

/* Sets *swap if the fake key was there. */
static bool judge_key(const struct tunnel *tunnel, const struct http_head *head, bool *swap,
        struct judged *judged)
{
    const struct key_set *keys = keys_of(tunnel->proxy, tunnel->provider);
    const struct provider *table = key_table(tunnel);
    const struct key_value *seen[LIMIT_KEY_PLACES];
    size_t count = 0;
    *swap = false;
    for (size_t i = 0; i < head->count; i++) {
        const struct http_field *field = &head->fields[i];
        if (field->hop)
            continue;
        const struct key_value *place = place_of_header(keys, field->name);
        if (!place && !is_credential_header(table, field->name) &&
                !is_credential_protocol(field))
            continue;
        for (size_t k = 0; k < count; k++) {
            if (seen[k] == place)
                return refuse(
                        judged, 400, REQUEST_DENY, "Rejected: API key header given twice.");
        }
        if (!place || !is_fake(place, field->value))
            return refuse(judged, 403, REQUEST_DENY, KEY_MISMATCH);
        seen[count++] = place;
        *swap = true;
    }
    return judge_query_key(tunnel, target_query(head->target), swap, judged);
}

/* --- policy --------------------------------------------------------------------------- */

struct net_request judge_net_request(const struct tunnel *tunnel, const struct http_head *head)
{
    return (struct net_request){
            .method = head->method,
            .scheme = tunnel->plain ? STR("http") : STR("https"),
            .host = str_of(tunnel->host),
            .port = tunnel->port,
            .path = target_path(head->target),
    };
}

static bool judge_by_policy(const struct tunnel *tunnel, const struct http_head *head,
        struct request_record *rec, struct judged *judged)
{
    const struct proxy_config *config = &tunnel->proxy->config;
    const struct net_request req = judge_net_request(tunnel, head);
    struct verdict *verdict = &judged->verdict;
    char why[140], reason[sizeof(judged->reason)];
    grants_judge_net(config->grants, config->policy, config->session, &req, verdict);
    str_copy(rec->rule, sizeof(rec->rule), str_of(verdict->rule));
    str_vis(why, sizeof(why), str_of(*verdict->reason ? verdict->reason : verdict->rule));
    /* Nobody is asked about telemetry: agents wait for the answer, and for a person it is no
     * question. A rule may still allow it. */
    bool telemetry = verdict->kind != VERDICT_ALLOW &&
                     provider_table_is_telemetry(config->providers, req.host, req.path);
    if (verdict->kind == VERDICT_DENY || telemetry) {
        snprintf(reason, sizeof(reason), "Blocked: %.16s %.60s is refused: %s.", rec->method,
                tunnel->host, verdict->kind == VERDICT_DENY ? why : "telemetry");
        return refuse(judged, telemetry ? 404 : 403, REQUEST_DENY, reason);
    }
    if (asks_for_websocket(head))
        return refuse(judged, 426, REQUEST_DENY,
                "Blocked: WebSocket goes to providers only, or uninspected by a CONNECT rule.");
    if (verdict->kind == VERDICT_ASK && !config->gate) {
        snprintf(reason, sizeof(reason),
                "Blocked: %.16s %.60s needs a person's approval and nobody can be asked here; "
                "a rule in policy.rules can allow it.",
                rec->method, tunnel->host);
        return refuse(judged, 403, REQUEST_DENY, reason);
    }
    if (verdict->kind == VERDICT_ASK)
        judged->what = JUDGED_ASK;
    return true;
}

void judge_request(const struct stream *stream, const struct http_head *head,
        struct request_record *rec, struct judged *judged)
{
    const struct tunnel *tunnel = stream->tunnel;
    *judged = (struct judged){.what = JUDGED_SEND};
    str_copy(rec->method, sizeof(rec->method), head->method);
    str_vis(rec->path, sizeof(rec->path), target_path(head->target));
    rec->decision = REQUEST_ALLOW;
    if (!judge_host(tunnel, head, judged))
        return;
    if (!judge_form(head, judged))
        return;
    if (!tunnel->provider) {
        judge_by_policy(tunnel, head, rec, judged);
        return;
    }
    bool swap = false;
    str_copy(rec->rule, sizeof(rec->rule), STR("provider table"));
    rec->key_swapped = judge_endpoint(tunnel, head, judged) &&
                       judge_key(tunnel, head, &swap, judged) && swap;
}

static bool refuse(
        struct judged *judged, int status, enum request_decision decision, const char *reason)
{
    judged->what = JUDGED_REFUSE;
    judged->status = status;
    judged->decision = decision;
    str_copy(judged->reason, sizeof(judged->reason), str_of(reason));
    return false;
}

/* --- the head that goes upstream ------------------------------------------------------- */

/* A cookie is a login, too, and no agent's request to a provider needs one. */
static bool stays_here(
        const struct tunnel *tunnel, const struct http_field *field, bool websocket)
{
    return field->hop || field->known == HTTP_HOST || field->known == HTTP_CONTENT_LENGTH ||
           (websocket && ws_field_is_ours(field->name)) ||
           (tunnel->provider && str_eq_icase(field->name, STR("cookie")));
}

/* The target with a mark instead of the fake key in its query. */
static void write_target(const struct key_set *keys, struct str target, struct buf *out)
{
    struct str query = target_query(target), item, name;
    bool more = query.n > 0;
    buf_append_str(out, more ? target_path(target) : target);
    for (char before = '?'; more; before = '&') {
        more = str_cut(&query, '&', &item);
        struct str value = item;
        bool has_value = str_cut(&value, '=', &name);
        buf_putc(out, before);
        if (!has_value || !keys || !place_of_query(keys, name)) {
            buf_append_str(out, item);
            continue;
        }
        buf_append_str(out, name);
        buf_putc(out, '=');
        buf_putc(out, JUDGE_KEY);
    }
}

void judge_write_head(const struct tunnel *tunnel, const struct origin *origin,
        const struct http_head *head, const struct request_record *rec, bool websocket,
        struct buf *out)
{
    static const char mark[] = {JUDGE_KEY};
    const struct key_set *keys =
            rec->key_swapped ? keys_of(tunnel->proxy, tunnel->provider) : NULL;
    buf_append_str(out, head->method);
    buf_putc(out, ' ');
    if (tunnel->provider && tunnel->provider->upstream)
        buf_puts(out, tunnel->provider->to.prefix);
    if (keys)
        write_target(keys, head->target, out);
    else
        buf_append_str(out, head->target);
    buf_puts(out, " HTTP/1.1\r\nhost: ");
    buf_puts(out, origin->authority);
    for (size_t i = 0; i < head->count; i++) {
        const struct http_field *field = &head->fields[i];
        if (stays_here(tunnel, field, websocket))
            continue;
        const struct key_value *place = keys ? place_of_header(keys, field->name) : NULL;
        buf_append(out, "\r\n", 2);
        buf_append_str(out, field->name);
        buf_append(out, ": ", 2);
        if (place)
            key_place_format(place->place, (struct str){mark, 1}, out);
        else
            buf_append_str(out, field->value);
    }
    if (websocket)
        buf_puts(out, "\r\nconnection: Upgrade\r\nupgrade: websocket");
}
