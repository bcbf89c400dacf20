/*
 * test_servers.c - `mcp.servers` of the configuration.
 */
#include "mcp/servers.h"

#include <stdlib.h>

#include "unit/check.h"

static void assert_refused(const char *text, const char *why)
{
    struct mcp_servers servers;
    struct err err;

    assert_int_equal(mcp_servers_load(&servers, str_of(text), "c.yaml", &err), ERR_CONFIG);
    if (!strstr(err.msg, why))
        fail_msg("said '%s', not '%s'", err.msg, why);
}

static void test_servers_come_in_the_order_of_their_names(void **state)
{
    struct mcp_servers servers;
    struct err err;
    char digest[17], other[17];

    (void)state;
    setenv("IC_TEST_TOKEN", "from env", 1);
    assert_int_equal(mcp_servers_load(&servers,
                             STR("servers:\n"
                                 "  zeta: {command: [z, -x, 'a b']}\n"
                                 "  alpha:\n"
                                 "    command: [a]\n"
                                 "    cwd: /tmp\n"
                                 "    start_timeout: 20s\n"
                                 "    env:\n"
                                 "      PLAIN: 'x: #y'\n"
                                 "      TOKEN: env:IC_TEST_TOKEN\n"),
                             "c.yaml", &err),
            0);
    assert_int_equal(servers.count, 2);
    const struct mcp_server_spec *alpha = &servers.items[0], *zeta = &servers.items[1];
    assert_string_equal(alpha->name, "alpha");
    assert_string_equal(alpha->cwd, "/tmp");
    assert_int_equal(alpha->start_timeout_ms, 20000);
    assert_int_equal(alpha->env_count, 2);
    assert_string_equal(secret_bytes(alpha->env[0].value), "x: #y");
    assert_string_equal(secret_bytes(alpha->env[1].value), "from env");
    assert_string_equal(zeta->command[2], "a b");
    assert_null(zeta->command[3]);
    assert_int_equal(zeta->start_timeout_ms, 10000);
    mcp_server_digest(alpha, digest);
    mcp_server_digest(zeta, other);
    assert_string_not_equal(digest, other);
    mcp_servers_release(&servers);
}

static void test_a_server_inherits_little_and_its_own_variables_win(void **state)
{
    struct mcp_servers servers;
    bool lang = false, path = false;

    (void)state;
    setenv("LANG", "C", 1);
    setenv("OPENAI_API_KEY", "sk-secret", 1);
    assert_int_equal(mcp_servers_load(&servers,
                             STR("servers: {a: {command: [a], env: {LANG: de}}}"), "c", NULL),
            0);
    char **env = mcp_env_make(&servers.items[0]);
    for (char **entry = env; *entry; entry++) {
        assert_null(strstr(*entry, "sk-secret"));
        assert_string_not_equal(*entry, "LANG=C");
        lang = lang || strcmp(*entry, "LANG=de") == 0;
        path = path || strncmp(*entry, "PATH=", 5) == 0;
    }
    assert_true(lang && path);
    mcp_env_free(env);
    mcp_servers_release(&servers);
}

static void test_a_secret_that_is_not_there_is_the_servers_problem(void **state)
{
    struct mcp_servers servers;

    (void)state;
    assert_int_equal(
            mcp_servers_load(&servers,
                    STR("servers: {a: {command: [a], env: {T: env:IC_TEST_NOT_SET}},"
                        " b: {command: [b], env: {T: file:/nowhere/x}}, c: {command: [c]}}"),
                    "c", NULL),
            0);
    assert_string_equal(
            servers.items[0].problem, "there is no environment variable 'IC_TEST_NOT_SET'");
    assert_non_null(strstr(servers.items[1].problem, "/nowhere/x"));
    assert_null(servers.items[2].problem);
    mcp_servers_release(&servers);
}

static void test_what_is_wrong_is_told_with_its_line(void **state)
{
    struct mcp_servers servers;

    (void)state;
    assert_refused("servers:\n  Files: {command: [a]}\n", "c.yaml:2: 'Files' is no name");
    assert_refused("servers:\n  a: {}\n", "command");
    assert_refused("servers:\n  a:\n    comand: [x]\n", "c.yaml:3");
    assert_refused("servers:\n  a: {command: []}\n", "c.yaml:2: server 'a' has no command");
    assert_refused("servers:\n  a: {command: [x], cwd: here}\n", "'here' is no absolute path");
    assert_refused("servers:\n  a: {command: [x], start_timeout: soon}\n", "'soon' is none of");
    assert_refused("servers:\n  a: {command: [x], env: {1A: x}}\n", "'1A' is no name");
    assert_refused("server: {}\n", "did you mean 'servers'");
    assert_int_equal(mcp_servers_load(&servers, STR(""), "c", NULL), 0);
    assert_int_equal(servers.count, 0);
    mcp_servers_release(&servers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_servers_come_in_the_order_of_their_names),
            cmocka_unit_test(test_a_server_inherits_little_and_its_own_variables_win),
            cmocka_unit_test(test_a_secret_that_is_not_there_is_the_servers_problem),
            cmocka_unit_test(test_what_is_wrong_is_told_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
