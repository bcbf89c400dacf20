/*
 * server.c - see server.h.
 *
 * Who has the screen: one `holder` at a time. A claimer waits until the holder's terminal is
 * as it was, because both may be the same terminal; a stalled one delays that by a second.
 *
 *     client says NEW or ATTACH -> server_claim() -> [hide the holder's] -> show -> ATTACHED
 *     key, DETACH, hangup, end  -> hide -> terminal is free -> BYE or SUSPEND
 */
#include "cli/server_priv.h"

#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cmd.h"

/* --- the screen --------------------------------------------------------------------------- */

static void show_claimer(struct server *server)
{
    struct client *client = server->claimer;
    struct buf message = BUF_INIT;
    struct stage_terminal terminal;
    struct err err;

    server->claimer = NULL;
    if (!client)
        return;
    client_terminal(client, &terminal);
    if (stage_show(&server->stage, &terminal, &err) < 0) {
        client_bye_err(client, &err);
        return;
    }
    server->holder = client;
    wire_begin(&message, "ATTACHED");
    packets_send(client->packets, buf_str(&message));
    buf_release(&message);
}

/* The terminal is as it was. */
static void on_hidden(void *ctx)
{
    struct server *server = ctx;
    struct client *client = server->holder;

    server->hiding = false;
    server->holder = NULL;
    client_part(client);
    show_claimer(server);
    server_check_soon(server);
}

void server_hide(struct server *server)
{
    if (server->hiding || !server->holder)
        return;
    server->hiding = true;
    stage_hide(&server->stage, on_hidden, server);
}

void server_claim(struct server *server, struct client *client)
{
    static const char taken[] = "another terminal attached";

    if (server->claimer && server->claimer != client)
        client_bye(server->claimer, EXIT_DONE, taken);
    server->claimer = client;
    if (!server->holder)
        show_claimer(server);
    else if (server->holder != client)
        client_bye(server->holder, EXIT_DONE, taken);
    else
        server_hide(server); /* its terminal was out of its hands for a while */
}

/* The shown session ends, or has ended, and its screen with it. */
static void end_session(struct server *server)
{
    const struct tab *tab = sessions_current(server->stage.sessions);
    struct session *session = tab ? tab->session : NULL;
    bool lives = tab && !tab_has_ended(tab);
    char text[600] = "";
    int code = EXIT_DONE;

    buf_release(&server->holder->spec); /* not even begun */
    if (lives) {
        snprintf(text, sizeof(text), "session '%s' was ended", session_rec(session)->label);
    } else if (tab) {
        (void)str_copy(text, sizeof(text), str_of(session_status(session)));
        code = session_rec(session)->exit_status;
    }
    client_bye(server->holder, code < 0 ? EXIT_FAILED : code, text);
    if (lives) /* otherwise it is forgotten by now */
        stage_stop(&server->stage, session);
}

static void on_leave(void *ctx, enum ui_leave why)
{
    struct server *server = ctx;
    const struct tab *tab = sessions_current(server->stage.sessions);

    if (why == UI_QUIT || (why == UI_DETACH && tab && tab_has_ended(tab))) {
        end_session(server);
    } else if (why == UI_SUSPEND || why == UI_EDIT) {
        server->holder->parting = why == UI_EDIT ? PART_EDIT : PART_SUSPEND;
        server_hide(server);
    } else {
        client_bye(server->holder, EXIT_DONE, DETACHED);
    }
}

/* --- sessions ----------------------------------------------------------------------------- */

/* The message is the client's, its strings are good for as long as it is kept. */
static const char **read_spec(struct str message, struct session_spec *spec)
{
    size_t pos = 0, count = 0;
    const char *arg;
    const char **argv = xcalloc(message.n + 1, sizeof(*argv));

    while ((arg = wire_next(message, "arg", &pos)))
        argv[count++] = arg;
    *spec = (struct session_spec){
            .agent = wire_get(message, "agent"),
            .name = wire_get(message, "name"),
            .workspace = wire_get(message, "workspace"),
            .runtime = wire_get(message, "runtime"),
            .argv = count ? argv : NULL,
    };
    return argv;
}

