/*
 * lists.c - what all servers have, as one list; and whose a resource or prompt is.
 *
 * Tools are fetched when a server starts. The other lists are fetched when they are asked for,
 * from all servers that have such things at once, and put together in the order of the
 * servers' names. A server that does not answer is left out.
 */
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/mcp_priv.h"

struct kind {
    const char *method, *member;
    unsigned has;
    const char *key; /* what names an entry */
};

static const struct kind resources = {"resources/list", "resources", HAS_RESOURCES, "uri"};
static const struct kind templates = {
        "resources/templates/list", "resourceTemplates", HAS_RESOURCES, "uriTemplate"};
static const struct kind prompts = {"prompts/list", "prompts", HAS_PROMPTS, "name"};

struct uri_owner {
    struct server *server; /* borrows */
    const struct kind *kind;
    char *uri; /* owns; raw; of a prompt: its name */
};

struct part {
    struct fan *fan; /* borrows */
    struct server *server;
    struct fetch *fetch; /* owns */
    struct buf lines;    /* owns */
};

struct fan {
    struct call *call; /* borrows */
    const struct kind *kind;
    struct part *parts; /* owns */
    size_t count, pending;
};

/* --- whose it is ---------------------------------------------------------------------------
 */

void uris_release(struct mcp *mcp)
{
    for (size_t i = 0; i < mcp->uri_count; i++)
        free(mcp->uris[i].uri);
    free(mcp->uris);
    mcp->uris = NULL;
    mcp->uri_count = mcp->uri_cap = 0;
}

static void forget_kind(struct mcp *mcp, const struct kind *kind)
{
    size_t kept = 0;

    for (size_t i = 0; i < mcp->uri_count; i++) {
        if (mcp->uris[i].kind == kind)
            free(mcp->uris[i].uri);
        else
            mcp->uris[kept++] = mcp->uris[i];
    }
    mcp->uri_count = kept;
}

static struct uri_owner *find_owner(
        const struct mcp *mcp, const struct kind *kind, struct str uri)
{
    for (size_t i = 0; i < mcp->uri_count; i++) {
        if (mcp->uris[i].kind == kind && str_eq(str_of(mcp->uris[i].uri), uri))
            return &mcp->uris[i];
    }
    return NULL;
}

static void add_owner(
        struct mcp *mcp, const struct kind *kind, struct server *server, struct str uri)
{
    if (mcp->uri_count == LIMIT_MCP_URIS)
        return;
    if (mcp->uri_count == mcp->uri_cap) {
        mcp->uri_cap = mcp->uri_cap ? mcp->uri_cap * 2 : 64;
        mcp->uris = xrealloc(mcp->uris, mcp->uri_cap * sizeof(*mcp->uris));
    }
    mcp->uris[mcp->uri_count++] = (struct uri_owner){server, kind, xstrndup(uri.p, uri.n)};
}

/* Does the URI fit the template (RFC 6570)? Each {...} is taken for anything. */
static bool fits_template(struct str template, struct str uri)
{
    struct str literal, variable;
    bool more = str_cut(&template, '{', &literal);

    if (!str_starts(uri, literal))
        return false;
    uri = (struct str){uri.p + literal.n, uri.n - literal.n};
    while (more) {
        (void)str_cut(&template, '}', &variable);
        more = str_cut(&template, '{', &literal);
        if (!more)
            return str_ends(uri, literal);
        const char *at = memmem(uri.p, uri.n, literal.p, literal.n);
        if (!at)
            return false;
        uri = (struct str){at + literal.n, uri.n - (size_t)(at - uri.p) - literal.n};
    }
    return uri.n == 0;
}

struct server *find_uri(struct mcp *mcp, struct str uri)
{
    const struct uri_owner *owner = find_owner(mcp, &resources, uri);

    if (!owner)
        owner = find_owner(mcp, &templates, uri); /* of a completion */
    for (size_t i = 0; !owner && i < mcp->uri_count; i++) {
        if (mcp->uris[i].kind == &templates && fits_template(str_of(mcp->uris[i].uri), uri))
            owner = &mcp->uris[i];
    }
    return owner ? owner->server : NULL;
}

/* A prompt that was listed, by the name that was shown; else what follows "SERVER__". */
struct server *find_prompt(struct mcp *mcp, struct str shown, struct str *name)
{
    char own[TOOL_SHOWN + 1];

    for (size_t i = 0; i < mcp->uri_count; i++) {
        const struct uri_owner *owner = &mcp->uris[i];

        if (owner->kind != &prompts)
            continue;
        tool_shown_name(owner->server->spec->name, str_of(owner->uri), own);
        if (str_eq(shown, str_of(own))) {
            *name = str_of(owner->uri);
            return owner->server;
        }
    }
    for (size_t i = 0; i < mcp->server_count; i++) {
        struct str prefix = str_of(mcp->servers[i].spec->name);

        if (shown.n > prefix.n + 2 && str_starts(shown, prefix) && shown.p[prefix.n] == '_' &&
                shown.p[prefix.n + 1] == '_') {
            *name = (struct str){shown.p + prefix.n + 2, shown.n - prefix.n - 2};
            return &mcp->servers[i];
        }
    }
    return NULL;
}

