/*
 * cmd_demo.c - `ironcurtain demo`: everything real but the provider and the agent.
 *
 * The provider listens on loopback with a CA of its own; the provider table's anthropic
 * entry is pointed at it, with a key that is made for this run. The agent is our own program
 * in a bubblewrap box. So what the demo shows is the real proxy, gate, store and screen.
 */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/demo_provider.h"
#include "cli/screen.h"
#include "io/crypt.h"

struct demo {
    struct demo_provider *provider; /* owns */
    char workspace[64];
};

static char *demo_key(void)
{
    uint8_t random[24];
    char text[40];

    crypt_random(random, sizeof(random));
    crypt_base64url(random, sizeof(random), text);
    return xasprintf("sk-ant-api03-demo-%s", text);
}

/* The anthropic entry leads to our provider, with its key; whatever key the user has in the
 * environment is dropped. */
static int point_provider(
        struct app *app, const struct demo *demo, const char *key, struct err *err)
{
    char *yaml =
            xasprintf("anthropic:\n  upstream: https://127.0.0.1:%u\n  upstream_ca: \"%s\"\n",
                    demo_provider_port(demo->provider), demo_provider_ca(demo->provider));
    int rc;

    provider_table_release(&app->providers);
    rc = provider_table_load(&app->providers, str_of(yaml), "the demo's provider", err);
    free(yaml);
    if (rc < 0)
        return rc;

    struct provider *p = provider_find(&app->providers, "anthropic");
    if (!p)
        return err_set(err, ERR_CONFIG, "the provider table has no entry 'anthropic'");
    secret_free(p->key);
    p->key = secret_new(key, strlen(key));
    return app_find_credentials(app, CREDENTIAL_APIKEY, err);
}

static void point_weather(struct app *app, const struct demo *demo)
{
    struct config *config = &app->config;
    struct proxy_resolve *row;

    config->resolve =
            xrealloc(config->resolve, (config->resolve_count + 1) * sizeof(*config->resolve));
    row = &config->resolve[config->resolve_count++];
    row->host = xstrdup(DEMO_WEATHER_HOST);
    row->port = 443;
    row->address = xstrdup("127.0.0.1");
    row->to_port = demo_provider_port(demo->provider);
    free(config->upstream_ca);
    config->upstream_ca = xstrdup(demo_provider_ca(demo->provider));
}

static int on_open(void *ctx, struct app *app, struct err *err)
{
    struct demo *demo = ctx;
    char *dir = path_join(path_home(), "demo/ca");
    char *key = demo_key();
    struct demo_provider_config config = {.dir = dir, .key = key, .delay_ms = 40};
    int rc;

    demo->provider = demo_provider_start(app->loop, &config, err);
    rc = demo->provider ? 0 : err->code;
    if (rc == 0)
        rc = point_provider(app, demo, key, err);
    if (rc == 0)
        point_weather(app, demo);
    mem_wipe(key, strlen(key));
    free(key);
    free(dir);
    return rc;
}

static void on_close(void *ctx)
{
    struct demo *demo = ctx;

    demo_provider_free(demo->provider);
    demo->provider = NULL;
}

static const char demo_agent[] = "demo:\n"
                                 "  title: Demo agent\n"
                                 "  providers: [anthropic]\n"
                                 "  command: [ironcurtain, demo-agent]\n"
                                 "  program: {host: ironcurtain}\n"
                                 "  env: [\"ANTHROPIC_API_KEY={fake_key}\"]\n";

/* The agent's program is looked up in PATH; ours must be this very one. */
static int own_folder_first(struct err *err)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    const char *old = getenv("PATH");

    if (n <= 0)
        return err_set(err, ERR_IO, "cannot find our own program");
    while (n > 1 && exe[n - 1] != '/')
        n--;

    char *path = xasprintf("%.*s:%s", (int)n - 1, exe, old ? old : "/usr/bin:/bin");
    setenv("PATH", path, 1);
    free(path);
    return 0;
}

int cmd_demo(int argc, char **argv)
{
    struct demo demo = {.workspace = "/tmp/ironcurtain-demo-XXXXXX"};
    bool told = argc > 2 && strcmp(argv[1], "--why") == 0;
    struct err err;
    int rc = screen_check_terminal();

    if (rc)
        return rc;
    if (own_folder_first(&err) < 0)
        return cmd_fail(&err);
    if (!mkdtemp(demo.workspace)) {
        err_set(&err, ERR_IO, "cannot make a folder for the demo in /tmp");
        return cmd_fail(&err);
    }

    struct screen_spec spec = {
            .app = {.agents = demo_agent, .own_providers = true, .ask = true},
            .session = {.agent = "demo",
                    .name = "demo",
                    .workspace = demo.workspace,
                    .runtime = "bwrap"},
            .message = told ? argv[2]
                            : "the offline demo: the provider is local, the rest is real",
            .panels = true,
            .on_open = on_open,
            .on_close = on_close,
            .ctx = &demo,
    };
    rc = screen_run(&spec);
    (void)file_remove_tree(demo.workspace, NULL);
    return rc;
}

/* --- the provider alone, for tests with other agents -------------------------------------- */

static void on_signal(void *ctx, int signo)
{
    (void)signo;
    loop_stop(ctx);
}

static const char *value_of(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

int cmd_demo_provider(int argc, char **argv)
{
    const char *port = value_of(argc, argv, "--port");
    uint64_t number = 0;
    struct demo_provider_config config = {
            .dir = value_of(argc, argv, "--dir"),
            .key = value_of(argc, argv, "--key"),
            .log = value_of(argc, argv, "--log"),
            .delay_ms = 20,
    };
    struct err err;

    if (!config.dir || !config.key || (port && !str_u64(str_of(port), 65535, &number))) {
        err_set(&err, ERR_USAGE,
                "usage: ironcurtain demo-provider --dir DIR --key KEY [--port N] [--log FILE]");
        return cmd_fail(&err);
    }
    config.port = (uint16_t)number;

    struct loop *loop = loop_new(&err);
    struct demo_provider *provider = loop ? demo_provider_start(loop, &config, &err) : NULL;
    if (!provider)
        return cmd_fail(&err);
    struct sigwatch *term = sigwatch_new(loop, SIGTERM, on_signal, loop);
    struct sigwatch *interrupt = sigwatch_new(loop, SIGINT, on_signal, loop);
    printf("{\"ready\":true,\"port\":%u,\"ca\":\"%s\"}\n", demo_provider_port(provider),
            demo_provider_ca(provider));
    fflush(stdout);
    loop_run(loop);
    sigwatch_free(term);
    sigwatch_free(interrupt);
    demo_provider_free(provider);
    loop_free(loop);
    return EXIT_DONE;
}
