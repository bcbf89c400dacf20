/*
 * app.c - opening and closing what all commands share.
 *
 * Opened in the order of dependence and closed in the reverse; the store outlives everything
 * that can produce a row. Real keys leave the environment here, before any child exists.
 */
#include "cli/app.h"

#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "docker/box.h"
#include "io/filewatch.h"
#include "session/prepare.h"

/* Whoever holds the policy sees the new rules; a question that waits is bound to the old ones.
 */
static void on_policy_changed(void *ctx)
{
    struct app *app = ctx;
    struct err why;
    int rc = policy_reload(app->policy, app->policy_file, &why);

    if (rc < 0)
        log_error("policy", "the rules stay as they were: %s", why.msg);
    else if (rc == 0)
        log_info("policy", "%s was read again: version %s", policy_name(app->policy),
                policy_version(app->policy));
}

static int open_policy(struct app *app, const char *given, struct err *err)
{
    const char *file = given ? given : app->config.policy_file;
    struct err why;

    app->policy_file = file ? xstrdup(file) : path_join(path_home(), "policy.rules");
    if (!file && file_exists(app->policy_file))
        file = app->policy_file;
    app->policy = policy_load(file, err);
    if (!app->policy)
        return err->code;
    app->policy_watch =
            filewatch_new(app->loop, app->policy_file, on_policy_changed, app, &why);
    if (!app->policy_watch)
        log_warn("policy", "%s; a change of the rules is seen at the next start", why.msg);
    return 0;
}

static int open_grants(struct app *app, struct err *err)
{
    char *path = path_join(path_home(), "answers.rules");

    app->grants = grants_new(app->loop, path, err);
    free(path);
    return app->grants ? 0 : err->code;
}

static const char *config_name(const struct app *app)
{
    return app->config.path ? app->config.path : "config.yaml";
}

static int open_tables(struct app *app, const char *agents, struct err *err)
{
    const char *name = config_name(app);
    struct str more = agents ? str_of(agents) : buf_str(&app->config.agents);
    int rc = config_providers(&app->config, &app->providers, err);

    if (rc == 0)
        rc = agent_table_load(&app->agents, more, name, err);
    if (rc == 0) {
        provider_table_upstreams_from_env(&app->providers);
        provider_table_keys_from_env(&app->providers);
    }
    return rc;
}

static const char *from_env(const char *upper, const char *lower)
{
    const char *value = getenv(upper);

    if (!value || !*value)
        value = getenv(lower);
    return value && *value ? value : NULL;
}

/* The configuration, else what other programs go by. One that cannot be used is an error:
 * going directly may be what must not happen. */
static int open_via(struct app *app, struct err *err)
{
    const struct config *config = &app->config;
    const char *where = config->upstream_proxy ? "network.upstream_proxy" : "HTTPS_PROXY";
    const char *url = config->upstream_proxy ? config->upstream_proxy
                                             : from_env("HTTPS_PROXY", "https_proxy");
    const char *except = config->no_proxy ? config->no_proxy : from_env("NO_PROXY", "no_proxy");

    if (!url || strcmp(url, "none") == 0)
        return 0;
    app->via = dial_proxy_new(url, except, config->upstream_ca, err);
    if (!app->via)
        return err_wrap(err, "%s", where);
    log_info("proxy", "upstreams are reached through '%s'", dial_proxy_name(app->via));
    return 0;
}

static void on_notice(void *ctx, const char *text)
{
    (void)ctx;
    log_warn("credential", "%s", text);
}

int app_find_credentials(struct app *app, enum credential_auth auth, struct err *err)
{
    const struct config *config = &app->config;
    struct credentials_config cc = {
            .loop = app->loop,
            .providers = &app->providers,
            .auth = auth,
            .extra_ca = config->upstream_ca,
            .via = app->via,
            .resolve = config->resolve,
            .resolve_count = config->resolve_count,
            .on_notice = on_notice,
    };
    app->credentials = credentials_open(&cc, err);
    return app->credentials ? 0 : err->code;
}

static int open_home(struct err *err)
{
    char *log = path_join(path_home(), "server.log");
    int rc = file_mkdir(path_home(), err);

    if (rc == 0)
        rc = log_open(log, err);
    free(log);
    return rc;
}

static char *database_path(void)
{
    return path_join(path_home(), "ironcurtain.db");
}

/* The disk works while we read the configuration. */
static int start_store(struct app *app, struct err *err)
{
    char *path = database_path();

    app->store = store_start(app->loop, path, err);
    free(path);
    return app->store ? 0 : err->code;
}

int app_wait_store(struct app *app, struct err *err)
{
    return store_wait(app->store, err);
}

static int open_store(struct app *app, const struct app_options *options, struct err *err)
{
    if (!options->store_later && app_wait_store(app, err) < 0)
        return err->code;
    if (options->ask) {
        struct gate_config config = {
                .timeout_ms = app->config.review_timeout_ms,
                .grants = app->grants,
        };

        app->gate = gate_new(app->loop, app->store, &config);
    }
    return 0;
}

