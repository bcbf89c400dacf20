/*
 * trust.h - TLS clients of a test trust the CAs of that test.
 */
#ifndef TESTS_SUPPORT_TRUST_H
#define TESTS_SUPPORT_TRUST_H

#include <stdlib.h>

/* For clients made from now on: no CA of the system. Reading those hundreds would be most of
 * what a test does. */
static inline void trust_no_system_ca(void)
{
    setenv("SSL_CERT_FILE", "/dev/null", 1);
}

#endif
