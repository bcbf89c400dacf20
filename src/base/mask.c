/* mask.c - see mask.h. One walk, nothing is read twice but the beginnings of words. */
#include "base/mask.h"

#define TOKEN_MIN 8 /* characters behind the beginning */

static const char *const names[] = {"password", "passwd", "passphrase", "secret", "token",
        "apikey", "api_key", "api-key", "authorization", "private_key", "privatekey",
        "access_key", "accesskey", "credential", "cookie"};

static const char *const prefixes[] = {"sk-", "sk_live_", "sk_test_", "rk_live_", "ghp_",
        "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-",
        "xoxs-", "xapp-", "AKIA", "ASIA", "AIza", "ya29.", "eyJ", "hf_", "npm_", "pypi-",
        "dop_v1_", "SG.", "Bearer ", "Basic ", "bearer ", "basic "};

static bool contains_name(struct str text, struct str name)
{
    for (size_t i = 0; i + name.n <= text.n; i++) {
        if (str_eq_icase((struct str){text.p + i, name.n}, name))
            return true;
    }
    return false;
}

bool mask_is_secret_name(struct str name)
{
    for (size_t i = 0; name.n <= 64 && i < sizeof(names) / sizeof(names[0]); i++) {
        if (contains_name(name, str_of(names[i])))
            return true;
    }
    return false;
}

static bool is_token_char(char c)
{
    return c && (char_is_alnum(c) || strchr("_-./+=~", c) != NULL);
}

size_t mask_token(struct str text, size_t *ret_len)
{
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        struct str prefix = str_of(prefixes[i]);
        size_t n = prefix.n;

        if (!str_starts(text, prefix))
            continue;
        while (n < text.n && is_token_char(text.p[n]))
            n++;
        if (n - prefix.n < TOKEN_MIN)
            continue;
        *ret_len = n;
        return prefix.n;
    }
    return 0;
}

bool mask_is_key_block(struct str text)
{
    return str_starts(text, STR("-----BEGIN ")) &&
           memmem(text.p, text.n, "PRIVATE KEY", 11) != NULL;
}

bool mask_text(struct str text, struct buf *ret)
{
    bool inside = false, any = false; /* inside of a word */
    size_t done = 0;

    for (size_t i = 0; i < text.n;) {
        struct str rest = {text.p + i, text.n - i};
        size_t len = 0;
        size_t shown = inside ? 0 : mask_token(rest, &len);

        if (!shown && *rest.p == '-' && mask_is_key_block(rest))
            len = rest.n;
        if (len) {
            buf_append(ret, text.p + done, i + shown - done);
            buf_puts(ret, MASK_SHOWN);
            done = i = i + len;
            any = true;
            continue;
        }
        inside = char_is_alnum(text.p[i]);
        i++;
    }
    buf_append(ret, text.p + done, text.n - done);
    return any;
}
