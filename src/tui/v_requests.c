/* v_requests.c - REQUESTS: what went through the proxy, newest first. */
#include "tui/view.h"

#define MODEL_COLS 26
/* What four columns can show; no request has so many. */
#define TOKENS_MAX 999999999

static unsigned count_requests(const struct view_env *env)
{
    return env->session ? session_request_count(env->session) : 0;
}

/* What came of it, in a word or the status number. */
static const char *outcome(const struct request_record *rec, char buf[16])
{
    switch (rec->decision) {
    case REQUEST_DENY:
        return "DENY";
    case REQUEST_HELD:
        return "held";
    case REQUEST_REFUSED:
        return "no";
    case REQUEST_EXPIRED:
        return "late";
    case REQUEST_ERROR:
        if (rec->status == 0)
            return "err";
        break;
    case REQUEST_ALLOW:
    case REQUEST_APPROVED:
        break;
    }
    if (rec->status == 0)
        return rec->done ? "ok" : "..";
    snprintf(buf, 16, "%d", rec->status);
    return buf;
}

static struct style outcome_style(const struct request_record *rec)
{
    switch (rec->decision) {
    case REQUEST_DENY:
    case REQUEST_REFUSED:
    case REQUEST_EXPIRED:
    case REQUEST_ERROR:
        return STYLE_BAD;
    case REQUEST_HELD:
        return STYLE_ALERT;
    case REQUEST_ALLOW:
    case REQUEST_APPROVED:
        break;
    }
    return rec->status >= 400 ? STYLE_ALERT : STYLE_PLAIN;
}

static const char *duration(const struct request_record *rec, char buf[16])
{
    return rec->total_ms < 0 ? "" : view_short(buf, (uint64_t)rec->total_ms);
}

static uint64_t tokens_in(const struct request_record *rec)
{
    uint64_t n = rec->input_tokens + rec->cache_read_tokens + rec->cache_write_tokens;
    return n < TOKENS_MAX ? n : TOKENS_MAX;
}

/* "$0.031", "$12.30": at most seven characters. */
static const char *money(char buf[16], int64_t micro)
{
    uint64_t n = (uint64_t)micro;
    if (n < 10000000)
        snprintf(buf, 16, "$%u.%03u", (unsigned)(n / 1000000), (unsigned)(n / 1000 % 1000));
    else if (n < 1000000000)
        snprintf(buf, 16, "$%u.%02u", (unsigned)(n / 1000000), (unsigned)(n / 10000 % 100));
    else
        snprintf(buf, 16, "$%u", (unsigned)(n / 1000000 % 1000000));
    return buf;
}

/* For a model what it took, for everything else the bytes; 17 columns, right-aligned. */
static void draw_use(
        const struct view_env *env, int row, int col, const struct request_record *rec)
{
    char in[16], out[16], usd[16] = "";
    if (rec->model[0]) {
        if (request_has_cost(rec))
            (void)money(usd, rec->cost_micro);
        view_printf(env->frame, row, col, 17, STYLE_PLAIN, "%4s/%-4s %7s",
                view_short(in, tokens_in(rec)), view_short(out, rec->output_tokens), usd);
        return;
    }
    view_printf(env->frame, row, col, 17, STYLE_DIM, "%10s %6s", view_short(in, rec->bytes_up),
            view_short(out, rec->bytes_down));
}

static void draw_full(
        const struct view_env *env, struct rect r, const struct request_record *rec)
{
    char clock[16], code[16], ms[16];
    struct style style = outcome_style(rec);
    int model = r.cols >= 100 ? MODEL_COLS : 0;
    int fixed = 9 + 8 + 5 + 6 + 17 + model;
    int room = r.cols - fixed, host = room * 55 / 100;
    int col = r.col;
    view_put(env->frame, r.row, col, 8, STYLE_DIM,
            str_of(view_clock(clock, rec->started_ms, true)));
    col += 9;
    view_put(env->frame, r.row, col, 7, STYLE_PLAIN, str_of(rec->method));
    col += 8;
    view_put(env->frame, r.row, col, host - 1, STYLE_PLAIN, str_of(rec->host));
    col += host;
    if (rec->path[0])
        view_put(env->frame, r.row, col, room - host - 1, STYLE_PLAIN, str_of(rec->path));
    else
        view_printf(env->frame, r.row, col, room - host - 1, STYLE_PLAIN, ":%u", rec->port);
    col += room - host;
    if (model > 0)
        view_put(env->frame, r.row, col, model - 1, STYLE_PLAIN, str_of(rec->model));
    col += model;
    view_put(env->frame, r.row, col, 4, style, str_of(outcome(rec, code)));
    col += 5;
    view_printf(env->frame, r.row, col, 5, STYLE_PLAIN, "%5s", duration(rec, ms));
    col += 6;
    draw_use(env, r.row, col, rec);
}

