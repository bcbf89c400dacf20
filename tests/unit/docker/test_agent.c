/*
 * The agent table, and what it leaves in a home.
 */
#include "unit/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/file.h"
#include "docker/agent.h"
#include "support/tmpdir.h"

#define KEY "sk-ant-api03-ironcurtain-AbCdEfGhIjKlMnOpQrStUvWxYz012345"
#define KEY_LAST_20 "MnOpQrStUvWxYz012345"
#define TOKEN "head.claims.AbCdEf"

static const struct agent_fakes with_key = {.key = KEY};
static const struct agent_fakes with_login = {.token = TOKEN, .account = "acc-1"};
static const struct agent_fakes with_nothing = {.key = NULL};

static struct agent_table load(const char *extra)
{
    struct agent_table table;
    struct err err;
    if (agent_table_load(&table, str_of(extra), "config.yaml", &err) < 0)
        fail_msg("%s", err.msg);
    return table;
}

static char *make_home(void)
{
    char home[64];
    test_tmpdir(home, sizeof(home), "agent");
    return strdup(home);
}

static void drop_home(char *home)
{
    assert_int_equal(file_remove_tree(home, NULL), 0);
    free(home);
}

static bool has(char **list, const char *item)
{
    for (; list && *list; list++) {
        if (strcmp(*list, item) == 0)
            return true;
    }
    return false;
}

static void the_built_in_table_has_claude_code_and_shell(void **state)
{
    (void)state;
    struct agent_table table = load("");
    const struct agent *claude = agent_find(&table, "claude-code");
    const struct agent *shell = agent_find(&table, "shell");
    assert_non_null(claude);
    assert_non_null(shell);
    assert_string_equal(claude->title, "Claude Code");
    assert_string_equal(claude->providers[0], "anthropic");
    assert_string_equal(claude->argv[0], "claude");
    assert_string_equal(claude->argv[1], "--dangerously-skip-permissions");
    assert_string_equal(claude->image, "ironcurtain-claude-code");
    assert_null(shell->image);
    assert_null(shell->providers);
    assert_null(agent_find(&table, "nobody"));
    agent_table_release(&table);
}

