/*
 * main.c - which subcommand is meant.
 */
#include "cli/cmd.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/str.h"
#include "io/loop.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage; /* NULL: not listed */
    const char *what;
};

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct command commands[] = {
        {"new", cmd_new,
                "new [DIR] [-a AGENT] [-n NAME] [--runtime R] [--detach | --foreground] "
                "[--ascii] [--dry-run] "
                "[-- CMD]",
                "start a session on the screen; --detach: without one"},
        {"attach", cmd_attach, "attach [--ascii] [SESSION]",
                "the screen of the sessions that run; a tab's number, a name, the start of an "
                "id"},
        {"kill-server", cmd_kill_server, "kill-server", "end all sessions and what has them"},
        {"run", cmd_run, "run [DIR] [-a AGENT] [--runtime R] [--on-escalate ask|deny] -- CMD",
                "one command in a box, no screen; its exit status is ours"},
        {"demo", cmd_demo, "demo", "offline demonstration: local provider, scripted agent"},
        {"pane", cmd_pane, "pane -- CMD", "a command in the pane without a box (tests)"},
        {"proxy", cmd_proxy, "proxy --listen unix:PATH|tcp:HOST:PORT", "the proxy alone"},
        {"ls", cmd_ls, "ls [--json]", "sessions"},
        {"pending", cmd_pending, "pending [--watch] [--json]", "requests that wait for you"},
        {"review", cmd_review, "review [ID]", "answer them here"},
        {"approve", cmd_approve, "approve ID [--scope S] [-m TEXT] [--digest D]",
                "one of them"},
        {"deny", cmd_deny, "deny ID [--scope S] [-m TEXT] [--digest D]", "one of them"},
        {"rules", cmd_rules, "rules [ls|rm ID] [--json]",
                "your answers that hold; take one back"},
        {"audit", cmd_audit, "audit ls|show|tail [--json]", "the request log"},
        {"policy", cmd_policy, "policy check|explain|test|import", "rules and decisions"},
        {"providers", cmd_providers, "providers ls [--json]", "the provider table"},
        {"keys", cmd_keys, "keys ls [--json]", "which key or login each provider has"},
        {"config", cmd_config, "config check|path", "the configuration"},
        {"gc", cmd_gc, "gc [--dry-run]", "remove what dead sessions left"},
        {"demo-provider", cmd_demo_provider, NULL, NULL},
        {"demo-agent", cmd_demo_agent, NULL, NULL},
        {"help", cmd_help, "help", "this text"},
        {"version", cmd_version, "version", "version and libraries"},
};

static int cmd_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("ironcurtain - run coding agents you cannot trust, and watch them\n\n"
           "  ironcurtain                 the screen: a session in this folder, or the demo\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].usage)
            printf("  ironcurtain %s\n        %s\n", commands[i].usage, commands[i].what);
    printf("\nFiles are in $IRONCURTAIN_HOME (default ~/.ironcurtain).\n");
    return EXIT_DONE;
}

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("ironcurtain %s\n", IC_VERSION);
    return EXIT_DONE;
}

void cmd_say(const char *text)
{
    char shown[2048];

    fprintf(stderr, "ironcurtain: %s\n", str_vis(shown, sizeof(shown), str_of(text)));
}

int cmd_fail(const struct err *err)
{
    cmd_say(err->msg);
    return cmd_exit_code(err);
}

int cmd_exit_code(const struct err *err)
{
    switch (err->code) {
    case ERR_USAGE:
    case ERR_CONFIG:
        return EXIT_USAGE;
    case ERR_NOENT:
        return EXIT_NOT_FOUND;
    case ERR_CREDENTIAL:
        return EXIT_CREDENTIAL;
    case ERR_DENIED:
        return EXIT_REFUSED;
    case ERR_TIMEOUT:
        return EXIT_TIMEOUT;
    case ERR_CONFLICT:
        return EXIT_CONFLICT;
    default:
        return EXIT_FAILED;
    }
}

static int unknown(const char *name)
{
    const char *names[sizeof(commands) / sizeof(commands[0]) + 1] = {0};
    size_t n = 0;
    char shown[80];

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].usage)
            names[n++] = commands[i].name;
    const char *nearest = str_nearest(name, names);
    fprintf(stderr, "ironcurtain: no command '%s'%s%s%s; 'ironcurtain help' lists them\n",
            str_vis(shown, sizeof(shown), str_of(name)), nearest ? "; did you mean '" : "",
            nearest ? nearest : "", nearest ? "'" : "");
    return EXIT_USAGE;
}

/* Keys live in this process: no core dumps, no files that others can read. */
static void harden(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    umask(077);
#ifndef __SANITIZE_ADDRESS__
    /* The leak check at exit needs ptrace, so sanitizer builds stay dumpable. */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

static int run(int argc, char **argv)
{
    if (argc < 2)
        return cmd_ui(argc, argv);

    const char *name = argv[1];
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return unknown(name);
}

/* Where the command line is kept, for the title. */
static char *title;
static size_t title_cap;

void cmd_set_title(const char *text)
{
    memset(title, 0, title_cap);
    (void)str_copy(title, title_cap, str_of(text));
}

static void find_title(int argc, char **argv)
{
    title = argv[0];
    for (int i = 0; i < argc && argv[i] == title + title_cap; i++)
        title_cap += strlen(argv[i]) + 1;
}

int main(int argc, char **argv)
{
    harden();
    find_title(argc, argv);
    int exit_code = run(argc, argv);
    loop_end_threads();
    return exit_code;
}
