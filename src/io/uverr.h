/*
 * uverr.h - libuv and OpenSSL errors become struct err at this border.
 */
#ifndef SRC_IO_UVERR_H
#define SRC_IO_UVERR_H

#include "base/err.h"

/* "what: reason of rc"; returns the code. */
int err_uv(struct err *err, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "what: reason from OpenSSL's queue", which is empty afterwards; the code is ERR_TLS. */
int err_ssl(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
