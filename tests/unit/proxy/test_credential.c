/*
 * Keys and logins: which one is in force, how a login is renewed, what happens to its file.
 * The token endpoint is a TLS server in the same loop.
 */
#include "support/token_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>

#include "proxy/login.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
/* Bodies end with the connection. */
#define GRANTED                                                                                \
    OK_HEAD "\r\n{\"access_token\":\"new-access\",\"refresh_token\":\"new-refresh\","          \
            "\"expires_in\":28800}\n"
#define REFUSED                                                                                \
    "HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":\"invalid_grant\",\"error_description\":"      \
    "\"old-refresh\"}"

#define LIVE "4102444800"  /* the year 2100, in seconds */
#define ENDED "1600000000" /* 2020 */

#define CLAUDE_FILE(access, ends)                                                              \
    "{\n  \"mcpOAuth\": {\"x\": [1.50, \"\\u00e9\"]},\n  \"claudeAiOauth\": {\n"               \
    "    \"accessToken\": \"" access "\",\n    \"refreshToken\": \"old-refresh\",\n"           \
    "    \"expiresAt\": " ends "000,\n    \"scopes\": [\"user:inference\"],\n"                 \
    "    \"subscriptionType\": \"max\"\n  }\n}\n"

struct outcome {
    bool came;
    struct err err;
};

static void on_refreshed(void *ctx, const struct err *err)
{
    struct outcome *outcome = ctx;
    assert_false(outcome->came);
    outcome->came = true;
    if (err)
        outcome->err = *err;
}

static struct credential_wait *ask(struct credential *c, struct outcome *outcome)
{
    *outcome = (struct outcome){0};
    return credential_refresh(c, credential_generation(c), on_refreshed, outcome);
}

/* Ask and wait: the error's code. */
static int refresh(struct token_world *w, struct credential *c)
{
    struct outcome outcome;
    ask(c, &outcome);
    assert_false(outcome.came);
    TOKEN_WAIT(w, outcome.came);
    return outcome.err.code;
}

static bool got(struct token_world *w, const char *text)
{
    struct str all = buf_str(&w->got);
    return all.n && memmem(all.p, all.n, text, strlen(text));
}

/* --- which one is in force ------------------------------------------------------------- */

static void a_key_that_comes_later_is_taken_where_none_is(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct err err = {0};
    unsetenv("ANTHROPIC_API_KEY");
    setenv("OPENAI_API_KEY", "first-key", 1);
    assert_int_equal(token_world_try(w, "", CREDENTIAL_APIKEY, &err), 0);
    struct credential *c =
            credential_of(w->credentials, provider_find(&w->providers, "anthropic"));
    struct credential *other =
            credential_of(w->credentials, provider_find(&w->providers, "openai"));
    assert_int_equal(credential_kind(c), CREDENTIAL_NONE);
    assert_false(credentials_take_key(w->credentials, "NO_SUCH_KEY", STR("late-key")));
    assert_false(credentials_take_key(w->credentials, "ANTHROPIC_API_KEY", STR("two words")));
    assert_int_equal(credential_kind(c), CREDENTIAL_NONE);
    assert_true(credentials_take_key(w->credentials, "ANTHROPIC_API_KEY", STR("late-key")));
    assert_int_equal(credential_kind(c), CREDENTIAL_KEY);
    assert_string_equal(secret_bytes(credential_secret(c)), "late-key");
    assert_string_equal(credential_origin(c), "$ANTHROPIC_API_KEY");
    assert_string_equal(credential_problem(c), "");
    assert_false(credentials_take_key(w->credentials, "ANTHROPIC_API_KEY", STR("third-key")));
    assert_false(credentials_take_key(w->credentials, "OPENAI_API_KEY", STR("other-key")));
    assert_string_equal(secret_bytes(credential_secret(other)), "first-key");
    token_world_free(w);
}

