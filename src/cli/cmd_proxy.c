/*
 * cmd_proxy.c - `ironcurtain proxy`: the mediation proxy alone, for other sandboxes, scripts
 * and benchmarks.
 *
 * Prints one JSON line when it listens and runs until SIGTERM or SIGINT. Nobody can be asked
 * here, so what the policy would ask is refused. Its requests are rows of a session of their
 * own in the same database as all others.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/cmd.h"
#include "io/crypt.h"
#include "proxy/proxy.h"

#define LISTEN_MAX 4

struct proxy_options {
    const char *listen[LISTEN_MAX];
    size_t listen_count;
    const char *config;
    const char *policy;
};

struct proxy_run {
    struct app app;
    struct proxy *proxy;
    struct session_record session;
    char *listening[LISTEN_MAX]; /* owns; with the port that was chosen */
    size_t listening_count;
    int exit_code;
};

static int parse_options(struct proxy_options *options, int argc, char **argv, struct err *err)
{
    static const char *const known[] = {"--listen", "--config", "--policy", NULL};

    *options = (struct proxy_options){0};
    for (int i = 1; i < argc; i++) {
        bool is_listen = strcmp(argv[i], "--listen") == 0;
        bool is_config = strcmp(argv[i], "--config") == 0;
        bool is_policy = strcmp(argv[i], "--policy") == 0;

        if (!is_listen && !is_config && !is_policy) {
            const char *near = str_nearest(argv[i], known);
            return err_set(err, ERR_USAGE, "unknown option '%s'%s%s", argv[i],
                    near ? "; did you mean " : "", near ? near : "");
        }
        if (i + 1 == argc)
            return err_set(err, ERR_USAGE, "%s needs a value", argv[i]);
        const char *value = argv[++i];
        if (is_config)
            options->config = value;
        else if (is_policy)
            options->policy = value;
        else if (options->listen_count == LISTEN_MAX)
            return err_set(err, ERR_USAGE, "more than %d times --listen", LISTEN_MAX);
        else
            options->listen[options->listen_count++] = value;
    }
    if (options->listen_count == 0)
        return err_set(err, ERR_USAGE,
                "usage: ironcurtain proxy --listen unix:PATH|tcp:HOST:PORT [--config F] "
                "[--policy F]");
    return 0;
}

/* --- listening ------------------------------------------------------------------------ */

/* "HOST:PORT", "[V6]:PORT". Caller frees the host. */
static int split_address(const char *text, char **ret_host, uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;

    if (!colon || colon == text || !str_u64(str_of(colon + 1), 65535, &port))
        return -1;
    struct str host = {text, (size_t)(colon - text)};
    if (host.p[0] == '[' && host.n > 2 && host.p[host.n - 1] == ']')
        host = (struct str){host.p + 1, host.n - 2};
    *ret_host = xstrndup(host.p, host.n);
    *ret_port = (uint16_t)port;
    return 0;
}

static int listen_tcp_on(struct proxy_run *run, const char *address, struct err *err)
{
    char *host = NULL;
    uint16_t port = 0;

    if (split_address(address, &host, &port) < 0)
        return err_set(err, ERR_USAGE, "'tcp:%s' is not tcp:HOST:PORT", address);
    int rc = proxy_listen_tcp(run->proxy, host, port, &port, err);
    if (rc == 0)
        run->listening[run->listening_count++] = xasprintf(
                strchr(host, ':') ? "tcp:[%s]:%u" : "tcp:%s:%u", host, (unsigned)port);
    free(host);
    return rc;
}

static int listen_on(struct proxy_run *run, const char *spec, struct err *err)
{
    if (str_starts(str_of(spec), STR("tcp:")))
        return listen_tcp_on(run, spec + strlen("tcp:"), err);
    if (!str_starts(str_of(spec), STR("unix:")) || !spec[strlen("unix:")])
        return err_set(err, ERR_USAGE, "'%s' is neither unix:PATH nor tcp:HOST:PORT", spec);

    int rc = proxy_listen_unix(run->proxy, spec + strlen("unix:"), 0600, err);
    if (rc == 0)
        run->listening[run->listening_count++] = xstrdup(spec);
    return rc;
}

/* --- starting ------------------------------------------------------------------------- */

static void put_session(struct proxy_run *run)
{
    struct session_record *rec = &run->session;

    crypt_uuid(rec->id);
    str_copy(rec->label, sizeof(rec->label), STR("proxy"));
    str_copy(rec->agent, sizeof(rec->agent), STR("proxy"));
    str_copy(rec->runtime, sizeof(rec->runtime), STR("none"));
    rec->started_ms = clock_wall_ms();
    rec->state = SESSION_RUNNING;
    rec->exit_status = -1;
    rec->pid = getpid();
    store_put_session(run->app.store, rec);
}

