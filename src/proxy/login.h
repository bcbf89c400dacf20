/*
 * login.h - the file in which a program of the host keeps its OAuth login.
 *
 *   claude-code  $CLAUDE_CONFIG_DIR|~/.claude, .credentials.json
 *                {"claudeAiOauth":{"accessToken","refreshToken","expiresAt" (ms)}}
 *   ant          $ANTHROPIC_CONFIG_DIR|$XDG_CONFIG_HOME/anthropic|~/.config/anthropic,
 *                credentials/default.json {"access_token","refresh_token","expires_at" (s)}
 *   codex        $CODEX_HOME|~/.codex, auth.json {"auth_mode","tokens":{"access_token",
 *                "refresh_token","id_token","account_id"},"last_refresh"}
 *
 * The files belong to those programs: everything in them that is not ours to change stays as
 * it is, byte for byte. They are read as hostile input; a token never is in a string that is
 * not wiped. All functions block on the file.
 */
#ifndef SRC_PROXY_LOGIN_H
#define SRC_PROXY_LOGIN_H

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "proxy/provider.h"

/* When the file does not say when a token ends, it is used until it is refused. */
#define LOGIN_NEVER INT64_MAX

struct login_token {
    struct secret *access;  /* owns */
    struct secret *refresh; /* owns; NULL: cannot be renewed */
    struct secret *id;      /* owns; only of an answer of the token endpoint; or NULL */
    int64_t expires_ms;     /* Unix time, or LOGIN_NEVER */
    char account[128];      /* Codex: account_id; "" elsewhere */
};

void login_token_release(struct login_token *token);

/* Where that program keeps its login. Caller frees. NULL: there is no home. */
char *login_path(enum oauth_store store);

/* The text of such a file; and the same text with other tokens in it (of no use after a
 * failure). `text` is marked as a secret by the caller. */
int login_parse(
        enum oauth_store store, struct str text, struct login_token *ret, struct err *err);
int login_change(enum oauth_store store, struct buf *text, const struct login_token *token,
        struct err *err);

/*
 * ERR_NOENT: no file, or no login in it. Everything else says what is wrong with the file: a
 * symlink, somebody else's, not JSON, a value of the wrong type.
 */
int login_read(
        enum oauth_store store, const char *path, struct login_token *ret, struct err *err);

/*
 * Put the new tokens into the file (0600, by temporary file and rename). `replaces` is the
 * refresh token that was used up for them: if the file does not hold it any more, somebody
 * logged in anew and the file stays as it is (ERR_CONFLICT).
 */
int login_write(enum oauth_store store, const char *path, const struct secret *replaces,
        const struct login_token *token, struct err *err);

/*
 * A token out of raw JSON (a string with its quotes): visible ASCII only, as it goes into a
 * header. NULL: it is none.
 */
struct secret *login_token_of_json(struct str raw);
/* "exp" of a JWT in Unix milliseconds, or `otherwise`. */
int64_t login_jwt_expires_ms(const struct secret *token, int64_t otherwise);

#endif