static void a_login_goes_before_a_key_unless_told_otherwise(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct err err = {0};
    size_t count;
    world_write(w, CLAUDE, CLAUDE_FILE("real-access", LIVE));
    setenv("ANTHROPIC_API_KEY", "real-key", 1);
    struct credential *c = token_world_open(w, "anthropic");
    assert_int_equal(credential_kind(c), CREDENTIAL_LOGIN);
    assert_string_equal(secret_bytes(credential_secret(c)), "real-access");
    assert_string_equal(credential_places(c, &count)->header, "authorization");
    assert_int_equal(count, 1);
    assert_ptr_equal(
            credential_of(w->credentials, provider_find(&w->providers, "claude-platform")), c);
    token_world_close(w);

    setenv("ANTHROPIC_API_KEY", "real-key", 1);
    assert_int_equal(token_world_try(w, "", CREDENTIAL_APIKEY, &err), 0);
    c = credential_of(w->credentials, provider_find(&w->providers, "anthropic"));
    assert_int_equal(credential_kind(c), CREDENTIAL_KEY);
    assert_string_equal(secret_bytes(credential_secret(c)), "real-key");
    assert_string_equal(credential_places(c, &count)->header, "x-api-key");
    assert_false(credential_renews(c));
    assert_false(credential_stale(c));
    token_world_close(w);

    setenv("ANTHROPIC_API_KEY", "real-key", 1);
    setenv("IRONCURTAIN_DOCKER_AUTH", "apikey", 1);
    assert_int_equal(token_world_try(w, "", CREDENTIAL_OAUTH, &err), 0);
    c = credential_of(w->credentials, provider_find(&w->providers, "anthropic"));
    assert_int_equal(credential_kind(c), CREDENTIAL_KEY);
    token_world_close(w);

    /* A gateway's key is not for the provider, and the provider's login not for the gateway. */
    unsetenv("IRONCURTAIN_DOCKER_AUTH");
    setenv("ANTHROPIC_API_KEY", "gateway-key", 1);
    assert_int_equal(
            token_world_try(w, "anthropic: {upstream: https://gw.test}", CREDENTIAL_AUTO, &err),
            0);
    c = credential_of(w->credentials, provider_find(&w->providers, "anthropic"));
    assert_int_equal(credential_kind(c), CREDENTIAL_KEY);
    token_world_free(w);
}

static void oauth_alone_never_falls_back_to_a_key(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct err err = {0};
    setenv("ANTHROPIC_API_KEY", "real-key", 1);
    assert_int_equal(token_world_try(w, "", CREDENTIAL_OAUTH, &err), 0);
    struct credential *c =
            credential_of(w->credentials, provider_find(&w->providers, "anthropic"));
    assert_int_equal(credential_kind(c), CREDENTIAL_NONE);
    assert_null(credential_secret(c));
    assert_string_equal(credential_problem(c), "no login of provider 'anthropic' found");
    token_world_free(w);
}

static void a_login_that_ended_does_not_hide_one_that_lives(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    world_write(w, CLAUDE, CLAUDE_FILE("ended-access", ENDED));
    world_write(w, ANT,
            "{\"access_token\":\"ant-access\",\"refresh_token\":\"r\",\"expires_at\":" LIVE
            "}");
    struct credential *c = token_world_open(w, "anthropic");
    assert_string_equal(secret_bytes(credential_secret(c)), "ant-access");
    assert_true(str_ends(str_of(credential_file(c)), STR(ANT)));
    token_world_close(w);

    /* Alone it is used, and is renewed before its first request. */
    world_write(w, ANT, "{}");
    c = token_world_open(w, "anthropic");
    assert_string_equal(secret_bytes(credential_secret(c)), "ended-access");
    assert_true(credential_stale(c));
    token_world_close(w);

    /* Without a refresh token it is of no use, and the key is taken. */
    world_write(w, CLAUDE,
            "{\"claudeAiOauth\":{\"accessToken\":\"a\",\"expiresAt\":" ENDED "000}}");
    setenv("ANTHROPIC_API_KEY", "real-key", 1);
    c = token_world_open(w, "anthropic");
    assert_int_equal(credential_kind(c), CREDENTIAL_KEY);
    assert_non_null(strstr(credential_problem(c), "has ended and cannot be renewed"));
    token_world_free(w);
}

