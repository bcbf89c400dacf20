/*
 * reading.c - the arguments of a call as lines: one for each value, with the way to it as its
 * name; texts of several lines in full below.
 */
#include "review/reading_priv.h"

#include "base/mem.h"
#include "base/punycode.h"
#include "diff/diff.h"
#include "review/command.h"
#include "review/pretty.h"

#define NAME_COLS 10

static struct str copy(struct str text)
{
    return (struct str){xstrndup(text.p, text.n), text.n};
}

struct reading *reading_new(const struct gate_item *item, struct str words)
{
    struct reading *reading = xcalloc(1, sizeof(*reading));
    const struct policy_world *world = item->world;

    reading->call = (struct call_request){
            copy(item->call->server), copy(item->call->tool), copy(item->call->arguments)};
    if (world)
        reading->world = (struct policy_world){
                .home = xstrdup(world->home),
                .workspace = xstrdup(world->workspace),
                .box_workspace = xstrdup(world->box_workspace),
                .cwd = xstrdup(world->cwd),
        };
    reading->words = xstrndup(words.p, words.n);
    reading->asked_ms = item->rec.asked_ms;
    return reading;
}

struct reading *reading_new_edited(
        const struct gate_item *item, struct str arguments, struct str words)
{
    struct reading *reading = reading_new(item, words);

    reading->asked = reading->call.arguments;
    reading->call.arguments = copy(arguments);
    return reading;
}

void reading_free(struct reading *reading)
{
    if (!reading)
        return;
    args_release(&reading->args);
    wsfile_release(&reading->file);
    sheet_release(&reading->what);
    sheet_release(&reading->raw);
    sheet_release(&reading->change);
    buf_release(&reading->unsaid);
    free(reading->covered);
    free(reading->words);
    free((char *)reading->call.server.p);
    free((char *)reading->call.tool.p);
    free((char *)reading->call.arguments.p);
    free((char *)reading->asked.p);
    free((char *)reading->world.home);
    free((char *)reading->world.workspace);
    free((char *)reading->world.box_workspace);
    free((char *)reading->world.cwd);
    free(reading);
}

size_t reading_member(
        const struct reading *reading, size_t of, const char *const *names, enum arg_kind kind)
{
    const struct arg *items = reading->args.items;

    if (of >= reading->args.count || items[of].kind != ARG_OBJECT)
        return 0;
    for (; *names; names++)
        for (size_t i = of + 1; i < items[of].next; i = items[i].next)
            if (items[i].kind == kind && str_eq(items[i].name, str_of(*names)))
                return i;
    return 0;
}

/* --- values ----------------------------------------------------------------------------- */

/* Would it be read as something else than a text, or not be seen? */
static bool needs_quotes(struct str text)
{
    static const char *const words[] = {"true", "false", "null", "{}", "[]"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_eq(text, str_of(words[i])))
            return true;
    return text.n == 0 || *text.p == ' ' || *text.p == '"' || *text.p == '(' ||
           (*text.p >= '0' && *text.p <= '9') || *text.p == '-' || text.p[text.n - 1] == ' ';
}

static void put_name(struct buf *out, struct str name)
{
    bool is_plain = name.n > 0;

    for (size_t i = 0; i < name.n; i++)
        is_plain = is_plain && (char_is_alnum(name.p[i]) || name.p[i] == '_' ||
                                       name.p[i] == '-' || name.p[i] == '$');
    if (!is_plain)
        buf_putc(out, '"');
    text_make_safe(out, name);
    if (!is_plain)
        buf_putc(out, '"');
}

static size_t lines_of(struct str text)
{
    size_t lines = text.n > 0 && text.p[text.n - 1] != '\n';

    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    return lines;
}

