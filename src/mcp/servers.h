/*
 * servers.h - the MCP servers of the user: `mcp.servers` of config.yaml.
 *
 *     mcp:
 *       servers:
 *         files:
 *           command: [npx, -y, "@modelcontextprotocol/server-filesystem", .]
 *           env: {TOKEN: env:GITHUB_TOKEN, OTHER: file:~/.secrets/other}
 *           cwd: ~/src
 *           start_timeout: 10s
 *
 * Of our own environment a server gets only what programs need to run (PATH, HOME, LANG ...)
 * and what stands in `env`. Values there may be secrets: `env:NAME` and `file:PATH` are read
 * once, when the table is made.
 */
#ifndef SRC_MCP_SERVERS_H
#define SRC_MCP_SERVERS_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define MCP_NAME_MAX 32 /* of a server: [a-z0-9_-] */

struct mcp_pair {
    char *name;           /* owns */
    struct secret *value; /* owns */
};

struct mcp_server_spec {
    char name[MCP_NAME_MAX + 1];
    char **command; /* owns; NULL-ended */
    struct mcp_pair *env;
    size_t env_count;
    char *cwd; /* owns; NULL: the workspace */
    uint32_t start_timeout_ms;
    char *problem; /* owns; why it cannot be started as it stands, or NULL */
};

/* In the order of their names. */
struct mcp_servers {
    struct mcp_server_spec *items; /* owns */
    size_t count;
};

/* `text` is the subtree `mcp` (may be empty), `name` what file:line shows. A secret that is not
 * there is no error but the server's `problem`. */
int mcp_servers_load(
        struct mcp_servers *ret, struct str text, const char *name, struct err *err);
void mcp_servers_release(struct mcp_servers *servers);

/* A NULL-ended list; mcp_env_free() overwrites it. */
char **mcp_env_make(const struct mcp_server_spec *spec);
void mcp_env_free(char **env);
/* Changes with everything that makes it another server. */
void mcp_server_digest(const struct mcp_server_spec *spec, char hex[17]);

#endif
