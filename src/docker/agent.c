/*
 * agent.c - the agent table, and the files an agent finds in its home.
 *
 * Each entry goes through the schema of one agent (struct entry); what is set is moved into
 * the table's own struct, so that a user's entry may change single fields of a built-in one.
 */
#include "docker/agent.h"

#include <unistd.h>

#include "base/assets.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "docker/argv.h"
#include "docker/box.h"

#define ASSET "agents.yaml"
#define KEY_TAIL                                                                               \
    20 /* characters of a key by which Claude Code remembers that it was approved */

struct entry_program {
    char *host;
    char *npm;
    char *version;
    char *file;
    char **beside;
    unsigned beside_count;
    char *runner;
};

/* As libcyaml fills it; NULL is "not set". */
struct entry {
    char *title;
    char **providers;
    unsigned providers_count;
    char **command;
    unsigned command_count;
    struct entry_program *program;
    char *image;
    char *dockerfile;
    char **env;
    unsigned env_count;
    char **remove;
    unsigned remove_count;
    struct agent_seed *seeds;
    unsigned seeds_count;
};

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_field_t program_fields[] = {
        CYAML_FIELD_STRING_PTR("host", OPTIONAL, struct entry_program, host, 1, 200),
        CYAML_FIELD_STRING_PTR("npm", OPTIONAL, struct entry_program, npm, 1, 200),
        CYAML_FIELD_STRING_PTR("version", OPTIONAL, struct entry_program, version, 1, 60),
        CYAML_FIELD_STRING_PTR("file", OPTIONAL, struct entry_program, file, 1, 200),
        YAML_FIELD_STRINGS("beside", CYAML_FLAG_OPTIONAL, struct entry_program, beside, 8),
        CYAML_FIELD_STRING_PTR("runner", OPTIONAL, struct entry_program, runner, 1, 60),
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t seed_fields[] = {
        CYAML_FIELD_STRING_PTR("path", CYAML_FLAG_POINTER, struct agent_seed, path, 1, 200),
        CYAML_FIELD_STRING_PTR("text", CYAML_FLAG_POINTER, struct agent_seed, text, 0, 65536),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t seed_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct agent_seed, seed_fields)};

static const cyaml_schema_field_t entry_fields[] = {
        CYAML_FIELD_STRING_PTR("title", OPTIONAL, struct entry, title, 1, 60),
        YAML_FIELD_STRINGS("providers", CYAML_FLAG_OPTIONAL, struct entry, providers, 16),
        YAML_FIELD_STRINGS("command", CYAML_FLAG_OPTIONAL, struct entry, command, 64),
        CYAML_FIELD_MAPPING_PTR(
                "program", CYAML_FLAG_OPTIONAL, struct entry, program, program_fields),
        CYAML_FIELD_STRING_PTR("image", OPTIONAL, struct entry, image, 1, 100),
        CYAML_FIELD_STRING_PTR("dockerfile", OPTIONAL, struct entry, dockerfile, 1, 100),
        YAML_FIELD_STRINGS("env", CYAML_FLAG_OPTIONAL, struct entry, env, 64),
        YAML_FIELD_STRINGS("remove", CYAML_FLAG_OPTIONAL, struct entry, remove, 16),
        CYAML_FIELD_SEQUENCE("seeds", OPTIONAL, struct entry, seeds, &seed_schema, 0, 32),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t entry_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct entry, entry_fields)};

/* --- loading ------------------------------------------------------------------------- */

struct loading {
    struct agent_table *table;
    const char *name; /* of the file, for messages */
};

static struct agent *table_entry(struct agent_table *table, struct str name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (str_eq(str_of(table->items[i].name), name))
            return &table->items[i];
    }
    table->items = xrealloc(table->items, (table->count + 1) * sizeof(*table->items));
    struct agent *agent = &table->items[table->count++];
    *agent = (struct agent){0};
    str_copy(agent->name, sizeof(agent->name), name);
    str_copy(agent->title, sizeof(agent->title), name);
    return agent;
}

static void set_string(char **slot, const char *value)
{
    if (!value)
        return;
    free(*slot);
    *slot = xstrdup(value);
}

static void set_strings(char ***slot, char **list, unsigned count)
{
    struct argv copy = ARGV_INIT;
    if (!list)
        return;
    for (unsigned i = 0; i < count; i++)
        argv_add(&copy, list[i]);
    strings_free(*slot);
    *slot = copy.v;
}

static void seeds_free(struct agent *agent)
{
    for (size_t i = 0; i < agent->seed_count; i++) {
        free(agent->seeds[i].path);
        free(agent->seeds[i].text);
    }
    free(agent->seeds);
    agent->seeds = NULL;
    agent->seed_count = 0;
}

