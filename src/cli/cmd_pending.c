/*
 * cmd_pending.c - `ironcurtain pending`: what waits for an answer, of all sessions.
 */
#include "cli/cmd.h"

#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "cli/queue.h"
#include "cli/record.h"
#include "cli/server.h"
#include "cli/wire.h"

static const char usage[] =
        "usage: ironcurtain pending [--watch] [--exit-code] [--json | --jsonl]\n\n"
        "Requests that wait for your answer, oldest first. --watch: again each time that\n"
        "changes, with --jsonl one object a line. --exit-code: 8 if something waits.\n";

static const struct out_column columns[] = {
        {"ID", "id", OUT_RIGHT},
        {"NO", "number", OUT_RIGHT},
        {"ASKED", "asked", OUT_TIME},
        {"SESSION", "label", 0},
        {"KIND", "kind", 0},
        {"RISK", "risk", 0},
        {"WHAT", "subject", 0},
};

struct args {
    enum out_format format;
    bool watch, exit_code, help;
};

static int print(const struct args *args)
{
    struct waiting_list list;
    struct err err;

    if (waiting_read(&list, &err) < 0)
        return cmd_fail(&err);
    struct out *out = out_new(args->format, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < list.count; i++) {
        json_t *row = escalation_json(&list.items[i].rec);

        (void)json_object_set_new(row, "label", out_text(list.items[i].label));
        out_row(out, row);
    }
    bool any = list.count > 0;
    waiting_release(&list);
    int status = out_end(out);
    if (!any && args->format == OUT_PLAIN && isatty(STDOUT_FILENO))
        fprintf(stderr, "ironcurtain: nothing waits\n");
    (void)fflush(stdout);
    return status == EXIT_DONE && any && args->exit_code ? EXIT_WAITS : status;
}

/* Until the server ends, or we are interrupted. */
static int watch(const struct args *args)
{
    struct buf message = BUF_INIT;
    struct err err;
    int fd = server_connect(NULL, NULL, &err);

    if (fd < 0)
        return cmd_fail(&err);
    wire_begin(&message, "WATCH");
    wire_put(&message, "version", IC_VERSION);
    int status = wire_send(fd, buf_str(&message), -1, &err) < 0 ? cmd_fail(&err) : print(args);
    while ((status == EXIT_DONE || status == EXIT_WAITS) && wire_receive(fd, &message) > 0) {
        struct str news = buf_str(&message);

        if (!wire_ok(news) || strcmp(wire_verb(news), "CHANGED") != 0)
            break;
        if (args->format == OUT_PLAIN)
            printf("\n");
        status = print(args);
    }
    buf_release(&message);
    close(fd);
    return status;
}

static int parse(int argc, char **argv, struct args *args, struct err *err)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            args->format = OUT_JSON;
        else if (strcmp(argv[i], "--jsonl") == 0)
            args->format = OUT_JSONL;
        else if (strcmp(argv[i], "--watch") == 0)
            args->watch = true;
        else if (strcmp(argv[i], "--exit-code") == 0)
            args->exit_code = true;
        else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
            args->help = true;
        else
            return err_set(err, ERR_USAGE,
                    "pending does not take '%s'; see 'ironcurtain pending --help'", argv[i]);
    }
    return 0;
}

int cmd_pending(int argc, char **argv)
{
    struct args args = {.format = OUT_PLAIN};
    struct err err;

    if (parse(argc, argv, &args, &err) < 0)
        return cmd_fail(&err);
    if (args.help) {
        fputs(usage, stdout);
        return EXIT_DONE;
    }
    return args.watch ? watch(&args) : print(&args);
}
