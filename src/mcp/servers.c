/*
 * servers.c - the table of MCP servers read from YAML.
 *
 * Names of servers and of variables are free, so those two levels are walked entry by entry;
 * what has a fixed form goes through a schema.
 */
#include "mcp/servers.h"

#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "http/token.h"
#include "io/crypt.h"

#define START_TIMEOUT_MS 10000
#define START_TIMEOUT_MAX_S 600
#define ENV_MAX 64
#define SECRET_MAX (64u << 10)

struct server_yaml {
    char **command;
    unsigned command_count;
    char *cwd, *start_timeout, *url;
};

static const cyaml_schema_field_t server_fields[] = {
        YAML_FIELD_STRINGS("command", CYAML_FLAG_OPTIONAL, struct server_yaml, command, 256),
        CYAML_FIELD_IGNORE("env", CYAML_FLAG_OPTIONAL),
        CYAML_FIELD_IGNORE("headers", CYAML_FLAG_OPTIONAL),
        CYAML_FIELD_STRING_PTR("url", CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER,
                struct server_yaml, url, 1, 4096),
        CYAML_FIELD_STRING_PTR("cwd", CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER,
                struct server_yaml, cwd, 1, 4096),
        CYAML_FIELD_STRING_PTR("start_timeout", CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER,
                struct server_yaml, start_timeout, 1, 16),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t server_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct server_yaml, server_fields)};

struct top_yaml {
    char unused;
};

static const cyaml_schema_field_t top_fields[] = {
        CYAML_FIELD_IGNORE("servers", CYAML_FLAG_OPTIONAL),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t top_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct top_yaml, top_fields)};

struct reading {
    struct mcp_servers *servers;
    struct mcp_server_spec *spec;
    const char *name; /* of the file */
};

/* --- values -------------------------------------------------------------------------------
 */

/* "~/x" is in the user's home. */
static char *expand(const char *path)
{
    const char *home = getenv("HOME");

    if (path[0] == '~' && path[1] == '/' && home)
        return path_join(home, path + 2);
    return xstrdup(path);
}

static void set_problem(struct mcp_server_spec *spec, const char *what, const char *name)
{
    if (!spec->problem)
        spec->problem = xasprintf("%s '%s'", what, name);
}

static struct secret *read_file_secret(struct mcp_server_spec *spec, const char *given)
{
    char *path = expand(given);
    struct buf text = BUF_INIT;
    struct secret *value = NULL;
    struct err err;

    buf_mark_secret(&text);
    if (file_read_private(path, SECRET_MAX, &text, &err) == 0) {
        struct str s = buf_str(&text);

        while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
            s.n--;
        value = secret_new(s.p, s.n);
    } else if (!spec->problem) {
        spec->problem = xasprintf("%s", err.msg);
    }
    buf_release(&text);
    free(path);
    return value;
}

/* NULL: it is not there, which is the server's problem. */
static struct secret *read_plain(struct mcp_server_spec *spec, const char *text)
{
    if (strncmp(text, "file:", 5) == 0)
        return read_file_secret(spec, text + 5);
    if (strncmp(text, "env:", 4) != 0)
        return secret_new(text, strlen(text));

    const char *value = getenv(text + 4);
    if (!value)
        set_problem(spec, "there is no environment variable", text + 4);
    return value ? secret_new(value, strlen(value)) : NULL;
}

/* "Bearer env:NAME": the word stays. */
static struct secret *read_value(struct mcp_server_spec *spec, const char *text)
{
    const char *blank = strrchr(text, ' ');
    struct buf whole = BUF_INIT;

    if (!blank || (strncmp(blank + 1, "env:", 4) != 0 && strncmp(blank + 1, "file:", 5) != 0))
        return read_plain(spec, text);
    struct secret *value = read_plain(spec, blank + 1);
    if (!value)
        return NULL;
    buf_mark_secret(&whole);
    buf_append(&whole, text, (size_t)(blank + 1 - text));
    buf_append(&whole, secret_bytes(value), secret_len(value));
    secret_free(value);
    value = secret_new(buf_data(&whole), buf_len(&whole));
    buf_release(&whole);
    return value;
}

static bool is_variable(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!char_is_alnum(name.p[i]) && name.p[i] != '_')
            return false;
    }
    return name.n > 0 && (name.p[0] < '0' || name.p[0] > '9');
}

struct scalar_yaml {
    char *value;
};

