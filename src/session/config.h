/*
 * config.h - ~/.ironcurtain/config.yaml. Unknown keys are errors with line, key and the
 * nearest known one.
 */
#ifndef SRC_SESSION_CONFIG_H
#define SRC_SESSION_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "mcp/servers.h"
#include "proxy/proxy.h"
#include "pty/chord.h"

enum config_clipboard { CLIPBOARD_ASK, CLIPBOARD_ALLOW, CLIPBOARD_DENY };
enum config_desktop { DESKTOP_UNFOCUSED, DESKTOP_OFF, DESKTOP_ALWAYS };

struct config {
    char *host_mark;  /* two words shown in the top row; made at first run */
    char *agent;      /* default agent */
    char *runtime;    /* "auto" */
    char *base_image; /* docker base, or NULL */
    enum credential_auth auth;
    char *policy_file; /* NULL: policy.rules in the home if there, else the shipped one */
    uint32_t review_timeout_ms;
    uint32_t review_arm_ms;          /* 300 to 5000; high risk three times that */
    unsigned scrollback;             /* lines of history; 0: none */
    unsigned screens;                /* at rest, kept of full-screen agents */
    bool emacs_keys;                 /* in copy mode */
    enum config_clipboard clipboard; /* what becomes of the agent's copies (OSC 52) */
    char **open_command;             /* NULL-terminated argv that opens a link, or NULL */
    char **notify_command;           /* likewise; is told of requests that wait */
    enum config_desktop desktop;     /* notices on the user's desktop */
    bool agent_bell;                 /* the agent's BEL goes on to the user's terminal */
    char **copy_command; /* NULL-terminated argv that takes what is copied, or NULL */
    unsigned memory_mb;
    unsigned pids;
    double cpus;
    bool bell;
    struct chord prefix;  /* the one key that the agent does not get */
    bool mouse;           /* false: the mouse stays the terminal's */
    char *upstream_ca;    /* extra trust anchor for every upstream, or NULL */
    char *upstream_proxy; /* on the way to all of them; "none": none; NULL: as in HTTPS_PROXY */
    char *no_proxy;       /* who is reached without it; NULL: as in NO_PROXY */
    struct proxy_resolve *resolve; /* owns, with its strings */
    size_t resolve_count;
    struct buf providers;   /* the `providers:` subtree as YAML text for the provider table */
    struct buf agents;      /* the `agents:` subtree */
    struct buf prices;      /* likewise, for the price table */
    struct mcp_servers mcp; /* owns; `mcp.servers` */
    char *path;             /* the file it came from, or NULL when there was none */
};

/* path NULL: $IRONCURTAIN_CONFIG, else config.yaml in the home; a missing default is fine. */
int config_load(struct config *config, const char *path, struct err *err);
/* The table of providers with what this file says of them, before the environment's keys come
 * in. A file that holds a key itself is refused if others can read it. */
int config_providers(const struct config *config, struct provider_table *ret, struct err *err);
void config_release(struct config *config);

#endif
