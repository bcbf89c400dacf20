/*
 * fuzz_login.c - any bytes as a login file of each program, and as the answer of its token
 * endpoint. A file that was understood is understood with new tokens in it, too, and has them.
 */
#include "proxy/grant.h"

static bool is(const struct secret *token, const char *text)
{
    return token && strcmp(secret_bytes(token), text) == 0;
}

static void as_file(enum oauth_store store, struct str data)
{
    struct login_token token = {0}, again = {0};
    struct buf text = BUF_INIT;
    struct err err = {0};
    int rc = login_parse(store, data, &token, &err);

    CHECK(rc == 0 || err.msg[0]);
    if (rc == 0) {
        struct login_token fresh = {.access = secret_new("new\\\"access", 11),
                .refresh = secret_new("new-refresh", 11),
                .id = secret_new("new-id", 6),
                .expires_ms = 4102444800000};
        buf_append_str(&text, data);
        CHECK(login_change(store, &text, &fresh, &err) == 0);
        CHECK(login_parse(store, buf_str(&text), &again, &err) == 0);
        CHECK(is(again.access, "new\\\"access") && is(again.refresh, "new-refresh"));
        CHECK(store == OAUTH_CODEX || again.expires_ms == 4102444800000);
        CHECK(strcmp(again.account, token.account) == 0);
        login_token_release(&fresh);
    }
    buf_release(&text);
    login_token_release(&again);
    login_token_release(&token);
}

static void as_answer(enum oauth_store store, struct str data)
{
    struct oauth_login login = {.store = store};
    struct login_token old = {.refresh = secret_new("old-refresh", 11)}, token = {0};
    struct err err = {0};

    for (int status = 200; status <= 400; status += 200) {
        if (grant_answer(&login, &old, status, data, &token, &err) == 0)
            CHECK(status == 200 && token.access && token.refresh);
        login_token_release(&token);
    }
    login_token_release(&old);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* libFuzzer has no header */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};

    for (enum oauth_store store = OAUTH_CLAUDE_CODE; store <= OAUTH_CODEX; store++) {
        as_file(store, text);
        as_answer(store, text);
    }
    return 0;
}