/* Variables of the agent's providers that may hold the key which is missing. */
static void put_missing_keys(struct server *server, const char *agent_name, struct buf *message)
{
    const struct app *app = &server->stage.app;
    const struct agent *agent = agent_find(&app->agents, agent_name);

    for (char **names = agent ? agent->providers : NULL; names && *names; names++) {
        struct str rest = str_of(*names), name;
        char one[32];

        for (bool more = true; more;) {
            more = str_cut(&rest, '|', &name);
            (void)str_copy(one, sizeof(one), name);
            const struct provider *p = provider_find(&app->providers, one);
            p = p ? provider_key_owner(&app->providers, p) : NULL;
            if (!p || credential_kind(credential_of(app->credentials, p)) != CREDENTIAL_NONE)
                continue;
            for (size_t i = 0; i < p->key_from_count; i++)
                if (!p->key_from[i].is_file)
                    wire_put(message, "key", p->key_from[i].name);
        }
    }
}

/* The client may have the key; otherwise it shows the text and ends. */
static void ask_for_key(struct client *client, const char *agent, const struct err *err)
{
    struct buf message = BUF_INIT;

    wire_begin(&message, "NEED");
    wire_put_number(&message, "code", EXIT_CREDENTIAL);
    wire_put(&message, "text", err->msg);
    put_missing_keys(client->server, agent, &message);
    packets_send(client->packets, buf_str(&message));
    buf_release(&message);
}

static void tell_started(struct client *client, const struct tab *tab)
{
    const struct session_record *rec = session_rec(tab->session);
    char text[200];

    snprintf(text, sizeof(text), "session '%s' started; 'ironcurtain attach %u' shows it",
            rec->label, tab->number);
    (void)str_copy(client->out, sizeof(client->out), str_of(rec->id));
    client_bye(client, EXIT_DONE, text);
}

/* Whoever waits for it sees it, nobody else. */
static void started(struct server *server, struct client *client, const struct tab *tab)
{
    struct stage *stage = &server->stage;

    if (wire_is_set(buf_str(&client->spec), "detach"))
        tell_started(client, tab);
    else if (client == server->holder && stage->ui)
        ui_show(stage->ui, tab->session);
    else if (client->packets)
        sessions_select(stage->sessions, tab->session);
}

bool server_start(struct server *server, struct client *client)
{
    struct session_spec spec;
    const char **argv = read_spec(buf_str(&client->spec), &spec);
    const struct tab *tab = NULL;
    struct err err;
    bool asks = false;
    int rc = stage_check(&server->stage, &spec, &err);

    if (rc == 0 && server->failed.code) {
        err = server->failed;
        rc = err.code;
    } else if (rc == 0 && server->ready) {
        tab = stage_start(&server->stage, &spec, &err);
        rc = tab ? 0 : err.code;
    }
    if (tab)
        started(server, client, tab);
    asks = rc == ERR_CREDENTIAL && client->packets && client != server->holder;
    if (asks)
        ask_for_key(client, spec.agent, &err);
    else if (rc < 0)
        client_bye_err(client, &err);
    if (rc < 0 || tab)
        buf_release(&client->spec);
    free(argv);
    return rc == 0;
}

static void on_ready(void *ctx, const struct err *failed)
{
    struct server *server = ctx;

    server->ready = !failed;
    if (failed) {
        log_error("server", "%s", failed->msg);
        server->failed = *failed;
    }
    for (struct client *client = server->clients; client; client = client->next) {
        if (buf_len(&client->spec) == 0)
            continue;
        if (failed) {
            buf_release(&client->spec);
            client_bye_err(client, failed);
        } else {
            (void)server_start(server, client);
        }
    }
    server_check_soon(server);
}

static void on_ended(void *ctx, const struct tab *tab, const char *message)
{
    (void)tab;
    (void)message;
    server_check_soon(ctx);
}

static void on_change(void *ctx)
{
    queue_changed(ctx);
}

static const struct stage_ops stage_ops = {
        .on_ready = on_ready,
        .on_leave = on_leave,
        .on_ended = on_ended,
        .on_change = on_change,
        .can_edit = true,
};

/* --- the end ------------------------------------------------------------------------------ */

static bool has_work(const struct server *server)
{
    if (server->holder || server->claimer)
        return true;
    if (server->ending)
        return false;
    for (const struct client *client = server->clients; client; client = client->next)
        if (buf_len(&client->spec) > 0)
            return true;
    return sessions_count(server->stage.sessions) > 0;
}

static void sweep(struct server *server)
{
    struct client *next;

    for (struct client *client = server->clients; client; client = next) {
        next = client->next;
        if (!client->packets && client != server->holder && buf_len(&client->spec) == 0)
            client_free(client);
    }
}