static void every_program_has_its_own_folder_variable(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    static const char text[] = "{\"access_token\":\"ant-access\",\"expires_at\":" LIVE "}";
    static const struct {
        const char *variable, *below;
    } cases[] = {{"ANTHROPIC_CONFIG_DIR", "credentials/default.json"},
            {"XDG_CONFIG_HOME", "anthropic/credentials/default.json"}};
    for (unsigned i = 0; i < 2; i++) {
        char *dir = path_join(w->home, cases[i].variable);
        char *name = path_join(cases[i].variable, cases[i].below);
        world_write(w, name, text);
        setenv(cases[i].variable, dir, 1);
        struct credential *c = token_world_open(w, "anthropic");
        assert_int_equal(credential_kind(c), CREDENTIAL_LOGIN);
        assert_true(str_starts(str_of(credential_file(c)), str_of(dir)));
        token_world_close(w);
        unsetenv(cases[i].variable);
        free(name);
        free(dir);
    }
    token_world_free(w);
}

static void a_command_prints_the_key(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct err err = {0};
    static const struct {
        const char *command, *problem;
    } cases[] = {
            {"[printf, \"%s\\\\n\", \"key-of-a-command  \", second]", ""},
            {"[\"false\"]", "'false' ended with status 1"},
            {"[printf, two words]", "'printf' printed no key"},
            {"[\"true\"]", "'true' printed no key"},
            {"[ic-no-such-program]", "ic-no-such-program"},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *yaml = xasprintf("openai: {key: {command: %s}}", cases[i].command);
        unsetenv("OPENAI_API_KEY");
        assert_int_equal(token_world_try(w, yaml, CREDENTIAL_AUTO, &err), 0);
        struct credential *c =
                credential_of(w->credentials, provider_find(&w->providers, "openai"));
        if (i == 0)
            assert_string_equal(secret_bytes(credential_secret(c)), "key-of-a-command");
        else
            assert_int_equal(credential_kind(c), CREDENTIAL_NONE);
        assert_non_null(strstr(credential_problem(c), cases[i].problem));
        token_world_close(w);
        free(yaml);
    }
    token_world_free(w);
}

static void fakes_look_like_what_they_stand_for(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    char one[CREDENTIAL_FAKE_MAX], two[CREDENTIAL_FAKE_MAX];
    world_write(w, CLAUDE, CLAUDE_FILE("real-access", LIVE));
    world_write(w, CODEX,
            "{\"auth_mode\":\"chatgpt\",\"tokens\":{\"access_token\":\"a\","
            "\"refresh_token\":\"b\",\"account_id\":\"acc-7\"}}");
    struct credential *c = token_world_open(w, "anthropic");
    credential_make_fake(c, one);
    credential_make_fake(c, two);
    assert_true(str_starts(str_of(one), STR("sk-ant-oat01-ironcurtain-")));
    assert_string_not_equal(one, two);
    c = credential_of(w->credentials, provider_find(&w->providers, "chatgpt"));
    credential_make_fake(c, one);
    assert_true(str_starts(str_of(one), STR("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0."
                                            "eyJleHAiOjQxMDI0NDQ4MDAsImlzcyI6Imlyb25jdXJ0YWluIi"
                                            "wic3ViIjoiY29kZXgtZmFrZSJ9.")));
    assert_string_equal(credential_account(c), "acc-7");
    token_world_free(w);
}

/* --- renewing -------------------------------------------------------------------------- */

