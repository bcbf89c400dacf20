/*
 * provider_raw.h - a provider as its YAML has it, for the provider_*.c files only.
 *
 * Every field is optional: NULL (or a zero count with a NULL list) is absent.
 */
#ifndef SRC_PROXY_PROVIDER_RAW_H
#define SRC_PROXY_PROVIDER_RAW_H

#include "proxy/body_rule.h"
#include "proxy/provider.h"

struct raw_key {
    char *header;
    char *format;
    char *fake_prefix;
    char *query;
    char **also;
    unsigned also_count;
    char **from;
    unsigned from_count;
    char **command;
    unsigned command_count;
    char *value;
};

enum raw_choice { RAW_FIRST, RAW_SECOND };

struct raw_login {
    enum oauth_store store;
    char *client_id;
    char *token_url;
    enum raw_choice grant; /* form, json */
};

struct raw_oauth {
    char *header;
    char *format;
    char *fake_prefix;
    enum raw_choice *fake; /* opaque, jwt */
    struct raw_login *logins;
    unsigned logins_count;
    char *token_url;
};

struct raw_tools {
    char **keep;
    unsigned keep_count;
    enum raw_choice typeless; /* drop, keep */
};

struct raw_body {
    char *endpoint;
    enum api_kind api;
    struct raw_tools *tools;
    char **drop;
    unsigned drop_count;
    char **inside;
    unsigned inside_count;
    char **deny_model;
    unsigned deny_model_count;
    bool deny_urls;
    uint32_t max;
};

struct raw_provider {
    char **hosts;
    unsigned hosts_count;
    struct raw_key *key;
    struct raw_oauth *oauth;
    char *shares;
    char **allow;
    unsigned allow_count;
    char **websocket;
    unsigned websocket_count;
    char **telemetry;
    unsigned telemetry_count;
    enum api_kind *usage;
    enum api_kind *error;
    struct raw_body *body;
    unsigned body_count;
    char *upstream;
    char *upstream_env;
    char *upstream_ca;
};

/* provider_merge.c: put what is there into the provider. The message names no place. */
int provider_merge(struct provider *p, const struct raw_provider *raw, struct err *err);

/* provider_key.c: NULL if no header could hold it. */
struct secret *provider_key_make(struct str value);

/* provider.c */
bool provider_pattern_matches(const char *pattern, struct str path);
void provider_endpoints_free(struct provider_endpoint *list, size_t count);
void provider_strings_free(char **list, size_t count);
void provider_body_release(struct body_rule *rule);
void provider_release(struct provider *p);

#endif
