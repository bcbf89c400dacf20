/*
 * server_client.c - one client as the server sees it: what it says, what it is told.
 *
 * Everything it says was written by a program of the same user, perhaps of another version,
 * and is checked as if it came from outside. A client lives until its connection is closed,
 * its terminal given back and the session that it asked for started.
 */
#include "cli/server_priv.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/outside.h"

/* --- the end of it ------------------------------------------------------------------------ */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void say_bye(struct client *client)
{
    struct buf message = BUF_INIT;

    wire_begin(&message, "BYE");
    wire_put_number(&message, "code", client->code);
    wire_put(&message, "text", client->text);
    wire_put(&message, "out", client->out[0] ? client->out : NULL);
    packets_send(client->packets, buf_str(&message));
    buf_release(&message);
    packets_free(client->packets);
    client->packets = NULL;
}

void client_part(struct client *client)
{
    struct buf message = BUF_INIT;

    close_fd(&client->terminal.fd);
    if (client->parting == PART_SUSPEND && client->packets) {
        wire_begin(&message, "SUSPEND");
        packets_send(client->packets, buf_str(&message));
        buf_release(&message);
    } else if (client->parting == PART_EDIT && client->packets) {
        wire_begin(&message, "EDIT");
        wire_put(&message, "path", outside_path(&client->server->stage));
        packets_send(client->packets, buf_str(&message));
        buf_release(&message);
    } else if (client->parting == PART_BYE && client->packets) {
        say_bye(client);
    }
    client->parting = PART_NOT;
    server_check_soon(client->server);
}

void client_bye(struct client *client, int code, const char *text)
{
    struct server *server = client->server;

    if (client->parting == PART_BYE)
        return; /* the first reason counts */
    client->parting = PART_BYE;
    client->code = code;
    str_vis(client->text, sizeof(client->text), str_of(text));
    if (client == server->claimer)
        server->claimer = NULL;
    if (client == server->holder)
        server_hide(server);
    else
        client_part(client);
}

void client_bye_err(struct client *client, const struct err *err)
{
    client_bye(client, cmd_exit_code(err), err->msg);
}

void client_free(struct client *client)
{
    struct server *server = client->server;

    *client->prev = client->next;
    if (client->next)
        client->next->prev = client->prev;
    server->client_count--;
    if (client == server->claimer)
        server->claimer = NULL;
    packets_free(client->packets);
    close_fd(&client->wanted.fd);
    close_fd(&client->terminal.fd);
    buf_release(&client->spec);
    free(client);
}

/* --- what it says ------------------------------------------------------------------------- */

static bool is_other_version(struct client *client, struct str message)
{
    const char *version = wire_get(message, "version");
    char text[300];

    if (version && strcmp(version, IC_VERSION) == 0)
        return false;
    snprintf(text, sizeof(text),
            "the server that runs (pid %d) is of version %s, this is version %s; end it with "
            "'ironcurtain kill-server', which ends its sessions",
            (int)getpid(), IC_VERSION, version ? version : "unknown");
    client_bye(client, EXIT_FAILED, text);
    return true;
}

/* What was given when the server started holds; another wish must not be dropped silently. */
static bool is_other_file(
        struct client *client, const char *option, const char *given, const char *ours)
{
    char text[600];

    if (!given || (ours && strcmp(given, ours) == 0))
        return false;
    snprintf(text, sizeof(text),
            "the server that runs (pid %d) was started with %s%.200s; %s counts only when it "
            "starts, so end it with 'ironcurtain kill-server' first, or use --foreground",
            (int)getpid(), ours ? "" : "no ", ours ? ours : option, option);
    client_bye(client, EXIT_USAGE, text);
    return true;
}

static enum frame_notice want_notice(const char *number)
{
    uint64_t n = 0;

    return number && str_u64(str_of(number), NOTICE_777, &n) ? (enum frame_notice)n
                                                             : NOTICE_BELL;
}

