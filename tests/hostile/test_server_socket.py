#!/usr/bin/env python3
"""The server's socket: whatever is sent there, the server lives, and nothing is left open."""
import array
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Failed, Home, Screen, main, skip, wait_until  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")

HOME = Home()
VERSION = subprocess.run([PROGRAM, "version"], capture_output=True, text=True,
                         check=True).stdout.split()[1]
SHELL = ["-a", "shell", "--runtime", "bwrap", "--", "cat"]


def start(name):
    subprocess.run([PROGRAM, "new", HOME.workspace, "-n", name, "--detach", *SHELL],
                   env=HOME.env(), stdin=subprocess.DEVNULL, capture_output=True, check=True,
                   timeout=120)
    wait_until("it runs", lambda: [r for r in HOME.rows("select state from session")
                                   if r["state"] == "running"])


def message(verb, *fields):
    return b"".join(part.encode() + b"\0" for part in (verb, *fields))


def talk(data, *fds):
    """Send one message; what comes back until the end, or nothing within a second."""
    with HOME.connect() as connection:
        connection.settimeout(1)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        answers = b""
        try:
            connection.sendmsg([data], rights)
            while True:
                got = connection.recv(1 << 16)
                if not got:
                    return answers
                answers += got
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            return answers


def descriptors():
    """What the server has open; once for the database: a connection of its that closes beside
    another's locks leaves its descriptor to the next one."""
    folder, opened = f"/proc/{HOME.server_pid()}/fd", []
    for fd in os.listdir(folder):
        try:
            path = os.readlink(os.path.join(folder, fd))
        except FileNotFoundError:
            continue
        if not path.endswith(".db") or path not in opened:
            opened.append(path)
    return opened


def nothing_left(before):
    try:
        wait_until("no descriptor is left", lambda: len(descriptors()) <= len(before))
    except Failed:
        raise Failed(descriptors()) from None


def test_other_version():
    """another version is told which one runs, and how to end it"""
    start("one")
    answer = talk(message("ATTACH", "version=0.0.0-other", "term=xterm"))
    assert VERSION.encode() in answer and b"kill-server" in answer, answer
    assert str(HOME.server_pid()).encode() in answer
    assert b"kill-server" in talk(message("NEW", "term=xterm"))


def test_no_terminal():
    """a descriptor that is no terminal, none, one for reading only, or several: no"""
    before = descriptors()
    read_end, write_end = os.pipe()
    master, slave = os.openpty()
    read_only = os.open(os.ttyname(slave), os.O_RDONLY | os.O_NOCTTY)
    hello = message("ATTACH", "version=" + VERSION, "term=xterm")
    for fds in ((), (read_end,), (write_end,), (read_only,)):
        assert b"not a terminal" in talk(hello, *fds), fds
    assert talk(hello, slave, slave) == b""
    assert talk(hello, slave, read_end, slave, read_end, slave, read_end) == b""
    for verb in ("RESIZE", "DETACH", "SUSPEND", "LIST", "NONSENSE"):
        talk(message(verb, "version=" + VERSION), slave)
    for fd in (read_end, write_end, master, slave, read_only):
        os.close(fd)
    nothing_left(before)


def test_rubbish():
    """rubbish, far too long, empty, cut or deep messages end the connection and no more"""
    before = descriptors()
    random.seed(4)
    for data in (b"", b"\0", b"A", b"\xff" * 1000, b"ATTACH", b"ATTACH\0version", b"=\0" * 5000,
                 message("NEW", "version=" + VERSION, *["arg="] * 20000),
                 message("NEW", "version=" + VERSION, "detach=1", "workspace=" + "x" * 100000),
                 message("NEW", "version=" + VERSION, "detach=1", "key=", "key=A", "key==",
                         "agent=" + "\x1b]0;evil" * 1000),
                 message("ATTACH", "version=" + VERSION, "session=" + "9" * 5000),
                 *(random.randbytes(random.randrange(1, 5000)) for _ in range(50)),
                 *(message("NEW", "version=" + VERSION)[:-1] +
                   random.randbytes(random.randrange(1, 500)) for _ in range(50))):
        answer = talk(data)
        assert b"\x1b" not in answer, answer
    with HOME.connect() as connection:
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            connection.send(b"NEW\0" + b"x=y\0" * 45000)
            assert connection.recv(10) == b""
        except OSError:
            pass  # the system does not take so much
    nothing_left(before)


