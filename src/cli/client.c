/*
 * client.c - see client.h.
 *
 * Plain C without the loop: it holds the saved settings of the terminal and a socket, and
 * sleeps in ppoll(2). The server draws on the descriptor that it was given and restores the
 * terminal before it says BYE; if it dies instead, that is the client's to do.
 *
 * Signals are blocked but for the time in ppoll. WINCH is passed on; TERM, HUP and INT mean
 * "detach"; TSTP means "suspend", and so does the key, which comes back as the server's
 * SUSPEND. A client that is continued asks for the screen again, whoever stopped it.
 */
#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cli/cmd.h"
#include "cli/editor.h"
#include "cli/server.h"
#include "cli/wire.h"
#include "io/tty.h"
#include "tui/frame.h"

/* A terminal that is stalled takes a second of the server's, see tty_free(). */
#define BYE_MS 3000
/* How often a server that was just ending may be met before it is an error. */
#define TRIES 5

struct terminal_client {
    const struct client_request *request;
    int socket;
    int tty; /* borrows; -1: none */
    struct termios saved;
    struct buf hello;    /* owns; NEW or ATTACH */
    struct buf attach;   /* owns; for the times after */
    bool started_server; /* by us: its first words are for us */
    bool heard;          /* the server said something */
    bool attached;
    bool leaving; /* DETACH is said */
    int signo;    /* that made us leave */
    uint64_t deadline_ms;
};

static volatile sig_atomic_t got_winch, got_end, got_tstp, got_cont;

static void on_signal(int signo)
{
    if (signo == SIGWINCH)
        got_winch = 1;
    else if (signo == SIGTSTP)
        got_tstp = 1;
    else if (signo == SIGCONT)
        got_cont = 1;
    else
        got_end = signo;
}

static const int SIGNALS[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT};
#define SIGNAL_COUNT (sizeof(SIGNALS) / sizeof(SIGNALS[0]))

/* Returns the mask to wait with. */
static sigset_t catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t block, before;

    sigemptyset(&block);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        sigaction(SIGNALS[i], &action, NULL);
        sigaddset(&block, SIGNALS[i]);
    }
    signal(SIGQUIT, SIG_IGN);
    sigprocmask(SIG_BLOCK, &block, &before);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigdelset(&before, SIGNALS[i]);
    return before;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- the terminal ------------------------------------------------------------------------- */

/* Changing nothing has an effect: a process in the background is stopped by it until it is in
 * the foreground, as everything that wants the terminal. */
static void wait_for_foreground(int fd)
{
    struct termios now;

    if (tcgetattr(fd, &now) == 0)
        (void)tcsetattr(fd, TCSANOW, &now);
}

static int open_terminal(struct terminal_client *client, struct err *err)
{
    wait_for_foreground(STDIN_FILENO);
    if (tcgetattr(STDIN_FILENO, &client->saved) < 0 || tty_save(STDIN_FILENO, err) < 0)
        return err_set(err, ERR_USAGE, "the terminal is gone");
    client->tty = STDIN_FILENO;
    /* Standard input may be open for reading only. */
    if ((fcntl(STDIN_FILENO, F_GETFL) & O_ACCMODE) != O_RDWR)
        client->tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    return client->tty < 0 ? err_set(err, ERR_USAGE, "cannot open the terminal for writing")
                           : 0;
}

/* A hangup that somebody sent by hand leaves it as it is. */
static bool is_terminal_gone(const struct terminal_client *client)
{
    struct termios now;

    return client->tty >= 0 && tcgetattr(client->tty, &now) < 0;
}

static void restore_terminal(struct terminal_client *client)
{
    if (!client->attached)
        return;
    tty_emergency_reset(client->tty);
    (void)tcsetattr(client->tty, TCSANOW, &client->saved);
}

/* --- messages ----------------------------------------------------------------------------- */

static void put_terminal(struct buf *message, bool ascii)
{
    struct frame_config config;

    frame_config_from_env(&config);
    wire_put(message, "term", config.term);
    wire_put(message, "truecolor", config.truecolor ? "1" : NULL);
    wire_put(message, "styled", config.styled ? "1" : NULL);
    wire_put(message, "utf8", config.utf8 && !ascii ? "1" : NULL);
    wire_put_number(message, "notice", config.notice);
    wire_put(message, "mono", config.mono ? "1" : NULL);
}