/* The descriptor is taken over. The terminal in use stays as it is until it is given back. */
static bool want_terminal(struct client *client, struct str message, int fd)
{
    struct client_terminal *wanted = &client->wanted;
    const char *term = wire_get(message, "term");

    close_fd(&wanted->fd);
    if (fd < 0 || !isatty(fd) || (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR) {
        close_fd(&fd);
        client_bye(client, EXIT_USAGE, "what the client passed on is not a terminal");
        return false;
    }
    wanted->fd = fd;
    if (!term || !str_copy(wanted->term, sizeof(wanted->term), str_of(term)))
        wanted->term[0] = '\0';
    wanted->truecolor = wire_is_set(message, "truecolor");
    wanted->styled = wire_is_set(message, "styled");
    wanted->utf8 = wire_is_set(message, "utf8");
    wanted->mono = wire_is_set(message, "mono");
    wanted->notice = want_notice(wire_get(message, "notice"));
    return true;
}

void client_terminal(struct client *client, struct stage_terminal *ret)
{
    struct client_terminal *t = &client->terminal;

    close_fd(&t->fd);
    *t = client->wanted;
    client->wanted.fd = -1;
    *ret = (struct stage_terminal){
            .fd = t->fd,
            .panels = true,
            .config = {.term = t->term,
                    .truecolor = t->truecolor,
                    .styled = t->styled,
                    .utf8 = t->utf8,
                    .mono = t->mono,
                    .notice = t->notice},
    };
}

static void on_attach(struct client *client, struct str message, int fd)
{
    struct server *server = client->server;
    const struct sessions *sessions = server->stage.sessions;
    const char *name = wire_get(message, "session");
    const struct tab *tab = NULL;
    struct err err;

    if (sessions_count(sessions) == 0)
        err_set(&err, ERR_NOENT, "no session runs; 'ironcurtain new' starts one");
    else
        tab = name ? sessions_find(sessions, name, &err) : sessions_current(sessions);
    if (!tab) {
        close_fd(&fd);
        client_bye_err(client, &err);
        return;
    }
    if (!want_terminal(client, message, fd))
        return;
    if (name)
        sessions_select(server->stage.sessions, tab->session);
    server_claim(server, client);
}

static void take_keys(struct client *client, struct str message)
{
    struct credentials *credentials = client->server->stage.app.credentials;
    const char *value;
    size_t pos = 0;

    while ((value = wire_next(message, "key", &pos))) {
        struct str rest = str_of(value), name;
        char variable[128];

        if (str_cut(&rest, '=', &name) && str_copy(variable, sizeof(variable), name))
            (void)credentials_take_key(credentials, variable, rest);
    }
}

static void on_new(struct client *client, struct str message, int fd)
{
    const struct server_options *options = &client->server->options;
    bool detach = wire_is_set(message, "detach");

    if (is_other_file(client, "--config", wire_get(message, "config"), options->config) ||
            is_other_file(client, "--policy", wire_get(message, "policy"), options->policy)) {
        close_fd(&fd);
        return;
    }
    take_keys(client, message);
    if (!detach && !want_terminal(client, message, fd))
        return;
    if (detach)
        close_fd(&fd);
    buf_release(&client->spec);
    buf_mark_secret(&client->spec);
    buf_append_str(&client->spec, message);
    if (server_start(client->server, client) && !detach)
        server_claim(client->server, client);
}

static void on_list(struct client *client)
{
    const struct sessions *sessions = client->server->stage.sessions;
    struct buf message = BUF_INIT;
    const struct tab *tab;

    wire_begin(&message, "TABS");
    for (unsigned i = 0; (tab = sessions_at(sessions, i)); i++) {
        char line[64];

        snprintf(line, sizeof(line), "%u %s", tab->number, session_rec(tab->session)->id);
        wire_put(&message, "tab", line);
    }
    packets_send(client->packets, buf_str(&message));
    buf_release(&message);
}

/* Whoever has no screen has nothing to give back. */
static void on_suspend(struct client *client)
{
    struct server *server = client->server;

    if (client == server->claimer)
        server->claimer = NULL;
    client->parting = PART_SUSPEND;
    if (client == server->holder)
        server_hide(server);
    else
        client_part(client);
}

/* Of those that carry no descriptor. */
static void on_plain_message(struct client *client, const char *verb, struct str message)
{
    struct server *server = client->server;

    if (strcmp(verb, "RESIZE") == 0 && client == server->holder && server->stage.ui)
        ui_check_size(server->stage.ui);
    else if (strcmp(verb, "SUSPEND") == 0)
        on_suspend(client);
    else if (strcmp(verb, "LIST") == 0)
        on_list(client);
    else if (strcmp(verb, "DETACH") == 0)
        client_bye(client, EXIT_DONE, DETACHED);
    else if (!queue_message(client, verb, message))
        (void)rules_message(client, verb, message);
}

/* Killed, or its terminal was closed: what it had on the way is not wanted any more. */
static void on_end(void *ctx)
{
    struct client *client = ctx;
    struct server *server = client->server;

    packets_free(client->packets);
    client->packets = NULL;
    buf_release(&client->spec);
    if (client == server->claimer)
        server->claimer = NULL;
    if (client == server->holder)
        server_hide(server);
    server_check_soon(server);
}

static void on_packet(void *ctx, struct str message, int fd)
{
    struct client *client = ctx;
    struct server *server = client->server;

    if (!wire_ok(message)) {
        close_fd(&fd);
        on_end(client);
        return;
    }
    const char *verb = wire_verb(message);
    if (!client->greeted)
        client->greeted = !is_other_version(client, message);
    if (client->parting == PART_BYE || !client->packets) {
        close_fd(&fd); /* it hears BYE already */
    } else if (strcmp(verb, "ATTACH") == 0) {
        on_attach(client, message, fd);
    } else if (strcmp(verb, "NEW") == 0 && client != server->holder) {
        on_new(client, message, fd);
    } else {
        close_fd(&fd);
        on_plain_message(client, verb, message);
    }
    server_check_soon(server);
}

static const struct packet_ops packet_ops = {.on_packet = on_packet, .on_end = on_end};

struct client *client_new(struct server *server, int fd)
{
    struct client *client = xcalloc(1, sizeof(*client));

    client->server = server;
    client->serial = ++server->client_serial;
    client->wanted.fd = client->terminal.fd = -1;
    client->next = server->clients;
    client->prev = &server->clients;
    if (client->next)
        client->next->prev = &client->next;
    server->clients = client;
    server->client_count++;
    client->packets = packets_new(server->stage.app.loop, fd, &packet_ops, client);
    return client;
}
