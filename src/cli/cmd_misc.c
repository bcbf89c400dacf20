/*
 * cmd_misc.c - `ironcurtain gc`: what sessions whose process is dead left behind; and the two
 * small commands that print the configuration and the provider table.
 */
#include "base/file.h"
#include "base/json.h"
#include "cli/app.h"
#include "cli/cmd.h"
#include "cli/options.h"
#include "docker/box.h"
#include "proxy/body_rule.h"
#include "session/prepare.h"

struct gc {
    unsigned boxes;
    bool failed;
    struct err err;
    struct loop *loop;
};

static void on_collected(void *ctx, unsigned count, const struct err *err)
{
    struct gc *gc = ctx;

    gc->boxes = count;
    if (err) {
        gc->failed = true;
        gc->err = *err;
    }
    loop_stop(gc->loop);
}

int cmd_gc(int argc, char **argv)
{
    struct options options;
    struct gc gc = {0};
    struct err err;

    if (options_parse(&options, argc, argv, &err) < 0)
        return cmd_fail(&err);
    gc.loop = loop_new(&err);
    if (!gc.loop)
        return cmd_fail(&err);

    unsigned leftovers = options.dry_run ? 0 : prepare_collect();
    box_collect(gc.loop, path_home(), options.dry_run, on_collected, &gc);
    loop_run(gc.loop);
    loop_free(gc.loop);
    printf("%s %u boxes, %u folders and registrations\n",
            options.dry_run ? "would remove" : "removed", gc.boxes, leftovers);
    return gc.failed ? cmd_fail(&gc.err) : EXIT_DONE;
}

int cmd_config(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    struct config config;
    struct err err;

    if (strcmp(what, "path") == 0) {
        char *path = path_join(path_home(), "config.yaml");

        printf("%s\n", path);
        free(path);
        return EXIT_DONE;
    }
    if (strcmp(what, "check") != 0) {
        err_set(&err, ERR_USAGE, "usage: ironcurtain config check [FILE] | path");
        return cmd_fail(&err);
    }
    if (config_load(&config, argc > 2 ? argv[2] : NULL, &err) < 0) {
        cmd_fail(&err);
        return EXIT_USAGE;
    }
    printf("%s: ok\n", config.path ? config.path : "no configuration file; defaults");
    config_release(&config);
    return EXIT_DONE;
}

static json_t *endpoints_json(const struct provider_endpoint *list, size_t count)
{
    json_t *ret = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(ret, json_sprintf("%s %s", list[i].method, list[i].pattern));
    return ret;
}

static json_t *body_rules_json(const struct provider *p)
{
    json_t *ret = json_array();

    for (size_t i = 0; i < p->body_count; i++)
        json_array_append_new(ret,
                json_sprintf("%s %s", p->body[i].endpoint.method, p->body[i].endpoint.pattern));
    return ret;
}

static void print_provider(
        const struct provider_table *table, const struct provider *p, json_t *list)
{
    bool has_key = provider_key_owner(table, p)->key != NULL;
    json_t *o;

    if (!list) {
        printf("%-15s %-10s", p->name, has_key ? "key found" : "no key");
        for (size_t i = 0; i < p->host_count; i++)
            printf(" %s", p->hosts[i]);
        if (p->upstream)
            printf(" -> %s", p->upstream);
        printf("\n");
        if (p->key_problem)
            printf("%-15s %s\n", "", p->key_problem);
        return;
    }
    o = json_object();
    json_object_set_new(o, "name", json_string(p->name));
    json_object_set_new(o, "host", json_string(p->host_count ? p->hosts[0] : ""));
    json_object_set_new(o, "key_found", json_boolean(has_key));
    if (p->key_problem)
        json_object_set_new(o, "key_problem", json_string(p->key_problem));
    if (*p->shares)
        json_object_set_new(o, "shares", json_string(p->shares));
    if (p->upstream)
        json_object_set_new(o, "upstream", json_string(p->upstream));
    json_object_set_new(o, "allow", endpoints_json(p->allow, p->allow_count));
    json_object_set_new(o, "websocket", endpoints_json(p->websocket, p->websocket_count));
    json_object_set_new(o, "body", body_rules_json(p));
    json_array_append_new(list, o);
}

int cmd_providers(int argc, char **argv)
{
    struct config config;
    struct provider_table table;
    bool json = argc > 2 && strcmp(argv[2], "--json") == 0;
    json_t *list = NULL;
    struct err err;

    if (argc < 2 || strcmp(argv[1], "ls") != 0) {
        err_set(&err, ERR_USAGE, "usage: ironcurtain providers ls [--json]");
        return cmd_fail(&err);
    }
    if (config_load(&config, NULL, &err) < 0)
        return cmd_fail(&err);
    int rc = config_providers(&config, &table, &err);
    if (rc == 0) {
        provider_table_upstreams_from_env(&table);
        provider_table_keys_from_env(&table);
        list = json ? json_array() : NULL;
        for (size_t i = 0; i < table.count; i++)
            print_provider(&table, &table.items[i], list);
        if (list)
            json_dumpf(list, stdout, JSON_INDENT(2));
        json_decref(list);
        provider_table_release(&table);
    }
    config_release(&config);
    return rc < 0 ? cmd_fail(&err) : EXIT_DONE;
}