/* At the end of a turn in which something ended or began. */
static void check(void *ctx)
{
    struct server *server = ctx;

    if (!server->prepared) {
        server->prepared = true;
        stage_prepare(&server->stage, true);
    }
    sweep(server);
    if (has_work(server))
        return;
    for (struct client *client = server->clients; client; client = client->next)
        if (client->greeted && client->packets)
            client_bye(client, EXIT_DONE, "no session is left");
    loop_stop(server->stage.app.loop);
}

void server_check_soon(struct server *server)
{
    loop_defer(server->stage.app.loop, &server->check);
}

static void on_end_signal(void *ctx, int signo)
{
    struct server *server = ctx;

    log_info("server", "signal %d: all sessions end", signo);
    server->ending = true;
    packet_listener_free(server->listener);
    server->listener = NULL;
    for (struct client *client = server->clients; client; client = client->next)
        if (client->greeted && client->packets)
            client_bye(
                    client, EXIT_FAILED, "the server was told to end, and so are its sessions");
    server_check_soon(server);
}

static void on_hangup_signal(void *ctx, int signo)
{
    (void)ctx;
    (void)signo; /* we have no terminal, so this means nothing */
}

/* --- the process -------------------------------------------------------------------------- */

/* Whoever has said nothing yet makes room for the next one, the oldest first. */
static void make_room(struct server *server)
{
    struct client *silent = NULL;

    for (struct client *client = server->clients; client; client = client->next)
        if (!client->greeted && client->packets)
            silent = client;
    if (silent)
        client_free(silent);
}

static void on_accept(void *ctx, int fd)
{
    struct server *server = ctx;

    if (server->client_count >= LIMIT_CLIENTS)
        make_room(server);
    if (server->client_count < LIMIT_CLIENTS)
        (void)client_new(server, fd);
    else
        close(fd);
}

/* What a failed check or a sanitizer prints must be found somewhere. */
static void errors_to_log(void)
{
    char *path = path_join(path_home(), "server.log");
    int fd = file_open_append(path, NULL);

    free(path);
    if (fd < 0)
        return;
    dup2(fd, STDERR_FILENO);
    close(fd);
}

static int open_all(struct server *server, struct err *err)
{
    const struct app_options options = {
            .config = server->options.config, .policy = server->options.policy, .ask = true};
    struct app *app = &server->stage.app;

    if (app_open(app, &options, err) < 0)
        return err->code;
    stage_init(&server->stage, &stage_ops, server);
    /* A relative path of the configuration was one of the client's folder. */
    if (chdir("/") < 0)
        return err_set(err, ERR_IO, "cannot go to the root folder");
    char *path = path_join(path_home(), "server.sock");
    server->listener = packet_listen(app->loop, path, on_accept, server, err);
    free(path);
    return server->listener ? 0 : err->code;
}

static void close_all(struct server *server)
{
    packet_listener_free(server->listener);
    sigwatch_free(server->term);
    sigwatch_free(server->interrupt);
    sigwatch_free(server->hangup);
    stage_free(&server->stage);
    while (server->clients)
        client_free(server->clients);
    loop_undefer(&server->check); /* what has ended asks for it */
    if (server->stage.app.loop)
        app_close(&server->stage.app);
}

/* The first client hears why, in a message of its own making: there is no loop. */
static int fail(int first, const struct err *err)
{
    struct buf message = BUF_INIT;
    int code = cmd_exit_code(err);

    wire_begin(&message, "BYE");
    wire_put_number(&message, "code", code);
    wire_put(&message, "text", err->msg);
    (void)wire_send(first, buf_str(&message), -1, NULL);
    buf_release(&message);
    close(first);
    return code;
}

int server_run(const struct server_options *options, int first, int lock)
{
    struct server *server = xcalloc(1, sizeof(*server));
    struct err err;

    server->options = *options;
    server->check = (struct loop_hook){.fn = check, .ctx = server};
    errors_to_log();
    if (open_all(server, &err) < 0) {
        close_all(server);
        free(server);
        close(lock);
        return fail(first, &err);
    }
    close(lock);
    struct loop *loop = server->stage.app.loop;
    server->term = sigwatch_new(loop, SIGTERM, on_end_signal, server);
    server->interrupt = sigwatch_new(loop, SIGINT, on_end_signal, server);
    server->hangup = sigwatch_new(loop, SIGHUP, on_hangup_signal, server);
    log_info("server", "version %s runs", IC_VERSION);
    (void)client_new(server, first);
    loop_run(loop);
    log_info("server", "ends");
    close_all(server);
    free(server);
    return EXIT_DONE;
}