static void a_renewed_login_is_written_back_and_all_else_stays(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
    struct credential *c = token_world_open(w, "anthropic");
    w->answer = GRANTED;
    assert_int_equal(refresh(w, c), 0);
    assert_int_equal(w->grants, 1);
    assert_string_equal(secret_bytes(credential_secret(c)), "new-access");
    assert_int_equal(credential_generation(c), 2);
    assert_false(credential_stale(c));
    assert_true(got(w, "POST /v1/oauth/token HTTP/1.1\r\nhost: platform.claude.com\r\n"));
    assert_true(got(w, "content-type: application/x-www-form-urlencoded\r\n"));
    assert_true(got(w, "\r\n\r\ngrant_type=refresh_token&refresh_token=old-refresh&client_id="
                       "9d1c250a-e61b-44d9-88ed-5944d1962f5e"));

    const char *text = world_read(w, CLAUDE);
    const char *ends = strstr(text, "\"expiresAt\": ");
    assert_non_null(ends);
    assert_true(strtoll(ends + 13, NULL, 10) > clock_wall_ms());
    /* With the old values put back it is the old file, byte for byte. */
    char *before = xasprintf(
            "%.*s\"expiresAt\": " ENDED "000%s", (int)(ends - text), text, strchr(ends, ','));
    char *expected = xstrdup(CLAUDE_FILE("new-access", ENDED));
    char *refresh_at = strstr(expected, "old-refresh");
    memcpy(refresh_at, "new", 3);
    assert_string_equal(before, expected);
    assert_int_equal(world_mode(w, CLAUDE), 0600);
    free(before);
    free(expected);
    token_world_free(w);
}

static void each_store_is_renewed_with_its_own_client(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    world_write(w, ANT,
            "{\"access_token\":\"a\",\"refresh_token\":\"r\\/1\",\"expires_at\":" ENDED
            ",\"x\":{}}");
    struct credential *c = token_world_open(w, "anthropic");
    w->answer = OK_HEAD "content-length: 46\r\n\r\n"
                        "{\"access_token\":\"new-access\",\"expires_in\":600}";
    assert_int_equal(refresh(w, c), 0);
    assert_true(got(w, "host: api.anthropic.com\r\n"));
    assert_true(got(w, "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"r/1\","
                       "\"client_id\":\"41077d10-94b8-4194-be48-d251e9eb21b4\"}"));
    /* No new refresh token came: the old one is kept. */
    assert_non_null(strstr(world_read(w, ANT),
            "{\"access_token\":\"new-access\",\"refresh_token\":\"r/1\",\"expires_at\":"));
    assert_non_null(strstr(world_read(w, ANT), ",\"x\":{}}"));
    token_world_free(w);
}

static void codex_gets_its_id_token_and_the_time(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    world_write(w, CODEX,
            "{\"tokens\":{\"access_token\":\"a\",\"refresh_token\":\"r\",\"id_token\":\"i\","
            "\"account_id\":\"acc\"},\"last_refresh\":\"2020-01-01T00:00:00Z\"}");
    struct credential *c = token_world_open(w, "chatgpt");
    /* {"exp":4102444800} */
    w->answer = OK_HEAD "\r\n{\"access_token\":\"h.eyJleHAiOjQxMDI0NDQ4MDB9.s\","
                        "\"refresh_token\":\"r2\",\"id_token\":\"i2\"}";
    assert_int_equal(refresh(w, c), 0);
    assert_true(got(w, "\"client_id\":\"app_EMoamEEZ73f0CkXaXp7hrann\"}"));
    assert_true(credential_expires_ms(c) == 4102444800000);
    const char *text = world_read(w, CODEX);
    assert_non_null(
            strstr(text, "{\"tokens\":{\"access_token\":\"h.eyJleHAiOjQxMDI0NDQ4MDB9.s\","
                         "\"refresh_token\":\"r2\",\"id_token\":\"i2\",\"account_id\":\"acc\"},"
                         "\"last_refresh\":\"20"));
    assert_null(strstr(text, "2020-01-01"));
    token_world_free(w);
}

static void all_who_ask_meanwhile_share_one_grant(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct outcome outcomes[3];
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", LIVE));
    struct credential *c = token_world_open(w, "anthropic");
    struct credential *other =
            credential_of(w->credentials, provider_find(&w->providers, "claude-platform"));
    unsigned before = credential_generation(c);
    ask(c, &outcomes[0]);
    ask(other, &outcomes[1]);
    TOKEN_WAIT(w, w->grants == 1);
    ask(c, &outcomes[2]);
    w->answer = GRANTED;
    token_answer(w);
    for (unsigned i = 0; i < 3; i++) {
        TOKEN_WAIT(w, outcomes[i].came);
        assert_int_equal(outcomes[i].err.code, ERR_OK);
    }
    /* Who comes later with a 401 of the old token has the new one already. */
    outcomes[0] = (struct outcome){0};
    credential_refresh(c, before, on_refreshed, &outcomes[0]);
    TOKEN_WAIT(w, outcomes[0].came);
    assert_int_equal(outcomes[0].err.code, ERR_OK);
    assert_int_equal(w->grants, 1);
    /* Who gets 401 with the new one gets no third. */
    assert_int_equal(refresh(w, c), ERR_AGAIN);
    assert_int_equal(w->grants, 1);
    token_world_free(w);
}

