/*
 * sse.c - see sse.h.
 *
 * Blocks: no. Owns: the two buffers, which are let go of when a long event is over.
 */
#include "http/sse.h"

#include "base/held.h"
#include "base/limits.h"

/* Memory that is kept from one event to the next. */
#define KEEP 16384

static const char byte_order_mark[] = "\xef\xbb\xbf";

void sse_init(struct sse *sse, sse_event_fn fn, void *ctx)
{
    *sse = (struct sse){.fn = fn, .ctx = ctx};
}

void sse_init_messages(
        struct sse *sse, sse_event_fn fn, void (*on_dropped)(void *ctx), void *ctx)
{
    *sse = (struct sse){.fn = fn, .on_dropped = on_dropped, .ctx = ctx, .messages = true};
}

void sse_release(struct sse *sse)
{
    buf_release(&sse->line);
    buf_release(&sse->data);
}

void sse_restart(struct sse *sse)
{
    sse_release(sse);
    sse->whole = (struct str){NULL, 0};
    sse->name_length = 0;
    memcpy(sse->next_id, sse->id, sse->id_length);
    sse->next_id_length = sse->id_length;
    sse->mark = 0;
    sse->has_data = sse->drop_line = sse->drop_event = sse->after_cr = false;
}

static struct str skip(struct str s, size_t n)
{
    return (struct str){s.p + n, s.n - n};
}

static void empty(struct buf *buf)
{
    if (buf->cap > KEEP)
        buf_release(buf);
    else
        buf_clear(buf);
}

/* While all together hold much, less is kept of one. */
static bool too_long(const struct sse *sse, size_t n)
{
    if (sse->messages)
        return n > LIMIT_MCP_MESSAGE || (n > LIMIT_MCP_SMALL && held_room() < LIMIT_MCP_SMALL);
    return n > LIMIT_SSE_LINE || n > held_room();
}

static void event_done(struct sse *sse)
{
    struct str data = sse->whole.p ? sse->whole : buf_str(&sse->data);
    memcpy(sse->id, sse->next_id, sse->next_id_length);
    sse->id_length = sse->next_id_length;
    if (sse->drop_event && sse->on_dropped)
        sse->on_dropped(sse->ctx);
    else if (sse->has_data && !sse->drop_event)
        sse->fn(sse->ctx, (struct str){sse->name, sse->name_length}, data);
    sse->name_length = 0;
    sse->has_data = false;
    sse->drop_event = false;
    sse->whole = (struct str){NULL, 0};
    if (sse->data.p)
        empty(&sse->data);
}

/* The piece that it points into goes away. */
static void keep_whole(struct sse *sse)
{
    if (sse->whole.p)
        buf_append_str(&sse->data, sse->whole);
    sse->whole = (struct str){NULL, 0};
}

static void add_data(struct sse *sse, struct str value, bool lasts)
{
    if (sse->drop_event)
        return;
    bool first = !sse->has_data;
    sse->has_data = true;
    if (first && lasts) {
        sse->whole = value;
        return;
    }
    keep_whole(sse);
    if (too_long(sse, buf_len(&sse->data) + value.n + 1)) {
        sse->drop_event = true;
        empty(&sse->data);
        return;
    }
    if (!first)
        buf_putc(&sse->data, '\n');
    buf_append_str(&sse->data, value);
}

/* "name", "name:value" or "name: value" */
static bool field(struct str line, struct str name, struct str *value)
{
    if (line.n < name.n || memcmp(line.p, name.p, name.n) != 0)
        return false;
    *value = skip(line, name.n);
    if (value->n == 0)
        return true;
    if (value->p[0] != ':')
        return false;
    *value = skip(*value, 1);
    if (value->n > 0 && value->p[0] == ' ')
        *value = skip(*value, 1);
    return true;
}

/* One with a NUL is ignored, as the standard says; one that is too long cannot be given back.
 */
