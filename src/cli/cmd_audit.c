/*
 * cmd_audit.c - `ironcurtain audit ls|show|tail`: the requests and the questions about them.
 *
 * Reads the database through a connection of its own, so it works while sessions run and
 * when none does.
 */
#include "cli/cmd.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/out.h"
#include "cli/record.h"

#include "base/mem.h"

#define LS_ROWS 100
#define TAIL_ROWS 10

static const char usage[] =
        "usage: ironcurtain audit ls   [--session S] [--limit N] [--json | --jsonl]\n"
        "       ironcurtain audit tail [--session S] [--limit N] [--json | --jsonl]\n"
        "       ironcurtain audit show ID [--json | --jsonl]\n\n"
        "ls lists requests, newest first (100; --limit 0: all); tail the last ones, oldest\n"
        "first (10); show tells everything about one, with the question that was asked.\n"
        "S is a session's name, its id or the beginning of it.\n";

static const struct out_column columns[] = {
        {"ID", "id", OUT_RIGHT},
        {"STARTED", "started", OUT_TIME},
        {"SESSION", "session", OUT_ID},
        {"DECISION", "decision", 0},
        {"STATUS", "status", OUT_RIGHT},
        {"METHOD", "method", 0},
        {"HOST", "host", 0},
        {"PORT", "port", OUT_RIGHT},
        {"PATH", "path", 0},
        {"MS", "total_ms", OUT_RIGHT},
        {"UP", "bytes_up", OUT_RIGHT},
        {"DOWN", "bytes_down", OUT_RIGHT},
        {"RULE", "rule", 0},
        {"MODEL", "model", 0},
        {"IN", "input_tokens", OUT_RIGHT},
        {"OUT", "output_tokens", OUT_RIGHT},
        {"CACHED", "cache_read_tokens", OUT_RIGHT},
        {"USD", "cost_usd", OUT_RIGHT},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define COLUMNS_USAGE 5 /* the last ones */
/* A table on a narrower screen goes without them: there would be nothing to read in it. */
#define USAGE_MIN_WIDTH 132

enum verb { VERB_LS, VERB_TAIL, VERB_SHOW };

struct request_list {
    struct request_record *rows; /* owns */
    size_t count, cap;
};

struct args {
    enum verb verb;
    enum out_format format;
    const char *session; /* borrows; NULL: all */
    bool has_limit;
    uint32_t limit;
    uint64_t id; /* of show */
};

/* --- the command line ----------------------------------------------------------------- */

static int bad_usage(struct err *err, const char *what, const char *arg)
{
    char shown[80];

    return err_set(err, ERR_USAGE, "audit: %s '%s'; see 'ironcurtain audit --help'", what,
            str_vis(shown, sizeof(shown), str_of(arg)));
}

static int unknown_option(const char *arg, struct err *err)
{
    static const char *const names[] = {"--session", "--limit", "--json", "--jsonl", NULL};
    const char *nearest = str_nearest(arg, names);
    char shown[80];

    return err_set(err, ERR_USAGE, "audit: unknown option '%s'%s%s%s",
            str_vis(shown, sizeof(shown), str_of(arg)), nearest ? "; did you mean '" : "",
            nearest ? nearest : "", nearest ? "'" : "");
}

static int parse_verb(const char *word, struct args *args, struct err *err)
{
    static const char *const names[] = {"ls", "tail", "show", NULL};

    if (strcmp(word, "list") == 0)
        word = "ls";
    for (int i = 0; names[i]; i++) {
        if (strcmp(word, names[i]) == 0) {
            args->verb = (enum verb)i;
            return 0;
        }
    }
    return bad_usage(err, "wants ls, tail or show, not", word);
}

/* An option with a value, "--x V" or "--x=V". 1: it was that one, 0: it was not. */
static int take_value(
        const char *name, int argc, char **argv, int *at, const char **ret, struct err *err)
{
    size_t n = strlen(name);

    if (strncmp(argv[*at], name, n) != 0 || (argv[*at][n] != '\0' && argv[*at][n] != '='))
        return 0;
    if (argv[*at][n] == '=') {
        *ret = argv[*at] + n + 1;
        return 1;
    }
    if (*at + 1 >= argc)
        return bad_usage(err, "no value behind", name);
    *ret = argv[++*at];
    return 1;
}

static int parse_limit(const char *text, struct args *args, struct err *err)
{
    uint64_t limit;

    if (!str_u64(str_of(text), UINT32_MAX, &limit))
        return bad_usage(err, "--limit wants a number, not", text);
    args->limit = (uint32_t)limit;
    args->has_limit = true;
    return 0;
}

static int parse_option(int argc, char **argv, int *at, struct args *args, struct err *err)
{
    const char *value = NULL;
    int rc;

    if (strcmp(argv[*at], "--json") == 0) {
        args->format = OUT_JSON;
        return 0;
    }
    if (strcmp(argv[*at], "--jsonl") == 0) {
        args->format = OUT_JSONL;
        return 0;
    }
    rc = take_value("--session", argc, argv, at, &args->session, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = take_value("--limit", argc, argv, at, &value, err);
    if (rc > 0)
        return parse_limit(value, args, err);
    return rc < 0 ? rc : unknown_option(argv[*at], err);
}

static int parse(int argc, char **argv, struct args *args, struct err *err)
{
    if (argc < 2)
        return err_set(
                err, ERR_USAGE, "audit: say ls, tail or show; see 'ironcurtain audit --help'");
    int rc = parse_verb(argv[1], args, err);
    for (int i = 2; i < argc && rc == 0; i++) {
        bool is_id = args->verb == VERB_SHOW && argv[i][0] != '-' && args->id == 0;

        if (!is_id)
            rc = parse_option(argc, argv, &i, args, err);
        else if (!str_u64(str_of(argv[i]), INT64_MAX, &args->id) || args->id == 0)
            rc = bad_usage(err, "show wants a number, not", argv[i]);
    }
    if (rc == 0 && args->verb == VERB_SHOW && args->id == 0)
        rc = err_set(err, ERR_USAGE, "audit: show wants the number of a request");
    if (rc == 0 && args->verb == VERB_SHOW && (args->session || args->has_limit))
        rc = err_set(err, ERR_USAGE, "audit: show takes neither --session nor --limit");
    return rc;
}

/* --- ls and tail ---------------------------------------------------------------------- */

static bool print_request(void *ctx, const struct request_record *rec)
{
    out_row(ctx, request_json(rec));
    return true;
}

static bool keep_request(void *ctx, const struct request_record *rec)
{
    struct request_list *list = ctx;

    if (list->count == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 16;
        list->rows = xrealloc(list->rows, list->cap * sizeof(*list->rows));
    }
    struct request_record *kept = &list->rows[list->count++];
    *kept = *rec;
    kept->arguments = xstrdup(rec->arguments);
    return true;
}

/* The reader tells newest first; tail turns that around. */
static int print_tail(struct store_reader *reader, const char *session, uint32_t limit,
        struct out *out, struct err *err)
{
    struct request_list list = {0};

    int rc = store_each_request(reader, session, limit, keep_request, &list, err);
    while (list.count) {
        struct request_record *rec = &list.rows[--list.count];

        if (rc == 0)
            (void)print_request(out, rec);
        request_release(rec);
    }
    free(list.rows);
    return rc;
}

static size_t columns_shown(void)
{
    struct winsize size;
    bool narrow = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
                  size.ws_col > 0 && size.ws_col < USAGE_MIN_WIDTH;

    return narrow ? COLUMNS - COLUMNS_USAGE : COLUMNS;
}

static int list_requests(struct store_reader *reader, const struct args *args)
{
    uint32_t limit = args->verb == VERB_LS ? LS_ROWS : TAIL_ROWS;
    const char *session = NULL;
    char id[37];
    struct err err;
    int rc = 0;

    if (args->has_limit)
        limit = args->limit;
    if (args->session) {
        if (!reader)
            (void)err_set(&err, ERR_NOENT, "no session yet");
        if (!reader || record_find_session(reader, args->session, id, &err) < 0)
            return cmd_fail(&err);
        session = id;
    }
    struct out *out = out_new(args->format, columns, columns_shown());
    if (reader && args->verb == VERB_LS)
        rc = store_each_request(reader, session, limit, print_request, out, &err);
    else if (reader)
        rc = print_tail(reader, session, limit, out, &err);
    int status = out_end(out);
    return rc < 0 ? cmd_fail(&err) : status;
}

/* --- show ----------------------------------------------------------------------------- */

static int show(struct store_reader *reader, const struct args *args)
{
    struct request_record request;
    struct escalation_record escalation;
    struct err err;
    int rc = ERR_NOENT;
    uint64_t question = args->id;

    if (reader)
        rc = store_find_request(reader, args->id, &request, &err);
    if (rc < 0 && rc != ERR_NOENT)
        return cmd_fail(&err);
    bool has_request = rc == 0;
    if (has_request)
        question = request.escalation;
    rc = reader && question ? store_find_escalation(reader, question, &escalation, &err)
                            : ERR_NOENT;
    if (rc < 0 && rc != ERR_NOENT)
        return cmd_fail(&err);
    if (rc == ERR_NOENT && !has_request) {
        (void)err_set(&err, ERR_NOENT, "no request or question with the number %llu",
                (unsigned long long)args->id);
        return cmd_fail(&err);
    }
    struct out *out = out_new(args->format, NULL, 0);
    if (has_request)
        out_record(out, request_json(&request));
    if (has_request)
        request_release(&request);
    if (rc == 0)
        out_record(out, escalation_json(&escalation));
    if (rc == 0)
        escalation_release(&escalation);
    return out_end(out);
}

int cmd_audit(int argc, char **argv)
{
    struct args args = {0};
    struct err err;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return EXIT_DONE;
        }
    }
    if (parse(argc, argv, &args, &err) < 0)
        return cmd_fail(&err);
    struct store_reader *reader = record_open(&err);
    if (!reader && err.code != ERR_NOENT)
        return cmd_fail(&err);
    int status = args.verb == VERB_SHOW ? show(reader, &args) : list_requests(reader, &args);
    store_reader_free(reader);
    return status;
}