static void put_session(struct buf *message, const struct client_request *request)
{
    const struct session_spec *spec = request->start;

    wire_put(message, "agent", spec->agent);
    wire_put(message, "name", spec->name);
    wire_put(message, "workspace", spec->workspace);
    wire_put(message, "runtime", spec->runtime);
    for (const char *const *arg = spec->argv; arg && *arg; arg++)
        wire_put(message, "arg", *arg);
    wire_put(message, "config", request->config);
    wire_put(message, "policy", request->policy);
    wire_put(message, "detach", request->detach ? "1" : NULL);
}

static void make_messages(struct terminal_client *client)
{
    const struct client_request *request = client->request;

    buf_mark_secret(&client->hello); /* keys may be put behind it */
    wire_begin(&client->hello, request->start ? "NEW" : "ATTACH");
    wire_put(&client->hello, "version", IC_VERSION);
    if (request->start)
        put_session(&client->hello, request);
    else
        wire_put(&client->hello, "session", request->target);
    wire_begin(&client->attach, "ATTACH");
    wire_put(&client->attach, "version", IC_VERSION);
    if (client->tty < 0)
        return;
    put_terminal(&client->hello, client->request->ascii);
    put_terminal(&client->attach, client->request->ascii);
}

static void say(struct terminal_client *client, const char *verb)
{
    struct buf message = BUF_INIT;

    wire_begin(&message, verb);
    (void)wire_send(client->socket, buf_str(&message), -1, NULL);
    buf_release(&message);
}

/* What is not needed any more cannot be read out of us. */
static void wipe_environment(void)
{
    editor_keep_environment();
    for (char **item = environ; item && *item; item++)
        mem_wipe(*item, strlen(*item));
}

/* --- what the server says ----------------------------------------------------------------- */

static int on_bye(struct terminal_client *client, struct str message)
{
    const char *text = wire_get(message, "text"), *out = wire_get(message, "out");
    int code = (int)wire_number(message, "code", EXIT_FAILED);

    if (out)
        printf("%s\n", out);
    if (text && *text)
        cmd_say(text);
    return client->signo ? 128 + client->signo : code;
}

/* Keys that the server lacks and our caller has. Returns whether there are any. */
static bool put_keys(struct terminal_client *client, struct str message)
{
    const char *name;
    size_t pos = 0;
    bool any = false;

    while ((name = wire_next(message, "key", &pos))) {
        const char *value = getenv(name);

        if (!value || !*value)
            continue;
        buf_puts(&client->hello, "key=");
        buf_puts(&client->hello, name);
        buf_putc(&client->hello, '=');
        buf_append(&client->hello, value, strlen(value) + 1);
        any = true;
    }
    return any;
}

/* -1: the conversation goes on. */
static int on_need(struct terminal_client *client, struct str message)
{
    struct err err;

    if (client->heard || !put_keys(client, message))
        return on_bye(client, message);
    if (wire_send(client->socket, buf_str(&client->hello), client->tty, &err) < 0)
        return cmd_fail(&err);
    return -1;
}

static void ask_again(struct terminal_client *client)
{
    tcgetattr(client->tty, &client->saved);
    tty_forget(client->tty);
    (void)tty_save(client->tty, NULL);
    (void)wire_send(client->socket, buf_str(&client->attach), client->tty, NULL);
}

/* The terminal is as it was. The whole job stops, as with every program, because the shell
 * may have started a pipeline or a script around us; without a shell that could continue us
 * the system ignores the signal. */
static void on_suspend(struct terminal_client *client)
{
    sigset_t tstp, before;

    client->attached = false;
    signal(SIGTSTP, SIG_DFL);
    kill(0, SIGTSTP);
    sigemptyset(&tstp);
    sigaddset(&tstp, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &tstp, &before); /* here we stop */
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGTSTP, &(struct sigaction){.sa_handler = on_signal}, NULL);
    wait_for_foreground(client->tty);
    got_cont = 0;
    ask_again(client);
}

/* The terminal is as it was; afterwards, too, whatever the editor left. */
static void on_edit(struct terminal_client *client, struct str message)
{
    const char *path = wire_get(message, "path");

    client->attached = false;
    if (path)
        editor_run(path, client->tty);
    (void)tcsetattr(client->tty, TCSANOW, &client->saved);
    got_cont = 0;
    ask_again(client);
}

