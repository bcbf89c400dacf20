/*
 * grant.c - writing and reading the refresh grant. No state, does not block.
 */
#include "proxy/grant.h"

#include "base/limits.h"
#include "base/slice.h"
#include "io/loop.h"

const char *grant_type(const struct oauth_login *login)
{
    return login->is_form ? "application/x-www-form-urlencoded" : "application/json";
}

/* RFC 3986: everything but unreserved characters is escaped. */
static void put_form(struct buf *out, const char *name, const char *value)
{
    static const char plain[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    buf_printf(out, "&%s=", name);
    for (; *value; value++) {
        if (strchr(plain, *value))
            buf_putc(out, *value);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*value);
    }
}

static void put_member(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, ",\"%s\":", name);
    json_put_string(out, str_of(value));
}

void grant_request(
        const struct oauth_login *login, const struct secret *refresh, struct buf *body)
{
    void (*put)(struct buf * out, const char *name, const char *value) =
            login->is_form ? put_form : put_member;

    buf_mark_secret(body);
    buf_puts(body,
            login->is_form ? "grant_type=refresh_token" : "{\"grant_type\":\"refresh_token\"");
    put(body, "refresh_token", secret_bytes(refresh));
    put(body, "client_id", login->client_id);
    if (!login->is_form)
        buf_putc(body, '}');
}

/* "invalid_grant" and its like; anything else could be what we sent. */
static int refused(int status, struct str body, struct err *err)
{
    struct json_member error = {.name = "error"};
    struct str name = {"", 0};

    if (json_slice_object(body, &error, 1, NULL) == 0 && error.value.p)
        (void)json_raw_is_string(error.value, &name);
    bool plain = name.n > 0 && name.n <= 40;
    for (size_t i = 0; plain && i < name.n; i++)
        plain = (name.p[i] >= 'a' && name.p[i] <= 'z') || name.p[i] == '_';
    return err_set(err, ERR_CREDENTIAL, "the token endpoint answered %d%s%.*s", status,
            plain ? " " : "", plain ? (int)name.n : 0, name.p ? name.p : "");
}

static int64_t expires_ms(
        const struct oauth_login *login, const struct secret *access, struct str in)
{
    uint64_t seconds = 3600;

    if (in.p)
        (void)str_u64(in, 10ull * 365 * 86400, &seconds);
    int64_t otherwise = clock_wall_ms() + (int64_t)seconds * 1000;
    return login->store == OAUTH_CODEX ? login_jwt_expires_ms(access, otherwise) : otherwise;
}

static struct secret *copy(const struct secret *s)
{
    return s ? secret_new(secret_bytes(s), secret_len(s)) : NULL;
}

int grant_answer(const struct oauth_login *login, const struct login_token *old, int status,
        struct str body, struct login_token *ret, struct err *err)
{
    struct json_member m[] = {{.name = "access_token"}, {.name = "refresh_token"},
            {.name = "id_token"}, {.name = "expires_in"}};

    if (status != 200)
        return refused(status, body, err);
    if (json_slice_object(body, m, 4, err) < 0)
        return err_set(err, ERR_PROTO, "the token endpoint's answer is not understood");
    struct secret *access = login_token_of_json(m[0].value);
    if (!access)
        return err_set(err, ERR_PROTO, "the token endpoint's answer has no access token");
    struct secret *refresh = login_token_of_json(m[1].value);
    *ret = (struct login_token){
            .access = access,
            .refresh = refresh ? refresh : copy(old->refresh),
            .id = login_token_of_json(m[2].value),
            .expires_ms = expires_ms(login, access, m[3].value),
    };
    (void)str_copy(ret->account, sizeof(ret->account), str_of(old->account));
    return 0;
}
