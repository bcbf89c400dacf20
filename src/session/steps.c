/*
 * steps.c - the state machine of a session.
 *
 *   steps_begin
 *       -> PREPARING  folders and files, off the loop
 *       -> PROBING    "auto": is there an engine? else straight on
 *       -> BOXING     image, container, icguest
 *       -> CONNECTING pty.sock, first frame
 *       -> RUNNING    bytes both ways
 *       -> ENDED      reported once; vt, words and rows stay for the screen
 *
 * Every step is entered from the callback of the one before. A step that fails calls
 * session_end(), the only way into ENDED, which takes down whatever is there in reverse.
 * Work on pool threads owns its memory and finds the session through a pointer that
 * steps_take_down() clears.
 */
#include "session/session_priv.h"

#include <stdarg.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "docker/box.h"
#include "io/child.h"
#include "pty/guest.h"
#include "session/environment.h"

static void start_box(struct session *s);

static void set_status(struct session *s, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));

static void set_status(struct session *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    /* clang-tidy 14 loses the va_start here.
     * NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vsnprintf(s->status, sizeof(s->status), fmt, ap);
    va_end(ap);
    if (s->ops.on_change)
        s->ops.on_change(s->ctx);
}

void session_notice(struct session *s, const char *text)
{
    log_info("session", "id=%s %s", s->rec.id, text);
    if (s->ops.on_notice)
        s->ops.on_notice(s->ctx, text);
}

/* --- the end ----------------------------------------------------------------------------- */

static void undo_work(void *ctx)
{
    struct pending *p = ctx;

    prepare_undo(&p->prepare);
}

static void undo_done(void *ctx)
{
    struct pending *p = ctx;

    prepare_release(&p->prepare);
    free(p);
}

static void undo_begin(void *ctx)
{
    struct pending *p = ctx;

    loop_work(p->loop, undo_work, undo_done, p);
}

void steps_take_down(struct session *s)
{
    struct box *box = s->box;

    guest_free(s->guest);
    child_free(s->child);
    session_close_mcp(s);
    proxy_free(s->proxy);
    s->guest = NULL;
    s->box = NULL;
    s->child = NULL;
    s->proxy = NULL;
    if (s->pending)
        s->pending->session = NULL;
    s->pending = NULL;
    if (s->paths.run_dir) {
        struct pending *p = xcalloc(1, sizeof(*p));

        p->prepare = s->paths;
        p->loop = s->env.loop;
        s->paths = (struct prepare){0};
        box_free_then(box, undo_begin, p); /* it may still be writing there */
    } else {
        box_free(box);
    }
}

void steps_record_end(struct session *s, enum session_state state, int exit_status)
{
    s->rec.state = state;
    s->rec.exit_status = exit_status;
    s->rec.ended_ms = clock_wall_ms();
    store_put_session(s->env.store, &s->rec);
}

static void session_end(
        struct session *s, enum session_state state, int exit_status, const char *message)
{
    if (s->step == ENDED)
        return;
    s->step = ENDED;
    log_info("session", "id=%s ended state=%s status=%d %s", s->rec.id,
            session_state_name(state), exit_status, message);
    steps_record_end(s, state, exit_status);
    steps_take_down(s);
    set_status(s, "%s", message);
    s->ops.on_ended(s->ctx, exit_status, s->status); /* the owner may free us in it */
}

static void fail(struct session *s, const struct err *err)
{
    session_end(s, SESSION_CRASHED, -1, err->msg);
}

/* --- RUNNING: the guest --------------------------------------------------------------------
 */

static void on_guest_ready(void *ctx, bool was_running)
{
    struct session *s = ctx;

    (void)was_running; /* adoption of running boxes: every guest is new here */
    s->step = RUNNING;
    s->rec.state = SESSION_RUNNING;
    store_put_session(s->env.store, &s->rec);
    set_status(s, "%s", "");
}

static void on_guest_output(void *ctx, struct str bytes)
{
    struct session *s = ctx;

    if (s->ops.on_output)
        s->ops.on_output(s->ctx, bytes);
    vt_time(s->vt, loop_now_ms(s->env.loop), clock_wall_ms());
    news_output(&s->news, bytes.n);
    vt_feed(s->vt, bytes);
    if (s->ops.on_screen)
        s->ops.on_screen(s->ctx);
}

static void on_guest_exit(void *ctx, int exit_status, int term_signal)
{
    struct session *s = ctx;
    char text[128];

    if (term_signal)
        snprintf(text, sizeof(text), "session ended (signal %d)", term_signal);
    else
        snprintf(text, sizeof(text), "session ended (exit %d)", exit_status);
    session_end(s, SESSION_STOPPED, term_signal ? 128 + term_signal : exit_status, text);
}

static void on_guest_fail(void *ctx, const struct err *err)
{
    struct session *s = ctx;
    struct err why = *err;

    if (s->box_ended)
        err_set(&why, ERR_EOF, "the box ended unexpectedly (status %d)", s->box_status);
    else
        err_wrap(&why, "connection to the agent's terminal");
    fail(s, &why);
}

static const struct guest_ops guest_ops = {
        .on_ready = on_guest_ready,
        .on_replay = on_guest_output,
        .on_output = on_guest_output,
        .on_exit = on_guest_exit,
        .on_fail = on_guest_fail,
};

/* A container may outlive us, and so must its agent's terminal: it stays with the helper. */
static void connect_guest(struct session *s)
{
    bool outlives = strcmp(s->rec.runtime, "docker") == 0;
    struct err err;

    s->step = CONNECTING;
    s->guest = guest_connect(s->env.loop, s->paths.guest_socket, s->cols, s->rows,
            outlives ? GUEST_WANT_REPLAY : GUEST_WANT_PTY, &guest_ops, s, &err);
    if (!s->guest)
        fail(s, &err);
}

/* --- BOXING --------------------------------------------------------------------------------
 */

static void on_box_progress(void *ctx, const char *line)
{
    set_status(ctx, "%s", line);
}

static void on_box_started(void *ctx)
{
    struct session *s = ctx;

    str_copy(s->rec.box, sizeof(s->rec.box), str_of(box_name(s->box)));
    connect_guest(s);
}

static void on_box_failed(void *ctx, const struct err *err)
{
    fail(ctx, err);
}

static void on_box_exit(void *ctx, int status)
{
    struct session *s = ctx;

    s->box_ended = true;
    s->box_status = status;
    /* The last bytes and the exit frame may still be in the socket: the guest ends us. */
    if (!s->guest) {
        struct err err;

        err_set(&err, ERR_EOF, "the box ended before the agent started (status %d)", status);
        fail(s, &err);
    }
}

static const struct box_ops box_ops = {
        .on_progress = on_box_progress,
        .on_started = on_box_started,
        .on_failed = on_box_failed,
        .on_exit = on_box_exit,
};

static void on_child_output(void *ctx, int fd, struct str bytes)
{
    struct session *s = ctx;

    if (fd == 1 && str_starts(bytes, STR("ready")) && s->step == BOXING)
        connect_guest(s);
    else if (fd == 2)
        log_warn("session", "id=%s icguest: %.*s", s->rec.id, STR_ARG(bytes));
}

static void on_child_exit(void *ctx, int exit_status, int term_signal)
{
    on_box_exit(ctx, term_signal ? 128 + term_signal : exit_status);
}

/* Runtime "none": icguest on the host, for a pane without a box. */
static void start_unboxed(struct session *s)
{
    /* Our emulator's, not the one of the terminal around us. */
    static const char *const terminal_type[] = {ENVIRONMENT_TERM, ENVIRONMENT_COLORTERM, NULL};
    struct err err;
    char *guest = box_guest_path(&err);
    size_t count = 0;

    if (!guest) {
        fail(s, &err);
        return;
    }
    while (s->argv[count])
        count++;

    const char **argv = xcalloc(count + 6, sizeof(*argv));
    size_t n = 0;
    argv[n++] = guest;
    argv[n++] = "--pty";
    argv[n++] = s->paths.guest_socket;
    argv[n++] = "--hand-over";
    argv[n++] = "--";
    for (size_t i = 0; i < count; i++)
        argv[n++] = s->argv[i];
    struct child_spec spec = {
            .argv = argv,
            .env_over = terminal_type,
            .on_output = on_child_output,
            .on_exit = on_child_exit,
            .ctx = s,
    };
    s->child = child_spawn(s->env.loop, &spec, &err);
    free(argv);
    free(guest);
    if (!s->child)
        fail(s, &err);
}

static void start_boxed(struct session *s)
{
    struct environment env;
    struct err err;
    struct agent_fakes fakes = prepare_fakes(&s->paths);

    environment_build(&env, s->agent, s->rec.id, &fakes, s->extra_env);
    struct box_spec spec = {
            .runtime = s->rec.runtime,
            .id12 = s->paths.id12,
            .session = s->rec.id,
            .agent = s->agent,
            .workspace = s->paths.workspace,
            .sockets = s->paths.sockets,
            .orientation = s->paths.orientation,
            .home = s->paths.home,
            .argv = (const char *const *)s->argv,
            .env = (const char *const *)env.items,
            .base_image = s->env.config->base_image,
            .cols = s->cols,
            .rows = s->rows,
            .memory_mb = s->env.config->memory_mb,
            .pids = s->env.config->pids,
            .cpus = s->env.config->cpus,
    };
    s->box = box_start(s->env.loop, &spec, &box_ops, s, &err);
    environment_release(&env);
    if (!s->box)
        fail(s, &err);
}

static void start_box(struct session *s)
{
    s->step = BOXING;
    store_put_session(s->env.store, &s->rec);
    if (strcmp(s->rec.runtime, "none") == 0) {
        start_unboxed(s);
        return;
    }
    set_status(s, "starting the box (%s) ...", s->rec.runtime);
    start_boxed(s);
}

/* --- PROBING -------------------------------------------------------------------------------
 */

static void on_probe(void *ctx, const struct err *err)
{
    struct pending *p = ctx;
    struct session *s = p->session;
    char text[600];

    free(p);
    if (!s)
        return;
    s->pending = NULL;
    str_copy(s->rec.runtime, sizeof(s->rec.runtime), err ? STR("bwrap") : STR("docker"));
    if (err) {
        snprintf(text, sizeof(text), "no docker engine (%s); using bubblewrap", err->msg);
        session_notice(s, text);
    }
    start_box(s);
}

static void choose_runtime(struct session *s)
{
    if (!s->auto_runtime) {
        start_box(s);
        return;
    }
    s->step = PROBING;
    s->pending = xcalloc(1, sizeof(*s->pending));
    s->pending->session = s;
    runtime_probe(s->env.loop, "docker", on_probe, s->pending);
}

/* --- PREPARING -----------------------------------------------------------------------------
 */

static void prepare_work(void *ctx)
{
    struct pending *p = ctx;

    p->rc = prepare_make(&p->prepare, &p->err);
}

static int open_sockets(struct session *s, struct err *err)
{
    char *path = path_join(s->paths.sockets, "proxy.sock");
    int rc = proxy_listen_unix(s->proxy, path, 0666, err);

    free(path);
    if (rc == 0) {
        path = path_join(s->paths.sockets, "mcp.sock");
        rc = session_open_mcp(s, path, err);
        free(path);
    }
    return rc;
}

static void prepare_done(void *ctx)
{
    struct pending *p = ctx;
    struct session *s = p->session;
    struct err err;

    if (!s) {
        if (p->rc == 0)
            prepare_undo(&p->prepare);
        prepare_release(&p->prepare);
        free(p);
        return;
    }
    s->pending = NULL;
    if (p->rc < 0) {
        err = p->err;
        prepare_release(&p->prepare);
        free(p);
        fail(s, &err);
        return;
    }
    s->paths = p->prepare;
    free(p);
    if (s->paths.workspace)
        str_copy(s->rec.workspace, sizeof(s->rec.workspace), str_of(s->paths.workspace));
    if (s->proxy && open_sockets(s, &err) < 0) {
        fail(s, &err);
        return;
    }
    choose_runtime(s);
}

/* The fake of the agent's first provider, as what it stands for. */
static void set_fakes(struct session *s, struct prepare *prep)
{
    const char *names = s->agent->providers ? s->agent->providers[0] : NULL;
    const struct provider *p = names ? session_provider(&s->env, names, NULL) : NULL;
    const char *fake = p ? proxy_fake_key(s->proxy, p->name) : NULL;

    if (!fake)
        return;
    const struct credential *c = credential_of(s->env.credentials, p);
    if (credential_kind(c) == CREDENTIAL_LOGIN) {
        prep->fake_token = xstrdup(fake);
        prep->account = xstrdup(credential_account(c));
    } else {
        prep->fake_key = xstrdup(fake);
    }
}

int steps_begin(struct session *s, const struct session_spec *spec, struct err *err)
{
    struct pending *p = xcalloc(1, sizeof(*p));
    struct prepare *prep = &p->prepare;

    memcpy(prep->session, s->rec.id, sizeof(prep->session));
    for (size_t i = 0, n = 0; n < 12; i++)
        if (s->rec.id[i] != '-')
            prep->id12[n++] = s->rec.id[i];
    memcpy(prep->label, s->rec.label, sizeof(prep->label));
    prep->agent = s->agent;
    memcpy(prep->runtime, s->rec.runtime, sizeof(prep->runtime));
    prep->workspace = xstrdup(spec->workspace);
    if (s->proxy) {
        struct str pem = ca_cert_pem(s->env.ca);

        prep->ca_pem = xstrndup(pem.p, pem.n);
        set_fakes(s, prep);
    }
    if (prepare_paths(prep, err) < 0) {
        prepare_release(prep);
        free(p);
        return err->code;
    }
    p->session = s;
    s->pending = p;
    loop_work(s->env.loop, prepare_work, prepare_done, p);
    return 0;
}
