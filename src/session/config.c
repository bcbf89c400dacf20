/*
 * config.c - the configuration file as one schema.
 *
 * The schema is the list of keys; reading, error texts and `config check` come from it. The
 * subtrees `providers`, `agents`, `prices` and `mcp` have free names as keys and are handed on as
 * text to the tables that own their schemas.
 */
#include "session/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "pty/vt_rest.h"

struct file_review {
    char *timeout;
    uint32_t arm_ms;
};

struct file_resolve {
    char *host, *address;
    uint16_t port, to_port;
};

struct file_network {
    char *upstream_ca, *upstream_proxy, *no_proxy;
    struct file_resolve *resolve;
    unsigned resolve_count;
};

struct file_limits {
    uint32_t memory_mb, pids;
    double cpus;
};

enum file_keys { FILE_KEYS_VI, FILE_KEYS_EMACS };

struct file_pane {
    uint32_t *scrollback;
    uint32_t *screens;
    enum file_keys mode_keys;
    enum config_clipboard clipboard;
};

/* copy, open */
struct file_copy {
    char **command;
    unsigned command_count;
};

struct file_prefix {
    char *preset, *prefix;
};

struct file_ui {
    bool *mouse;
};

struct file_notify {
    bool *bell;
    bool agent_bell;
    enum config_desktop desktop;
    char **command;
    unsigned command_count;
};

struct file {
    char *host_mark, *agent, *runtime, *base_image, *policy;
    enum credential_auth auth;
    struct file_review review;
    struct file_network network;
    struct file_limits limits;
    struct file_pane pane;
    struct file_copy copy, open;
    struct file_notify notify;
    struct file_prefix keys;
    struct file_ui ui;
};

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define OPTIONAL_TEXT (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)

static const cyaml_schema_field_t review_fields[] = {
        CYAML_FIELD_STRING_PTR("timeout", OPTIONAL_TEXT, struct file_review, timeout, 1, 16),
        CYAML_FIELD_UINT("arm_ms", OPTIONAL, struct file_review, arm_ms),
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t resolve_fields[] = {
        CYAML_FIELD_STRING_PTR("host", CYAML_FLAG_POINTER, struct file_resolve, host, 1, 253),
        CYAML_FIELD_UINT("port", CYAML_FLAG_DEFAULT, struct file_resolve, port),
        CYAML_FIELD_STRING_PTR(
                "address", CYAML_FLAG_POINTER, struct file_resolve, address, 1, 64),
        CYAML_FIELD_UINT("to_port", CYAML_FLAG_DEFAULT, struct file_resolve, to_port),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t resolve_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_resolve, resolve_fields)};