int app_open(struct app *app, const struct app_options *options, struct err *err)
{
    *app = (struct app){0};
    proc_raise_descriptors();
    app->loop = loop_new(err);
    if (!app->loop)
        return err->code;
    if (open_home(err) < 0 || start_store(app, err) < 0 ||
            config_load(&app->config, options->config, err) < 0 || open_via(app, err) < 0 ||
            open_tables(app, options->agents, err) < 0 ||
            (!options->own_providers && app_find_credentials(app, app->config.auth, err) < 0) ||
            open_policy(app, options->policy, err) < 0 || open_grants(app, err) < 0 ||
            open_store(app, options, err) < 0) {
        app_close(app);
        return err->code;
    }
    return 0;
}

int app_load_prices(struct app *app, struct err *err)
{
    return price_table_load(&app->prices, buf_str(&app->config.prices), config_name(app), err);
}

struct ca_load {
    struct app *app; /* NULL: closed meanwhile */
    struct ca *ca;
    struct buf configured; /* owns; copies, because the configuration goes while we work */
    char *config_name;     /* owns */
    struct price_table prices;
    struct err err; /* why there is no ca */
    void (*done)(void *ctx, const struct err *err);
    void *ctx;
};

static void ca_work(void *ctx)
{
    struct ca_load *load = ctx;
    char *dir = path_join(path_home(), "ca");

    if (price_table_load(
                &load->prices, buf_str(&load->configured), load->config_name, &load->err) == 0)
        load->ca = ca_load_or_create(dir, &load->err);
    free(dir);
}

static void ca_done(void *ctx)
{
    struct ca_load *load = ctx;

    if (load->app) {
        load->app->loading = NULL;
        load->app->ca = load->ca;
        load->app->prices = load->prices;
        load->done(load->ctx, load->ca ? NULL : &load->err);
    } else {
        ca_free(load->ca);
        price_table_release(&load->prices);
    }
    buf_release(&load->configured);
    free(load->config_name);
    free(load);
}

void app_load_ca(struct app *app, void (*done)(void *ctx, const struct err *err), void *ctx)
{
    struct ca_load *load = xcalloc(1, sizeof(*load));

    load->app = app;
    load->done = done;
    load->ctx = ctx;
    buf_append_str(&load->configured, buf_str(&app->config.prices));
    load->config_name = xstrdup(config_name(app));
    app->loading = load;
    loop_work(app->loop, ca_work, ca_done, load);
}

void app_close(struct app *app)
{
    timer_free(app->collect);
    app->collect = NULL;
    /* loop_free() waits for the work, when all that a session starts from is gone. */
    if (app->loading)
        app->loading->app = NULL;
    credentials_free(app->credentials);
    gate_free(app->gate);
    grants_free(app->grants);
    ca_free(app->ca);
    store_close(app->store);
    filewatch_free(app->policy_watch);
    policy_free(app->policy);
    free(app->policy_file);
    provider_table_release(&app->providers);
    price_table_release(&app->prices);
    agent_table_release(&app->agents);
    config_release(&app->config);
    loop_free(app->loop);
    dial_proxy_free(app->via);
    log_close();
    *app = (struct app){0};
}

struct session_env app_env(const struct app *app)
{
    return (struct session_env){
            .loop = app->loop,
            .store = app->store,
            .gate = app->gate,
            .grants = app->grants,
            .ca = app->ca,
            .config = &app->config,
            .policy = app->policy,
            .via = app->via,
            .credentials = app->credentials,
            .prices = &app->prices,
            .providers = (struct provider_table *)&app->providers,
            .agents = &app->agents,
    };
}

void app_session_defaults(const struct app *app, struct session_spec *spec)
{
    if (!spec->agent)
        spec->agent = app->config.agent;
    if (!spec->runtime)
        spec->runtime = app->config.runtime;
}

static void on_collected(void *ctx, unsigned count, const struct err *err)
{
    (void)ctx;
    if (err)
        log_warn("recover", "boxes of dead sessions: %s", err->msg);
    else if (count)
        log_info("recover", "removed %u boxes of dead sessions", count);
}

static void recover_rows(void)
{
    char *path = database_path();
    struct err err;
    int count = store_recover(path, &err);

    free(path);
    if (count < 0)
        log_warn("recover", "%s", err.msg);
    else if (count)
        log_info("recover", "%d sessions of dead processes marked as crashed", count);
}

static void collect_work(void *ctx)
{
    (void)ctx;
    recover_rows();
    unsigned count = prepare_collect();
    if (count)
        log_info("recover", "removed %u leftovers of dead sessions", count);
}

static void collect_done(void *ctx)
{
    struct app *app = ctx;

    box_collect(app->loop, path_home(), false, on_collected, NULL);
}

static void on_collect(void *ctx)
{
    struct app *app = ctx;

    timer_free(app->collect);
    app->collect = NULL;
    loop_work(app->loop, collect_work, collect_done, app);
}

void app_recover(struct app *app, uint64_t later_ms)
{
    app->collect = timer_new(app->loop, on_collect, app);
    timer_start(app->collect, later_ms);
}
