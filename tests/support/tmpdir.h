/*
 * tmpdir.h - a folder or a file of its own for a test. The paths are short, because Unix
 * sockets lie in the folders.
 */
#ifndef TESTS_SUPPORT_TMPDIR_H
#define TESTS_SUPPORT_TMPDIR_H

#include <stdlib.h>
#include <unistd.h>

#include "unit/check.h"

static inline void test_tmp_name(char *buf, size_t size, const char *name)
{
    int n = snprintf(buf, size, "/tmp/ic-%s-XXXXXX", name);
    assert_true(n > 0 && (size_t)n < size);
}

/* Makes a folder /tmp/ic-NAME- and six letters; its path goes to buf. The caller removes it. */
static inline void test_tmpdir(char *buf, size_t size, const char *name)
{
    test_tmp_name(buf, size, name);
    assert_non_null(mkdtemp(buf));
}

/* The same with an empty file. */
static inline void test_tmpfile(char *buf, size_t size, const char *name)
{
    test_tmp_name(buf, size, name);
    int fd = mkstemp(buf);
    assert_true(fd >= 0);
    close(fd);
}

#endif