static const cyaml_schema_field_t network_fields[] = {
        CYAML_FIELD_STRING_PTR(
                "upstream_ca", OPTIONAL_TEXT, struct file_network, upstream_ca, 1, 4096),
        CYAML_FIELD_STRING_PTR(
                "upstream_proxy", OPTIONAL_TEXT, struct file_network, upstream_proxy, 1, 2048),
        CYAML_FIELD_STRING_PTR(
                "no_proxy", OPTIONAL_TEXT, struct file_network, no_proxy, 0, 4096),
        CYAML_FIELD_SEQUENCE("resolve", OPTIONAL_TEXT, struct file_network, resolve,
                &resolve_schema, 0, 256),
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t limits_fields[] = {
        CYAML_FIELD_UINT("memory_mb", OPTIONAL, struct file_limits, memory_mb),
        CYAML_FIELD_UINT("pids", OPTIONAL, struct file_limits, pids),
        CYAML_FIELD_FLOAT("cpus", OPTIONAL, struct file_limits, cpus),
        CYAML_FIELD_END,
};

static const cyaml_strval_t keys_names[] = {
        {"vi", FILE_KEYS_VI},
        {"emacs", FILE_KEYS_EMACS},
};

static const cyaml_strval_t clipboard_names[] = {
        {"ask", CLIPBOARD_ASK},
        {"allow", CLIPBOARD_ALLOW},
        {"deny", CLIPBOARD_DENY},
};

static const cyaml_schema_field_t pane_fields[] = {
        CYAML_FIELD_UINT_PTR("scrollback", OPTIONAL_TEXT, struct file_pane, scrollback),
        CYAML_FIELD_UINT_PTR("screens", OPTIONAL_TEXT, struct file_pane, screens),
        CYAML_FIELD_ENUM("mode_keys", OPTIONAL | CYAML_FLAG_STRICT, struct file_pane, mode_keys,
                keys_names, sizeof(keys_names) / sizeof(keys_names[0])),
        CYAML_FIELD_ENUM("clipboard", OPTIONAL | CYAML_FLAG_STRICT, struct file_pane, clipboard,
                clipboard_names, sizeof(clipboard_names) / sizeof(clipboard_names[0])),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t word_schema = {
        CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, 4096)};

static const cyaml_schema_field_t copy_fields[] = {
        CYAML_FIELD_SEQUENCE(
                "command", OPTIONAL_TEXT, struct file_copy, command, &word_schema, 1, 64),
        CYAML_FIELD_END,
};

static const cyaml_strval_t desktop_names[] = {
        {"off", DESKTOP_OFF},
        {"unfocused", DESKTOP_UNFOCUSED},
        {"always", DESKTOP_ALWAYS},
};

static const cyaml_schema_field_t notify_fields[] = {
        CYAML_FIELD_BOOL_PTR("bell", OPTIONAL_TEXT, struct file_notify, bell),
        CYAML_FIELD_BOOL("agent_bell", OPTIONAL, struct file_notify, agent_bell),
        CYAML_FIELD_ENUM("desktop", OPTIONAL | CYAML_FLAG_STRICT, struct file_notify, desktop,
                desktop_names, sizeof(desktop_names) / sizeof(desktop_names[0])),
        CYAML_FIELD_SEQUENCE(
                "command", OPTIONAL_TEXT, struct file_notify, command, &word_schema, 1, 64),
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t keys_fields[] = {
        CYAML_FIELD_STRING_PTR("preset", OPTIONAL_TEXT, struct file_prefix, preset, 1, 15),
        CYAML_FIELD_STRING_PTR("prefix", OPTIONAL_TEXT, struct file_prefix, prefix, 1, 15),
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t ui_fields[] = {
        CYAML_FIELD_BOOL_PTR("mouse", OPTIONAL_TEXT, struct file_ui, mouse),
        CYAML_FIELD_END,
};

static const cyaml_strval_t auth_names[] = {
        {"auto", CREDENTIAL_AUTO},
        {"apikey", CREDENTIAL_APIKEY},
        {"oauth", CREDENTIAL_OAUTH},
};

static const cyaml_schema_field_t file_fields[] = {
        CYAML_FIELD_STRING_PTR("host_mark", OPTIONAL_TEXT, struct file, host_mark, 3, 24),
        CYAML_FIELD_STRING_PTR("agent", OPTIONAL_TEXT, struct file, agent, 1, 31),
        CYAML_FIELD_STRING_PTR("runtime", OPTIONAL_TEXT, struct file, runtime, 1, 15),
        CYAML_FIELD_STRING_PTR("base_image", OPTIONAL_TEXT, struct file, base_image, 1, 255),
        CYAML_FIELD_ENUM("auth", OPTIONAL | CYAML_FLAG_STRICT, struct file, auth, auth_names,
                sizeof(auth_names) / sizeof(auth_names[0])),
        CYAML_FIELD_STRING_PTR("policy", OPTIONAL_TEXT, struct file, policy, 1, 4096),
        CYAML_FIELD_MAPPING("review", OPTIONAL, struct file, review, review_fields),
        CYAML_FIELD_MAPPING("network", OPTIONAL, struct file, network, network_fields),
        CYAML_FIELD_MAPPING("limits", OPTIONAL, struct file, limits, limits_fields),
        CYAML_FIELD_MAPPING("pane", OPTIONAL, struct file, pane, pane_fields),
        CYAML_FIELD_MAPPING("copy", OPTIONAL, struct file, copy, copy_fields),
        CYAML_FIELD_MAPPING("open", OPTIONAL, struct file, open, copy_fields),
        CYAML_FIELD_MAPPING("notify", OPTIONAL, struct file, notify, notify_fields),
        CYAML_FIELD_MAPPING("keys", OPTIONAL, struct file, keys, keys_fields),
        CYAML_FIELD_MAPPING("ui", OPTIONAL, struct file, ui, ui_fields),
        CYAML_FIELD_IGNORE("providers", OPTIONAL),
        CYAML_FIELD_IGNORE("agents", OPTIONAL),
        CYAML_FIELD_IGNORE("prices", OPTIONAL),
        CYAML_FIELD_IGNORE("mcp", OPTIONAL),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields)};

static char *take(char **from, const char *otherwise)
{
    char *p = *from ? *from : xstrdup(otherwise);

    *from = NULL;
    return p;
}

/* A NULL-terminated list of its own; NULL if there is none. */
static char **take_words(char **from, unsigned count)
{
    char **words = count ? xcalloc(count + 1, sizeof(*words)) : NULL;

    for (unsigned i = 0; i < count; i++)
        words[i] = take(&from[i], "");
    return words;
}

static void free_words(char **words)
{
    for (char **word = words; word && *word; word++)
        free(*word);
    free(words);
}

/* "300", "90s", "5m", "1h" */
static bool duration_ms(const char *text, uint32_t *ret)
{
    static const struct {
        char unit;
        uint32_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}};
    struct str s = str_of(text);
    uint32_t factor = 1000;
    uint64_t n = 0;

    for (size_t i = 0; s.n && i < 3; i++) {
        if (s.p[s.n - 1] == units[i].unit) {
            factor = units[i].ms;
            s.n--;
            break;
        }
    }
    if (!str_u64(s, 86400000u / factor, &n) || n == 0)
        return false;
    *ret = (uint32_t)n * factor;
    return true;
}

/* The prefixes of other programs, for hands that are used to them. */
static const char *preset_prefix(const char *preset, const char *const **ret_names)
{
    static const char *const names[] = {"default", "tmux", "screen", "ironcurtain", NULL};
    static const char *const prefixes[] = {"C-\\", "C-b", "C-a", "C-a"};

    *ret_names = names;
    for (size_t i = 0; names[i]; i++)
        if (strcmp(preset, names[i]) == 0)
            return prefixes[i];
    return NULL;
}

static int check_keys(
        const struct file_prefix *keys, const char *name, struct chord *ret, struct err *err)
{
    const char *const *names;
    const char *prefix = preset_prefix(keys->preset ? keys->preset : "default", &names);
    struct err why;

    if (!prefix) {
        const char *nearest = str_nearest(keys->preset, names);

        return err_set(err, ERR_CONFIG,
                "%s: keys.preset: '%s' is none of default, tmux, screen, ironcurtain%s%s%s",
                name, keys->preset, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                nearest ? "'" : "");
    }
    if (chord_parse(keys->prefix ? keys->prefix : prefix, ret, &why) < 0)
        return err_set(err, ERR_CONFIG, "%s: keys.prefix: %s", name, why.msg);
    return 0;
}

static int check(
        const struct file *file, const char *name, uint32_t *ret_timeout, struct err *err)
{
    static const char *const runtimes[] = {"auto", "docker", "bwrap", NULL};
    bool known = !file->runtime;

    for (size_t i = 0; !known && runtimes[i]; i++)
        known = strcmp(runtimes[i], file->runtime) == 0;
    if (!known) {
        const char *nearest = str_nearest(file->runtime, runtimes);

        return err_set(err, ERR_CONFIG,
                "%s: runtime: '%s' is none of auto, docker, bwrap%s%s%s", name, file->runtime,
                nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'" : "");
    }
    if (file->review.timeout && !duration_ms(file->review.timeout, ret_timeout))
        return err_set(err, ERR_CONFIG,
                "%s: review.timeout: '%s' is no duration; write it as 90s, 5m or 1h", name,
                file->review.timeout);
    if (file->review.arm_ms && (file->review.arm_ms < 300 || file->review.arm_ms > 5000))
        return err_set(err, ERR_CONFIG, "%s: review.arm_ms: %u is not within 300 and 5000",
                name, file->review.arm_ms);
    if (file->limits.memory_mb && file->limits.memory_mb < 64)
        return err_set(err, ERR_CONFIG, "%s: limits.memory_mb: %u is less than 64", name,
                file->limits.memory_mb);
    if (file->pane.scrollback && *file->pane.scrollback > LIMIT_VT_LINES)
        return err_set(err, ERR_CONFIG, "%s: pane.scrollback: %u is more than %d", name,
                *file->pane.scrollback, LIMIT_VT_LINES);
    if (file->pane.screens && *file->pane.screens > 1000)
        return err_set(err, ERR_CONFIG, "%s: pane.screens: %u is more than 1000", name,
                *file->pane.screens);
    return 0;
}

static const char *const mark_words[] = {"owl", "harbor", "maple", "copper", "linen", "comet",
        "ferry", "quartz", "willow", "lantern", "ember", "pebble", "saffron", "otter", "canyon",
        "velvet", "marble", "heron", "cedar", "anchor", "meadow", "cobalt", "juniper", "raven",
        "amber", "glacier", "thistle", "walnut", "falcon", "orchid", "granite", "tundra"};

/* Two words that only the host knows; made once, kept in a file of ours. */
static char *host_mark(void)
{
    char *path = path_join(path_home(), "host-mark");
    struct buf text = BUF_INIT;
    uint8_t random[2] = {0};
    char *mark;

    if (file_read(path, 64, &text, NULL) == 0 && buf_len(&text) >= 3) {
        struct str rest = buf_str(&text);
        struct str line;

        str_cut(&rest, '\n', &line);
        mark = xstrndup(line.p, line.n);
    } else {
        if (getentropy(random, sizeof(random)) < 0)
            random[0] = (uint8_t)getpid();
        mark = xasprintf("%s-%s", mark_words[random[0] % 32], mark_words[random[1] % 32]);
        if (file_mkdir(path_home(), NULL) == 0)
            (void)file_create(path, mark, strlen(mark), 0600, NULL);
    }
    buf_release(&text);
    free(path);
    return mark;
}

static void fill(struct config *config, struct file *file, uint32_t timeout_ms)
{
    config->host_mark = file->host_mark ? take(&file->host_mark, "") : host_mark();
    config->agent = take(&file->agent, "claude-code");
    config->runtime = take(&file->runtime, "auto");
    config->base_image = file->base_image ? take(&file->base_image, "") : NULL;
    config->auth = file->auth;
    config->policy_file = file->policy ? take(&file->policy, "") : NULL;
    config->upstream_ca =
            file->network.upstream_ca ? take(&file->network.upstream_ca, "") : NULL;
    if (file->network.upstream_proxy)
        config->upstream_proxy = take(&file->network.upstream_proxy, "");
    if (file->network.no_proxy)
        config->no_proxy = take(&file->network.no_proxy, "");
    config->review_timeout_ms = timeout_ms;
    config->review_arm_ms = file->review.arm_ms ? file->review.arm_ms : 500;
    config->scrollback = file->pane.scrollback ? *file->pane.scrollback : 10000;
    config->screens = file->pane.screens ? *file->pane.screens : VT_REST_SCREENS;
    config->emacs_keys = file->pane.mode_keys == FILE_KEYS_EMACS;
    config->copy_command = take_words(file->copy.command, file->copy.command_count);
    config->clipboard = file->pane.clipboard;
    config->open_command = take_words(file->open.command, file->open.command_count);
    config->notify_command = take_words(file->notify.command, file->notify.command_count);
    config->desktop = file->notify.desktop;
    config->agent_bell = file->notify.agent_bell;
    config->memory_mb = file->limits.memory_mb;
    config->pids = file->limits.pids;
    config->cpus = file->limits.cpus;
    config->bell = !file->notify.bell || *file->notify.bell;
    config->mouse = !file->ui.mouse || *file->ui.mouse;
    config->resolve_count = file->network.resolve_count;
    config->resolve = xcalloc(config->resolve_count, sizeof(*config->resolve));
    for (size_t i = 0; i < config->resolve_count; i++) {
        struct file_resolve *from = &file->network.resolve[i];
        char *host = take(&from->host, "");

        for (char *c = host; *c; c++)
            *c = char_lower(*c);
        config->resolve[i] = (struct proxy_resolve){
                host, from->port, take(&from->address, ""), from->to_port};
    }
}

static int load_mcp(struct config *config, struct str text, const char *name, struct err *err)
{
    struct buf mcp = BUF_INIT;

    buf_mark_secret(&mcp); /* variables of servers may be tokens */
    int rc = yaml_subtree(text, name, "mcp", &mcp, err);
    if (rc == 0)
        rc = mcp_servers_load(&config->mcp, buf_str(&mcp), name, err);
    buf_release(&mcp);
    return rc == ERR_NOENT ? 0 : rc;
}

static int load_text(struct config *config, struct str text, const char *name, struct err *err)
{
    struct file *file = NULL;
    uint32_t timeout_ms = 300000;
    int rc = yaml_load(text, name, &file_schema, (void **)&file, err);

    if (rc == 0)
        rc = check(file, name, &timeout_ms, err);
    if (rc == 0)
        rc = check_keys(&file->keys, name, &config->prefix, err);
    if (rc == 0) {
        fill(config, file, timeout_ms);
        int sub = yaml_subtree(text, name, "providers", &config->providers, err);
        if (sub == 0 || sub == ERR_NOENT)
            sub = yaml_subtree(text, name, "agents", &config->agents, err);
        if (sub == 0 || sub == ERR_NOENT)
            sub = yaml_subtree(text, name, "prices", &config->prices, err);
        rc = sub == ERR_NOENT ? 0 : sub;
    }
    if (rc == 0)
        rc = load_mcp(config, text, name, err);
    yaml_unload(&file_schema, file);
    return rc;
}

int config_load(struct config *config, const char *path, struct err *err)
{
    const char *given = path ? path : getenv("IRONCURTAIN_CONFIG");
    char *standard = path_join(path_home(), "config.yaml");
    const char *file = given && *given ? given : standard;
    struct buf text = BUF_INIT;

    *config = (struct config){0};
    /* A provider's key may stand in it. */
    buf_mark_secret(&text);
    buf_mark_secret(&config->providers);
    int rc = file_read(file, LIMIT_FILE, &text, err);
    if (rc == 0)
        config->path = xstrdup(file);
    else if (rc == ERR_NOENT && file == standard)
        rc = 0;
    if (rc == 0)
        rc = load_text(config, buf_str(&text), file, err);
    buf_release(&text);
    free(standard);
    if (rc < 0)
        config_release(config);
    return rc;
}

int config_providers(const struct config *config, struct provider_table *ret, struct err *err)
{
    const char *file = config->path ? config->path : "config.yaml";
    bool has_key = false;
    struct stat st;
    int rc = provider_table_load(ret, buf_str(&config->providers), file, err);

    for (size_t i = 0; rc == 0 && i < ret->count; i++)
        has_key |= ret->items[i].key != NULL;
    if (!has_key || stat(file, &st) < 0 || !(st.st_mode & 077))
        return rc;
    provider_table_release(ret);
    return err_set(err, ERR_CREDENTIAL,
            "'%s' holds a key (key.value) and is open to others; run: chmod 600 %s", file,
            file);
}

void config_release(struct config *config)
{
    free(config->host_mark);
    free(config->agent);
    free(config->runtime);
    free(config->base_image);
    free(config->policy_file);
    free(config->upstream_ca);
    if (config->upstream_proxy)
        mem_wipe(config->upstream_proxy, strlen(config->upstream_proxy));
    free(config->upstream_proxy);
    free(config->no_proxy);
    free_words(config->copy_command);
    free_words(config->open_command);
    free_words(config->notify_command);
    for (size_t i = 0; i < config->resolve_count; i++) {
        free((char *)config->resolve[i].host);
        free((char *)config->resolve[i].address);
    }
    free(config->resolve);
    buf_release(&config->providers);
    buf_release(&config->agents);
    buf_release(&config->prices);
    mcp_servers_release(&config->mcp);
    free(config->path);
    *config = (struct config){0};
}