static void a_login_that_its_own_program_renewed_is_taken_from_the_file(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
    struct credential *c = token_world_open(w, "anthropic");
    world_write(w, CLAUDE, CLAUDE_FILE("cli-access", LIVE));
    assert_int_equal(refresh(w, c), 0);
    assert_string_equal(secret_bytes(credential_secret(c)), "cli-access");
    assert_int_equal(w->accepted, 0);
    token_world_free(w);
}

static void a_refusal_leaves_everything_as_it_was(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct outcome outcome;
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
    struct credential *c = token_world_open(w, "anthropic");
    w->answer = REFUSED;
    ask(c, &outcome);
    TOKEN_WAIT(w, outcome.came);
    assert_int_equal(outcome.err.code, ERR_CREDENTIAL);
    assert_non_null(strstr(outcome.err.msg, "the token endpoint answered 400 invalid_grant"));
    assert_null(strstr(outcome.err.msg, "old-refresh"));
    assert_string_equal(secret_bytes(credential_secret(c)), "old-access");
    assert_string_equal(world_read(w, CLAUDE), CLAUDE_FILE("old-access", ENDED));
    /* Why is said once, however often the agent tries again. */
    assert_non_null(strstr(w->notice, "answered 400 invalid_grant"));
    assert_null(strstr(w->notice, "old-refresh"));
    *w->notice = '\0';
    assert_int_equal(refresh(w, c), ERR_AGAIN);
    assert_string_equal(w->notice, "");
    token_world_free(w);
}

static void a_refusal_because_somebody_was_faster_is_none(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct outcome outcome;
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
    struct credential *c = token_world_open(w, "anthropic");
    ask(c, &outcome);
    TOKEN_WAIT(w, w->grants == 1);
    world_write(w, CLAUDE, CLAUDE_FILE("cli-access", LIVE));
    w->answer = REFUSED;
    token_answer(w);
    TOKEN_WAIT(w, outcome.came);
    assert_int_equal(outcome.err.code, ERR_OK);
    assert_string_equal(secret_bytes(credential_secret(c)), "cli-access");
    token_world_free(w);
}

static void a_new_login_during_the_grant_is_not_overwritten(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct outcome outcome;
    static const char anew[] = "{\"claudeAiOauth\":{\"accessToken\":\"x\",\"refreshToken\":"
                               "\"another\",\"expiresAt\":" LIVE "000}}";
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
    struct credential *c = token_world_open(w, "anthropic");
    ask(c, &outcome);
    TOKEN_WAIT(w, w->grants == 1);
    world_write(w, CLAUDE, anew);
    w->answer = GRANTED;
    token_answer(w);
    TOKEN_WAIT(w, outcome.came);
    assert_string_equal(secret_bytes(credential_secret(c)), "new-access");
    assert_string_equal(world_read(w, CLAUDE), anew);
    assert_non_null(strstr(w->notice, "is another one by now"));
    token_world_free(w);
}

/* No byte can be written, as on a full disk. */
static void a_login_that_could_not_be_written_is_not_given_up_for_the_old_one(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct rlimit before, none;
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", LIVE));
    struct credential *c = token_world_open(w, "anthropic");
    w->answer = GRANTED;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    int rc = refresh(w, c);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, 0);
    assert_non_null(strstr(w->notice, "not written back"));
    assert_string_equal(world_read(w, CLAUDE), CLAUDE_FILE("old-access", LIVE));

    /* What the file has has not ended, but the provider refused it. */
    assert_int_equal(refresh(w, c), ERR_AGAIN);
    assert_string_equal(secret_bytes(credential_secret(c)), "new-access");
    token_world_free(w);
}

