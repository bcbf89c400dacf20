/*
 * proc.c - process identity from /proc, and the limit of descriptors.
 */
#include "base/proc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/str.h"

static bool read_small(const char *path, char *out, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, cap - 1);
    close(fd);
    if (n <= 0)
        return false;
    out[n] = '\0';
    return true;
}

bool proc_identify(pid_t pid, struct proc_id *ret)
{
    char path[64];
    char stat[1024];
    char boot[64];
    uint64_t start = 0;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    if (pid <= 0 || !read_small(path, stat, sizeof(stat)) ||
            !read_small("/proc/sys/kernel/random/boot_id", boot, sizeof(boot)))
        return false;

    /* The command name is in parentheses and may hold anything: count from the last one. */
    const char *p = strrchr(stat, ')');
    if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X')
        return false; /* a zombie has ended, whether or not its parent has looked */
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    if (!p || !str_u64((struct str){p + 1, strcspn(p + 1, " ")}, UINT64_MAX, &start))
        return false;
    ret->pid = pid;
    ret->start = start;
    str_copy(ret->boot, sizeof(ret->boot), (struct str){boot, strcspn(boot, "\n")});
    return true;
}

bool proc_alive(const struct proc_id *id)
{
    struct proc_id now;

    return proc_identify(id->pid, &now) && now.start == id->start &&
           strcmp(now.boot, id->boot) == 0;
}

void proc_format(const struct proc_id *id, char out[80])
{
    snprintf(out, 80, "%ld %" PRIu64 " %s", (long)id->pid, id->start, id->boot);
}

bool proc_parse(const char *text, struct proc_id *ret)
{
    struct str rest = str_of(text);
    struct str pid, start, boot;
    struct proc_id id = {0};
    uint64_t number = 0;

    str_cut(&rest, ' ', &pid);
    str_cut(&rest, ' ', &start);
    boot = (struct str){rest.p, rest.n ? strcspn(rest.p, " \n") : 0};
    if (!str_u64(pid, INT32_MAX, &number) || number == 0 ||
            !str_u64(start, UINT64_MAX, &id.start) || boot.n == 0 ||
            !str_copy(id.boot, sizeof(id.boot), boot))
        return false;
    id.pid = (pid_t)number;
    *ret = id;
    return true;
}

/* --- descriptors --------------------------------------------------------------------- */

static struct rlimit inherited; /* rlim_cur 0: nothing was raised */

static void restore_in_child(void)
{
    (void)setrlimit(RLIMIT_NOFILE, &inherited);
}

size_t proc_descriptor_limit(void)
{
    struct rlimit now = {1024, 1024};

    (void)getrlimit(RLIMIT_NOFILE, &now);
    return (size_t)now.rlim_cur;
}

size_t proc_raise_descriptors(void)
{
    struct rlimit now;

    if (inherited.rlim_cur || getrlimit(RLIMIT_NOFILE, &now) < 0 ||
            now.rlim_cur >= now.rlim_max)
        return proc_descriptor_limit();
    struct rlimit raised = {now.rlim_max, now.rlim_max};
    if (pthread_atfork(NULL, NULL, restore_in_child) == 0) {
        inherited = now;
        (void)setrlimit(RLIMIT_NOFILE, &raised);
    }
    return proc_descriptor_limit();
}

static int forget_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)ctx;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + part->p_vaddr;
        uintptr_t to = (from + part->p_memsz + page - 1) & ~(page - 1);

        from &= ~(page - 1);
        if (part->p_type == PT_LOAD && !(part->p_flags & PF_W))
            (void)madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

void proc_forget_program(void)
{
    dl_iterate_phdr(forget_object, NULL);
}