static const cyaml_schema_field_t scalar_fields[] = {
        CYAML_FIELD_STRING_PTR("value", CYAML_FLAG_POINTER, struct scalar_yaml, value, 0, 4096),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t scalar_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct scalar_yaml, scalar_fields)};

/* A schema's top is a mapping, so the value is read as one that has it, on its line. */
static int read_scalar(
        const struct reading *r, const struct yaml_entry *entry, char **ret, struct err *err)
{
    struct scalar_yaml *scalar = NULL;
    struct buf text = BUF_INIT;
    struct str value = entry->text;

    while (value.n && (value.p[0] == '\n' || value.p[0] == ' '))
        value = (struct str){value.p + 1, value.n - 1};
    buf_mark_secret(&text);
    for (unsigned line = 1; line < entry->line; line++)
        buf_putc(&text, '\n');
    buf_puts(&text, "value: ");
    buf_append_str(&text, value);
    int rc = yaml_load(buf_str(&text), r->name, &scalar_schema, (void **)&scalar, err);
    if (rc == 0) {
        *ret = scalar->value;
        scalar->value = NULL;
    }
    yaml_unload(&scalar_schema, scalar);
    buf_release(&text);
    return rc;
}

/* One more of `pairs`; a secret that is not there is none. */
static int read_pair(const struct reading *r, const struct yaml_entry *entry,
        struct mcp_pair **pairs, size_t *count, struct err *err)
{
    char *text = NULL;

    if (*count == ENV_MAX)
        return err_set(
                err, ERR_CONFIG, "%s:%u: more than %d of them", r->name, entry->line, ENV_MAX);
    int rc = read_scalar(r, entry, &text, err);
    if (rc < 0)
        return rc;
    if (!text)
        text = xstrdup("");
    struct secret *value = read_value(r->spec, text);
    mem_wipe(text, strlen(text));
    free(text);
    if (!value)
        return 0;
    *pairs = xrealloc(*pairs, (*count + 1) * sizeof(**pairs));
    (*pairs)[(*count)++] = (struct mcp_pair){xstrndup(entry->key.p, entry->key.n), value};
    return 0;
}

static int read_variable(void *ctx, const struct yaml_entry *entry, struct err *err)
{
    const struct reading *r = ctx;

    if (!is_variable(entry->key))
        return err_set(err, ERR_CONFIG, "%s:%u: '%.*s' is no name of a variable", r->name,
                entry->line, STR_ARG(entry->key));
    return read_pair(r, entry, &r->spec->env, &r->spec->env_count, err);
}

/* Those that the protocol itself has. */
static bool is_our_header(struct str name)
{
    static const char *const ours[] = {"host", "connection", "content-length", "content-type",
            "transfer-encoding", "accept", "accept-encoding", "expect", "upgrade", "te",
            "trailer", "user-agent", "last-event-id", "mcp-session-id", "mcp-protocol-version"};

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (str_eq_icase(name, str_of(ours[i])))
            return true;
    }
    return false;
}

static int read_header(void *ctx, const struct yaml_entry *entry, struct err *err)
{
    const struct reading *r = ctx;
    struct mcp_server_spec *spec = r->spec;
    size_t before = spec->header_count;

    if (!token_is(entry->key) || is_our_header(entry->key))
        return err_set(err, ERR_CONFIG, "%s:%u: '%.*s' is no header that can be set", r->name,
                entry->line, STR_ARG(entry->key));
    int rc = read_pair(r, entry, &spec->headers, &spec->header_count, err);
    if (rc < 0 || spec->header_count == before)
        return rc;
    const struct secret *value = spec->headers[before].value;
    for (const char *p = secret_bytes(value); p < secret_bytes(value) + secret_len(value);
            p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return err_set(err, ERR_CONFIG, "%s:%u: the value has control characters", r->name,
                    entry->line);
    }
    return 0;
}

/* --- servers ------------------------------------------------------------------------------
 */

static bool is_server_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return name.n > 0 && name.n <= MCP_NAME_MAX;
}

static bool read_seconds(const char *text, uint32_t *ret)
{
    struct str s = str_of(text);
    uint64_t n = 0;

    if (str_ends(s, STR("s")))
        s.n--;
    if (!str_u64(s, START_TIMEOUT_MAX_S, &n) || n == 0)
        return false;
    *ret = (uint32_t)n * 1000;
    return true;
}