static void apply(struct agent *agent, const struct entry *entry)
{
    if (entry->title)
        str_copy(agent->title, sizeof(agent->title), str_of(entry->title));
    set_strings(&agent->providers, entry->providers, entry->providers_count);
    set_strings(&agent->argv, entry->command, entry->command_count);
    set_strings(&agent->env, entry->env, entry->env_count);
    set_strings(&agent->remove, entry->remove, entry->remove_count);
    set_string(&agent->image, entry->image);
    set_string(&agent->dockerfile, entry->dockerfile);
    if (entry->program) {
        set_string(&agent->host_binary, entry->program->host);
        set_string(&agent->npm, entry->program->npm);
        set_string(&agent->version, entry->program->version);
        set_string(&agent->npm_file, entry->program->file);
        set_strings(&agent->beside, entry->program->beside, entry->program->beside_count);
        set_string(&agent->runner, entry->program->runner);
    }
    if (!entry->seeds)
        return;
    seeds_free(agent);
    agent->seeds = xcalloc(entry->seeds_count, sizeof(*agent->seeds));
    agent->seed_count = entry->seeds_count;
    for (size_t i = 0; i < agent->seed_count; i++) {
        agent->seeds[i].path = xstrdup(entry->seeds[i].path);
        agent->seeds[i].text = xstrdup(entry->seeds[i].text);
    }
}

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* A name that is part of paths and of docker's names: letters, digits, . _ - in the middle. */
static bool is_plain_name(const char *name)
{
    return name[0] != '.' && name[0] != '-' && name[0] != '\0' &&
           strspn(name, NAME_CHARS) == strlen(name);
}

/* The same with the braces of marks. */
static bool is_version(const char *text)
{
    return text[0] != '.' && text[0] != '-' && text[0] != '\0' &&
           strspn(text, NAME_CHARS "{}") == strlen(text);
}

/* Below the home: not absolute, no "..", no empty component. */
static bool is_inner_path(const char *path)
{
    struct str rest = str_of(path), part;
    for (bool more = true; more;) {
        more = str_cut(&rest, '/', &part);
        if (part.n == 0 || str_eq(part, STR(".")) || str_eq(part, STR("..")))
            return false;
    }
    return true;
}

/* What the schema cannot say; also about what an override left in an impossible state. */
static const char *complaint(const struct agent *agent)
{
    if (!agent->argv)
        return "has no 'command'";
    if (agent->npm && (!agent->version || !agent->npm_file))
        return "needs 'version' and 'file' with 'npm'";
    if (agent->npm && !is_inner_path(agent->npm_file))
        return "has a 'file' that is not a path inside the package";
    if (agent->npm && (agent->npm[0] == '-' || !is_version(agent->version)))
        return "has a 'version' that is not a plain version";
    if (agent->host_binary && !is_plain_name(agent->host_binary))
        return "has a 'host' program that is not a plain name";
    for (char **name = agent->beside; name && *name; name++) {
        if (!is_plain_name(*name))
            return "has a 'beside' that is not a plain name";
    }
    if (agent->runner && (!is_plain_name(agent->runner) || !agent->npm || !agent->host_binary))
        return "needs 'host' and 'npm' with a plain 'runner'";
    if (agent->image && (!is_plain_name(agent->image) || !agent->dockerfile))
        return "needs a plain 'image' name, and a 'dockerfile' for it";
    if (agent->dockerfile && !asset_get(agent->dockerfile).p)
        return "names a 'dockerfile' that is not there";
    for (size_t i = 0; i < agent->seed_count; i++) {
        if (!is_inner_path(agent->seeds[i].path))
            return "has a seed whose 'path' leads out of the home";
    }
    for (char **path = agent->remove; path && *path; path++) {
        if (!is_inner_path(*path))
            return "has a 'remove' that leads out of the home";
    }
    for (char **env = agent->env; env && *env; env++) {
        if (!strchr(*env, '=') || (*env)[0] == '=')
            return "has an 'env' entry that is not NAME=value";
    }
    return NULL;
}

static int load_entry(void *ctx, const struct yaml_entry *entry, struct err *err)
{
    const struct loading *loading = ctx;
    struct entry *data = NULL;
    char name[sizeof(((struct agent *)0)->name)];
    if (!str_copy(name, sizeof(name), entry->key) || !is_plain_name(name))
        return err_set(err, ERR_CONFIG,
                "%s:%u: not a name for an agent (at most %zu letters, "
                "digits and ._-)",
                loading->name, entry->line, sizeof(name) - 1);
    int rc = yaml_load(entry->text, loading->name, &entry_schema, (void **)&data, err);
    if (rc < 0)
        return rc;
    struct agent *agent = table_entry(loading->table, entry->key);
    apply(agent, data);
    yaml_unload(&entry_schema, data);
    const char *wrong = complaint(agent);
    if (wrong)
        return err_set(err, ERR_CONFIG, "%s:%u: agent '%s' %s", loading->name, entry->line,
                agent->name, wrong);
    return 0;
}

int agent_table_load(
        struct agent_table *table, struct str extra, const char *extra_name, struct err *err)
{
    struct agent_table loaded = {0};
    struct loading builtin = {&loaded, ASSET};
    struct loading user = {&loaded, extra_name};
    int rc = yaml_each_entry_of(asset_get(ASSET), ASSET, "agents", load_entry, &builtin, err);
    if (rc == 0)
        rc = yaml_each_entry(extra, extra_name, load_entry, &user, err);
    if (rc < 0) {
        agent_table_release(&loaded);
        return rc;
    }
    *table = loaded;
    return 0;
}