/* --- putting together ------------------------------------------------------------------------
 */

static void put_entry(struct part *part, struct str raw, struct buf *out)
{
    const struct kind *kind = part->fan->kind;
    struct json_member m[] = {{.name = kind->key}};
    struct mcp *mcp = part->server->mcp;
    char shown[TOOL_SHOWN + 1], quoted[TOOL_SHOWN + 3];
    struct str key;

    if (json_slice_object(raw, m, 1, NULL) < 0 || !m[0].value.p ||
            !json_raw_is_string(m[0].value, &key))
        return;
    const struct uri_owner *owner = kind == &prompts ? NULL : find_owner(mcp, kind, key);
    if (owner) {
        char text[120];

        str_vis(text, sizeof(text), key);
        log_info("mcp", "servers '%s' and '%s' both list '%s': the first one has it",
                owner->server->spec->name, part->server->spec->name, text);
        return;
    }
    add_owner(mcp, kind, part->server, key);
    struct splice splice = {.text = raw};
    struct str parts[SPLICE_PARTS];
    if (kind == &prompts) {
        tool_shown_name(part->server->spec->name, key, shown);
        snprintf(quoted, sizeof(quoted), "\"%s\"", shown);
        splice_put(&splice, m[0].value, str_of(quoted));
    }
    if (buf_data(out)[buf_len(out) - 1] != '[')
        buf_putc(out, ',');
    size_t count = splice_parts(&splice, parts);
    for (size_t i = 0; i < count; i++)
        buf_append_str(out, parts[i]);
}

static void finish(struct fan *fan)
{
    struct call *call = fan->call;
    struct mcp *mcp = call->agent->mcp;
    struct buf out = BUF_INIT, mapped = BUF_INIT;

    forget_kind(mcp, fan->kind);
    buf_printf(&out, "{\"%s\":[", fan->kind->member);
    for (size_t i = 0; i < fan->count; i++) {
        struct str rest = buf_str(&fan->parts[i].lines), line;

        for (bool more = true; more;) {
            more = str_cut(&rest, '\n', &line);
            if (line.n)
                put_entry(&fan->parts[i], line, &out);
        }
    }
    buf_puts(&out, "]}");
    bool is_mapped = paths_to_box(mcp, buf_str(&out), &mapped);
    call_result(call, buf_str(is_mapped ? &mapped : &out));
    buf_release(&out);
    buf_release(&mapped);
}

/* --- asking all ------------------------------------------------------------------------------
 */

static void on_fetched(void *ctx, struct str lines, const char *why)
{
    struct part *part = ctx;
    struct fan *fan = part->fan;
    struct fetch *fetch = part->fetch;

    if (why)
        log_info(
                "mcp", "server '%s', %s: %s", part->server->spec->name, fan->kind->method, why);
    buf_append_str(&part->lines, lines);
    part->fetch = NULL;
    fetch_free(fetch);
    if (--fan->pending == 0)
        finish(fan);
}

void fan_free(struct fan *fan)
{
    if (!fan)
        return;
    for (size_t i = 0; i < fan->count; i++) {
        fetch_free(fan->parts[i].fetch);
        buf_release(&fan->parts[i].lines);
    }
    free(fan->parts);
    free(fan);
}

/* We give out whole lists, so no cursor is ours. */
static bool has_no_cursor(struct call *call)
{
    struct json_member m[] = {{.name = "cursor"}};

    if (!call_params(call, m, 1))
        return false;
    if (!m[0].value.p)
        return true;
    call_error(call, JSONRPC_PARAMS, "unknown cursor");
    return false;
}

static void list(struct call *call, const struct kind *kind)
{
    struct mcp *mcp = call->agent->mcp;

    if (!has_no_cursor(call))
        return;
    struct fan *fan = xcalloc(1, sizeof(*fan));
    fan->call = call;
    fan->kind = kind;
    fan->parts = xcalloc(mcp->server_count ? mcp->server_count : 1, sizeof(*fan->parts));
    call->fan = fan;
    for (size_t i = 0; i < mcp->server_count; i++) {
        struct server *server = &mcp->servers[i];

        if (server->state != SERVER_UP || !(server->has & kind->has))
            continue;
        struct part *part = &fan->parts[fan->count++];
        part->fan = fan;
        part->server = server;
        part->fetch = fetch_start(server, kind->method, kind->member, on_fetched, part);
        fan->pending++;
    }
    if (fan->pending == 0)
        finish(fan);
}

void run_resources_list(struct call *call)
{
    list(call, &resources);
}

void run_templates_list(struct call *call)
{
    list(call, &templates);
}

void run_prompts_list(struct call *call)
{
    list(call, &prompts);
}

void run_tools_list(struct call *call)
{
    struct buf out = BUF_INIT;

    if (!has_no_cursor(call))
        return;
    buf_puts(&out, "{\"tools\":[");
    buf_append_str(&out, buf_str(&call->agent->mcp->tools));
    buf_puts(&out, "]}");
    call_result(call, buf_str(&out));
    buf_release(&out);
}