static int make_proxy(struct proxy_run *run, struct err *err)
{
    const struct config *config = &run->app.config;
    char *dir = path_join(path_home(), "ca");

    run->app.ca = ca_load_or_create(dir, err);
    free(dir);
    if (!run->app.ca)
        return err->code;
    struct proxy_config pc = {
            .loop = run->app.loop,
            .store = run->app.store,
            .grants = run->app.grants,
            .policy = run->app.policy,
            .ca = run->app.ca,
            .providers = &run->app.providers,
            .credentials = run->app.credentials,
            .prices = &run->app.prices,
            .session = run->session.id,
            .label = run->session.label,
            .agent = run->session.agent,
            .resolve = config->resolve,
            .resolve_count = config->resolve_count,
            .via = run->app.via,
            .extra_ca = config->upstream_ca,
    };
    run->proxy = proxy_new(&pc, err);
    return run->proxy ? 0 : err->code;
}

/* The one line on stdout that scripts wait for. */
static int print_ready(struct proxy_run *run, struct err *err)
{
    json_t *line = json_object();
    json_t *keys = json_object();

    json_object_set_new(line, "ready", json_true());
    json_object_set_new(line, "listen", json_string(run->listening[0]));
    if (run->listening_count > 1) {
        json_t *all = json_array();

        for (size_t i = 0; i < run->listening_count; i++)
            json_array_append_new(all, json_string(run->listening[i]));
        json_object_set_new(line, "listening", all);
    }
    json_object_set_new(line, "ca", json_string(ca_cert_path(run->app.ca)));
    for (size_t i = 0; i < run->app.providers.count; i++) {
        const struct provider *p = &run->app.providers.items[i];
        const char *fake = proxy_fake_key(run->proxy, p->name);

        if (fake && provider_key_owner(&run->app.providers, p) == p)
            json_object_set_new(keys, p->name, json_string(fake));
    }
    json_object_set_new(line, "keys", keys);
    json_dumpf(line, stdout, JSON_COMPACT);
    json_decref(line);
    if (putchar('\n') == EOF || fflush(stdout) == EOF)
        return err_set(err, ERR_IO, "cannot write to stdout: %s", strerror(errno));
    return 0;
}

static void on_signal(void *ctx, int signo)
{
    struct proxy_run *run = ctx;

    run->exit_code = signo == SIGINT ? EXIT_INTERRUPTED : EXIT_DONE;
    loop_stop(run->app.loop);
}

static void on_store_failure(void *ctx, const char *why)
{
    (void)ctx;
    log_error("proxy", "the audit log cannot be written: %s", why);
    fprintf(stderr, "ironcurtain: the audit log cannot be written, refusing everything: %s\n",
            why);
}

/* Signals are watched before anybody is told that we are ready. */
static int run_proxy(struct proxy_run *run, struct err *err)
{
    struct sigwatch *term = sigwatch_new(run->app.loop, SIGTERM, on_signal, run);
    struct sigwatch *interrupt = sigwatch_new(run->app.loop, SIGINT, on_signal, run);

    store_on_failure(run->app.store, on_store_failure, NULL);
    int rc = print_ready(run, err);
    if (rc == 0)
        loop_run(run->app.loop);
    sigwatch_free(term);
    sigwatch_free(interrupt);
    return rc;
}

int cmd_proxy(int argc, char **argv)
{
    struct proxy_run run = {.exit_code = EXIT_FAILED};
    struct proxy_options options;
    struct err err = {0};

    if (parse_options(&options, argc, argv, &err) < 0)
        return cmd_fail(&err);
    struct app_options ao = {.config = options.config, .policy = options.policy};
    if (app_open(&run.app, &ao, &err) < 0)
        return cmd_fail(&err);
    put_session(&run);

    int rc = app_load_prices(&run.app, &err);
    if (rc == 0)
        rc = make_proxy(&run, &err);
    for (size_t i = 0; rc == 0 && i < options.listen_count; i++)
        rc = listen_on(&run, options.listen[i], &err);
    if (rc == 0)
        rc = run_proxy(&run, &err);
    if (rc < 0)
        run.exit_code = cmd_fail(&err);

    proxy_free(run.proxy);
    run.session.ended_ms = clock_wall_ms();
    run.session.state = SESSION_STOPPED;
    store_put_session(run.app.store, &run.session);
    app_close(&run.app);
    for (size_t i = 0; i < run.listening_count; i++)
        free(run.listening[i]);
    return run.exit_code;
}