def test_unboxed():
    """nothing runs without a box because somebody asks for runtime none"""
    made = os.path.join(HOME.top, "made")
    answer = talk(message("NEW", "version=" + VERSION, "detach=1", "runtime=none", "unboxed=1",
                          "arg=touch", "arg=" + made))
    assert b"no runtime 'none'" in answer, answer
    for command in ("run", "new"):
        done = subprocess.run([PROGRAM, command, HOME.workspace, "--runtime", "none",
                               *(["--detach"] if command == "new" else []), "--", "touch", made],
                              env=HOME.env(), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, timeout=60)
        assert done.returncode and "no runtime 'none'" in done.stderr, done
    assert not os.path.exists(made)


def test_many():
    """connections that say nothing keep nobody out and no server alive"""
    before = descriptors()
    idle = [HOME.connect() for _ in range(150)]
    assert b"tab=1 " in talk(message("LIST", "version=" + VERSION))
    idle[0].close()
    for connection in idle[1:]:
        connection.close()
    nothing_left(before)
    assert b"tab=1 " in talk(message("LIST", "version=" + VERSION))


def test_watcher():
    """who watches what waits has said something, and makes no room for those who have not"""
    with HOME.connect() as watcher:
        watcher.sendall(message("WATCH", "version=" + VERSION))
        assert b"tab=1 " in talk(message("LIST", "version=" + VERSION))  # so that is read
        crowd = [HOME.connect() for _ in range(100)]
        watcher.settimeout(1)
        try:
            raise Failed(f"the watcher heard {watcher.recv(1 << 16)!r}")
        except TimeoutError:
            pass
        for connection in crowd:
            connection.close()


def test_false_server():
    """a client takes no nonsense from what listens in the server's place"""
    home = Home()
    os.makedirs(home.path, mode=0o700, exist_ok=True)
    path = os.path.join(home.path, "server.sock")
    for answer in (b"", b"\xff" * 100, b"BYE", b"BYE\0code=999999999999\0text=\x1b]0;evil\x07\0",
                   b"NEED\0key=PATH\0text=x\0", b"WHAT\0"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(path)
            listener.listen(8)
            screen = Screen([PROGRAM, "attach"], home.env())
            try:
                listener.settimeout(20)
                connection, _ = listener.accept()
                connection.recv(1 << 16)
                if answer:
                    connection.send(answer)
                connection.close()
                listener.close()
                os.unlink(path)
                assert screen.exit_status() != 0
                screen.wait(r"(?m)^ icanon")
                assert "\x1b" not in screen.errors(), screen.errors()
            finally:
                screen.close()
    with open(path, "w", encoding="ascii"):
        pass
    done = subprocess.run([PROGRAM, "new", home.workspace, "--detach", *SHELL], env=home.env(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=60)
    assert done.returncode == 7 and "not a socket" in done.stderr, done
    os.unlink(path)
    target = os.path.join(home.top, "target")
    os.symlink(target, os.path.join(home.path, "server.sock"))
    done = subprocess.run([PROGRAM, "new", home.workspace, "--detach", *SHELL], env=home.env(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=60)
    assert done.returncode == 7 and not os.path.exists(target), done
    os.unlink(os.path.join(home.path, "server.sock"))
    os.unlink(os.path.join(home.path, "server.lock"))
    os.symlink(target, os.path.join(home.path, "server.lock"))
    done = subprocess.run([PROGRAM, "new", home.workspace, "--detach", *SHELL], env=home.env(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=60)
    assert done.returncode == 1 and not os.path.exists(target), done
    home.remove()


def test_another_user():
    """nobody else is heard, even if the socket's mode let him in"""
    if os.geteuid() != 0:
        return
    path = os.path.join(HOME.path, "server.sock")
    for folder in (HOME.top, HOME.path):
        os.chmod(folder, 0o755)
    os.chmod(path, 0o666)
    script = ("import os,socket,sys;os.setgid(65534);os.setuid(65534);"
              "s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET);s.connect(sys.argv[1]);"
              "s.settimeout(10)\n"
              "try:\n s.send(b'LIST\\0version=" + VERSION + "\\0');print(s.recv(1000))\n"
              "except (BrokenPipeError,ConnectionResetError): print(b'')")
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True,
                          check=True, timeout=60)
    assert done.stdout.strip() == "b''", done.stdout
    os.chmod(HOME.path, 0o700)


try:
    main(test_other_version, test_no_terminal, test_rubbish, test_unboxed, test_many,
         test_watcher, test_false_server, test_another_user)
finally:
    HOME.remove()