static void the_environment_holds_the_fake_key_and_turns_telemetry_off(void **state)
{
    (void)state;
    struct agent_table table = load("");
    char **env = agent_env(agent_find(&table, "claude-code"), &with_key);
    assert_true(has(env, "ANTHROPIC_API_KEY=" KEY));
    assert_true(has(env, "DISABLE_AUTOUPDATER=1"));
    assert_true(has(env, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1"));
    assert_true(has(env, "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL=1"));
    assert_true(has(env, "DISABLE_INSTALLATION_CHECKS=1"));
    assert_true(has(env, "IS_SANDBOX=1"));
    agent_env_free(env);
    agent_table_release(&table);
}

static void a_variable_that_needs_a_missing_key_is_left_out(void **state)
{
    (void)state;
    struct agent_table table = load("");
    char **env = agent_env(agent_find(&table, "claude-code"), &with_nothing);
    for (char **item = env; *item; item++)
        assert_null(strstr(*item, "API_KEY"));
    agent_env_free(env);
    agent_table_release(&table);
}

static void claude_finds_every_question_answered(void **state)
{
    (void)state;
    struct agent_table table = load("");
    struct err err;
    struct stat st;
    char *home = make_home();
    assert_int_equal(
            agent_seed_home(agent_find(&table, "claude-code"), home, &with_key, &err), 0);
    char *path = path_join(home, ".claude.json");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    json_t *json = json_load_file(path, 0, NULL);
    assert_non_null(json);
    assert_true(json_is_true(json_object_get(json, "hasCompletedOnboarding")));
    json_t *approved =
            json_object_get(json_object_get(json, "customApiKeyResponses"), "approved");
    assert_string_equal(json_string_value(json_array_get(approved, 0)), KEY_LAST_20);
    json_t *project = json_object_get(json_object_get(json, "projects"), "/workspace");
    assert_true(json_is_true(json_object_get(project, "hasTrustDialogAccepted")));
    json_decref(json);
    free(path);
    drop_home(home);
    agent_table_release(&table);
}

static json_t *load_seed(const char *home, const char *name)
{
    struct stat st;
    char *path = path_join(home, name);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    json_t *json = json_load_file(path, 0, NULL);
    assert_non_null(json);
    free(path);
    return json;
}

static bool has_entry(char **env, const char *entry)
{
    for (; *env; env++) {
        if (strncmp(*env, entry, strlen(entry)) == 0)
            return true;
    }
    return false;
}

static void with_a_login_claude_gets_a_token_and_no_key(void **state)
{
    (void)state;
    struct agent_table table = load("");
    const struct agent *claude = agent_find(&table, "claude-code");
    struct err err;
    char *home = make_home();
    char **env = agent_env(claude, &with_login);
    assert_true(has_entry(env, "CLAUDE_CODE_OAUTH_TOKEN=" TOKEN));
    assert_false(has_entry(env, "ANTHROPIC_API_KEY="));
    agent_env_free(env);
    env = agent_env(claude, &with_key);
    assert_false(has_entry(env, "CLAUDE_CODE_OAUTH_TOKEN="));
    agent_env_free(env);
    assert_int_equal(agent_seed_home(claude, home, &with_login, &err), 0);
    json_t *json = load_seed(home, ".claude.json");
    assert_null(json_object_get(json, "customApiKeyResponses"));
    assert_true(json_is_true(json_object_get(json, "hasCompletedOnboarding")));
    json_decref(json);
    drop_home(home);
    agent_table_release(&table);
}

static void with_a_login_codex_finds_fake_tokens_that_it_cannot_renew(void **state)
{
    (void)state;
    struct agent_table table = load("");
    struct err err;
    char *home = make_home();
    assert_int_equal(agent_seed_home(agent_find(&table, "codex"), home, &with_login, &err), 0);
    json_t *json = load_seed(home, ".codex/auth.json");
    json_t *tokens = json_object_get(json, "tokens");
    assert_string_equal(
            json_string_value(json_object_get(json, "auth_mode")), "chatgptAuthTokens");
    assert_string_equal(json_string_value(json_object_get(tokens, "access_token")), TOKEN);
    assert_string_equal(json_string_value(json_object_get(tokens, "refresh_token")), "");
    assert_string_equal(json_string_value(json_object_get(tokens, "account_id")), "acc-1");
    json_decref(json);
    drop_home(home);
    agent_table_release(&table);
}

static void credentials_of_an_earlier_session_are_removed(void **state)
{
    (void)state;
    struct agent_table table = load("");
    struct err err;
    char *home = make_home();
    char *login = path_join(home, ".claude/.credentials.json");
    char *folder = path_join(home, ".claude");
    char *outside = path_join(home, "outside");
    assert_int_equal(file_mkdir(folder, &err), 0);
    assert_int_equal(file_write(outside, "x", 1, 0600, &err), 0);
    assert_int_equal(symlink(outside, login), 0);
    const struct agent *claude = agent_find(&table, "claude-code");
    assert_int_equal(agent_seed_home(claude, home, &with_key, &err), 0);
    assert_false(file_exists(login));
    assert_true(file_exists(outside));

    char *auth = path_join(home, ".codex/auth.json");
    const struct agent *codex = agent_find(&table, "codex");
    assert_int_equal(agent_seed_home(codex, home, &with_login, &err), 0);
    assert_true(file_exists(auth));
    assert_int_equal(agent_seed_home(codex, home, &with_key, &err), 0);
    assert_false(file_exists(auth));
    free(auth);
    free(outside);
    free(folder);
    free(login);
    drop_home(home);
    agent_table_release(&table);
}

static void without_a_key_the_file_that_needs_one_is_not_written(void **state)
{
    (void)state;
    struct agent_table table = load("");
    struct err err;
    char *home = make_home();
    assert_int_equal(
            agent_seed_home(agent_find(&table, "claude-code"), home, &with_nothing, &err), 0);
    char *path = path_join(home, ".claude.json");
    assert_false(file_exists(path));
    free(path);
    drop_home(home);
    agent_table_release(&table);
}

static void links_left_by_an_agent_do_not_lead_seeds_elsewhere(void **state)
{
    (void)state;
    struct agent_table table = load("x: {command: [x], seeds: [{path: a/b/c, text: new}, "
                                    "{path: d, text: new}]}");
    struct err err;
    struct buf text = BUF_INIT;
    char *home = make_home();
    char *outside = make_home();
    char *dir = path_join(home, "a");
    char *link = path_join(home, "d");
    char *victim = path_join(outside, "victim");
    assert_int_equal(file_write(victim, "old", 3, 0600, &err), 0);
    assert_int_equal(symlink(outside, dir), 0);
    assert_int_equal(symlink(victim, link), 0);
    assert_int_equal(agent_seed_home(agent_find(&table, "x"), home, &with_nothing, &err), 0);
    assert_int_equal(file_read(victim, 10, &text, &err), 0);
    assert_true(str_eq(buf_str(&text), STR("old")));
    char *leaked = path_join(outside, "b");
    assert_false(file_exists(leaked));
    char *seeded = path_join3(home, "a/b", "c");
    assert_true(file_exists(seeded));
    free(seeded);
    free(leaked);
    free(victim);
    free(link);
    free(dir);
    buf_release(&text);
    drop_home(home);
    drop_home(outside);
    agent_table_release(&table);
}

static void a_user_changes_one_field_and_keeps_the_rest(void **state)
{
    (void)state;
    struct agent_table table = load("claude-code:\n  program:\n    version: 9.9.9\n"
                                    "aider:\n  command: [aider, --yes]\n");
    const struct agent *claude = agent_find(&table, "claude-code");
    assert_string_equal(claude->version, "9.9.9");
    assert_string_equal(claude->host_binary, "claude");
    assert_string_equal(claude->argv[0], "claude");
    assert_int_equal(claude->seed_count, 2);
    const struct agent *aider = agent_find(&table, "aider");
    assert_string_equal(aider->title, "aider");
    assert_string_equal(aider->argv[1], "--yes");
    agent_table_release(&table);
}

static void wrong_entries_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
            {"x: {title: X}", "config.yaml:1: agent 'x' has no 'command'"},
            {"\nx: {comand: [x]}", "config.yaml:2"},
            {"'../x': {command: [x]}", "config.yaml:1: not a name"},
            {"x: {command: [x], seeds: [{path: ../a, text: b}]}", "leads out of the home"},
            {"x: {command: [x], seeds: [{path: /a, text: b}]}", "leads out of the home"},
            {"x: {command: [x], env: [FOO]}", "not NAME=value"},
            {"x: {command: [x], image: i}", "'dockerfile'"},
            {"x: {command: [x], image: i, dockerfile: nope}", "not there"},
            {"x: {command: [x], program: {npm: p}}", "'version'"},
            {"x: {command: [x], program: {npm: p, version: 1/2, file: f}}", "plain version"},
            {"x: {command: [x], program: {host: ../x}}", "plain name"},
            {"x: {command: [x], program: {host: x, beside: [../y]}}", "'beside'"},
            {"x: {command: [x], program: {host: x, runner: node}}", "'runner'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agent_table table = {0};
        struct err err = {0};
        int rc = agent_table_load(&table, str_of(cases[i].text), "config.yaml", &err);
        assert_int_equal(rc, ERR_CONFIG);
        if (!strstr(err.msg, cases[i].part))
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].part);
        assert_null(table.items);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_built_in_table_has_claude_code_and_shell),
            cmocka_unit_test(the_environment_holds_the_fake_key_and_turns_telemetry_off),
            cmocka_unit_test(a_variable_that_needs_a_missing_key_is_left_out),
            cmocka_unit_test(claude_finds_every_question_answered),
            cmocka_unit_test(without_a_key_the_file_that_needs_one_is_not_written),
            cmocka_unit_test(with_a_login_claude_gets_a_token_and_no_key),
            cmocka_unit_test(with_a_login_codex_finds_fake_tokens_that_it_cannot_renew),
            cmocka_unit_test(credentials_of_an_earlier_session_are_removed),
            cmocka_unit_test(links_left_by_an_agent_do_not_lead_seeds_elsewhere),
            cmocka_unit_test(a_user_changes_one_field_and_keeps_the_rest),
            cmocka_unit_test(wrong_entries_are_refused_with_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
