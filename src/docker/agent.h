/*
 * agent.h - the agent table: what a coding agent needs to run in a box. Data:
 * assets/agents.yaml, extended by the user's configuration.
 */
#ifndef SRC_DOCKER_AGENT_H
#define SRC_DOCKER_AGENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct agent_seed {
    char *path; /* owns; relative to the agent's home in the box */
    char *text; /* owns; its marks are replaced, see struct agent_fakes */
};

/*
 * What the box gets instead of a real credential: a fake API key, or the fake token of a
 * login. The marks {fake_key}, {key_tail20} (its last 20 characters) and {needs_key} (nothing)
 * stand for the first, {fake_token}, {account} and {needs_login} (nothing) for the second. A
 * variable or a seed with a mark of the one that is missing is left out.
 */
struct agent_fakes {
    const char *key;     /* borrows, all; NULL: there is no API key */
    const char *token;   /* NULL: there is no login */
    const char *account; /* that the login is for; "" or NULL: none */
};

struct agent {
    char name[32];     /* "claude-code" */
    char title[64];    /* "Claude Code" */
    char **providers;  /* owns, NULL-terminated; provider names it needs a key or login of;
                        * "a|b": of the first of them that has one */
    char **argv;       /* owns, NULL-terminated; argv[0] is looked up in the box */
    char *host_binary; /* owns; program to look up in the host's PATH, or NULL */
    /* In npm, version and npm_file {arch} is x64 or arm64, {machine} x86_64 or aarch64. */
    char *npm;        /* owns; npm package with the program, or NULL */
    char *version;    /* owns; the version of it that is fetched; NULL without npm */
    char *npm_file;   /* owns; path of the program in the package */
    char **beside;    /* owns, NULL-terminated; files in its folder that go along */
    char *runner;     /* owns; the program is a script for this one, and the whole package
                       * goes along; NULL: it is a native program */
    char *image;      /* owns; docker image name to build and run, or NULL: base only */
    char *dockerfile; /* owns; name of the asset, or NULL */
    char **env;       /* owns, NULL-terminated "NAME=value"; marks are replaced */
    char **remove;    /* owns, NULL-terminated; files in its home that go before each start */
    struct agent_seed *seeds; /* owns */
    size_t seed_count;
};

struct agent_table {
    struct agent *items; /* owns */
    size_t count;
};

/*
 * The built-in table (asset "agents.yaml") and over it `extra`: a mapping of agent names as
 * the section `agents:` of a configuration file, empty for none. An agent that is there
 * already keeps what `extra` does not set.
 */
int agent_table_load(
        struct agent_table *table, struct str extra, const char *extra_name, struct err *err);
void agent_table_release(struct agent_table *table);
const struct agent *agent_find(const struct agent_table *table, const char *name);

/* The agent's variables, filled in. NULL-terminated, caller frees with agent_env_free(). */
char **agent_env(const struct agent *agent, const struct agent_fakes *fakes);
void agent_env_free(char **env);

/* Remove what an earlier session left (its credentials were others), then write the agent's
 * seed files below `home` (0600; folders 0700), filled in. Existing files are replaced. */
int agent_seed_home(const struct agent *agent, const char *home,
        const struct agent_fakes *fakes, struct err *err);

#endif