static void take_id(struct sse *sse, struct str value)
{
    if (value.n > SSE_ID_MAX || (value.n && memchr(value.p, '\0', value.n)))
        return;
    if (value.n)
        memcpy(sse->next_id, value.p, value.n);
    sse->next_id_length = (unsigned)value.n;
}

static void take_retry(struct sse *sse, struct str value)
{
    uint64_t ms;

    if (str_u64(value, UINT32_MAX, &ms))
        sse->retry_ms = (uint32_t)ms;
}

/* `lasts`: until the end of the piece. */
static void line_done(struct sse *sse, struct str line, bool lasts)
{
    struct str value;
    if (line.n == 0) {
        event_done(sse);
    } else if (field(line, STR("data"), &value)) {
        add_data(sse, value, lasts);
    } else if (field(line, STR("event"), &value) && value.n <= sizeof(sse->name)) {
        memcpy(sse->name, value.p, value.n);
        sse->name_length = (unsigned)value.n;
    } else if (field(line, STR("id"), &value)) {
        take_id(sse, value);
    } else if (field(line, STR("retry"), &value)) {
        take_retry(sse, value);
    }
}

/* A long line is most of a message: it becomes the data without another copy. */
static bool line_becomes_data(struct sse *sse)
{
    struct str line = buf_str(&sse->line), value;

    if (line.n <= KEEP || sse->has_data || sse->drop_event || !field(line, STR("data"), &value))
        return false;
    buf_consume(&sse->line, line.n - value.n);
    buf_swap(&sse->line, &sse->data);
    sse->has_data = true;
    return true;
}

/* The end of a line came; `end` is the last of its bytes. */
static void line_end(struct sse *sse, struct str end)
{
    bool joined = buf_len(&sse->line) > 0;
    if (!sse->drop_line && too_long(sse, buf_len(&sse->line) + end.n))
        sse->drop_line = true;
    if (sse->drop_line) {
        sse->drop_event = true; /* part of it is not known */
    } else if (joined) {
        buf_append_str(&sse->line, end);
        if (!line_becomes_data(sse))
            line_done(sse, buf_str(&sse->line), false);
    } else {
        line_done(sse, end, true);
    }
    if (joined)
        empty(&sse->line);
    sse->drop_line = false;
}

static void line_part(struct sse *sse, struct str part)
{
    if (sse->drop_line || part.n == 0)
        return;
    if (too_long(sse, buf_len(&sse->line) + part.n)) {
        sse->drop_line = true;
        empty(&sse->line);
        return;
    }
    buf_append_str(&sse->line, part);
}

/* A mark that turns out to be none is part of the first line. */
static struct str skip_mark(struct sse *sse, struct str s)
{
    while (sse->mark < 3 && s.n > 0) {
        if (*s.p != byte_order_mark[sse->mark]) {
            line_part(sse, (struct str){byte_order_mark, sse->mark});
            sse->mark = 3;
            return s;
        }
        s = skip(s, 1);
        sse->mark++;
    }
    return s;
}

/* Where the next one of `c` is, looked for again only once it is passed; the end if none. */
static const char *next(struct str s, char c, const char *known)
{
    if (known >= s.p)
        return known;
    const char *at = memchr(s.p, c, s.n);
    return at ? at : s.p + s.n;
}

void sse_feed(struct sse *sse, struct str piece)
{
    struct str s = skip_mark(sse, piece);
    const char *lf = NULL, *cr = NULL;
    while (s.n > 0) {
        bool second = sse->after_cr && *s.p == '\n';
        sse->after_cr = false;
        if (second) {
            s = skip(s, 1);
            continue;
        }
        lf = next(s, '\n', lf);
        cr = next(s, '\r', cr);
        const char *end = lf < cr ? lf : cr;
        size_t n = (size_t)(end - s.p);
        if (n == s.n) {
            line_part(sse, s);
            break;
        }
        line_end(sse, (struct str){s.p, n});
        sse->after_cr = end == cr;
        s = skip(s, n + 1);
    }
    keep_whole(sse);
}
