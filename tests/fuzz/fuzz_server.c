/*
 * fuzz_server.c - any messages from any clients, in any order with what else happens: at most
 * one terminal has the screen, sessions start only when they can, each answer can be read, and
 * in the end the server ends by itself with nothing left open.
 *
 * The server is the real one with real sockets and a real terminal's descriptor; the stage
 * below it (boxes, screen) is of memory. The input is a script:
 *
 *     0..4 D TEXT ;   this client sends TEXT with the descriptor D; in TEXT a new line is NUL,
 *                     @ our version, \X is X
 *     o x0..x4        a client connects to the first free place; one is closed
 *     h r f           the terminal is free again; the CA is there; it is not
 *     e0..e9 l0..l3   a session ends; the person leaves the screen
 *     s c m           the next screen, start, or check of a key fails
 *     t               SIGTERM
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/outside.h"
#include "cli/server.h"
#include "cli/stage.h"
#include "cli/wire.h"
#include "support/fake_session.h"

#define PEERS 5
/* Turns that the server may take to end when nothing holds it. */
#define TURNS 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
    int fd; /* -1: none */
    bool on_screen, over;
};

static struct {
    struct str script;
    struct peer peers[PEERS];
    struct stage *stage;
    void (*hidden)(void *ctx); /* the terminal is not free yet */
    void *hidden_ctx;
    bool prepared, ready, told; /* the CA is asked for, is there, its news were told */
    bool fail_show, fail_start, fail_check;
    bool termed; /* SIGTERM was sent */
    unsigned turns;
} world;

static struct provider_table providers;
static struct agent_table agents;
static char home[64];
static int pty_fd, tty_fd, pipe_fd, read_only_fd;
static char some_ui; /* the address stands for a screen */

/* --- the stage -------------------------------------------------------------------------- */

static void step(void *ctx);

int app_open(struct app *app, const struct app_options *options, struct err *err)
{
    CHECK(options->ask);
    *app = (struct app){.providers = providers, .agents = agents};
    if (world.fail_check)
        return err_set(err, ERR_CONFIG, "the configuration is wrong");
    app->loop = loop_new(err);
    loop_post(app->loop, step, NULL);
    return 0;
}

void app_close(struct app *app)
{
    loop_free(app->loop);
}

int cmd_exit_code(const struct err *err)
{
    return err->code == ERR_CREDENTIAL ? EXIT_CREDENTIAL : EXIT_FAILED;
}

bool credentials_take_key(struct credentials *all, const char *variable, struct str value)
{
    CHECK(!all && strlen(variable) < 128 && value.p[value.n] == '\0');
    return false;
}

struct credential *credential_of(
        const struct credentials *credentials, const struct provider *provider)
{
    CHECK(!credentials && provider);
    return NULL;
}

enum credential_kind credential_kind(const struct credential *c)
{
    CHECK(!c);
    return CREDENTIAL_NONE;
}

const char *session_status(const struct session *session)
{
    return session->rec.label;
}

static void on_any(void *ctx)
{
    CHECK(ctx == world.stage);
}

static void on_text(void *ctx, const struct tab *tab, const char *text)
{
    CHECK(ctx == world.stage && tab && text);
}

static void on_tab(void *ctx, const struct tab *tab)
{
    CHECK(ctx == world.stage && tab);
}

static void on_ended(void *ctx, const struct tab *tab, const char *message)
{
    CHECK(ctx == world.stage);
    world.stage->ops.on_ended(world.stage->ctx, tab, message);
}

void stage_init(struct stage *stage, const struct stage_ops *ops, void *ctx)
{
    static const struct sessions_ops sessions_ops = {
            on_any, on_any, on_any, on_any, on_text, on_tab, on_text, on_tab, on_ended};

    world.stage = stage;
    stage->ops = *ops;
    stage->ctx = ctx;
    stage->sessions = sessions_new(&sessions_ops, stage);
}

void stage_prepare(struct stage *stage, bool needs_ca)
{
    (void)needs_ca;
    CHECK(stage == world.stage && !world.prepared);
    world.prepared = true;
}

