/*
 * cmd_ls.c - `ironcurtain ls`: the sessions. Their rows come from the database, also of those
 * that run elsewhere; the server, if one runs, adds the numbers of its tabs.
 */
#include "cli/cmd.h"

#include <unistd.h>

#include "cli/out.h"
#include "cli/record.h"
#include "cli/server.h"
#include "cli/wire.h"

static const char usage[] = "usage: ironcurtain ls [--all] [--json | --jsonl]\n\n"
                            "Sessions that run, newest first; --all also those that ended.\n";

static const struct out_column columns[] = {
        {"ID", "id", OUT_ID},
        {"NAME", "label", 0},
        {"STATE", "state", 0},
        {"AGENT", "agent", 0},
        {"RUNTIME", "runtime", 0},
        {"STARTED", "started", OUT_TIME},
        {"ENDED", "ended", OUT_TIME},
        {"EXIT", "exit_status", OUT_RIGHT},
        {"WORKSPACE", "workspace", 0},
        {"TAB", "tab", OUT_RIGHT},
};

struct listing {
    struct out *out;
    struct buf tabs; /* owns; what the server said, or empty */
    bool all;
    unsigned shown, hidden;
};

static void ask_server(struct buf *answer)
{
    struct buf message = BUF_INIT;
    int fd = server_connect(NULL, NULL, NULL);

    if (fd < 0)
        return;
    wire_begin(&message, "LIST");
    wire_put(&message, "version", IC_VERSION);
    if (wire_send(fd, buf_str(&message), -1, NULL) < 0 || wire_receive(fd, answer) == 0 ||
            !wire_ok(buf_str(answer)) || strcmp(wire_verb(buf_str(answer)), "TABS") != 0)
        buf_clear(answer);
    buf_release(&message);
    close(fd);
}

/* Null for a session that is not in a tab. */
static json_t *tab_of(const struct buf *answer, const char *id)
{
    const char *line;
    size_t pos = 0;

    while (buf_len(answer) && (line = wire_next(buf_str(answer), "tab", &pos))) {
        struct str rest = str_of(line), number;
        uint64_t n = 0;

        if (str_cut(&rest, ' ', &number) && str_eq(rest, str_of(id)) &&
                str_u64(number, 1000, &n))
            return json_integer((json_int_t)n);
    }
    return json_null();
}

static bool print_session(void *ctx, const struct session_record *rec)
{
    struct listing *listing = ctx;
    bool runs = rec->state == SESSION_STARTING || rec->state == SESSION_RUNNING;

    if (!runs && !listing->all) {
        listing->hidden++;
        return true;
    }
    json_t *row = session_json(rec);
    (void)json_object_set_new(row, "tab", tab_of(&listing->tabs, rec->id));
    listing->shown++;
    out_row(listing->out, row);
    return true;
}

static int list(enum out_format format, bool all)
{
    struct listing listing = {.all = all};
    struct err err;
    int rc = 0;

    struct store_reader *reader = record_open(&err);
    if (!reader && err.code != ERR_NOENT)
        return cmd_fail(&err);
    listing.out = out_new(format, columns, sizeof(columns) / sizeof(columns[0]));
    ask_server(&listing.tabs);
    if (reader)
        rc = store_each_session(reader, print_session, &listing, &err);
    store_reader_free(reader);
    buf_release(&listing.tabs);
    int status = out_end(listing.out);
    if (rc < 0)
        return cmd_fail(&err);
    if (!listing.shown && format == OUT_PLAIN)
        fprintf(stderr,
                listing.hidden ? "ironcurtain: no session runs; %u ended (ls --all)\n"
                               : "ironcurtain: no sessions yet\n",
                listing.hidden);
    return status;
}

static int unknown_option(const char *arg)
{
    static const char *const names[] = {"--all", "--json", "--jsonl", NULL};
    const char *nearest = str_nearest(arg, names);
    char shown[80];
    struct err err;

    (void)err_set(&err, ERR_USAGE, "ls does not take '%s'%s%s%s",
            str_vis(shown, sizeof(shown), str_of(arg)), nearest ? "; did you mean '" : "",
            nearest ? nearest : "", nearest ? "'" : "; see 'ironcurtain ls --help'");
    return cmd_fail(&err);
}

int cmd_ls(int argc, char **argv)
{
    enum out_format format = OUT_PLAIN;
    bool all = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--all") == 0) {
            all = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            format = OUT_JSON;
        } else if (strcmp(argv[i], "--jsonl") == 0) {
            format = OUT_JSONL;
        } else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return EXIT_DONE;
        } else {
            return unknown_option(argv[i]);
        }
    }
    return list(format, all);
}
