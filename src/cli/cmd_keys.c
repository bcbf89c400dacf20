/*
 * cmd_keys.c - `ironcurtain keys ls`: which real credential each provider has. Never a value.
 *
 * Blocks: on login files, and on key commands, which are run as they would be for a box.
 */
#include "base/json.h"
#include "cli/app.h"
#include "cli/cmd.h"
#include "proxy/credential.h"

struct keys {
    struct loop *loop;
    struct config config;
    struct provider_table providers;
    struct credentials *credentials;
};

static const char *kind_name(enum credential_kind kind)
{
    switch (kind) {
    case CREDENTIAL_NONE:
        return "none";
    case CREDENTIAL_KEY:
        return "apikey";
    case CREDENTIAL_LOGIN:
        return "oauth";
    }
    return "none";
}

static void print_text(const struct provider *p, const struct credential *c)
{
    struct buf text = BUF_INIT;
    char line[1024], shown[1200];

    credential_describe(c, &text);
    snprintf(line, sizeof(line), "%-16s %.*s%s%s", p->name, STR_ARG(buf_str(&text)),
            *credential_problem(c) ? "; " : "", credential_problem(c));
    printf("%s\n", str_vis(shown, sizeof(shown), str_of(line)));
    buf_release(&text);
}

static json_t *as_json(const struct provider *p, const struct credential *c)
{
    json_t *o = json_object();
    const char *file = credential_file(c);
    int64_t ends_ms = credential_expires_ms(c);

    json_object_set_new(o, "provider", json_string(p->name));
    json_object_set_new(o, "kind", json_string(kind_name(credential_kind(c))));
    if (file)
        json_object_set_new(o, "file", json_string(file));
    if (credential_kind(c) == CREDENTIAL_KEY)
        json_object_set_new(o, "from", json_string(credential_origin(c)));
    if (ends_ms)
        json_object_set_new(o, "expiresAtMs", json_integer(ends_ms));
    if (*credential_problem(c))
        json_object_set_new(o, "problem", json_string(credential_problem(c)));
    return o;
}

static int open_keys(struct keys *keys, struct err *err)
{
    keys->loop = loop_new(err);
    if (!keys->loop || config_load(&keys->config, NULL, err) < 0)
        return err->code;
    int rc = config_providers(&keys->config, &keys->providers, err);
    if (rc < 0)
        return rc;
    provider_table_upstreams_from_env(&keys->providers);
    provider_table_keys_from_env(&keys->providers);
    struct credentials_config cc = {
            .loop = keys->loop, .providers = &keys->providers, .auth = keys->config.auth};
    keys->credentials = credentials_open(&cc, err);
    return keys->credentials ? 0 : (int)err->code;
}

static void close_keys(struct keys *keys)
{
    credentials_free(keys->credentials);
    provider_table_release(&keys->providers);
    config_release(&keys->config);
    if (keys->loop)
        loop_free(keys->loop);
}

int cmd_keys(int argc, char **argv)
{
    struct keys keys = {0};
    struct err err;
    bool json = argc > 2 && strcmp(argv[2], "--json") == 0;

    if (argc < 2 || strcmp(argv[1], "ls") != 0 || argc > 3 || (argc == 3 && !json)) {
        err_set(&err, ERR_USAGE, "usage: ironcurtain keys ls [--json]");
        return cmd_fail(&err);
    }
    int rc = open_keys(&keys, &err);
    json_t *list = json ? json_array() : NULL;
    for (size_t i = 0; rc == 0 && i < keys.providers.count; i++) {
        const struct provider *p = &keys.providers.items[i];
        const struct credential *c = credential_of(keys.credentials, p);

        if (json)
            json_array_append_new(list, as_json(p, c));
        else
            print_text(p, c);
    }
    if (rc == 0 && json) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(list);
    close_keys(&keys);
    return rc < 0 ? cmd_fail(&err) : EXIT_DONE;
}
