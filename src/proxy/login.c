/*
 * login.c - reading and changing the login files of other programs.
 *
 * No JSON library that copies: values are found as slices of the file's own bytes, which are
 * in one buffer that is wiped, and are changed by cutting them out and putting others in their
 * place. So unknown members, their order and their spelling survive, and no token is left in
 * freed memory.
 *
 * Blocks: on the file. Runs on pool threads, so it has no state of its own.
 */
#include "proxy/login.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/slice.h"
#include "io/crypt.h"
#include "io/loop.h"

/* How the three files are alike. */
static const struct shape {
    const char *env[2]; /* variables with the folder; the second one is a parent */
    const char *below;  /* put behind the second */
    const char *home;   /* folder below $HOME when neither is set */
    const char *file;
    const char *wrapper; /* member with the object; NULL: the file is the object */
    const char *access, *refresh, *id;
    const char *expires; /* NULL: the token says it itself */
    int64_t unit_ms;     /* of `expires` */
} shapes[] = {
        [OAUTH_CLAUDE_CODE] = {.env = {"CLAUDE_CONFIG_DIR"},
                .home = ".claude",
                .file = ".credentials.json",
                .wrapper = "claudeAiOauth",
                .access = "accessToken",
                .refresh = "refreshToken",
                .expires = "expiresAt",
                .unit_ms = 1},
        [OAUTH_ANT] = {.env = {"ANTHROPIC_CONFIG_DIR", "XDG_CONFIG_HOME"},
                .below = "anthropic",
                .home = ".config/anthropic",
                .file = "credentials/default.json",
                .access = "access_token",
                .refresh = "refresh_token",
                .expires = "expires_at",
                .unit_ms = 1000},
        [OAUTH_CODEX] = {.env = {"CODEX_HOME"},
                .home = ".codex",
                .file = "auth.json",
                .wrapper = "tokens",
                .access = "access_token",
                .refresh = "refresh_token",
                .id = "id_token"},
};

void login_token_release(struct login_token *token)
{
    secret_free(token->access);
    secret_free(token->refresh);
    secret_free(token->id);
    *token = (struct login_token){0};
}

static const char *variable(const char *name)
{
    const char *value = name ? getenv(name) : NULL;

    return value && *value ? value : NULL;
}

char *login_path(enum oauth_store store)
{
    const struct shape *shape = &shapes[store];
    const char *own = variable(shape->env[0]);
    const char *parent = variable(shape->env[1]);
    const char *home = variable("HOME");

    if (own)
        return path_join(own, shape->file);
    if (parent)
        return path_join3(parent, shape->below, shape->file);
    return home ? path_join3(home, shape->home, shape->file) : NULL;
}

/* --- the file -------------------------------------------------------------------------- */

/* A link could point at anything, a pipe would hold us up, and what belongs to somebody else
 * is not the login of this user. */
static int open_login(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct stat st;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return err_set(err, ERR_NOENT, "no login in '%s'", path);
    if (fd < 0)
        return err_set(err, ERR_CREDENTIAL, "cannot read the login in '%s': %s", path,
                errno == ELOOP ? "it is a symlink" : strerror(errno));
    const char *wrong = NULL;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        wrong = "it is not a file";
    else if (st.st_uid != geteuid())
        wrong = "it belongs to somebody else";
    else if (st.st_size > LIMIT_LOGIN_FILE)
        wrong = "it is too large";
    if (!wrong)
        return fd;
    close(fd);
    return err_set(err, ERR_CREDENTIAL, "cannot use the login in '%s': %s", path, wrong);
}

static int read_login(const char *path, struct buf *text, struct err *err)
{
    int fd = open_login(path, err);
    ssize_t n;

    if (fd < 0)
        return fd;
    buf_mark_secret(text);
    char *room = buf_reserve(text, LIMIT_LOGIN_FILE);
    size_t got = 0;
    while (got < LIMIT_LOGIN_FILE && (n = read(fd, room + got, LIMIT_LOGIN_FILE - got)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            n = errno;
            close(fd);
            return err_set(err, ERR_IO, "cannot read '%s': %s", path, strerror((int)n));
        }
        got += (size_t)n;
    }
    close(fd);
    buf_commit(text, got);
    return 0;
}