/* A model's endpoint by the last part of its path and its name, anything else by its host. */
static void what_line(const struct request_record *rec, char *buf, size_t cap)
{
    const char *tail = strrchr(rec->path, '/');
    if (rec->provider[0] && tail && tail[1])
        snprintf(buf, cap, "%s %s %s", rec->method, tail + 1,
                rec->model[0] ? rec->model : rec->provider);
    else
        snprintf(buf, cap, "%s %s%s", rec->method, rec->host, rec->path);
}

static void draw_short(
        const struct view_env *env, struct rect r, const struct request_record *rec)
{
    char clock[16], code[16], ms[16], what[800];
    char tokens[16];
    int room = r.cols - 6 - 10 - 5;
    what_line(rec, what, sizeof what);
    view_put(env->frame, r.row, r.col, 5, STYLE_DIM,
            str_of(view_clock(clock, rec->started_ms, false)));
    view_put(env->frame, r.row, r.col + 6, room, STYLE_PLAIN, str_of(what));
    view_put(env->frame, r.row, r.col + 6 + room + 1, 4, outcome_style(rec),
            str_of(outcome(rec, code)));
    view_printf(
            env->frame, r.row, r.col + r.cols - 9, 4, STYLE_PLAIN, "%4s", duration(rec, ms));
    if (rec->model[0])
        view_printf(env->frame, r.row, r.col + r.cols - 4, 4, STYLE_PLAIN, "%4s",
                view_short(tokens, tokens_in(rec) + rec->output_tokens));
}

/* Narrow screens: the facts, and below them what it was. */
static void draw_two_lines(
        const struct view_env *env, struct rect r, const struct request_record *rec)
{
    char clock[16], code[16], ms[16];
    view_printf(env->frame, r.row, r.col, r.cols, outcome_style(rec), "%s  %-4s  %s ms",
            view_clock(clock, rec->started_ms, true), outcome(rec, code), duration(rec, ms));
    view_printf(env->frame, r.row + 1, r.col + 2, r.cols - 2, STYLE_PLAIN, "%s %s%s",
            rec->method, rec->host, rec->path);
}

static void draw_names(
        const struct view_env *env, struct rect r, const struct request_record *rec)
{
    char code[16];
    view_put(env->frame, r.row, r.col, r.cols - 5, STYLE_PLAIN, str_of(rec->host));
    view_put(env->frame, r.row, r.col + r.cols - 4, 4, outcome_style(rec),
            str_of(outcome(rec, code)));
}

static void draw_total(const struct view_env *env, struct rect r, unsigned count)
{
    unsigned denied = 0, held = 0, priced = 0;
    uint64_t in = 0, out = 0;
    int64_t cost = 0;
    char spent[80] = "", from[16], to[16], usd[16] = "";
    for (unsigned i = 0; i < count; i++) {
        const struct request_record *rec = session_request(env->session, i);
        if (!rec)
            break;
        denied += rec->decision == REQUEST_DENY || rec->decision == REQUEST_REFUSED ||
                  rec->decision == REQUEST_EXPIRED;
        held += rec->decision == REQUEST_HELD;
        in += tokens_in(rec);
        out += rec->output_tokens;
        priced += request_has_cost(rec);
        cost += request_has_cost(rec) ? rec->cost_micro : 0;
    }
    if (priced > 0)
        (void)money(usd, cost);
    if (in + out > 0)
        snprintf(spent, sizeof spent, "  tok %s in %s out  %s", view_short(from, in),
                view_short(to, out), usd);
    view_printf(env->frame, r.row + r.rows - 1, r.col, r.cols, STYLE_DIM,
            "%u rows, %u denied, %u held%s", count, denied, held, spent);
}

static void draw(struct view *view, const struct view_env *env, struct rect r)
{
    unsigned count = count_requests(env);
    bool two = env->kind >= LAYOUT_SMALL;
    int step = two ? 2 : 1;
    unsigned first = view->focused || view->pinned ? view->selected : 0;
    if (count == 0) {
        view_put(env->frame, r.row, r.col, r.cols, STYLE_DIM, STR("no requests yet"));
        return;
    }
    for (int row = 0; row + step < r.rows; row += step, first++) {
        const struct request_record *rec = session_request(env->session, first);
        struct rect line = {r.row + row, r.col, step, r.cols};
        if (!rec)
            break;
        if (two)
            draw_two_lines(env, line, rec);
        else if (r.cols >= 70)
            draw_full(env, line, rec);
        else if (r.cols >= 35)
            draw_short(env, line, rec);
        else
            draw_names(env, line, rec);
    }
    draw_total(env, r, count);
}

const struct view_ops v_requests_ops = {
        MODE_REQUESTS, "REQUESTS", "C-\\ l", draw, count_requests};
