"""Run inside a box by attack_box.py: tries to get out, prints one line for each attack,
"HELD name" or "BROKEN name: what it got". Nothing here harms a host that does not hold: what
could be written is opened and not written, what could be changed is set to what it was."""
import ctypes
import errno
import os
import socket
import stat
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
MIB = 1 << 20


class Held(Exception):
    """The attack got nothing."""


def system_call(number, *args):
    ctypes.set_errno(0)
    result = LIBC.syscall(number, *args)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def processes():
    return [p for p in os.listdir("/proc") if p.isdigit()]


def kernel_settings():
    """open the kernel's settings for writing (they are the host's)"""
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname",
                 "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches", "/proc/sys/fs/suid_dumpable"):
        try:
            os.close(os.open(path, os.O_WRONLY))
            return path
        except OSError:
            continue
    raise Held


def writable_proc():
    """find a file in /proc, outside of processes, that can be opened for writing"""
    for folder, folders, files in os.walk("/proc"):
        folders[:] = [f for f in folders if not f.isdigit() and f not in ("self", "thread-self")]
        for name in files:
            path = os.path.join(folder, name)
            # Engines hide files behind /dev/null; pressure files only ask to be told.
            try:
                if os.path.samefile(path, "/dev/null") or folder == "/proc/pressure":
                    continue
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                return path
            except OSError:
                continue
    raise Held


def device_modes():
    """change the mode of a device file of the host"""
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        path = "/dev/" + name
        try:
            os.chmod(path, stat.S_IMODE(os.stat(path).st_mode))
        except OSError:
            continue
        if not own_devices():
            return path
    raise Held


def own_devices():
    """Containers have device files of their own, in the file system of /dev."""
    return os.stat("/dev/null").st_dev == os.stat("/dev").st_dev


def devices_work():
    """(the devices must work all the same)"""
    with open("/dev/null", "wb", buffering=0) as f:
        f.write(b"x")
    for name in ("urandom", "random", "zero"):
        with open("/dev/" + name, "rb", buffering=0) as f:
            assert f.read(1)
    with open("/dev/tty", "wb", buffering=0) as f:
        f.write(b"\n")
    with open("/dev/shm/x", "w", encoding="ascii") as f:
        f.write("x")
    raise Held


def other_users_file():
    """make a file of the user's that others would run as the user (set-user-id, set-group-id)"""
    path = "/workspace/other"

    def chmod():
        os.chmod(path, 0o4755)

    def chmod_group():
        os.chmod(path, 0o2755)

    def fchmod():
        fd = os.open(path, os.O_RDONLY)
        os.fchmod(fd, 0o4755)

    def fchmodat2():
        system_call(452, -100, path.encode(), 0o4755, 0)

    def create():
        os.unlink(path)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o4755))

    def creat():
        os.unlink(path)
        system_call(85, path.encode(), 0o4755)

    def mknod():
        os.unlink(path)
        os.mknod(path, 0o4755 | stat.S_IFREG)

    def openat2():
        os.unlink(path)
        how = (ctypes.c_uint64 * 3)(os.O_CREAT | os.O_WRONLY, 0o4755, 0)
        system_call(437, -100, path.encode(), how, ctypes.sizeof(how))

    os.umask(0)
    for way in (chmod, chmod_group, fchmod, fchmodat2, create, creat, mknod, openat2):
        if not os.path.exists(path):
            with open(path, "wb"):
                pass
        try:
            way()
        except OSError:
            pass
        if os.path.exists(path) and os.stat(path).st_mode & 0o6000:
            return way.__name__
    with open(path, "ab"):
        os.chmod(path, 0o1755)  # the sticky bit gives nothing to anybody
    raise Held


def unfiltered_process():
    """find a process without the filter, whose memory could be written"""
    for pid in processes():
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            if "\nSeccomp:\t2\n" not in f.read():
                return pid
    raise Held


def leftover_descriptors():
    """find a descriptor the agent should not have been given"""
    with os.scandir("/proc/self/fd") as entries:
        mine = [int(e.name) for e in entries]
    extra = []
    for fd in mine:
        try:
            link = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            continue
        if not link.startswith(("/dev/pts/", "/dev/null", "/proc/", "/workspace/")):
            extra.append(link)
    if extra:
        return str(extra)
    raise Held


def socket_families():
    """make a socket that is not bound to the box's network"""
    for family in (17, 38, 40, 21, 31, 44):  # packet, alg, vsock, rds, bluetooth, xdp
        try:
            socket.socket(family, socket.SOCK_STREAM).close()
            return str(family)
        except OSError as e:
            if e.errno != errno.EAFNOSUPPORT:
                return f"{family}: {e}"
    raise Held


