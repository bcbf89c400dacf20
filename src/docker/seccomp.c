/*
 * seccomp.c - what no program in a box has a reason to ask the kernel for.
 *
 * A bubblewrap box has no capability and cannot make a user namespace, so most of these calls
 * fail anyway; refusing them at the door keeps the box away from the code behind them. A
 * docker box has the engine's profile besides. Socket families are a list of what is allowed,
 * because some are not bound to the network namespace: AF_VSOCK talks to the hypervisor from a
 * box "without a network", and engines before 23 let it. Foreign instruction sets (i386, x32)
 * have other call numbers, so they are refused as a whole.
 */
#include "docker/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#define NATIVE_ARCH 0
#endif

#define X32_BIT 0x40000000u

static const uint32_t refused[] = {
        SYS_acct,
        SYS_add_key,
        SYS_adjtimex,
        SYS_bpf,
        SYS_clock_adjtime,
        SYS_clock_settime,
        SYS_delete_module,
        SYS_fanotify_init,
        SYS_finit_module,
        SYS_fsconfig,
        SYS_fsmount,
        SYS_fsopen,
        SYS_fspick,
        SYS_init_module,
        SYS_io_uring_enter,
        SYS_io_uring_register,
        SYS_io_uring_setup,
        SYS_kcmp,
        SYS_kexec_file_load,
        SYS_kexec_load,
        SYS_keyctl,
        SYS_mount,
        SYS_mount_setattr,
        SYS_move_mount,
        SYS_open_by_handle_at,
        SYS_open_tree,
        SYS_perf_event_open,
        SYS_pivot_root,
        SYS_quotactl,
        SYS_reboot,
        SYS_request_key,
        SYS_setns,
        SYS_settimeofday,
        SYS_swapoff,
        SYS_swapon,
        SYS_syslog,
        SYS_umount2,
        SYS_unshare,
        SYS_userfaultfd,
        SYS_vhangup,
#ifdef __x86_64__
        SYS_ioperm,
        SYS_iopl,
        SYS_modify_ldt,
        SYS_sysfs,
        SYS_uselib,
        SYS_ustat,
#endif
};

/* Calls that give a file its mode, and in which argument. `flags` is the argument that says
 * whether the mode counts, 0: it always does. openat2() keeps it in memory, where a filter
 * cannot look, and is refused as unknown, so that callers use openat(). */
#define SYS_FCHMODAT2 452 /* since Linux 6.6; the same number everywhere */

static const struct {
    uint32_t call;
    uint8_t flags, mode;
} mode_calls[] = {
#ifdef __x86_64__
        {SYS_open, 1, 2},
        {SYS_creat, 0, 1},
        {SYS_chmod, 0, 1},
        {SYS_mknod, 0, 1},
#endif
        {SYS_openat, 2, 3},
        {SYS_fchmod, 0, 1},
        {SYS_fchmodat, 0, 2},
        {SYS_FCHMODAT2, 0, 2},
        {SYS_mknodat, 0, 2},
};

static const uint32_t families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static void put(struct buf *ret, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    const struct sock_filter insn = {.code = code, .jt = jt, .jf = jf, .k = k};
    buf_append(ret, &insn, sizeof(insn));
}

static void load(struct buf *ret, size_t offset)
{
    put(ret, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void answer(struct buf *ret, uint32_t action)
{
    put(ret, BPF_RET | BPF_K, 0, 0, action);
}

/* If the loaded value is `k`, answer so; else go on. */
static void answer_if_equal(struct buf *ret, uint32_t k, uint32_t action)
{
    put(ret, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k);
    answer(ret, action);
}

/* The lower half of a 64-bit argument comes first on both (little-endian) processors. */
static void load_argument(struct buf *ret, unsigned i)
{
    load(ret, offsetof(struct seccomp_data, args) + i * sizeof(uint64_t));
}

static void check_mode(struct buf *ret, uint32_t call, unsigned flags, unsigned mode)
{
    put(ret, BPF_JMP | BPF_JEQ | BPF_K, 0, flags ? 6 : 4, call);
    if (flags) {
        load_argument(ret, flags);
        put(ret, BPF_JMP | BPF_JSET | BPF_K, 0, 3, O_CREAT | (O_TMPFILE & ~O_DIRECTORY));
    }
    load_argument(ret, mode);
    put(ret, BPF_JMP | BPF_JSET | BPF_K, 0, 1, S_ISUID | S_ISGID);
    answer(ret, SECCOMP_RET_ERRNO | EPERM);
    answer(ret, SECCOMP_RET_ALLOW);
}

bool seccomp_program(struct buf *ret)
{
    const uint32_t foreign = SECCOMP_RET_ERRNO | ENOSYS;
    const uint32_t no = SECCOMP_RET_ERRNO | EPERM;
    if (!NATIVE_ARCH)
        return false;

    load(ret, offsetof(struct seccomp_data, arch));
    put(ret, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, NATIVE_ARCH);
    answer(ret, foreign);
    load(ret, offsetof(struct seccomp_data, nr));
    put(ret, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
    answer(ret, foreign);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        answer_if_equal(ret, refused[i], no);
    answer_if_equal(ret, SYS_openat2, foreign);
    for (size_t i = 0; i < sizeof(mode_calls) / sizeof(mode_calls[0]); i++)
        check_mode(ret, mode_calls[i].call, mode_calls[i].flags, mode_calls[i].mode);

    /* Everything but socket(2) is fine from here on; its family is the first argument. */
    put(ret, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_socket);
    answer(ret, SECCOMP_RET_ALLOW);
    load_argument(ret, 0);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        answer_if_equal(ret, families[i], SECCOMP_RET_ALLOW);
    answer(ret, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    return true;
}
