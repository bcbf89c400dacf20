/*
 * fetch.c - one list of one server, all pages of it.
 *
 * Entries are kept as they came. Bounded in pages, entries, bytes and time: a server that
 * gives out cursors without end has the list it gave so far.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/mcp_priv.h"

struct fetch {
    struct server *server; /* borrows */
    const char *method, *member;
    void (*done)(void *ctx, struct str lines, const char *why);
    void *ctx; /* borrows from the owner */
    struct ask ask;
    struct buf lines;    /* owns */
    struct timer *timer; /* owns */
    size_t pages, entries;
    const char *why; /* it ended: the timer tells */
};

static void ask_page(struct fetch *fetch, struct str cursor);

/* From the timer, so that the owner may free us and is never called from inside. */
static void end(struct fetch *fetch, const char *why)
{
    fetch->why = why ? why : "";
    timer_start(fetch->timer, 0);
}

static void on_timer(void *ctx)
{
    struct fetch *fetch = ctx;
    const char *why = fetch->why ? fetch->why : "it does not answer";

    ask_drop(fetch->server, &fetch->ask, true, STR(""));
    fetch->done(fetch->ctx, buf_str(&fetch->lines), why[0] ? why : NULL);
}

static bool has_newline(struct str s)
{
    return memchr(s.p, '\n', s.n) != NULL;
}

/* False: no more is taken. */
static bool take_entries(struct fetch *fetch, struct str array)
{
    static const size_t max = LIMIT_MCP_TOOLS;
    struct str *items = xcalloc(max, sizeof(*items));
    size_t count = 0;
    bool fine = json_slice_array(array, items, max, &count, NULL) == 0;

    for (size_t i = 0; fine && i < count; i++) {
        if (fetch->entries == max || buf_len(&fetch->lines) + items[i].n > LIMIT_MCP_LIST)
            fine = false;
        else if (json_raw_is_object(items[i]) && !has_newline(items[i])) {
            buf_append_str(&fetch->lines, items[i]);
            buf_putc(&fetch->lines, '\n');
            fetch->entries++;
        }
    }
    free(items);
    return fine;
}

static void on_page(void *ctx, const struct message *answer, const char *why)
{
    struct fetch *fetch = ctx;
    struct json_member m[] = {{.name = fetch->member}, {.name = "nextCursor"}};
    struct str cursor;

    if (!answer || answer->kind != MESSAGE_RESULT ||
            json_slice_object(answer->result, m, 2, NULL) < 0 || !m[0].value.p) {
        end(fetch, answer ? "it answers with an error" : "it ended");
        (void)why;
        return;
    }
    bool more = take_entries(fetch, m[0].value) && m[1].value.p &&
                json_raw_is_string(m[1].value, &cursor) && ++fetch->pages < LIMIT_MCP_PAGES;
    if (more)
        ask_page(fetch, m[1].value);
    else
        end(fetch, NULL);
}

static void ask_page(struct fetch *fetch, struct str cursor)
{
    struct buf text = BUF_INIT;

    uint64_t id = mcpserver_ask(fetch->server, &fetch->ask);
    if (!id) {
        end(fetch, "too much is under way there");
        return;
    }
    buf_printf(&text, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"%s\"",
            (unsigned long long)id, fetch->method);
    if (cursor.n) {
        buf_puts(&text, ",\"params\":{\"cursor\":");
        buf_append_str(&text, cursor);
        buf_putc(&text, '}');
    }
    buf_putc(&text, '}');
    mcpserver_send_text(fetch->server, buf_str(&text));
    buf_release(&text);
    timer_start(fetch->timer, LIMIT_MCP_PAGE_MS);
}

struct fetch *fetch_start(struct server *server, const char *method, const char *member,
        void (*done)(void *ctx, struct str lines, const char *why), void *ctx)
{
    struct fetch *fetch = xcalloc(1, sizeof(*fetch));

    *fetch = (struct fetch){.server = server,
            .method = method,
            .member = member,
            .done = done,
            .ctx = ctx,
            .ask = {.on_answer = on_page, .ctx = fetch}};
    fetch->timer = timer_new(server->mcp->config.loop, on_timer, fetch);
    ask_page(fetch, STR(""));
    return fetch;
}

void fetch_free(struct fetch *fetch)
{
    if (!fetch)
        return;
    ask_drop(fetch->server, &fetch->ask, true, STR(""));
    timer_free(fetch->timer);
    buf_release(&fetch->lines);
    free(fetch);
}