/* Exit code, or -1. */
static int on_message(struct terminal_client *client, struct str message)
{
    const char *verb = wire_ok(message) ? wire_verb(message) : "";

    if (strcmp(verb, "NEED") == 0)
        return on_need(client, message);
    if (!client->heard)
        wipe_environment();
    client->heard = true;
    if (strcmp(verb, "BYE") == 0)
        return on_bye(client, message);
    if (strcmp(verb, "ATTACHED") == 0)
        client->attached = true;
    if (strcmp(verb, "SUSPEND") == 0)
        on_suspend(client);
    if (strcmp(verb, "EDIT") == 0)
        on_edit(client, message);
    return -1;
}

/* --- waiting ------------------------------------------------------------------------------ */

static void on_signals(struct terminal_client *client)
{
    if (got_end && !client->leaving) {
        client->leaving = true;
        client->signo = got_end;
        client->deadline_ms = now_ms() + BYE_MS;
        say(client, "DETACH");
    }
    if (client->signo == SIGHUP && is_terminal_gone(client))
        client->deadline_ms = 0; /* there is nothing to restore, and nobody to tell */
    if (got_tstp)
        say(client, "SUSPEND");
    if (got_cont && client->attached)
        ask_again(client); /* somebody stopped us and used the terminal */
    if (got_winch && client->attached)
        say(client, "RESIZE");
    got_winch = got_tstp = got_cont = 0;
}

static int lost(struct terminal_client *client, const char *what)
{
    char text[200];

    restore_terminal(client);
    snprintf(text, sizeof(text), "%s; why is in server.log of IRONCURTAIN_HOME%s", what,
            client->attached ? ", the terminal is restored" : "");
    cmd_say(text);
    return client->signo ? 128 + client->signo : EXIT_FAILED;
}

/* Returns the exit code; -1: the server ended before it heard us. */
static int converse(struct terminal_client *client, const sigset_t *mask)
{
    struct buf message = BUF_INIT;
    struct pollfd poll_fd = {.fd = client->socket, .events = POLLIN};
    int code = -1;

    proc_forget_program(); /* the server does the work */
    while (code < 0) {
        struct timespec wait = {0};
        uint64_t now = now_ms();

        if (client->leaving && now >= client->deadline_ms) {
            code = client->deadline_ms ? lost(client, "the server does not answer")
                                       : 128 + client->signo;
            break;
        }
        if (client->leaving) {
            wait.tv_sec = (time_t)((client->deadline_ms - now) / 1000);
            wait.tv_nsec = (long)((client->deadline_ms - now) % 1000) * 1000000;
        }
        poll_fd.revents = 0;
        int n = ppoll(&poll_fd, 1, client->leaving ? &wait : NULL, mask);
        on_signals(client);
        if (n <= 0)
            continue;
        if (wire_receive(client->socket, &message) > 0)
            code = on_message(client, buf_str(&message));
        else if (client->heard || client->started_server || client->leaving)
            code = lost(client, "the server is gone");
        else
            break;
    }
    buf_wipe(&message);
    return code;
}

static int talk(struct terminal_client *client, bool *ret_none)
{
    const struct client_request *request = client->request;
    struct server_options options = {.config = request->config, .policy = request->policy};
    struct err err;
    int code = -1;

    for (int i = 0; code < 0 && i < TRIES; i++) {
        int rc = client->socket =
                server_connect(request->start ? &options : NULL, &client->started_server, &err);
        if (rc == ERR_NOENT && ret_none) {
            *ret_none = true;
            return EXIT_NOT_FOUND;
        }
        if (rc < 0)
            return cmd_fail(&err);
        if (client->started_server)
            wipe_environment(); /* the server has what it needs */
        sigset_t mask = catch_signals();
        rc = wire_send(client->socket, buf_str(&client->hello), client->tty, &err);
        if (rc < 0 && rc != ERR_EOF)
            code = cmd_fail(&err);
        else
            code = converse(client, &mask);
        close(client->socket);
    }
    if (code < 0)
        code = lost(client, "the server ends whenever it is talked to");
    return code;
}

int client_run(const struct client_request *request, bool *ret_none)
{
    struct terminal_client client = {.request = request, .tty = -1};
    struct err err;
    int code;

    if (!request->detach && open_terminal(&client, &err) < 0)
        return cmd_fail(&err);
    make_messages(&client);
    code = talk(&client, ret_none);
    buf_wipe(&client.hello);
    buf_release(&client.attach);
    /* The window is closed and the system signals whoever is left in it, which is the one
     * thing that a leak check at exit does not survive. */
    if (client.signo == SIGHUP)
        _exit(code);
    return code;
}
