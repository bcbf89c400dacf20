/*
 * cmd_new.c - `ironcurtain new`, and `ironcurtain` alone: it shows the sessions that run; if
 * there are none it starts one in the current folder when a key or login and an agent are
 * there, and the demo otherwise.
 */
#include <limits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/cmd.h"
#include "cli/options.h"
#include "cli/screen.h"
#include "io/child.h"
#include "proxy/login.h"

static const char *workspace_of(const struct options *options, char cwd[PATH_MAX])
{
    if (options->dir)
        return options->dir;
    return getcwd(cwd, PATH_MAX) ? cwd : ".";
}

/* Whose key or login the agent would have a fake of. */
static void print_credentials(const struct session_env *env, const char *name)
{
    const struct agent *agent = agent_find(env->agents, name);

    for (char **names = agent ? agent->providers : NULL; names && *names; names++) {
        const struct provider *p = session_provider(env, *names, NULL);
        struct buf text = BUF_INIT;

        if (!p)
            continue;
        credential_describe(credential_of(env->credentials, p), &text);
        printf("credential %s: %.*s\n", p->name, STR_ARG(buf_str(&text)));
        buf_release(&text);
    }
}

/* What would run, without starting anything. */
static int dry_run(const struct options *options, const char *workspace)
{
    struct app app;
    struct err err;
    struct app_options ao = {.config = options->config, .policy = options->policy};

    if (app_open(&app, &ao, &err) < 0)
        return cmd_fail(&err);

    struct session_spec spec = {.agent = options->agent,
            .workspace = workspace,
            .runtime = options->runtime,
            .argv = options->command};
    struct session_env env = app_env(&app);
    app_session_defaults(&app, &spec);
    int rc = session_check(&env, &spec, &err);
    if (rc == 0)
        printf("agent      %s\nworkspace  %s\nruntime    %s\npolicy     version %s\n"
               "network    none; 127.0.0.1:18080 in the box leads to our proxy\n",
                spec.agent, workspace, spec.runtime, policy_version(app.policy));
    if (rc == 0)
        print_credentials(&env, spec.agent);
    app_close(&app);
    return rc < 0 ? cmd_fail(&err) : EXIT_DONE;
}

static int in_foreground(const struct options *options, const struct session_spec *session)
{
    struct screen_spec spec = {
            .app = {.config = options->config, .policy = options->policy, .ask = true},
            .session = *session,
            .panels = true,
            .ascii = options->ascii,
    };

    return screen_run(&spec);
}

/* The server has a folder of its own. Caller frees; NULL gives NULL. */
static char *absolute(const char *path)
{
    char cwd[PATH_MAX];
    char *real = path ? realpath(path, NULL) : NULL;

    if (!path || real)
        return real;
    return path[0] == '/' || !getcwd(cwd, sizeof(cwd)) ? xstrdup(path) : path_join(cwd, path);
}

static int with_server(const struct options *options, struct session_spec *session)
{
    const char *config = options->config ? options->config : getenv("IRONCURTAIN_CONFIG");
    char *workspace = absolute(session->workspace), *policy_path = absolute(options->policy),
         *config_path = config && *config ? absolute(config) : NULL;
    struct client_request request = {
            .start = session,
            .detach = options->detach,
            .config = config_path,
            .policy = policy_path,
            .ascii = options->ascii,
    };

    session->workspace = workspace;
    int code = client_run(&request, NULL);
    free(workspace);
    free(config_path);
    free(policy_path);
    return code;
}

int cmd_new(int argc, char **argv)
{
    char cwd[PATH_MAX];
    struct options options;
    struct err err;

    if (options_parse(&options, argc, argv, &err) < 0)
        return cmd_fail(&err);
    if (options.detach && options.foreground) {
        err_set(&err, ERR_USAGE, "--detach and --foreground exclude each other");
        return cmd_fail(&err);
    }

    const char *workspace = workspace_of(&options, cwd);
    if (options.dry_run)
        return dry_run(&options, workspace);
    int rc = options.detach ? 0 : screen_check_terminal();
    if (rc)
        return rc;

    struct session_spec session = {.agent = options.agent,
            .name = options.name,
            .workspace = workspace,
            .runtime = options.runtime,
            .argv = options.command};
    return options.foreground ? in_foreground(&options, &session)
                              : with_server(&options, &session);
}

static bool has_login(void)
{
    struct login_token token = {0};
    char *path = login_path(OAUTH_CLAUDE_CODE);
    bool yes = path && login_read(OAUTH_CLAUDE_CODE, path, &token, NULL) == 0;

    if (yes)
        login_token_release(&token);
    free(path);
    return yes;
}

/* Why a real session cannot start here; NULL: it can. */
static const char *why_demo(char *text, size_t cap)
{
    const char *key = getenv("ANTHROPIC_API_KEY");
    const char *const docker[] = {"docker", "info", "--format", "{{.ServerVersion}}", NULL};
    struct buf out = BUF_INIT;
    struct buf errout = BUF_INIT;
    int status = 0;

    if ((!key || !*key) && !has_login()) {
        snprintf(text, cap,
                "ANTHROPIC_API_KEY is not set and Claude Code is not logged in, so this is the "
                "offline demo");
        return text;
    }
    char *claude = file_in_path("claude");
    bool engine = !claude && child_run(docker, 5000, &out, &errout, &status, NULL) == 0 &&
                  status == 0;
    free(claude);
    buf_release(&out);
    buf_release(&errout);
    if (claude || engine)
        return NULL;
    snprintf(text, cap,
            "neither a docker engine nor the program 'claude' is here, so this is "
            "the offline demo");
    return text;
}

int cmd_ui(int argc, char **argv)
{
    char text[200];
    char *demo[] = {(char *)"demo", (char *)"--why", text, NULL};
    struct client_request attach = {0};
    bool none = false;
    int rc = screen_check_terminal();

    (void)argc;
    if (rc)
        return rc;
    rc = client_run(&attach, &none);
    if (!none)
        return rc;
    if (why_demo(text, sizeof(text))) {
        fprintf(stderr, "ironcurtain: %s\n", text);
        return cmd_demo(3, demo);
    }
    fprintf(stderr, "ironcurtain: starting claude-code in this folder\n");
    return cmd_new(1, argv);
}