void agent_table_release(struct agent_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        struct agent *agent = &table->items[i];
        seeds_free(agent);
        strings_free(agent->providers);
        strings_free(agent->argv);
        strings_free(agent->env);
        strings_free(agent->remove);
        free(agent->host_binary);
        free(agent->npm);
        free(agent->version);
        free(agent->npm_file);
        strings_free(agent->beside);
        free(agent->runner);
        free(agent->image);
        free(agent->dockerfile);
    }
    free(table->items);
    *table = (struct agent_table){0};
}

const struct agent *agent_find(const struct agent_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->items[i].name, name) == 0)
            return &table->items[i];
    }
    return NULL;
}

/* --- filling in ---------------------------------------------------------------------- */

/* Append `text` with the marks replaced. False: a mark needs a fake that is not there. */
static bool fill_in(struct buf *out, const char *text, const struct agent_fakes *fakes)
{
    const char *key = fakes->key;
    const size_t key_len = key ? strlen(key) : 0;
    const char *account = fakes->account ? fakes->account : "";
    const struct {
        struct str mark;
        const char *value;
    } marks[] = {
            {STR("{fake_key}"), key},
            {STR("{key_tail20}"), key_len > KEY_TAIL ? key + key_len - KEY_TAIL : key},
            {STR("{needs_key}"), key ? "" : NULL},
            {STR("{fake_token}"), fakes->token},
            {STR("{account}"), fakes->token ? account : NULL},
            {STR("{needs_login}"), fakes->token ? "" : NULL},
            {STR("{workspace}"), BOX_WORKSPACE},
    };
    const size_t count = sizeof(marks) / sizeof(marks[0]);
    while (*text) {
        size_t i = 0;
        while (i < count && !str_starts(str_of(text), marks[i].mark))
            i++;
        if (i == count) {
            buf_putc(out, *text++);
            continue;
        }
        if (!marks[i].value)
            return false;
        buf_puts(out, marks[i].value);
        text += marks[i].mark.n;
    }
    return true;
}

char **agent_env(const struct agent *agent, const struct agent_fakes *fakes)
{
    struct argv list = ARGV_INIT;
    for (char **env = agent->env; env && *env; env++) {
        struct buf text = BUF_INIT;
        if (fill_in(&text, *env, fakes))
            argv_addf(&list, "%.*s", STR_ARG(buf_str(&text)));
        buf_wipe(&text);
    }
    return list.v ? list.v : xcalloc(1, sizeof(char *));
}

void agent_env_free(char **env)
{
    strings_free(env);
}

/* Every folder on the way is made, or is one of ours and no link: an agent of an earlier
 * session had this home and may have left links that lead elsewhere; those are removed. */
static int make_parents(const char *home, const char *path, struct err *err)
{
    int rc = file_mkdir(home, err);
    for (const char *slash = strchr(path, '/'); rc == 0 && slash;
            slash = strchr(slash + 1, '/')) {
        char *dir = xasprintf("%s/%.*s", home, (int)(slash - path), path);
        rc = file_mkdir(dir, err);
        if (rc < 0 && unlink(dir) == 0)
            rc = file_mkdir(dir, err);
        free(dir);
    }
    return rc;
}

static int seed_file(
        const char *home, const struct agent_seed *seed, struct str text, struct err *err)
{
    int rc = make_parents(home, seed->path, err);
    if (rc < 0)
        return rc;
    char *file = path_join(home, seed->path);
    rc = file_write_passing(file, text.p, text.n, 0600, err);
    if (rc == 0) {
        free(file);
        return 0;
    }
    /* A link or a folder the agent left in the way. */
    if (unlink(file) < 0)
        (void)file_remove_tree(file, NULL);
    rc = file_write_passing(file, text.p, text.n, 0600, err);
    free(file);
    return rc;
}

/* The folders on the way may be links that an agent of an earlier session left, so they are
 * made safe as for a seed; a folder in the place of the file goes, too. */
static int remove_file(const char *home, const char *path, struct err *err)
{
    char *file = path_join(home, path);
    int rc = make_parents(home, path, err);
    if (rc == 0 && unlink(file) < 0 && file_exists(file))
        rc = file_remove_tree(file, err);
    free(file);
    return rc;
}

int agent_seed_home(const struct agent *agent, const char *home,
        const struct agent_fakes *fakes, struct err *err)
{
    int rc = file_mkdir(home, err);
    for (char **path = agent->remove; rc == 0 && path && *path; path++)
        rc = remove_file(home, *path, err);
    for (size_t i = 0; rc == 0 && i < agent->seed_count; i++) {
        struct buf text = BUF_INIT;
        if (fill_in(&text, agent->seeds[i].text, fakes))
            rc = seed_file(home, &agent->seeds[i], buf_str(&text), err);
        buf_release(&text);
    }
    return rc < 0 ? err_wrap(err, "files for agent '%s'", agent->name) : 0;
}
