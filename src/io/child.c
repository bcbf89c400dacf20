/*
 * child.c - child processes.
 *
 * A child is the leader of a session of its own (setsid), so signals reach all it starts and
 * it has no terminal. libuv gives it /dev/null for what is not piped, default signal
 * dispositions and an empty mask; every other descriptor is marked close-on-exec first,
 * because libuv does not close what our own parent left open.
 *
 *     RUNNING --exit--> EXITED --both outputs ended, or DRAIN_MS passed--> on_exit
 *     child_free(): HUP, TERM, KILL until the exit; then what is left of the group is killed
 *
 * Memory goes when the process was reaped and every handle is closed (`open` is 0).
 */
#include "io/child.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "io/loop_priv.h"
#include "io/uverr.h"

/* A grandchild may hold the output open for ever; the child itself is gone by then. */
#define DRAIN_MS 1000
#define TERM_MS 2000
#define KILL_MS 2000 /* after TERM */
#define CHILD_DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

struct output {
    uv_pipe_t pipe;
    struct child *child; /* borrows; its owner */
    int fd;              /* 1 or 2 */
    bool open;
};

struct child {
    uv_process_t process;
    uv_pipe_t stdin_pipe;
    uv_write_t stdin_write;
    struct output outputs[2];
    struct loop *loop;   /* borrows */
    char *input;         /* owns; until stdin took it */
    struct timer *timer; /* owns; drain or ladder */
    void (*on_output)(void *ctx, int fd, struct str bytes);
    void (*on_exit)(void *ctx, int exit_status, int term_signal); /* NULL after child_free */
    void *ctx;                                                    /* borrows */
    pid_t pid;
    int exit_status;
    int term_signal;
    unsigned open; /* handles of ours that libuv still has */
    bool stdin_open;
    bool exited;
    bool told; /* on_exit was called */
    bool freed;
    bool talk;       /* ends with its input */
    bool termed;     /* the ladder is at TERM */
    bool background; /* not in the census any more */
};

static struct child *spawn(struct loop *loop, const struct child_spec *spec, struct err *err);
static void on_process_exit(uv_process_t *process, int64_t status, int signo);
static void finish_if_quiet(struct child *child);

/* --- handles ----------------------------------------------------------------------- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct child *child = handle->data;

    if (--child->open || !child->freed)
        return;
    free(child->input);
    free(child);
}

static void close_handle(struct child *child, void *handle)
{
    ((uv_handle_t *)handle)->data = child;
    uv_close(handle, on_handle_closed);
}

static void close_output(struct output *output)
{
    if (!output->open)
        return;
    output->open = false;
    close_handle(output->child, &output->pipe);
}

static void close_stdin(struct child *child)
{
    if (!child->stdin_open)
        return;
    child->stdin_open = false;
    close_handle(child, &child->stdin_pipe);
}

/* --- starting ---------------------------------------------------------------------- */

static bool ends_with(const char *name, size_t n, const char *suffix)
{
    return str_ends((struct str){name, n}, str_of(suffix));
}

/* Keys of providers are for the proxy, not for tools we run. */
static bool is_provider_key(const char *entry)
{
    size_t n = strcspn(entry, "=");

    return ends_with(entry, n, "_API_KEY") || ends_with(entry, n, "_AUTH_TOKEN") ||
           ends_with(entry, n, "_OAUTH_TOKEN");
}

/* PATH without its relative folders: we are started inside workspaces, where an agent may have
 * left a program with the name of one of our tools. Owned by the caller. */
static char *absolute_path_variable(const char *entry)
{
    struct str rest = str_of(entry), dir;
    struct buf kept = BUF_INIT;

    (void)str_cut(&rest, '=', &dir);
    for (bool more = true; more;) {
        more = str_cut(&rest, ':', &dir);
        if (!str_starts(dir, STR("/")))
            continue;
        buf_puts(&kept, buf_len(&kept) ? ":" : "");
        buf_append_str(&kept, dir);
    }
    char *path = buf_len(&kept) ? xasprintf("PATH=%.*s", STR_ARG(buf_str(&kept)))
                                : xstrdup("PATH=" CHILD_DEFAULT_PATH);
    buf_release(&kept);
    return path;
}

static bool is_replaced(const char *entry, const char *const *over)
{
    size_t n = strcspn(entry, "=") + 1;

    for (; over && *over; over++)
        if (strncmp(entry, *over, n) == 0)
            return true;
    return false;
}

