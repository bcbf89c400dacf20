/*
 * app.h - what every command that runs sessions opens first: home, log, configuration,
 * tables, policy, store, gate; and the order in which it is closed.
 */
#ifndef SRC_CLI_APP_H
#define SRC_CLI_APP_H

#include "session/session.h"

struct app {
    struct loop *loop;
    struct config config;
    struct provider_table providers;
    struct credentials *credentials; /* of `providers` */
    struct price_table prices;
    struct agent_table agents;
    struct policy *policy;
    char *policy_file;              /* owns; where it is, or would be */
    struct filewatch *policy_watch; /* owns; NULL: changes are not noticed */
    struct store *store;
    struct grants *grants;  /* what a human answered before; answers.rules */
    struct gate *gate;      /* NULL: nobody can be asked */
    struct dial_proxy *via; /* on the way to upstreams; NULL: direct */
    struct ca *ca;          /* NULL until app_load_ca() is done */
    struct timer *collect;  /* owns; NULL unless app_recover() waits */
    struct ca_load *loading;
};

struct app_options {
    const char *config; /* file or NULL */
    const char *policy; /* file or NULL */
    const char *
            agents; /* more agent table YAML (the demo's), instead of the configured; or NULL */
    bool own_providers; /* the caller changes the providers and calls app_find_credentials() */
    bool ask;           /* is there a human to ask? */
    bool store_later;   /* the caller calls app_wait_store() before the loop runs */
};

/* Everything but the CA and the prices. On failure all is closed again. */
int app_open(struct app *app, const struct app_options *options, struct err *err);
/* Until the database is open, or why it cannot be. Rows may be put before; no ids are given. */
int app_wait_store(struct app *app, struct err *err);
/* Keys and logins for the providers as they are now; `auth` as in credential.h. */
int app_find_credentials(struct app *app, enum credential_auth auth, struct err *err);
int app_load_prices(struct app *app, struct err *err);
/* The CA and the prices, off the loop: making a CA takes a while. done(ctx, NULL) or why not;
 * never from app_close() on. */
void app_load_ca(struct app *app, void (*done)(void *ctx, const struct err *err), void *ctx);
/* Sessions must be freed before. */
void app_close(struct app *app);

/* View for session_start(). */
struct session_env app_env(const struct app *app);

/* Agent and runtime that the command line left open come from the configuration. */
void app_session_defaults(const struct app *app, struct session_spec *spec);

/* Clean up after owners that died, off the loop: rows, folders and boxes, in `later_ms`, when
 * that does not take the processor from a start that somebody waits for. */
void app_recover(struct app *app, uint64_t later_ms);

#endif