static void put_text(struct reading *reading, size_t i, struct str lead)
{
    struct str text = reading->args.items[i].text;
    struct sheet *what = &reading->what;
    char size[160];

    if (reading->covered[i] || memchr(text.p ? text.p : "", '\n', text.n)) {
        bool is_ended = text.n > 0 && text.p[text.n - 1] == '\n';
        snprintf(size, sizeof(size), "(%zu lines, %zu bytes%s)%s", lines_of(text), text.n,
                is_ended ? "" : ", no newline at the end",
                reading->covered[i] ? " below, as what it changes" : "");
        sheet_add(what, "", SHEET_TEXT, lead, str_of(size));
        if (!reading->covered[i])
            sheet_add_lines(what, SHEET_TEXT, STR("    "), text);
        return;
    }
    struct buf quoted = BUF_INIT;
    bool quotes = needs_quotes(text);
    if (quotes)
        buf_putc(&quoted, '"');
    buf_append_str(&quoted, text);
    if (quotes)
        buf_putc(&quoted, '"');
    sheet_add(what, "", SHEET_TEXT, lead, buf_str(&quoted));
    buf_release(&quoted);
}

static void put_host(struct reading *reading, struct str url)
{
    struct net_request req;
    char host[256], letters[512], safe[1024];

    if (!net_request_read(STR("GET"), url, host, &req) ||
            !host_letters(req.host, letters, sizeof(letters)))
        return;
    str_vis(safe, sizeof(safe), str_of(letters));
    sheet_printf(&reading->what, "", SHEET_ALERT, "  in letters  %s", safe);
}