/* For who counts from the first byte of the object. */
static struct str trimmed(struct str s)
{
    while (s.n && strchr(" \t\r\n", s.p[0]) && s.p[0])
        s = (struct str){s.p + 1, s.n - 1};
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]) && s.p[s.n - 1])
        s.n--;
    return s;
}

/* The object that holds the tokens. ERR_NOENT: there is none in this file. */
static int find_object(
        const struct shape *shape, struct str text, struct str *ret, struct err *err)
{
    struct json_member member = {.name = shape->wrapper};

    text = trimmed(text);
    if (!json_raw_is_object(text))
        return err_set(err, ERR_PROTO, "not a JSON object");
    int rc = json_slice_object(text, &member, shape->wrapper ? 1 : 0, err);
    if (rc == 0 && shape->wrapper) {
        if (!member.value.p || str_eq(member.value, STR("null")))
            return err_set(err, ERR_NOENT, "nobody is logged in");
        if (!json_raw_is_object(member.value))
            return err_set(err, ERR_PROTO, "'%s' is not an object", shape->wrapper);
        text = member.value;
    }
    *ret = text;
    return rc;
}

/* --- values ---------------------------------------------------------------------------- */

/* Escapes that writers use for printable ASCII: \/ \" \\ and \u00XX. 0: it is something else.
 */
static char unescape(struct str *rest)
{
    struct str in = *rest;

    if (in.n >= 2 && strchr("/\"\\", in.p[1]) && in.p[1]) {
        *rest = (struct str){in.p + 2, in.n - 2};
        return in.p[1];
    }
    if (in.n < 6 || !str_starts(in, STR("\\u00")))
        return '\0';
    int high = char_hex(in.p[4]), low = char_hex(in.p[5]);
    *rest = (struct str){in.p + 6, in.n - 6};
    return high < 0 || low < 0 ? '\0' : (char)(high * 16 + low);
}

struct secret *login_token_of_json(struct str raw)
{
    struct str rest;
    struct buf text = BUF_INIT;
    struct secret *token = NULL;
    bool fine = raw.p && json_raw_is_string(raw, &rest) && rest.n && rest.n <= LIMIT_TOKEN;

    buf_mark_secret(&text);
    while (fine && rest.n) {
        char c = rest.p[0];
        if (c == '\\')
            c = unescape(&rest);
        else
            rest = (struct str){rest.p + 1, rest.n - 1};
        fine = c > ' ' && c < 0x7f;
        buf_putc(&text, c);
    }
    if (fine)
        token = secret_new(buf_data(&text), buf_len(&text));
    buf_release(&text);
    return token;
}

int64_t login_jwt_expires_ms(const struct secret *token, int64_t otherwise)
{
    struct str rest = {secret_bytes(token), secret_len(token)}, part;
    struct json_member exp = {.name = "exp"};
    struct buf claims = BUF_INIT;
    uint64_t seconds = 0;

    buf_mark_secret(&claims);
    if (str_cut(&rest, '.', &part) && str_cut(&rest, '.', &part))
        (void)crypt_base64_decode(part, &claims);
    bool found = buf_len(&claims) && json_slice_object(buf_str(&claims), &exp, 1, NULL) == 0 &&
                 exp.value.p && str_u64(exp.value, INT64_MAX / 1000, &seconds);
    buf_release(&claims);
    return found ? (int64_t)seconds * 1000 : otherwise;
}

