/*
 * mcp_setup.c - the MCP proxy of a session, and the world in which its calls are judged.
 *
 * What no tool may touch, whatever the rules say: our own home (policy, answers, CA, audit,
 * sockets, the agents' homes) and the files in which the agents' real logins are.
 */
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "docker/box.h"
#include "session/session_priv.h"

/* Without links, if it is there. */
static char *real(const char *path)
{
    char *found = realpath(path, NULL);

    return found ? found : xstrdup(path);
}

static const char **guarded_paths(const struct session *s)
{
    const struct provider_table *providers = s->env.providers;
    const char **paths = xcalloc(providers->count + 2, sizeof(*paths));
    size_t n = 0;

    paths[n++] = real(path_home());
    for (size_t i = 0; i < providers->count; i++) {
        const struct credential *c = credential_of(s->env.credentials, &providers->items[i]);
        const char *file = credential_file(c);

        if (file)
            paths[n++] = real(file);
    }
    return paths;
}

int session_open_mcp(struct session *s, const char *socket, struct err *err)
{
    const char *home = getenv("HOME");

    s->user_home = real(home ? home : "/");
    s->tools_dir = path_join(path_home(), "mcp-tools");
    s->world = (struct policy_world){
            .home = s->user_home,
            .workspace = s->paths.workspace,
            .box_workspace = BOX_WORKSPACE,
            .guarded = guarded_paths(s),
    };
    const struct mcp_config config = {
            .loop = s->env.loop,
            .servers = &s->env.config->mcp,
            .policy = s->env.policy,
            .world = &s->world,
            .grants = s->env.grants,
            .gate = s->env.gate,
            .store = s->env.store,
            .session = s->rec.id,
            .label = s->rec.label,
            .agent = s->rec.agent,
            .cache_dir = s->tools_dir,
            .via = s->env.via,
            .extra_ca = s->env.config->upstream_ca,
            .on_request = session_on_request,
            .ctx = s,
    };
    s->mcp = mcp_new(&config);
    return mcp_listen_unix(s->mcp, socket, err);
}

void session_close_mcp(struct session *s)
{
    mcp_free(s->mcp);
    s->mcp = NULL;
    for (const char *const *path = s->world.guarded; path && *path; path++)
        free((char *)*path);
    free((char **)s->world.guarded);
    s->world = (struct policy_world){0};
    free(s->user_home);
    free(s->tools_dir);
    s->user_home = s->tools_dir = NULL;
}
