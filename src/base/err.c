/*
 * err.c - error values and the always-on assertion.
 */
#include "base/err.h"

#include <stdarg.h>

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    if (err) {
        va_list ap;

        err->code = code;
        va_start(ap, fmt);
        vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
        va_end(ap);
    }
    return code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    if (!err)
        return ERR_BUG;

    char old[sizeof(err->msg)];
    va_list ap;

    memcpy(old, err->msg, sizeof(old));
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(err->msg))
        n = sizeof(err->msg) - 1;
    snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, ": %.*s",
            (int)(sizeof(err->msg) - (size_t)n), old);
    return err->code;
}

const char *err_name(enum err_code code)
{
    switch (code) {
    case ERR_OK:
        return "ok";
    case ERR_AGAIN:
        return "again";
    case ERR_EOF:
        return "eof";
    case ERR_IO:
        return "io";
    case ERR_PROTO:
        return "protocol";
    case ERR_LIMIT:
        return "limit";
    case ERR_DENIED:
        return "denied";
    case ERR_NOENT:
        return "not-found";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_CANCELED:
        return "canceled";
    case ERR_CONFIG:
        return "config";
    case ERR_TIMEOUT:
        return "timeout";
    case ERR_TLS:
        return "tls";
    case ERR_USAGE:
        return "usage";
    case ERR_CREDENTIAL:
        return "credential";
    case ERR_BUG:
        return "bug";
    }
    return "unknown";
}

_Noreturn void check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "ironcurtain: internal error at %s:%d: %s\n", file, line, what);
    abort();
}