void stage_free(struct stage *stage)
{
    sessions_free(stage->sessions);
    stage->sessions = NULL;
    world.stage = NULL;
}

int stage_show(struct stage *stage, const struct stage_terminal *terminal, struct err *err)
{
    const struct tab *tab = sessions_current(stage->sessions);

    CHECK(!stage->ui && !world.hidden && isatty(terminal->fd));
    CHECK((fcntl(terminal->fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    CHECK(strlen(terminal->config.term) < 64 && terminal->config.notice <= NOTICE_777);
    if (world.fail_show) {
        world.fail_show = false;
        return err_set(err, ERR_USAGE, "this terminal cannot move its cursor");
    }
    stage->ui = (struct ui *)(void *)&some_ui;
    sessions_show(stage->sessions, tab ? tab->session : NULL);
    return 0;
}

void stage_hide(struct stage *stage, void (*done)(void *ctx), void *ctx)
{
    const struct tab *tab;

    CHECK(!world.hidden);
    if (!stage->ui) {
        done(ctx);
        return;
    }
    stage->ui = NULL;
    sessions_show(stage->sessions, NULL);
    for (unsigned i = 0; (tab = sessions_at(stage->sessions, i));)
        if (tab_has_ended(tab) && tab->end_seen)
            sessions_remove(stage->sessions, tab->session);
        else
            i++;
    world.hidden = done;
    world.hidden_ctx = ctx;
}

void ui_show(struct ui *ui, struct session *session)
{
    CHECK(ui == world.stage->ui && session);
    sessions_show(world.stage->sessions, session);
}

void ui_check_size(struct ui *ui)
{
    CHECK(ui && ui == world.stage->ui);
}

static void check_spec(const struct session_spec *spec)
{
    const char *texts[] = {spec->agent, spec->name, spec->workspace, spec->runtime};

    CHECK(!spec->unboxed && !spec->env);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CHECK(!texts[i] || strlen(texts[i]) < LIMIT_PACKET);
    for (const char *const *arg = spec->argv; arg && *arg; arg++)
        CHECK(strlen(*arg) < LIMIT_PACKET);
}

int stage_check(struct stage *stage, struct session_spec *spec, struct err *err)
{
    CHECK(stage == world.stage);
    check_spec(spec);
    if (!spec->agent)
        spec->agent = agents.items[0].name;
    if (!world.fail_check)
        return 0;
    world.fail_check = false;
    return err_set(err, ERR_CREDENTIAL, "needs a key");
}

const struct tab *stage_start(struct stage *stage, struct session_spec *spec, struct err *err)
{
    CHECK(world.ready);
    check_spec(spec);
    if (world.fail_start) {
        world.fail_start = false;
        err_set(err, ERR_IO, "cannot be started");
        return NULL;
    }
    return sessions_start(stage->sessions, NULL, spec, err);
}

const char *outside_path(const struct stage *stage)
{
    (void)stage;
    return NULL;
}

void stage_stop(struct stage *stage, struct session *session)
{
    CHECK(!stage->ui);
    sessions_remove(stage->sessions, session);
}

/* --- clients ---------------------------------------------------------------------------- */

static void connect_peer(struct peer *peer)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/server.sock", home);
    peer->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    peer->on_screen = peer->over = false;
    if (connect(peer->fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
        return;
    close(peer->fd);
    peer->fd = -1;
}

static void close_peer(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    *peer = (struct peer){.fd = -1};
}

/* What can be read is text, and of the words that there are. */
static void hear(struct peer *peer, struct str message)
{
    CHECK(!peer->over && message.n <= LIMIT_PACKET_ANSWER && wire_ok(message));
    for (size_t i = 0; i < message.n; i++)
        CHECK(message.p[i] == '\0' || (message.p[i] & 0xff) >= 0x20);
    const char *verb = wire_verb(message);
    if (strcmp(verb, "ATTACHED") == 0) {
        peer->on_screen = true;
    } else if (strcmp(verb, "BYE") == 0) {
        CHECK(wire_number(message, "code", -1) >= 0 && wire_get(message, "text"));
        peer->over = true;
        peer->on_screen = false;
    } else if (strcmp(verb, "SUSPEND") == 0) {
        peer->on_screen = false;
    } else {
        CHECK(strcmp(verb, "NEED") == 0 || strcmp(verb, "TABS") == 0);
    }
}

static void hear_all(void)
{
    static char bytes[LIMIT_PACKET_ANSWER + 1];
    unsigned on_screen = 0;

    for (struct peer *peer = world.peers; peer < world.peers + PEERS; peer++) {
        ssize_t n = -1;

        /* A reset, because not all of ours was read, comes before what was said last. */
        while (peer->fd >= 0 && ((n = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0 ||
                                        (n < 0 && errno == ECONNRESET)))
            if (n > 0)
                hear(peer, (struct str){bytes, (size_t)n});
        if (n == 0)
            close_peer(peer);
        on_screen += peer->on_screen;
    }
    CHECK(on_screen <= 1);
}

/* The readers find nothing that is not in the message. */
static void read_message(struct str message)
{
    static const char *const names[] = {"version", "key", "arg", "", "a", "="};

    if (!wire_ok(message))
        return;
    CHECK(strlen(wire_verb(message)) < message.n);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value;
        size_t pos = 0, count = 0;

        while ((value = wire_next(message, names[i], &pos))) {
            CHECK(value > message.p && value + strlen(value) < message.p + message.n);
            CHECK(count++ > 0 || value == wire_get(message, names[i]));
        }
        CHECK(pos == message.n);
        CHECK(wire_number(message, names[i], -7) >= -7);
    }
}

static void send_message(struct peer *peer, char what, struct str text)
{
    union {
        char bytes[CMSG_SPACE(6 * sizeof(int))];
        struct cmsghdr head;
    } control = {{0}};
    int fds[6] = {tty_fd, pipe_fd, tty_fd, pty_fd, pipe_fd, tty_fd};
    unsigned count = what == 't' || what == 'p' || what == 'r' || what == 'm' ? 1
                     : what >= '2' && what <= '6' ? (unsigned)(what - '0')
                                                  : 0;
    struct iovec iov = {(void *)text.p, text.n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    fds[0] = what == 'p' ? pipe_fd : what == 'r' ? read_only_fd : what == 'm' ? pty_fd : tty_fd;
    if (count > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
    }
    read_message(text);
    (void)sendmsg(peer->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* --- the script ------------------------------------------------------------------------- */

/* The next byte; 0 behind the end. */
static char take(void)
{
    if (world.script.n == 0)
        return '\0';
    world.script.n--;
    return *world.script.p++;
}

static void do_send(unsigned index)
{
    struct buf text = BUF_INIT;
    char what = take(), c;

    while (world.script.n > 0 && (c = take()) != ';') {
        if (c == '@')
            buf_puts(&text, IC_VERSION);
        else if (c == '\n')
            buf_putc(&text, '\0');
        else
            buf_putc(&text, c == '\\' ? take() : c);
    }
    while (what == 'L' && buf_len(&text) <= LIMIT_PACKET)
        buf_putc(&text, 'x');
    /* Of the exact size, so that a read behind the end is seen. */
    char *copy = xmalloc(buf_len(&text) + (buf_len(&text) == 0));
    if (buf_len(&text) > 0)
        memcpy(copy, buf_data(&text), buf_len(&text));
    if (world.peers[index].fd >= 0)
        send_message(&world.peers[index], what, (struct str){copy, buf_len(&text)});
    free(copy);
    buf_release(&text);
}

static void do_ready(bool fine)
{
    struct err err;

    if (!world.prepared || world.told)
        return;
    world.told = true;
    world.ready = fine;
    err_set(&err, ERR_IO, "no CA");
    world.stage->ops.on_ready(world.stage->ctx, fine ? NULL : &err);
}

static void do_hidden(void)
{
    void (*done)(void *ctx) = world.hidden;

    world.hidden = NULL;
    if (done)
        done(world.hidden_ctx);
}

static void do_end(unsigned index)
{
    const struct tab *tab = sessions_at(world.stage->sessions, index);

    if (tab)
        fake_session_end(tab->session, index % 2 ? SESSION_CRASHED : SESSION_STOPPED);
}

static void do_open(void)
{
    for (struct peer *peer = world.peers; peer < world.peers + PEERS; peer++)
        if (peer->fd < 0) {
            connect_peer(peer);
            return;
        }
}

static void act(char c)
{
    if (c >= '0' && c < '0' + PEERS)
        do_send((unsigned)(c - '0'));
    else if (c == 'o')
        do_open();
    else if (c == 'x')
        close_peer(&world.peers[(unsigned char)take() % PEERS]);
    else if (c == 'h')
        do_hidden();
    else if (c == 'r' || c == 'f')
        do_ready(c == 'r');
    else if (c == 'e')
        do_end((unsigned char)take() % 10);
    else if (c == 'l' && world.stage->ui)
        world.stage->ops.on_leave(world.stage->ctx, (enum ui_leave)(take() & 3));
    else if (c == 's')
        world.fail_show = true;
    else if (c == 'c')
        world.fail_start = true;
    else if (c == 'm')
        world.fail_check = true;
    else if (c == 't' && !world.termed) {
        world.termed = true;
        CHECK(raise(SIGTERM) == 0);
    }
}

/* Nothing holds it any more, but it looks only when something happens. */
static void let_end(void)
{
    struct sessions *sessions = world.stage->sessions;
    struct peer last;

    CHECK(++world.turns < TURNS);
    for (struct peer *peer = world.peers; peer < world.peers + PEERS; peer++)
        close_peer(peer);
    do_hidden();
    do_ready(true);
    while (!world.stage->ui && sessions_count(sessions) > 0)
        sessions_remove(sessions, sessions_at(sessions, 0)->session);
    connect_peer(&last);
    close_peer(&last);
}

static void step(void *ctx)
{
    if (!world.stage)
        return; /* what was posted last */
    hear_all();
    if (world.script.n > 0)
        act(take());
    else
        let_end();
    loop_post(world.stage->app.loop, step, ctx);
}

/* --- one run ---------------------------------------------------------------------------- */

static unsigned open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* The server goes to the root folder; a fuzzer writes below its own. */
int chdir(const char *path)
{
    CHECK(strcmp(path, "/") == 0);
    return 0;
}

static void remove_home(void)
{
    (void)file_remove_tree(home, NULL);
}

/* A folder where the log would be keeps our standard error ours. */
static void prepare(void)
{
    int fds[2];
    struct err err;

    snprintf(home, sizeof(home), "/tmp/ic-fuzz-server-XXXXXX");
    CHECK(mkdtemp(home) && setenv("IRONCURTAIN_HOME", home, 1) == 0);
    atexit(remove_home);
    char *log = path_join(home, "server.log");
    CHECK(mkdir(log, 0700) == 0);
    free(log);
    CHECK(openpty(&pty_fd, &tty_fd, NULL, NULL, NULL) == 0 && pipe(fds) == 0);
    pipe_fd = fds[1];
    read_only_fd = open(ttyname(tty_fd), O_RDONLY | O_NOCTTY);
    CHECK(read_only_fd >= 0);
    CHECK(log_open("/dev/null", &err) == 0);
    CHECK(provider_table_load(&providers, STR(""), "none", &err) == 0);
    loop_free(loop_new(NULL)); /* what libuv opens for good */
    CHECK(agent_table_load(&agents, STR(""), "none", &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct server_options options = {.config = "/etc/given.yaml"};
    int pair[2];

    if (!home[0])
        prepare();
    unsigned before = open_descriptors();
    memset(&world, 0, sizeof(world));
    world.script = (struct str){(const char *)data, size};
    for (unsigned i = 0; i < PEERS; i++)
        world.peers[i].fd = -1;
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    world.peers[0].fd = pair[0];
    world.fail_check = size > 0 && data[0] == 'm';
    (void)server_run(&options, pair[1], open("/dev/null", O_RDONLY | O_CLOEXEC));
    hear_all();
    for (unsigned i = 0; i < PEERS; i++)
        close_peer(&world.peers[i]);
    CHECK(fake_sessions == 0 && open_descriptors() == before);
    return 0;
}