static int read_expiry(const struct shape *shape, struct str raw, int64_t *ret, struct err *err)
{
    uint64_t value = 0;

    *ret = LOGIN_NEVER;
    if (!raw.p || str_eq(raw, STR("null")))
        return 0;
    if (!str_u64(raw, (uint64_t)(INT64_MAX / shape->unit_ms), &value))
        return err_set(err, ERR_PROTO, "'%s' is not a time", shape->expires);
    *ret = (int64_t)value * shape->unit_ms;
    return 0;
}

/* "" is how Codex says that the token cannot be renewed. */
static int read_refresh(
        const struct shape *shape, struct str raw, struct secret **ret, struct err *err)
{
    *ret = NULL;
    if (!raw.p || str_eq(raw, STR("null")) || str_eq(raw, STR("\"\"")))
        return 0;
    *ret = login_token_of_json(raw);
    return *ret ? 0 : err_set(err, ERR_PROTO, "'%s' is not a token", shape->refresh);
}

/* Members that are only written are looked for, too: one that stands there twice could not be
 * changed, and that must be known before a refresh token is used up. */
static int read_tokens(
        const struct shape *shape, struct str object, struct login_token *ret, struct err *err)
{
    struct json_member m[] = {{.name = shape->access}, {.name = shape->refresh},
            {.name = shape->expires ? shape->expires : "account_id"}, {.name = shape->id}};
    int rc = json_slice_object(object, m, shape->id ? 4 : 3, err);

    if (rc < 0)
        return rc;
    if (!m[0].value.p || str_eq(m[0].value, STR("null")))
        return err_set(err, ERR_NOENT, "nobody is logged in");
    ret->access = login_token_of_json(m[0].value);
    if (!ret->access)
        return err_set(err, ERR_PROTO, "'%s' is not a token", shape->access);
    rc = read_refresh(shape, m[1].value, &ret->refresh, err);
    if (rc < 0)
        return rc;
    if (shape->expires)
        return read_expiry(shape, m[2].value, &ret->expires_ms, err);

    struct secret *account = login_token_of_json(m[2].value);
    if (account)
        (void)str_copy(ret->account, sizeof(ret->account), str_of(secret_bytes(account)));
    secret_free(account);
    /* Such a token lives for an hour at least; when it is refused it is renewed anyway. */
    ret->expires_ms = login_jwt_expires_ms(ret->access, clock_wall_ms() + 3600000);
    return 0;
}

/* Codex keeps API keys in the same file; those are no login. */
static int check_mode(struct str text, struct err *err)
{
    struct json_member m[] = {
            {.name = "auth_mode"}, {.name = "OPENAI_API_KEY"}, {.name = "last_refresh"}};
    int rc = json_slice_object(text, m, 3, err);

    if (rc < 0)
        return rc;
    bool has_key = m[1].value.p && !str_eq(m[1].value, STR("null"));
    bool has_mode = m[0].value.p && !str_eq(m[0].value, STR("null"));
    bool fine = has_mode ? str_eq(m[0].value, STR("\"chatgpt\"")) ||
                                   str_eq(m[0].value, STR("\"chatgptAuthTokens\""))
                         : !has_key;
    return fine ? 0 : err_set(err, ERR_NOENT, "no ChatGPT login");
}

int login_parse(
        enum oauth_store store, struct str text, struct login_token *ret, struct err *err)
{
    struct login_token token = {0};
    struct str object;
    int rc = store == OAUTH_CODEX ? check_mode(text, err) : 0;

    if (rc == 0)
        rc = find_object(&shapes[store], text, &object, err);
    if (rc == 0)
        rc = read_tokens(&shapes[store], object, &token, err);
    if (rc < 0) {
        login_token_release(&token);
        return rc;
    }
    *ret = token;
    return 0;
}

int login_read(
        enum oauth_store store, const char *path, struct login_token *ret, struct err *err)
{
    struct buf text = BUF_INIT;
    int rc = read_login(path, &text, err);

    if (rc == 0) {
        rc = login_parse(store, buf_str(&text), ret, err);
        if (rc < 0)
            err_wrap(err, "login in '%s'", path);
    }
    buf_release(&text);
    return rc;
}

