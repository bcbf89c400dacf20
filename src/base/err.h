/*
 * err.h - one error value: a code for the machine and a sentence for the human.
 *
 * A function that can fail returns 0 or a negative enum err_code and takes `struct err *err`
 * last (NULL is allowed); its outputs are untouched on failure. Messages are lower case,
 * without a full stop, name their subject in quotes, say what, why and - where a person can
 * do something - what to do. The lower layer returns the error, the one that handles it logs
 * it. Bytes from outside go into a message only through str_vis().
 *
 *     if (fd < 0)
 *         return err_set(err, ERR_IO, "cannot open '%s': %s", path, strerror(errno));
 *     ...
 *     if (ca_open(dir, &ca, err) < 0)
 *         return err_wrap(err, "start session '%s'", id);
 */
#ifndef SRC_BASE_ERR_H
#define SRC_BASE_ERR_H

enum err_code {
    ERR_OK = 0,
    ERR_AGAIN = -1,       /* not now, try later (queue full) */
    ERR_EOF = -2,         /* the other side is gone */
    ERR_IO = -3,          /* the system refused: file, socket, process */
    ERR_PROTO = -4,       /* the other side broke the protocol */
    ERR_LIMIT = -5,       /* larger than we accept */
    ERR_DENIED = -6,      /* policy or a person said no */
    ERR_NOENT = -7,       /* no such thing */
    ERR_CONFLICT = -8,    /* changed meanwhile, or there already */
    ERR_CANCELED = -9,    /* given up by us */
    ERR_CONFIG = -10,     /* the user's configuration is wrong */
    ERR_TIMEOUT = -11,    /* took too long */
    ERR_TLS = -12,        /* handshake or certificate */
    ERR_USAGE = -13,      /* wrong arguments on the command line */
    ERR_CREDENTIAL = -14, /* a key is needed and missing */
    ERR_BUG = -15         /* our own mistake */
};

struct err {
    enum err_code code;
    char msg[480];
};

/* Fill `err` (if not NULL) and return `code`, so that a caller can `return err_set(...)`. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* Put "context: " before the message and return the code that `err` already has. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Short English name of a code, for logs and JSON ("denied", "timeout"). */
const char *err_name(enum err_code code);

/* Print file and line and abort; for what our own code promised, never for input. */
_Noreturn void check_failed(const char *file, int line, const char *what);
#define CHECK(x) ((x) ? (void)0 : check_failed(__FILE__, __LINE__, #x))
#define CHECK_UNREACHABLE() check_failed(__FILE__, __LINE__, "unreachable")

#endif