static int fill(struct reading *r, const struct yaml_entry *entry, struct server_yaml *file,
        struct err *err)
{
    struct mcp_server_spec *spec = r->spec;

    bool has_command = file->command_count > 0 && file->command[0][0];
    if (has_command == (file->url != NULL))
        return err_set(err, ERR_CONFIG, "%s:%u: server '%s' has %s", r->name, entry->line,
                spec->name, file->url ? "both a command and a url" : "no command and no url");
    if (file->url && http_url_parse(&spec->place, file->url, err) < 0)
        return err_wrap(err, "%s:%u: server '%s'", r->name, entry->line, spec->name);
    if (file->url)
        spec->url = xstrdup(file->url);
    if (file->start_timeout && !read_seconds(file->start_timeout, &spec->start_timeout_ms))
        return err_set(err, ERR_CONFIG, "%s:%u: start_timeout: '%s' is none of 1s to %ds",
                r->name, entry->line, file->start_timeout, START_TIMEOUT_MAX_S);
    if (has_command)
        spec->command = xcalloc(file->command_count + 1, sizeof(*spec->command));
    for (unsigned i = 0; i < file->command_count; i++)
        spec->command[i] = xstrdup(file->command[i]);
    if (file->cwd)
        spec->cwd = expand(file->cwd);
    if (spec->cwd && spec->cwd[0] != '/')
        return err_set(err, ERR_CONFIG, "%s:%u: cwd: '%s' is no absolute path", r->name,
                entry->line, spec->cwd);
    return 0;
}

static int read_pairs(struct reading *r, const struct yaml_entry *entry, const char *key,
        int (*read)(void *ctx, const struct yaml_entry *entry, struct err *err),
        struct err *err)
{
    struct buf pairs = BUF_INIT;

    buf_mark_secret(&pairs);
    int rc = yaml_subtree(entry->text, r->name, key, &pairs, err);
    if (rc == 0)
        rc = yaml_each_entry(buf_str(&pairs), r->name, read, r, err);
    else if (rc == ERR_NOENT)
        rc = 0;
    buf_release(&pairs);
    return rc;
}

/* What is for the other kind of server only would do nothing. */
static int check_kind(const struct reading *r, const struct yaml_entry *entry, struct err *err)
{
    const struct mcp_server_spec *spec = r->spec;

    if (spec->url && (spec->env_count || spec->cwd))
        return err_set(err, ERR_CONFIG, "%s:%u: server '%s' has a url, so no env and no cwd",
                r->name, entry->line, spec->name);
    if (!spec->url && spec->header_count)
        return err_set(err, ERR_CONFIG, "%s:%u: server '%s' has a command, so no headers",
                r->name, entry->line, spec->name);
    return 0;
}

static int read_server(void *ctx, const struct yaml_entry *entry, struct err *err)
{
    struct reading *r = ctx;
    struct mcp_servers *all = r->servers;
    struct server_yaml *file = NULL;

    if (!is_server_name(entry->key))
        return err_set(err, ERR_CONFIG,
                "%s:%u: '%.*s' is no name of a server: at most %d of a-z, 0-9, _ and -",
                r->name, entry->line, STR_ARG(entry->key), MCP_NAME_MAX);
    if (all->count == LIMIT_MCP_SERVERS)
        return err_set(err, ERR_CONFIG, "%s:%u: more than %d servers", r->name, entry->line,
                LIMIT_MCP_SERVERS);
    int rc = yaml_load(entry->text, r->name, &server_schema, (void **)&file, err);
    if (rc < 0)
        return rc;
    all->items = xrealloc(all->items, (all->count + 1) * sizeof(*all->items));
    r->spec = &all->items[all->count++];
    *r->spec = (struct mcp_server_spec){.start_timeout_ms = START_TIMEOUT_MS};
    (void)str_copy(r->spec->name, sizeof(r->spec->name), entry->key);
    rc = fill(r, entry, file, err);
    yaml_unload(&server_schema, file);
    if (rc == 0)
        rc = read_pairs(r, entry, "env", read_variable, err);
    if (rc == 0)
        rc = read_pairs(r, entry, "headers", read_header, err);
    return rc < 0 ? rc : check_kind(r, entry, err);
}

static int by_name(const void *a, const void *b)
{
    const struct mcp_server_spec *x = a, *y = b;

    return strcmp(x->name, y->name);
}

int mcp_servers_load(
        struct mcp_servers *ret, struct str text, const char *name, struct err *err)
{
    struct buf servers = BUF_INIT;
    struct top_yaml *top = NULL;
    struct reading r = {.servers = ret, .name = name};