static void who_cancels_hears_nothing_and_the_grant_is_not_lost(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct outcome outcome;
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
    struct credential *c = token_world_open(w, "anthropic");
    struct credential_wait *wait = ask(c, &outcome);
    TOKEN_WAIT(w, w->grants == 1);
    credential_cancel(wait);
    w->answer = GRANTED;
    token_answer(w);
    TOKEN_WAIT(w, credential_generation(c) == 2);
    assert_false(outcome.came);
    assert_non_null(strstr(world_read(w, CLAUDE), "\"new-refresh\""));
    token_world_free(w);
}

static void the_end_waits_for_a_grant_that_was_sent(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct outcome outcome;
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
    ask(token_world_open(w, "anthropic"), &outcome);
    TOKEN_WAIT(w, w->grants == 1);
    w->answer = GRANTED;
    token_answer(w);
    token_world_close(w);
    assert_false(outcome.came);
    assert_non_null(strstr(world_read(w, CLAUDE), "\"new-refresh\""));
    token_world_free(w);
}

static void the_end_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct outcome outcome;
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
    struct credential *c = token_world_open(w, "anthropic");
    ask(c, &outcome); /* on a pool thread */
    token_world_close(w);
    c = token_world_open(w, "anthropic");
    ask(c, &outcome); /* no answer comes */
    TOKEN_WAIT(w, w->grants == 1);
    token_world_free(w);
}

static void one_process_at_a_time_renews_a_login(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct outcome outcome;
    char *lock = path_join(path_home(), "login-claude-code.lock");
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
    struct credential *c = token_world_open(w, "anthropic");
    w->answer = GRANTED;
    /* As another process that is at it: its lock, then its result, then no lock. */
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    ask(c, &outcome);
    patience_start(&w->patience, 3 * LIMIT_LOGIN_LOOK_MS);
    while (!w->patience.over)
        loop_turn(w->loop, true);
    assert_false(outcome.came);
    assert_int_equal(w->accepted, 0);
    world_write(w, CLAUDE, CLAUDE_FILE("other-access", LIVE));
    TOKEN_WAIT(w, outcome.came);
    assert_int_equal(outcome.err.code, ERR_OK);
    assert_string_equal(secret_bytes(credential_secret(c)), "other-access");
    assert_int_equal(w->accepted, 0);

    /* The other one gave up. */
    ask(c, &outcome);
    for (unsigned i = 0; i < 20; i++)
        loop_turn(w->loop, false);
    close(fd);
    TOKEN_WAIT(w, outcome.came);
    assert_int_equal(outcome.err.code, ERR_OK);
    assert_int_equal(w->grants, 1);
    free(lock);
    token_world_free(w);
}

static void without_a_refresh_token_nobody_is_asked(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    world_write(w, CODEX,
            "{\"auth_mode\":\"chatgptAuthTokens\",\"tokens\":{\"access_token\":\"a\","
            "\"refresh_token\":\"\"}}");
    struct credential *c = token_world_open(w, "chatgpt");
    assert_int_equal(credential_kind(c), CREDENTIAL_LOGIN);
    assert_int_equal(refresh(w, c), ERR_CREDENTIAL);
    assert_int_equal(w->accepted, 0);
    token_world_free(w);
}

static void a_logout_on_the_host_ends_it(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
    struct credential *c = token_world_open(w, "anthropic");
    world_write(w, CLAUDE, "{\"mcpOAuth\":{}}");
    assert_int_equal(refresh(w, c), ERR_NOENT);
    assert_int_equal(w->accepted, 0);
    token_world_free(w);
}

