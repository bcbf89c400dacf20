/*
 * provider_key.c - what the environment and files of the user bring into the table: real keys
 * and other upstreams.
 *
 * Blocks: on reading small local files; called before the loop runs. Owns: nothing; keys go
 * into the table. They are nowhere else afterwards: variables are wiped and unset.
 */
#include "proxy/provider.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "proxy/provider_raw.h"

/* A key in a file; tokens have some kilobytes at most. */
#define KEY_FILE_MAX 65536

struct secret *provider_key_make(struct str value)
{
    while (value.n > 0 && (unsigned char)value.p[value.n - 1] <= ' ')
        value.n--;
    for (size_t i = 0; i < value.n; i++) {
        if ((unsigned char)value.p[i] <= ' ' || (unsigned char)value.p[i] >= 0x7f)
            return NULL;
    }
    return value.n > 0 ? secret_new(value.p, value.n) : NULL;
}

static void set_problem(struct provider *p, const char *what)
{
    free(p->key_problem);
    p->key_problem = xstrdup(what);
}

static struct secret *key_from_file(struct provider *p, const char *path)
{
    struct err err = {0};
    struct buf text = BUF_INIT;
    struct secret *key = NULL;
    buf_mark_secret(&text);
    if (file_read_private(path, KEY_FILE_MAX, &text, &err) < 0) {
        set_problem(p, err.msg);
    } else {
        key = provider_key_make(buf_str(&text));
        if (!key) {
            err_set(&err, ERR_CONFIG, "'%s' is empty or has blanks in its key", path);
            set_problem(p, err.msg);
        }
    }
    buf_wipe(&text);
    return key;
}

static struct secret *key_from_variable(struct provider *p, const char *name)
{
    struct err err = {0};
    const char *value = getenv(name);
    struct secret *key = provider_key_make(str_of(value));
    if (!key && value && *value) {
        err_set(&err, ERR_CONFIG, "$%s holds blanks or control characters, so it is no key",
                name);
        set_problem(p, err.msg);
    }
    return key;
}

static void find_key(struct provider *p)
{
    set_problem(p, NULL);
    for (size_t i = 0; i < p->key_from_count; i++) {
        const struct key_source *from = &p->key_from[i];
        struct secret *key =
                from->is_file ? key_from_file(p, from->name) : key_from_variable(p, from->name);
        if (!key)
            continue;
        secret_free(p->key);
        p->key = key;
        free(p->key_origin);
        p->key_origin = xasprintf("%s%s", from->is_file ? "" : "$", from->name);
        return;
    }
}

static void variables_wipe(const struct provider *p)
{
    for (size_t k = 0; k < p->key_from_count; k++) {
        const struct key_source *from = &p->key_from[k];
        char *value = from->is_file ? NULL : getenv(from->name);
        if (!value)
            continue;
        mem_wipe(value, strlen(value));
        unsetenv(from->name);
    }
}

void provider_table_keys_from_env(struct provider_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        find_key(&table->items[i]);
    /* Only now, because providers may read the same variable. */
    for (size_t i = 0; i < table->count; i++)
        variables_wipe(&table->items[i]);
}

void provider_table_upstreams_from_env(struct provider_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        struct provider *p = &table->items[i];
        const char *url = p->upstream_env ? getenv(p->upstream_env) : NULL;
        struct err err = {0};
        if (!url || !*url)
            continue;
        if (provider_upstream_parse(url, p->upstream_env, &p->to, &err) < 0) {
            log_warn("proxy", "ignoring %s", err.msg);
            continue;
        }
        free(p->upstream);
        p->upstream = xstrdup(url);
    }
}