    *ret = (struct mcp_servers){0};
    buf_mark_secret(&servers);
    int rc = yaml_load(text, name, &top_schema, (void **)&top, err);
    yaml_unload(&top_schema, top);
    if (rc == 0)
        rc = yaml_subtree(text, name, "servers", &servers, err);
    if (rc == 0)
        rc = yaml_each_entry(buf_str(&servers), name, read_server, &r, err);
    else if (rc == ERR_NOENT)
        rc = 0;
    buf_release(&servers);
    if (rc < 0)
        mcp_servers_release(ret);
    else if (ret->count)
        qsort(ret->items, ret->count, sizeof(*ret->items), by_name);
    return rc;
}

static void pairs_release(struct mcp_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(pairs[i].name);
        secret_free(pairs[i].value);
    }
    free(pairs);
}

static void spec_release(struct mcp_server_spec *spec)
{
    for (char **word = spec->command; word && *word; word++)
        free(*word);
    free(spec->command);
    pairs_release(spec->env, spec->env_count);
    pairs_release(spec->headers, spec->header_count);
    http_url_release(&spec->place);
    free(spec->url);
    free(spec->cwd);
    free(spec->problem);
}

void mcp_servers_release(struct mcp_servers *servers)
{
    for (size_t i = 0; i < servers->count; i++)
        spec_release(&servers->items[i]);
    free(servers->items);
    *servers = (struct mcp_servers){0};
}

/* --- what a process gets --------------------------------------------------------------------
 */

static bool is_inherited(struct str name)
{
    static const char *const names[] = {
            "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TERM", "TMPDIR", "TZ"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_eq(name, str_of(names[i])))
            return true;
    }
    return str_starts(name, STR("LC_")) || str_starts(name, STR("XDG_"));
}

static bool is_replaced(const struct mcp_server_spec *spec, struct str name)
{
    for (size_t i = 0; i < spec->env_count; i++) {
        if (str_eq(name, str_of(spec->env[i].name)))
            return true;
    }
    return false;
}

char **mcp_env_make(const struct mcp_server_spec *spec)
{
    size_t count = 0;
    size_t n = 0;

    while (environ[count])
        count++;
    char **env = xcalloc(count + spec->env_count + 1, sizeof(*env));
    for (size_t i = 0; i < count; i++) {
        struct str rest = str_of(environ[i]), name;

        (void)str_cut(&rest, '=', &name);
        if (is_inherited(name) && !is_replaced(spec, name))
            env[n++] = xstrdup(environ[i]);
    }
    for (size_t i = 0; i < spec->env_count; i++)
        env[n++] = xasprintf("%s=%s", spec->env[i].name, secret_bytes(spec->env[i].value));
    return env;
}

void mcp_env_free(char **env)
{
    for (char **entry = env; entry && *entry; entry++) {
        mem_wipe(*entry, strlen(*entry));
        free(*entry);
    }
    free(env);
}

void mcp_headers_put(const struct mcp_server_spec *spec, struct buf *ret)
{
    buf_mark_secret(ret);
    for (size_t i = 0; i < spec->header_count; i++) {
        const struct mcp_pair *header = &spec->headers[i];

        buf_printf(ret, "%s: ", header->name);
        buf_append(ret, secret_bytes(header->value), secret_len(header->value));
        buf_puts(ret, "\r\n");
    }
}

void mcp_server_digest(const struct mcp_server_spec *spec, char hex[17])
{
    char whole[SHA256_HEX];
    struct sha256 *h = sha256_new();

    for (char **word = spec->command; word && *word; word++)
        sha256_add(h, *word, strlen(*word) + 1);
    /* Not their values: a new token makes no other server, and hashes of secrets stay here. */
    for (size_t i = 0; i < spec->env_count; i++)
        sha256_add(h, spec->env[i].name, strlen(spec->env[i].name) + 1);
    if (spec->url)
        sha256_add(h, spec->url, strlen(spec->url) + 1);
    for (size_t i = 0; i < spec->header_count; i++)
        sha256_add(h, spec->headers[i].name, strlen(spec->headers[i].name) + 1);
    sha256_add(h, spec->cwd ? spec->cwd : "", spec->cwd ? strlen(spec->cwd) : 0);
    sha256_end(h, whole);
    memcpy(hex, whole, 16);
    hex[16] = '\0';
}