/* --- changing -------------------------------------------------------------------------- */

/* Give a member of the object at `object` (a view of text) another value, or put it first. */
static int set_in(struct buf *text, struct str object, const char *name, struct str value,
        struct err *err)
{
    struct json_member member = {.name = name};
    struct buf out = BUF_INIT;
    int rc = json_slice_object(object, &member, 1, err);

    if (rc < 0)
        return rc;
    const char *start = buf_data(text);
    size_t all = buf_len(text);
    size_t from = (size_t)((member.value.p ? member.value.p : object.p + 1) - start);
    buf_mark_secret(&out);
    buf_append(&out, start, from);
    if (!member.value.p) {
        struct str rest = trimmed((struct str){object.p + 1, object.n - 1});
        buf_printf(&out, "\"%s\":", name);
        buf_append_str(&out, value);
        if (!str_starts(rest, STR("}")))
            buf_putc(&out, ',');
    } else {
        buf_append_str(&out, value);
    }
    from += member.value.p ? member.value.n : 0;
    buf_append(&out, start + from, all - from);
    buf_swap(text, &out);
    buf_release(&out);
    return 0;
}

static int set_token(struct buf *text, const struct shape *shape, const char *name,
        const struct secret *token, struct err *err)
{
    struct buf value = BUF_INIT;
    struct str object;

    if (!name || !token)
        return 0;
    buf_mark_secret(&value);
    json_put_string(&value, str_of(secret_bytes(token)));
    int rc = find_object(shape, buf_str(text), &object, err);
    if (rc == 0)
        rc = set_in(text, object, name, buf_str(&value), err);
    buf_release(&value);
    return rc;
}

/* When the new token ends; Codex notes instead when it got it. */
static int set_times(struct buf *text, const struct shape *shape,
        const struct login_token *token, struct err *err)
{
    char value[64];
    struct str object;

    if (shape->expires) {
        if (token->expires_ms == LOGIN_NEVER)
            return 0;
        int rc = find_object(shape, buf_str(text), &object, err);
        snprintf(value, sizeof(value), "%lld", (long long)(token->expires_ms / shape->unit_ms));
        return rc < 0 ? rc : set_in(text, object, shape->expires, str_of(value), err);
    }
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(value, sizeof(value), "\"%Y-%m-%dT%H:%M:%SZ\"", &tm);
    return set_in(text, trimmed(buf_str(text)), "last_refresh", str_of(value), err);
}

int login_change(enum oauth_store store, struct buf *text, const struct login_token *token,
        struct err *err)
{
    const struct shape *shape = &shapes[store];
    int rc = set_token(text, shape, shape->access, token->access, err);

    if (rc == 0)
        rc = set_token(text, shape, shape->refresh, token->refresh, err);
    if (rc == 0)
        rc = set_token(text, shape, shape->id, token->id, err);
    return rc < 0 ? rc : set_times(text, shape, token, err);
}

static bool same(const struct secret *a, const struct secret *b)
{
    return a && b &&
           mem_equal_ct(secret_bytes(a), secret_len(a), secret_bytes(b), secret_len(b));
}

int login_write(enum oauth_store store, const char *path, const struct secret *replaces,
        const struct login_token *token, struct err *err)
{
    struct login_token there = {0};
    struct buf text = BUF_INIT;
    int rc = read_login(path, &text, err);

    if (rc == 0)
        rc = login_parse(store, buf_str(&text), &there, err);
    if (rc == 0 && !same(there.refresh, replaces))
        rc = err_set(err, ERR_CONFLICT, "the login in '%s' is another one by now", path);
    if (rc == 0)
        rc = login_change(store, &text, token, err);
    if (rc == 0)
        rc = file_write(path, buf_data(&text), buf_len(&text), 0600, err);
    login_token_release(&there);
    buf_release(&text);
    return rc;
}