/* The caller frees the array and *ret_path; the other strings are those of environ and `over`.
 */
static char **inherited_env(const char *const *over, char **ret_path)
{
    size_t count = 0;
    size_t kept = 0;

    while (environ[count])
        count++;
    for (size_t i = 0; over && over[i]; i++)
        count++;
    char **env = xcalloc(count + 1, sizeof(*env));
    for (size_t i = 0; over && over[i]; i++)
        env[kept++] = (char *)over[i];
    for (size_t i = 0; environ[i]; i++) {
        if (is_replaced(environ[i], over))
            continue;
        bool is_path = str_starts(str_of(environ[i]), STR("PATH="));

        if (is_path && !*ret_path)
            env[kept++] = *ret_path = absolute_path_variable(environ[i]);
        else if (!is_path && !is_provider_key(environ[i]))
            env[kept++] = environ[i];
    }
    return env;
}

static void mark_descriptors(void)
{
    if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
        uv_disable_stdio_inheritance(); /* before Linux 5.11 */
}

static void init_pipes(
        struct child *child, const struct child_spec *spec, uv_stdio_container_t stdio[3])
{
    memset(stdio, 0, 3 * sizeof(*stdio)); /* UV_IGNORE: /dev/null */
    if (spec->input.n) {
        CHECK(uv_pipe_init(&child->loop->uv, &child->stdin_pipe, 0) == 0);
        stdio[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
        stdio[0].data.stream = (uv_stream_t *)&child->stdin_pipe;
        child->stdin_open = true;
        child->open++;
    }
    for (int i = 0; spec->talk && i < 2; i++) {
        stdio[i].flags = UV_INHERIT_FD;
        stdio[i].data.fd = spec->talk_fd;
    }
    for (int i = spec->talk ? 1 : 0; spec->on_output && i < 2; i++) {
        struct output *output = &child->outputs[i];

        CHECK(uv_pipe_init(&child->loop->uv, &output->pipe, 0) == 0);
        output->pipe.data = output;
        output->child = child;
        output->fd = i + 1;
        output->open = true;
        stdio[i + 1].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
        stdio[i + 1].data.stream = (uv_stream_t *)&output->pipe;
        child->open++;
    }
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct output *output = handle->data;

    (void)hint;
    *buf = uv_buf_init(output->child->loop->read_buf, LOOP_READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct output *output = stream->data;
    struct child *child = output->child;

    if (n > 0) {
        child->on_output(child->ctx, output->fd, (struct str){buf->base, (size_t)n});
    } else if (n < 0) {
        close_output(output);
        finish_if_quiet(child);
    }
}

static void on_input_written(uv_write_t *req, int status)
{
    struct child *child = req->data;

    (void)status; /* A child that does not read its input is no error of ours. */
    close_stdin(child);
}

static void start_pipes(struct child *child, struct str input)
{
    for (int i = 0; i < 2; i++)
        if (child->outputs[i].open)
            CHECK(uv_read_start((uv_stream_t *)&child->outputs[i].pipe, on_alloc, on_read) ==
                    0);
    if (!child->stdin_open)
        return;
    child->input = xstrndup(input.p, input.n);
    child->stdin_write.data = child;
    uv_buf_t b = uv_buf_init(child->input, (unsigned)input.n);
    if (uv_write(&child->stdin_write, (uv_stream_t *)&child->stdin_pipe, &b, 1,
                on_input_written) < 0)
        close_stdin(child);
}

/* Everything but the process goes away; used when there is none, and by child_free. */
static void close_pipes(struct child *child)
{
    close_stdin(child);
    close_output(&child->outputs[0]);
    close_output(&child->outputs[1]);
}

#define MORTAL 4 /* words that stand before the program */

/* With what makes the kernel end it when we are gone; libuv has no place for that. The program
 * is looked up here, so that a relative folder in PATH does not mean one of the child's. NULL:
 * there is none. The caller frees the array and the program's path in it. */
static const char **mortal_argv(const char *const *argv, struct err *err)
{
    static const char *const prefix[MORTAL] = {"setpriv", "--pdeathsig", "TERM", "--"};
    char *path = file_in_path(argv[0]);
    size_t n = 0;

    if (!path || path[0] != '/') {
        free(path);
        err_set(err, ERR_NOENT, "cannot start '%s': no such program in PATH", argv[0]);
        return NULL;
    }
    while (argv[n])
        n++;
    const char **all = xcalloc(MORTAL + n + 1, sizeof(*all));
    memcpy(all, prefix, sizeof(prefix));
    memcpy(all + MORTAL, argv, n * sizeof(*argv));
    all[MORTAL] = path;
    return all;
}

struct child *child_spawn(struct loop *loop, const struct child_spec *spec, struct err *err)
{
    if (!spec->talk)
        return spawn(loop, spec, err);

    struct child_spec mortal = *spec;
    const char **argv = mortal_argv(spec->argv, err);
    if (!argv)
        return NULL;
    mortal.argv = argv;
    struct child *child = spawn(loop, &mortal, err);
    free((char *)argv[MORTAL]);
    free(argv);
    return child;
}

static struct child *spawn(struct loop *loop, const struct child_spec *spec, struct err *err)
{
    struct child *child = xcalloc(1, sizeof(*child));
    char *path = NULL;
    char **env = spec->env ? NULL : inherited_env(spec->env_over, &path);
    uv_stdio_container_t stdio[3];

    child->loop = loop;
    child->talk = spec->talk;
    child->on_output = spec->on_output;
    child->on_exit = spec->on_exit;
    child->ctx = spec->ctx;
    init_pipes(child, spec, stdio);
    mark_descriptors();

    uv_process_options_t options = {
            .file = spec->argv[0],
            .args = (char **)spec->argv,
            .env = env ? env : (char **)spec->env,
            .cwd = spec->cwd,
            .flags = UV_PROCESS_DETACHED,
            .exit_cb = on_process_exit,
            .stdio = stdio,
            .stdio_count = 3,
    };
    child->open++;
    int rc = uv_spawn(&loop->uv, &child->process, &options);
    free(env);
    free(path);
    if (rc < 0) {
        child->freed = true;
        close_pipes(child);
        close_handle(child, &child->process);
        err_uv(err, rc, "cannot start '%s'%s%s", spec->argv[0], spec->cwd ? " in " : "",
                spec->cwd ? spec->cwd : "");
        return NULL;
    }
    child->pid = child->process.pid;
    child->process.data = child;
    loop_opened(loop, "child");
    start_pipes(child, spec->input);
    return child;
}

/* --- the end ----------------------------------------------------------------------- */

static void signal_group(const struct child *child, int signo)
{
    if (kill(-child->pid, signo) < 0 && !child->exited)
        (void)kill(child->pid, signo); /* between fork and setsid there is no group yet */
}

static void tell_exit(struct child *child)
{
    if (child->told || child->freed)
        return;
    child->told = true;
    timer_free(child->timer);
    child->timer = NULL;
    close_pipes(child);
    if (child->on_exit)
        child->on_exit(child->ctx, child->exit_status, child->term_signal);
}

static void on_drain_timeout(void *ctx)
{
    tell_exit(ctx);
}

static void finish_if_quiet(struct child *child)
{
    if (child->exited && !child->outputs[0].open && !child->outputs[1].open)
        tell_exit(child);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signo)
{
    struct child *child = process->data;

    child->exited = true;
    child->exit_status = (int)status;
    child->term_signal = signo;
    close_handle(child, process);
    if (child->freed) {
        /* A number is not given away while a group of that number exists. */
        signal_group(child, SIGKILL);
        timer_free(child->timer);
        child->timer = NULL;
        return;
    }
    child->timer = timer_new_inner(child->loop, on_drain_timeout, child);
    timer_start(child->timer, DRAIN_MS);
    finish_if_quiet(child);
}

static void on_ladder(void *ctx)
{
    struct child *child = ctx;

    signal_group(child, child->termed ? SIGKILL : SIGTERM);
    if (!child->termed)
        timer_start(child->timer, KILL_MS);
    child->termed = true;
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

void child_kill(struct child *child, int signo)
{
    if (!child->exited)
        signal_group(child, signo);
}

void child_background(struct child *child)
{
    if (!child->background)
        loop_given_up(child->loop, "child");
    child->background = true;
}

void child_free(struct child *child)
{
    if (!child)
        return;
    child_background(child);
    child->freed = true;
    timer_free(child->timer);
    child->timer = NULL;
    close_pipes(child);
    if (!child->exited) {
        if (!child->talk)
            signal_group(child, SIGHUP);
        signal_group(child, SIGCONT); /* a stopped one could not obey */
        child->timer = timer_new_inner(child->loop, on_ladder, child);
        timer_start(child->timer, TERM_MS);
    } else if (!child->open) {
        free(child->input);
        free(child);
    }
}