static void answers_that_are_no_grant_change_nothing(void **state)
{
    (void)state;
    static const char *const answers[] = {
            "HTTP/1.1 302 Found\r\nlocation: https://evil.test/\r\ncontent-length: 0\r\n\r\n",
            OK_HEAD "\r\n",
            OK_HEAD "\r\n[]",
            OK_HEAD "\r\n{\"access_token\":5}",
            OK_HEAD "\r\n{\"access_token\":\"\"}",
            OK_HEAD "\r\n{\"access_token\":\"a\\u0000b\"}",
            OK_HEAD "\r\n{\"access_token\":\"a\\r\\nx: y\"}",
            OK_HEAD "\r\n{\"access_token\":\"a\",\"access_token\":\"b\"}",
            OK_HEAD "content-length: 99\r\n\r\n{\"access_token\":\"a\"}",
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            "SSH-2.0-OpenSSH\r\n",
            "",
    };
    for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct token_world *w = token_world_new();
        world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
        struct credential *c = token_world_open(w, "anthropic");
        w->answer = answers[i];
        if (refresh(w, c) == 0)
            fail_msg("accepted: %s", answers[i]);
        assert_string_equal(secret_bytes(credential_secret(c)), "old-access");
        assert_string_equal(world_read(w, CLAUDE), CLAUDE_FILE("old-access", ENDED));
        token_world_free(w);
    }
}

static void an_endless_answer_is_cut_off(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct outcome outcome;
    world_write(w, CLAUDE, CLAUDE_FILE("old-access", ENDED));
    struct credential *c = token_world_open(w, "anthropic");
    char *answer = xmalloc(4 * LIMIT_TOKEN_ANSWER);
    memset(answer, ' ', 4 * LIMIT_TOKEN_ANSWER);
    memcpy(answer, OK_HEAD "\r\n", strlen(OK_HEAD "\r\n"));
    answer[4 * LIMIT_TOKEN_ANSWER - 1] = '\0';
    w->answer = answer;
    ask(c, &outcome);
    TOKEN_WAIT(w, outcome.came);
    assert_non_null(strstr(outcome.err.msg, "the answer is too large"));
    free(answer);
    token_world_free(w);
}

/* --- files ----------------------------------------------------------------------------- */

static void a_symlink_is_neither_read_nor_written_through(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    struct err err;
    struct login_token token = {0};
    world_write(w, "elsewhere", CLAUDE_FILE("old-access", LIVE));
    char *target = path_join(w->home, "elsewhere");
    char *dir = path_join(w->home, ".claude");
    char *link = path_join(w->home, CLAUDE);
    assert_int_equal(file_mkdir(dir, &err), 0);
    assert_int_equal(symlink(target, link), 0);
    struct credential *c = token_world_open(w, "anthropic");
    assert_int_equal(credential_kind(c), CREDENTIAL_NONE);
    assert_non_null(strstr(credential_problem(c), "it is a symlink"));
    assert_int_equal(login_read(OAUTH_CLAUDE_CODE, target, &token, &err), 0);
    assert_true(login_write(OAUTH_CLAUDE_CODE, link, token.refresh, &token, &err) < 0);
    login_token_release(&token);
    assert_string_equal(world_read(w, "elsewhere"), CLAUDE_FILE("old-access", LIVE));

    /* Nor is a pipe waited for. */
    assert_int_equal(unlink(link), 0);
    assert_int_equal(mkfifo(link, 0600), 0);
    assert_true(login_read(OAUTH_CLAUDE_CODE, link, &token, &err) < 0);
    assert_non_null(strstr(err.msg, "it is not a file"));
    free(link);
    free(dir);
    free(target);
    token_world_free(w);
}