static void put_leaf(struct reading *reading, size_t i, struct str name)
{
    const struct arg *arg = &reading->args.items[i];
    struct str raw = {reading->call.arguments.p + arg->at, arg->len};
    struct buf lead = BUF_INIT;

    buf_printf(&lead, "  %-*.*s  ", NAME_COLS, STR_ARG(name));
    if (arg->kind == ARG_STRING && !arg->is_broken)
        put_text(reading, i, buf_str(&lead));
    else
        sheet_add(&reading->what, "", arg->is_broken ? SHEET_ALERT : SHEET_TEXT, buf_str(&lead),
                raw);
    if (arg->is_broken)
        sheet_printf(&reading->what, "", SHEET_ALERT,
                "  the text above is no text in Unicode; it is shown as received");
    if (arg->kind == ARG_STRING)
        put_host(reading, arg->text);
    buf_release(&lead);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the arguments were read, LIMIT_JSON_DEPTH */
static void put_value(struct reading *reading, size_t i, struct buf *name)
{
    const struct arg *items = reading->args.items;
    size_t before = buf_len(name), index = 0;
    bool is_object = items[i].kind == ARG_OBJECT;

    if ((!is_object && items[i].kind != ARG_ARRAY) || items[i].next == i + 1) {
        put_leaf(reading, i, buf_str(name));
        return;
    }
    for (size_t child = i + 1; child < items[i].next; child = items[child].next, index++) {
        if (is_object && before > 0)
            buf_putc(name, '.');
        if (is_object)
            put_name(name, items[child].name);
        else
            buf_printf(name, "[%zu]", index);
        put_value(reading, child, name);
        name->len = name->off + before;
    }
}

/* --- what would run --------------------------------------------------------------------- */

static void put_argv(struct reading *reading, size_t command, size_t list)
{
    const struct arg *items = reading->args.items;
    struct buf line = BUF_INIT;

    if (command)
        word_quote(&line, items[command].text);
    for (size_t i = list + 1; i < items[list].next; i = items[i].next) {
        if (buf_len(&line) > 0)
            buf_putc(&line, ' ');
        word_quote(&line, items[i].text);
    }
    sheet_add(&reading->what, "RUNS", SHEET_TEXT, STR(""), buf_str(&line));
    buf_release(&line);
}

static void put_command(struct reading *reading)
{
    static const char *const commands[] = {"command", "cmd", "script", "shell", NULL};
    static const char *const lists[] = {"argv", "args", "command", "cmd", NULL};
    static const char *const folders[] = {
            "cwd", "workdir", "working_directory", "workingDirectory", "directory", NULL};
    size_t command = reading_member(reading, 0, commands, ARG_STRING);
    size_t list = reading_member(reading, 0, lists, ARG_ARRAY);

    if (list)
        put_argv(reading, command, list);
    else if (command)
        command_show(&reading->what, "RUNS", reading->args.items[command].text);
    else
        return;
    if (!reading_member(reading, 0, folders, ARG_STRING) && reading->world.cwd) {
        struct buf cwd = BUF_INIT;
        text_make_safe(&cwd, str_of(reading->world.cwd));
        sheet_printf(&reading->what, "", SHEET_DIM, "in the folder of the server, %.*s",
                STR_ARG(buf_str(&cwd)));
        buf_release(&cwd);
    }
}

/* --- all of it -------------------------------------------------------------------------- */

static size_t values_of(const struct args *args)
{
    size_t count = 0;

    for (size_t i = 1; args->count && i < args->items[0].next; i = args->items[i].next)
        count++;
    return count;
}

static void put_tool(struct reading *reading)
{
    struct buf name = BUF_INIT;
    char count[32];
    size_t n = values_of(&reading->args);

    buf_puts(&name, "tool ");
    text_make_safe(&name, reading->call.server);
    buf_putc(&name, '/');
    text_make_safe(&name, reading->call.tool);
    snprintf(count, sizeof(count), ", %zu argument%s", n, n == 1 ? "" : "s");
    sheet_add(&reading->what, "WHAT", SHEET_TEXT, buf_str(&name), str_of(count));
    buf_release(&name);
}

static void append_change(struct reading *reading)
{
    for (size_t i = 0; i < reading->change.count; i++) {
        const struct sheet_line *line = &reading->change.lines[i];
        /* Safe already, and not once more: that would show what is shown. */
        sheet_add(&reading->what, line->label, line->mark, sheet_text(&reading->change, i),
                STR(""));
    }
}

/* Both forms, as the lines in which they differ. */
static void put_asked(struct reading *reading)
{
    struct buf before = BUF_INIT, after = BUF_INIT;
    struct sheet *what = &reading->what;
    struct diff diff = {0};

    if (!reading->asked.p)
        return;
    sheet_printf(what, "EDITED", SHEET_ALERT, "by you; the agent asked for:");
    bool fine = json_pretty(reading->asked, &before) &&
                json_pretty(reading->call.arguments, &after);
    if (fine)
        diff_make(&diff, buf_str(&before), buf_str(&after), DIFF_ALL);
    else
        sheet_add_lines(what, SHEET_TEXT, STR("  "), reading->asked);
    for (size_t i = 0; i < diff.count; i++) {
        char lead[] = {' ', ' ', diff.lines[i].mark, ' ', '\0'};

        sheet_add(what, "",
                diff.lines[i].mark == '+'   ? SHEET_ADDED
                : diff.lines[i].mark == '-' ? SHEET_REMOVED
                                            : SHEET_TEXT,
                str_of(lead), diff.lines[i].text);
    }
    diff_release(&diff);
    buf_release(&before);
    buf_release(&after);
}

void reading_make(struct reading *reading)
{
    struct buf name = BUF_INIT;
    const char *why = NULL;

    sheet_add_lines(&reading->raw, SHEET_TEXT, STR(""), reading->call.arguments);
    if (!args_read(&reading->args, reading->call.arguments, &why)) {
        put_tool(reading);
        sheet_printf(&reading->what, "", SHEET_BAD, "%s; as received:", why);
        sheet_add_lines(&reading->what, SHEET_TEXT, STR("  "), reading->call.arguments);
        reading->args.count = 0;
        return;
    }
    reading->covered = xcalloc(reading->args.count + 1, sizeof(bool));
    reading_find_change(reading);
    put_tool(reading);
    put_value(reading, 0, &name);
    put_command(reading);
    append_change(reading);
    put_asked(reading);
    reading_find_unsaid(reading);
    buf_release(&name);
}

bool reading_is_stale(struct reading *reading)
{
    return reading->has_file && wsfile_changed(&reading->file, &reading->world);
}

const struct sheet *reading_what(const struct reading *reading)
{
    return &reading->what;
}

const struct sheet *reading_raw(const struct reading *reading)
{
    return &reading->raw;
}

const char *reading_unsaid(const struct reading *reading)
{
    return buf_len(&reading->unsaid) ? buf_data(&reading->unsaid) : "";
}

bool reading_file_is_newer(const struct reading *reading)
{
    return reading->is_newer;
}
