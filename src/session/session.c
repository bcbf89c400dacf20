/*
 * session.c - the state machine of one boxed agent.
 *
 *   session_start
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
 * session_free() clears.
 */
#include "session/session.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "docker/box.h"
#include "io/child.h"
#include "io/crypt.h"
#include "mcp/mcp.h"
#include "pty/guest.h"
#include "session/environment.h"
#include "session/prepare.h"

enum step { PREPARING, PROBING, BOXING, CONNECTING, RUNNING, ENDED };

/* A step on a pool thread or in a library call without cancel. */
struct pending {
    struct session *session; /* borrows; NULL: the session is gone */
    struct prepare prepare;
    int rc;
    struct err err;
};

struct session {
    struct session_env env;
    struct session_ops ops;
    void *ctx;
    enum step step;
    struct session_record rec;
    const struct agent *agent; /* borrows from the agent table */
    char **argv;               /* owns; NULL: the agent's */
    char **extra_env;          /* owns; or NULL */
    bool auto_runtime;
    int cols, rows;
    char status[512];

    struct prepare paths;     /* owned once prepared */
    struct pending *pending;  /* the step under way, or NULL */
    struct proxy *proxy;      /* owns */
    struct mcp *mcp;          /* owns */
    struct box *box;          /* owns */
    struct child *child;      /* owns; runtime "none" */
    struct guest *guest;      /* owns */
    struct vt *vt;            /* owns */
    struct words *words;      /* owns */
    struct request_record requests[SESSION_REQUESTS]; /* ring */
    unsigned request_head;    /* place of the next one */
    unsigned request_count;
    unsigned dropped;
    bool box_ended;
    int box_status;
};

static void start_box(struct session *s);

static void set_status(struct session *s, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));

static void set_status(struct session *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(s->status, sizeof(s->status), fmt, ap);
    va_end(ap);
    if (s->ops.on_change)
        s->ops.on_change(s->ctx);
}

static void notice(struct session *s, const char *text)
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

/* Take down everything that can produce an event; vt, words and rows stay. */
static void take_down(struct session *s)
{
    guest_free(s->guest);
    box_free(s->box);
    child_free(s->child);
    mcp_free(s->mcp);
    proxy_free(s->proxy);
    s->guest = NULL;
    s->box = NULL;
    s->child = NULL;
    s->mcp = NULL;
    s->proxy = NULL;
    if (s->pending)
        s->pending->session = NULL;
    s->pending = NULL;
    if (s->paths.run_dir) {
        struct pending *p = xcalloc(1, sizeof(*p));

        p->prepare = s->paths;
        s->paths = (struct prepare){0};
        loop_work(s->env.loop, undo_work, undo_done, p);
    }
}

static void record_end(struct session *s, enum session_state state, int exit_status)
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
    record_end(s, state, exit_status);
    take_down(s);
    set_status(s, "%s", message);
    s->ops.on_ended(s->ctx, exit_status, s->status); /* the owner may free us in it */
}

static void fail(struct session *s, const struct err *err)
{
    session_end(s, SESSION_CRASHED, -1, err->msg);
}

/* --- RUNNING: the guest -------------------------------------------------------------------- */

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

static void connect_guest(struct session *s)
{
    struct err err;

    s->step = CONNECTING;
    s->guest = guest_connect(s->env.loop, s->paths.guest_socket, s->cols, s->rows, true,
            &guest_ops, s, &err);
    if (!s->guest)
        fail(s, &err);
}