static void any_file_is_read_without_harm(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    static const char *const texts[] = {
            "",
            "{",
            "null",
            "[]",
            "\"x\"",
            "{}",
            "{\"claudeAiOauth\":null}",
            "{\"claudeAiOauth\":5}",
            "{\"claudeAiOauth\":[]}",
            "{\"claudeAiOauth\":{}}",
            "{\"claudeAiOauth\":{\"accessToken\":null}}",
            "{\"claudeAiOauth\":{\"accessToken\":{}}}",
            "{\"claudeAiOauth\":{\"accessToken\":\"a b\"}}",
            "{\"claudeAiOauth\":{\"accessToken\":\"a\",\"refreshToken\":7}}",
            "{\"claudeAiOauth\":{\"accessToken\":\"a\",\"expiresAt\":\"soon\"}}",
            "{\"claudeAiOauth\":{\"accessToken\":\"a\",\"expiresAt\":-1}}",
            "{\"claudeAiOauth\":{\"accessToken\":\"a\",\"expiresAt\":1e99}}",
            "{\"claudeAiOauth\":{\"accessToken\":\"a\",\"expiresAt\":99999999999999999999}}",
            "{\"claudeAiOauth\":{\"accessToken\":\"a\"},\"claudeAiOauth\":{}}",
    };
    char *path = path_join(w->home, CLAUDE);
    struct login_token token;
    struct err err;
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        world_write(w, CLAUDE, texts[i]);
        if (login_read(OAUTH_CLAUDE_CODE, path, &token, &err) == 0)
            fail_msg("read: %s", texts[i]);
    }
    char whole[] = CLAUDE_FILE("old-access", LIVE);
    for (size_t n = sizeof(whole) - 3; n > 0; n--) {
        whole[n] = '\0'; /* cut off at every byte */
        world_write(w, CLAUDE, whole);
        if (login_read(OAUTH_CLAUDE_CODE, path, &token, &err) == 0)
            fail_msg("read: %s", whole);
    }
    free(path);
    token_world_free(w);
}

static void an_api_key_of_codex_is_no_login(void **state)
{
    (void)state;
    struct token_world *w = token_world_new();
    static const char *const texts[] = {
            "{\"OPENAI_API_KEY\":\"sk-x\",\"tokens\":{\"access_token\":\"a\"}}",
            "{\"auth_mode\":\"apikey\",\"tokens\":{\"access_token\":\"a\"}}",
            "{\"OPENAI_API_KEY\":\"sk-x\"}",
    };
    for (unsigned i = 0; i < 3; i++) {
        world_write(w, CODEX, texts[i]);
        struct credential *c = token_world_open(w, "chatgpt");
        assert_int_equal(credential_kind(c), CREDENTIAL_NONE);
        token_world_close(w);
    }
    token_world_free(w);
}

int main(void)
{
    char home[64];
    test_tmpdir(home, sizeof(home), "token-home");
    setenv("IRONCURTAIN_HOME", home, 1);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_key_that_comes_later_is_taken_where_none_is),
            cmocka_unit_test(a_login_goes_before_a_key_unless_told_otherwise),
            cmocka_unit_test(oauth_alone_never_falls_back_to_a_key),
            cmocka_unit_test(a_login_that_ended_does_not_hide_one_that_lives),
            cmocka_unit_test(every_program_has_its_own_folder_variable),
            cmocka_unit_test(a_command_prints_the_key),
            cmocka_unit_test(fakes_look_like_what_they_stand_for),
            cmocka_unit_test(a_renewed_login_is_written_back_and_all_else_stays),
            cmocka_unit_test(each_store_is_renewed_with_its_own_client),
            cmocka_unit_test(codex_gets_its_id_token_and_the_time),
            cmocka_unit_test(all_who_ask_meanwhile_share_one_grant),
            cmocka_unit_test(a_login_that_its_own_program_renewed_is_taken_from_the_file),
            cmocka_unit_test(a_refusal_leaves_everything_as_it_was),
            cmocka_unit_test(a_refusal_because_somebody_was_faster_is_none),
            cmocka_unit_test(a_new_login_during_the_grant_is_not_overwritten),
            cmocka_unit_test(a_login_that_could_not_be_written_is_not_given_up_for_the_old_one),
            cmocka_unit_test(who_cancels_hears_nothing_and_the_grant_is_not_lost),
            cmocka_unit_test(the_end_waits_for_a_grant_that_was_sent),
            cmocka_unit_test(the_end_does_not_wait_for_ever),
            cmocka_unit_test(one_process_at_a_time_renews_a_login),
            cmocka_unit_test(without_a_refresh_token_nobody_is_asked),
            cmocka_unit_test(a_logout_on_the_host_ends_it),
            cmocka_unit_test(answers_that_are_no_grant_change_nothing),
            cmocka_unit_test(an_endless_answer_is_cut_off),
            cmocka_unit_test(a_symlink_is_neither_read_nor_written_through),
            cmocka_unit_test(any_file_is_read_without_harm),
            cmocka_unit_test(an_api_key_of_codex_is_no_login),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)file_remove_tree(home, NULL);
    return failed;
}
