/*
 * paths.c - the workspace has two names: the box's ("/workspace") and the host's.
 *
 * Into servers: paths in arguments are judged, and exchanged, by policy (policy/call.h); here
 * are only URIs, of resources and roots. Back to the agent: a string is exchanged if it is
 * nothing but a path or file URI of the workspace, or a list of them, one a line, with blank
 * lines and headings that end in a colon. Anything else is left as it is, because it may be
 * what stands in a file: an agent that edits by comparing text would write the wrong one, or
 * fail.
 */
#include "base/jscan.h"
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/mcp_priv.h"

static const char *host_path(const struct mcp *mcp)
{
    return mcp->config.world ? mcp->config.world->workspace : NULL;
}

static const char *box_path(const struct mcp *mcp)
{
    return mcp->config.world ? mcp->config.world->box_workspace : NULL;
}

static void put_uri(struct buf *out, const char *path)
{
    buf_puts(out, "file://");
    for (const char *p = path; *p; p++) {
        if (char_is_alnum(*p) || strchr("/-._~", *p))
            buf_putc(out, *p);
        else
            buf_printf(out, "%%%02X", (unsigned char)*p);
    }
}

void paths_init(struct mcp *mcp)
{
    if (!host_path(mcp) || !box_path(mcp) || strcmp(host_path(mcp), box_path(mcp)) == 0)
        return;
    put_uri(&mcp->workspace_uri, host_path(mcp));
    put_uri(&mcp->box_uri, box_path(mcp));
}

/* Is it `prefix`, or something below it? *rest is what follows. */
static bool is_within(struct str s, struct str prefix, struct str *rest)
{
    if (!prefix.n || !str_starts(s, prefix) || (s.n > prefix.n && s.p[prefix.n] != '/'))
        return false;
    *rest = (struct str){s.p + prefix.n, s.n - prefix.n};
    return true;
}

static bool has_dots(struct str rest)
{
    return memmem(rest.p, rest.n, "/..", 3) || memmem(rest.p, rest.n, "%2", 2) ||
           memchr(rest.p, '\\', rest.n);
}

bool paths_uri_to_host(const struct mcp *mcp, struct str uri, struct buf *ret)
{
    struct str rest;

    if (!is_within(uri, buf_str(&mcp->box_uri), &rest) || has_dots(rest))
        return false;
    buf_append_str(ret, buf_str(&mcp->workspace_uri));
    buf_append_str(ret, rest);
    return true;
}

/* --- back to the box ------------------------------------------------------------------------
 */

/* One line without blanks at its ends: the box's name of it. False: it is no such path. */
static bool put_line(const struct mcp *mcp, struct str line, struct buf *out)
{
    struct str rest;

    if (is_within(line, str_of(host_path(mcp)), &rest))
        buf_puts(out, box_path(mcp));
    else if (is_within(line, buf_str(&mcp->workspace_uri), &rest))
        buf_append_str(out, buf_str(&mcp->box_uri));
    else
        return false;
    buf_append_str(out, rest);
    return true;
}

/* The next line of a raw string's content; lines are divided by \n. */
static bool cut_line(struct str *rest, struct str *line)
{
    const char *end = memmem(rest->p, rest->n, "\\n", 2);

    *line = (struct str){rest->p, end ? (size_t)(end - rest->p) : rest->n};
    *rest = (struct str){line->p + line->n + (end ? 2 : 0), rest->n - line->n - (end ? 2 : 0)};
    return end != NULL;
}

/* Nothing but paths, blank lines and headings. */
static bool put_lines(const struct mcp *mcp, struct str content, struct buf *out)
{
    struct str rest = content, line;
    bool any = false;

    for (bool more = true; more;) {
        more = cut_line(&rest, &line);
        if (memchr(line.p, '\\', line.n))
            return false;
        if (put_line(mcp, line, out))
            any = true;
        else if (line.n == 0 || line.p[line.n - 1] == ':')
            buf_append_str(out, line);
        else
            return false;
        if (more)
            buf_puts(out, "\\n");
    }
    return any;
}

struct walk {
    const struct mcp *mcp;
    struct jscan scan;
    struct buf *out;
    const char *done; /* all before it is in `out` */
};

static void take_string(struct walk *walk)
{
    struct jscan_string string;
    struct buf with = BUF_INIT;

    if (!jscan_string(&walk->scan, &string))
        return;
    if (string.escaped ? put_lines(walk->mcp, string.text, &with)
                       : put_line(walk->mcp, string.text, &with)) {
        buf_append(walk->out, walk->done, (size_t)(string.text.p - walk->done));
        buf_append_str(walk->out, buf_str(&with));
        walk->done = string.text.p + string.text.n;
    }
    buf_release(&with);
}

/* NOLINTNEXTLINE(misc-no-recursion): jscan bounds the depth */
static void walk_value(struct walk *walk)
{
    struct jscan *scan = &walk->scan;
    struct jscan_string name;
    char c = jscan_peek(scan);

    if (c == '"') {
        take_string(walk);
    } else if (c == '{' && jscan_enter(scan)) {
        for (bool first = true; jscan_member(scan, &first, &name);)
            walk_value(walk);
    } else if (c == '[' && jscan_enter(scan)) {
        for (bool first = true; jscan_element(scan, &first);)
            walk_value(walk);
    } else {
        (void)jscan_skip(scan);
    }
}

bool paths_to_box(const struct mcp *mcp, struct str json, struct buf *ret)
{
    struct walk walk = {.mcp = mcp, .out = ret, .done = json.p};
    struct str uri = buf_str(&mcp->workspace_uri);

    if (!uri.n || (!memmem(json.p, json.n, host_path(mcp), strlen(host_path(mcp))) &&
                          !memmem(json.p, json.n, uri.p, uri.n)))
        return false;
    jscan_init(&walk.scan, json);
    walk_value(&walk);
    if (walk.done == json.p)
        return false;
    buf_append(ret, walk.done, (size_t)(json.p + json.n - walk.done));
    return true;
}