/* --- BOXING -------------------------------------------------------------------------------- */

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
    struct err err;
    char *guest = box_guest_path(&err);
    size_t count = 0;

    if (!guest) {
        fail(s, &err);
        return;
    }
    while (s->argv[count])
        count++;

    const char **argv = xcalloc(count + 5, sizeof(*argv));
    size_t n = 0;
    argv[n++] = guest;
    argv[n++] = "--pty";
    argv[n++] = s->paths.guest_socket;
    argv[n++] = "--";
    for (size_t i = 0; i < count; i++)
        argv[n++] = s->argv[i];
    struct child_spec spec = {
            .argv = argv,
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
    const char *fake = s->proxy && s->agent->providers && s->agent->providers[0]
                               ? proxy_fake_key(s->proxy, s->agent->providers[0])
                               : NULL;

    environment_build(&env, s->agent, s->rec.id, fake, s->extra_env);
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

/* --- PROBING ------------------------------------------------------------------------------- */

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
        notice(s, text);
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

/* --- PREPARING ----------------------------------------------------------------------------- */

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
        rc = mcp_listen_unix(s->mcp, path, err);
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

static int begin_prepare(struct session *s, const struct session_spec *spec, struct err *err)
{
    struct pending *p = xcalloc(1, sizeof(*p));
    struct prepare *prep = &p->prepare;

    memcpy(prep->session, s->rec.id, sizeof(prep->session));
    for (size_t i = 0, n = 0; n < 12; i++)
        if (s->rec.id[i] != '-')
            prep->id12[n++] = s->rec.id[i];
    memcpy(prep->label, s->rec.label, sizeof(prep->label));
    prep->agent = s->agent;
    prep->runtime = spec->runtime;
    prep->workspace = xstrdup(spec->workspace);
    if (s->proxy) {
        struct str pem = ca_cert_pem(s->env.ca);
        const char *provider = s->agent->providers ? s->agent->providers[0] : NULL;

        prep->ca_pem = xstrndup(pem.p, pem.n);
        prep->fake_key = provider ? xstrdup(proxy_fake_key(s->proxy, provider)) : NULL;
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

/* --- making and freeing -------------------------------------------------------------------- */

static void on_words_sent(void *ctx, const struct words_entry *entry)
{
    struct session *s = ctx;
    struct words_record rec = {
            .at_ms = entry->at_ms,
            .unsure = entry->unsure,
            .text = entry->text,
    };

    memcpy(rec.session, s->rec.id, sizeof(rec.session));
    str_copy(rec.source, sizeof(rec.source), entry->pasted ? STR("pasted") : STR("typed"));
    store_put_words(s->env.store, &rec);
    if (s->ops.on_change)
        s->ops.on_change(s->ctx);
}

static void on_vt_reply(void *ctx, struct str bytes)
{
    struct session *s = ctx;

    if (s->guest && guest_input(s->guest, bytes, NULL) < 0)
        s->dropped++;
}

static void on_vt_bell(void *ctx)
{
    struct session *s = ctx;

    if (s->ops.on_bell)
        s->ops.on_bell(s->ctx);
}

static void on_vt_title(void *ctx, const char *title)
{
    struct session *s = ctx;

    (void)title; /* the screen asks vt_title() */
    if (s->ops.on_change)
        s->ops.on_change(s->ctx);
}

static void on_vt_clipboard(void *ctx, struct str text)
{
    char line[96];

    snprintf(line, sizeof(line), "agent wants to copy %zu bytes to the clipboard; refused",
            text.n);
    notice(ctx, line);
}

static const struct vt_ops vt_ops = {
        .on_reply = on_vt_reply,
        .on_bell = on_vt_bell,
        .on_title = on_vt_title,
        .on_clipboard = on_vt_clipboard,
};

static void on_request(void *ctx, const struct request_record *rec)
{
    struct session *s = ctx;

    for (unsigned i = 0; i < s->request_count; i++) {
        unsigned at = (s->request_head + SESSION_REQUESTS - 1 - i) % SESSION_REQUESTS;

        if (s->requests[at].id == rec->id) {
            s->requests[at] = *rec;
            if (s->ops.on_change)
                s->ops.on_change(s->ctx);
            return;
        }
    }
    s->requests[s->request_head] = *rec;
    s->request_head = (s->request_head + 1) % SESSION_REQUESTS;
    if (s->request_count < SESSION_REQUESTS)
        s->request_count++;
    if (s->ops.on_change)
        s->ops.on_change(s->ctx);
}

static void on_tool_denied(void *ctx, struct str tool)
{
    char name[64];
    char line[128];

    str_vis(name, sizeof(name), tool);
    snprintf(line, sizeof(line), "tool call '%s' denied: no MCP server is configured", name);
    notice(ctx, line);
}

static const struct mcp_ops mcp_ops = {.on_denied = on_tool_denied};

static int make_proxy(struct session *s, struct err *err)
{
    const struct config *config = s->env.config;
    struct proxy_resolve *resolve = xcalloc(config->resolve_count, sizeof(*resolve));

    for (size_t i = 0; i < config->resolve_count; i++)
        resolve[i] = (struct proxy_resolve){config->resolve[i].host, config->resolve[i].port,
                config->resolve[i].address, config->resolve[i].to_port};
    struct proxy_config pc = {
            .loop = s->env.loop,
            .store = s->env.store,
            .gate = s->env.gate,
            .policy = s->env.policy,
            .ca = s->env.ca,
            .providers = s->env.providers,
            .session = s->rec.id,
            .label = s->rec.label,
            .agent = s->rec.agent,
            .resolve = resolve,
            .resolve_count = config->resolve_count,
            .extra_ca = config->upstream_ca,
            .on_request = on_request,
            .ctx = s,
    };
    s->proxy = proxy_new(&pc, err);
    free(resolve);
    if (!s->proxy)
        return err->code;
    s->mcp = mcp_new(s->env.loop, &mcp_ops, s);
    return 0;
}

int session_check(
        const struct session_env *env, const struct session_spec *spec, struct err *err)
{
    if (strcmp(spec->runtime, "none") == 0)
        return spec->argv ? 0 : err_set(err, ERR_USAGE, "no command given");
    if (strcmp(spec->runtime, "auto") != 0 && strcmp(spec->runtime, "docker") != 0 &&
            strcmp(spec->runtime, "bwrap") != 0)
        return err_set(err, ERR_USAGE, "no runtime '%s'; there are auto, docker and bwrap",
                spec->runtime);

    const struct agent *agent = agent_find(env->agents, spec->agent);
    if (!agent)
        return err_set(err, ERR_NOENT,
                "no agent '%s'; add it under 'agents:' in the configuration", spec->agent);
    for (char **name = agent->providers; name && *name; name++) {
        const struct provider *p = provider_find(env->providers, *name);

        if (!p)
            return err_set(err, ERR_CONFIG, "agent '%s' needs provider '%s', which is not known",
                    spec->agent, *name);
        if (!p->key)
            return err_set(err, ERR_CREDENTIAL,
                    "agent '%s' needs a key of provider '%s'; set %s in the environment",
                    spec->agent, *name, p->key_env_count ? p->key_env[0] : "its key");
    }
    return 0;
}

static int make_parts(struct session *s, const struct session_spec *spec, struct err *err)
{
    int rc = session_check(&s->env, spec, err);

    if (rc < 0 || strcmp(spec->runtime, "none") == 0)
        return rc;
    s->agent = agent_find(s->env.agents, spec->agent);
    return make_proxy(s, err);
}

static void name_session(struct session *s, const struct session_spec *spec)
{
    const char *slash = spec->workspace ? strrchr(spec->workspace, '/') : NULL;
    const char *base = slash && slash[1] ? slash + 1 : spec->agent;
    const char *given = spec->name ? spec->name : base ? base : "session";

    crypt_uuid(s->rec.id);
    str_vis(s->rec.label, sizeof(s->rec.label), str_of(given));
    str_copy(s->rec.agent, sizeof(s->rec.agent), str_of(spec->agent ? spec->agent : "none"));
    s->auto_runtime = strcmp(spec->runtime, "auto") == 0;
    str_copy(s->rec.runtime, sizeof(s->rec.runtime), str_of(spec->runtime));
    str_vis(s->rec.workspace, sizeof(s->rec.workspace),
            str_of(spec->workspace ? spec->workspace : ""));
    s->rec.started_ms = clock_wall_ms();
    s->rec.state = SESSION_STARTING;
    s->rec.exit_status = -1;
    s->rec.pid = getpid();
}

struct session *session_start(const struct session_env *env, const struct session_spec *spec,
        const struct session_ops *ops, void *ctx, struct err *err)
{
    struct session *s = xcalloc(1, sizeof(*s));

    s->env = *env;
    s->ops = *ops;
    s->ctx = ctx;
    s->cols = spec->cols;
    s->rows = spec->rows;
    s->argv = environment_copy_list(spec->argv);
    s->extra_env = environment_copy_list(spec->env);
    name_session(s, spec);
    s->vt = vt_new(s->cols, s->rows, env->config->scrollback, &vt_ops, s);
    s->words = words_new(on_words_sent, s);
    snprintf(s->status, sizeof(s->status), "preparing the session ...");
    if (make_parts(s, spec, err) < 0 || begin_prepare(s, spec, err) < 0) {
        s->step = ENDED;
        session_free(s);
        return NULL;
    }
    store_put_session(env->store, &s->rec);
    return s;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    if (s->step != ENDED) {
        s->step = ENDED;
        record_end(s, SESSION_STOPPED, -1);
    }
    take_down(s);
    vt_free(s->vt);
    words_free(s->words);
    environment_free_list(s->argv);
    environment_free_list(s->extra_env);
    free(s);
}

/* --- what the screen asks and says ----------------------------------------------------------- */

enum session_state session_state(const struct session *s)
{
    return s->rec.state;
}

const char *session_status(const struct session *s)
{
    return s->status;
}

const struct session_record *session_rec(const struct session *s)
{
    return &s->rec;
}

struct vt *session_vt(struct session *s)
{
    return s->vt;
}

struct words *session_words(struct session *s)
{
    return s->words;
}

const struct request_record *session_request(const struct session *s, unsigned index)
{
    if (index >= s->request_count)
        return NULL;
    return &s->requests[(s->request_head + SESSION_REQUESTS - 1 - index) % SESSION_REQUESTS];
}

unsigned session_request_count(const struct session *s)
{
    return s->request_count;
}

static void send_to_agent(struct session *s, struct str bytes)
{
    if (s->step != RUNNING)
        return;
    if (guest_input(s->guest, bytes, NULL) < 0) {
        if (s->dropped++ == 0)
            notice(s, "the agent does not read its input; keys are dropped");
    }
}

void session_input(struct session *s, struct str bytes)
{
    send_to_agent(s, bytes);
    if (s->step == RUNNING)
        words_feed(s->words, bytes, clock_wall_ms());
}

void session_paste(struct session *s, struct str text)
{
    struct buf wire = BUF_INIT;

    vt_encode_paste(s->vt, text, &wire);
    send_to_agent(s, buf_str(&wire));
    buf_release(&wire);
    if (s->step == RUNNING) {
        int64_t now = clock_wall_ms();

        words_feed(s->words, STR("\033[200~"), now);
        words_feed(s->words, text, now);
        words_feed(s->words, STR("\033[201~"), now);
    }
}

void session_key(struct session *s, int key, int mods)
{
    char bytes[32];
    size_t n = vt_encode_key(s->vt, key, mods, bytes);

    if (n)
        session_input(s, (struct str){bytes, n});
}

void session_resize(struct session *s, int cols, int rows)
{
    if (cols == s->cols && rows == s->rows)
        return;
    s->cols = cols;
    s->rows = rows;
    vt_resize(s->vt, cols, rows);
    if (s->guest)
        guest_resize(s->guest, cols, rows);
}

unsigned session_dropped(const struct session *s)
{
    return s->dropped;
}