def raw_socket():
    """make a raw socket"""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()
    except PermissionError:
        raise Held from None
    return "made"


def interfaces():
    """add a network interface through netlink"""
    message = bytes.fromhex("20000000100005060100000000000000"
                            "00000000000000000000000000000000")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.send(message)
        answer = s.recv(4096)
    code = int.from_bytes(answer[16:20], "little", signed=True)
    if code == -errno.EPERM:
        raise Held
    return f"netlink answers {code}"


def foreign_sockets():
    """find an abstract socket of the host"""
    with open("/proc/net/unix", encoding="ascii") as f:
        names = [line.split()[-1] for line in f if "@" in line]
    if names:
        return str(names)
    raise Held


def new_namespaces():
    """make a user namespace, by unshare or clone"""
    for number, args in ((272, (0x10000000,)), (56, (0x10000000 | 17, 0, 0, 0, 0))):
        try:
            if system_call(number, *args) == 0:
                os._exit(0)
            return str(number)
        except OSError:
            continue
    raise Held


def refused_calls():
    """keyrings, bpf, io_uring, perf, userfaultfd, file handles, mounts"""
    calls = {"keyctl": 250, "add_key": 248, "request_key": 249, "bpf": 321, "io_uring": 425,
             "perf": 298, "userfaultfd": 323, "open_by_handle_at": 304, "mount": 165,
             "umount": 166, "setns": 308, "fsopen": 430, "open_tree": 428, "syslog": 103,
             "kexec": 246, "init_module": 175, "quotactl": 179, "pivot_root": 155}
    for name, number in calls.items():
        try:
            system_call(number, 0, 0, 0, 0, 0)
            return name
        except OSError as e:
            if e.errno not in (errno.EPERM, errno.ENOSYS):
                return f"{name}: {e}"
    raise Held


def foreign_calls():
    """call the kernel by the numbers of another instruction set"""
    try:
        system_call(0x40000000 | 39)
    except OSError as e:
        if e.errno == errno.ENOSYS:
            raise Held from None
        raise
    return "x32"


def read_only_places():
    """make a file outside of the mounts"""
    for folder in ("/", "/etc", "/etc/ironcurtain", "/usr", "/usr/bin", "/run", "/opt", "/opt/agent",
                   "/run/ironcurtain", "/home", "/var", "/proc"):
        try:
            with open(os.path.join(folder, "attack"), "x", encoding="ascii"):
                return folder
        except OSError:
            continue
    raise Held


def replace_host_sockets():
    """remove, rename or replace the host's sockets"""
    top = "/run/ironcurtain"
    for name in os.listdir(top):
        for action in (lambda p: os.rename(p, p + "x"), lambda p: os.chmod(p, 0o666),
                       lambda p: os.link(p, "/tmp/link"), lambda p: os.link(p, top + "/guest/l")):
            try:
                action(os.path.join(top, name))
                if name != "guest":
                    return name
            except OSError:
                continue
    raise Held


def memory_by_files():
    """fill the host's memory through a file system in memory"""
    for folder, most in (("/tmp", 1024), ("/var/tmp", 256), ("/dev/shm", 256), ("/dev", 64),
                         ("/run", 64), ("/", 64)):
        fs = os.statvfs(folder)
        if fs.f_flag & os.ST_RDONLY:
            continue
        if fs.f_blocks * fs.f_frsize > most * MIB:
            return f"{folder} takes {fs.f_blocks * fs.f_frsize // MIB} MiB"
    raise Held


def core_dumps():
    """leave a core dump"""
    with open("/proc/self/limits", encoding="ascii") as f:
        for line in f:
            if line.startswith("Max core file size") and line.split()[4:6] == ["0", "0"]:
                raise Held
    return "allowed"


def host_names():
    """find the name of a host folder in the mount table"""
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        if sys.argv[1] and f" {sys.argv[1]}/home/ironcurtain.db " in f.read():
            return "the database is mounted"
    raise Held


ATTACKS = (kernel_settings, writable_proc, device_modes, devices_work, other_users_file,
           unfiltered_process, leftover_descriptors, socket_families, raw_socket, interfaces,
           foreign_sockets, new_namespaces, refused_calls, foreign_calls, read_only_places,
           replace_host_sockets, memory_by_files, core_dumps, host_names)

for attack in ATTACKS:
    try:
        print(f"BROKEN {attack.__name__}: {attack()}")
    except Held:
        print(f"HELD {attack.__name__}")
    except Exception as problem:  # an attack that cannot be tried is no proof
        print(f"UNKNOWN {attack.__name__}: {problem!r}")
