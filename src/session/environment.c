/*
 * environment.c - the agent's environment.
 *
 * Both spellings of the proxy variables are set because programs disagree on them. The
 * trust variables name either our certificate alone (added to the built-in roots by node)
 * or the bundle of system roots and ours (replaces the roots elsewhere).
 */
#include "session/environment.h"

#include <string.h>

#include "base/mem.h"
#include "docker/box.h"

#define PROXY_URL "http://127.0.0.1:18080"
_Static_assert(BOX_PROXY_PORT == 18080, "PROXY_URL names the port");

static const char *const fixed[] = {
        "HTTPS_PROXY=" PROXY_URL,
        "HTTP_PROXY=" PROXY_URL,
        "https_proxy=" PROXY_URL,
        "http_proxy=" PROXY_URL,
        "NO_PROXY=localhost,127.0.0.1",
        "no_proxy=localhost,127.0.0.1",
        "NODE_EXTRA_CA_CERTS=" BOX_ORIENTATION "/ca-cert.pem",
        "SSL_CERT_FILE=" BOX_ORIENTATION "/ca-bundle.pem",
        "CURL_CA_BUNDLE=" BOX_ORIENTATION "/ca-bundle.pem",
        "GIT_SSL_CAINFO=" BOX_ORIENTATION "/ca-bundle.pem",
        "PIP_CERT=" BOX_ORIENTATION "/ca-bundle.pem",
        "REQUESTS_CA_BUNDLE=" BOX_ORIENTATION "/ca-bundle.pem",
        "CODEX_CA_CERTIFICATE=" BOX_ORIENTATION "/ca-bundle.pem",
        ENVIRONMENT_TERM,
        ENVIRONMENT_COLORTERM,
        "LANG=C.UTF-8",
        "HOME=" BOX_HOME,
        "USER=agent",
        "SHELL=/bin/bash",
        "PATH=/opt/agent:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

/* Owns `item`; an earlier variable of the same name is replaced. */
static void add(struct environment *env, char *item)
{
    size_t name = strcspn(item, "=") + 1;

    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], item, name) == 0) {
            free(env->items[i]);
            env->items[i] = item;
            return;
        }
    }
    env->items = xrealloc(env->items, (env->count + 2) * sizeof(*env->items));
    env->items[env->count++] = item;
    env->items[env->count] = NULL;
}

void environment_build(struct environment *env, const struct agent *agent, const char *session,
        const struct agent_fakes *fakes, char *const *extra)
{
    *env = (struct environment){0};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        add(env, xstrdup(fixed[i]));
    add(env, xasprintf("IRONCURTAIN_SESSION=%s", session));

    char **own = agent_env(agent, fakes);
    for (char **item = own; *item; item++)
        add(env, xstrdup(*item));
    agent_env_free(own);
    for (; extra && *extra; extra++)
        add(env, xstrdup(*extra));
}

void environment_release(struct environment *env)
{
    environment_free_list(env->items);
    *env = (struct environment){0};
}

char **environment_copy_list(const char *const *list)
{
    size_t n = 0;

    if (!list)
        return NULL;
    while (list[n])
        n++;

    char **copy = xcalloc(n + 1, sizeof(*copy));
    for (size_t i = 0; i < n; i++)
        copy[i] = xstrdup(list[i]);
    return copy;
}

void environment_free_list(char **list)
{
    for (char **item = list; item && *item; item++)
        free(*item);
    free(list);
}
