/*
 * tmpdir.h - a folder of its own for a test. The path is short, because Unix sockets lie in it.
 */
#ifndef TESTS_SUPPORT_TMPDIR_H
#define TESTS_SUPPORT_TMPDIR_H

#include <stdlib.h>

#include "unit/check.h"

/* Makes /tmp/ic-NAME- and six letters, and writes the path to buf. The caller removes it. */
static inline void test_tmpdir(char *buf, size_t size, const char *name)
{
    int n = snprintf(buf, size, "/tmp/ic-%s-XXXXXX", name);
    assert_true(n > 0 && (size_t)n < size);
    assert_non_null(mkdtemp(buf));
}

#endif
