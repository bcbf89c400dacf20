/*
 * filter.c - a system call filter made on the host, installed here.
 *
 * Container engines have a profile of their own, but an old one lets sockets through that
 * are not bound to the network namespace (AF_VSOCK), and bubblewrap has none. A second
 * filter only takes away. It needs no privilege, because no-new-privileges is set already.
 */
#include "guest/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FILTER_MAX 1024 /* instructions; the kernel's own bound is 4096 */

int filter_install(const char *path)
{
    static struct sock_filter code[FILTER_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, code, sizeof(code));
    if (fd >= 0)
        close(fd);
    if (n <= 0 || (size_t)n == sizeof(code) || (size_t)n % sizeof(code[0]) != 0) {
        fprintf(stderr, "icguest: cannot read the filter '%s': %s\n", path,
                n < 0 ? strerror(errno) : "not a filter");
        return -1;
    }
    const struct sock_fprog program = {
            .len = (unsigned short)((size_t)n / sizeof(code[0])), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        fprintf(stderr, "icguest: cannot install the filter '%s': %s\n", path, strerror(errno));
        return -1;
    }
    return 0;
}
