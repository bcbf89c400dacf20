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
 *         tracker:
 *           url: https://mcp.example.com/mcp
 *           headers: {Authorization: "Bearer env:TRACKER_TOKEN"}
 *
 * Of our own environment a server gets only what programs need to run (PATH, HOME, LANG ...)
 * and what stands in `env`. Values there and in `headers` may be secrets: `env:NAME` and
 * `file:PATH`, also behind a word ("Bearer env:NAME"), are read once, when the table is made.
 */
#ifndef SRC_MCP_SERVERS_H
#define SRC_MCP_SERVERS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/url.h"

#define MCP_NAME_MAX 32 /* of a server: [a-z0-9_-] */

struct mcp_pair {
    char *name;           /* owns */
    struct secret *value; /* owns */
};

struct mcp_server_spec {
    char name[MCP_NAME_MAX + 1];
    char **command; /* owns; NULL-ended; NULL: it has a url */
    struct mcp_pair *env;
    size_t env_count;
    char *cwd; /* owns; NULL: the workspace */
    char *url; /* owns; as it stands there; NULL: it has a command */
    struct http_url place;
    struct mcp_pair *headers;
    size_t header_count;
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
/* "name: value\r\n" of each header; ret is marked secret. */
void mcp_headers_put(const struct mcp_server_spec *spec, struct buf *ret);
/* Changes with everything that makes it another server. */
void mcp_server_digest(const struct mcp_server_spec *spec, char hex[17]);

#endif
