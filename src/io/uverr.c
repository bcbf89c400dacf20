/*
 * uverr.c - translation of foreign error codes.
 */
#include "io/uverr.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <uv.h>

static enum err_code code_of(int rc)
{
    switch (rc) {
    case UV_ENOENT:
    case UV_EAI_NONAME:
    case UV_EAI_NODATA:
        return ERR_NOENT;
    case UV_EADDRINUSE:
    case UV_EEXIST:
        return ERR_CONFLICT;
    case UV_ECANCELED:
        return ERR_CANCELED;
    case UV_ETIMEDOUT:
        return ERR_TIMEOUT;
    case UV_EOF:
        return ERR_EOF;
    case UV_EAGAIN:
    case UV_EAI_AGAIN:
        return ERR_AGAIN;
    default:
        return ERR_IO;
    }
}

int err_uv(struct err *err, int rc, const char *fmt, ...)
{
    char what[320];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    return err_set(err, code_of(rc), "%s: %s", what, uv_strerror(rc));
}

int err_ssl(struct err *err, const char *fmt, ...)
{
    char what[320];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);

    /* The newest entry is the one nearest to the cause that OpenSSL names last. */
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return err_set(err, ERR_TLS, "%s: %s", what, reason ? reason : "unknown TLS error");
}
