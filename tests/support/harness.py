"""What the script tests share: a private home, the program in a private tmux, waiting for a
condition instead of sleeping, and the rows of the database. Standard library only."""
import json
import os
import re
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("IC_SOURCE") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("IC_BUILD") or os.path.join(SOURCE, "build-asan")
PROGRAM = os.path.join(BUILD, "ironcurtain")
SLOW = 3 if os.environ.get("CI") else 1


class Failed(Exception):
    pass


def is_sanitized():
    """AddressSanitizer finds leaks by itself, and makes everything slow and large."""
    with open(PROGRAM, "rb") as f:
        return b"__asan_init" in f.read()


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def wait_until(what, condition, seconds=20):
    """Poll until condition() is true and return its value; Failed names what did not happen."""
    deadline = time.monotonic() + seconds * SLOW
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"did not happen within {seconds * SLOW} s: {what}")
        select.select([], [], [], pause)
        pause = min(2 * pause, 0.05)


class Home:
    """A private IRONCURTAIN_HOME with a short path, a workspace, and a log of what went wrong."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="ic-", dir="/tmp")
        self.path = os.path.join(self.top, "home")
        self.workspace = os.path.join(self.top, "work")
        os.mkdir(self.workspace)
        self.config(self.UNLIMITED)

    # AddressSanitizer reserves terabytes of address space, which a box's data limit refuses.
    UNLIMITED = "limits: {memory_mb: 33554432}\n"

    def env(self, **more):
        keep = {k: v for k, v in os.environ.items()
                if not re.search(r"_(API_KEY|BASE_URL)$|^IRONCURTAIN_|^TMUX", k)}
        keep.update(IRONCURTAIN_HOME=self.path, TERM="xterm-256color", LANG="C.UTF-8",
                    LC_ALL="C.UTF-8")
        keep.update(more)
        return keep

    def config(self, text):
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        with open(os.path.join(self.path, "config.yaml"), "w", encoding="utf-8") as f:
            f.write(text)

    def rows(self, sql, *args):
        path = os.path.join(self.path, "ironcurtain.db")
        if not os.path.exists(path):
            return []
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as db:
            db.row_factory = sqlite3.Row
            return [dict(r) for r in db.execute(sql, args)]

    def log(self):
        try:
            with open(os.path.join(self.path, "server.log"), encoding="utf-8") as f:
                return f.read()
        except OSError:
            return ""

    def connect(self):
        """A connection to the server, or None: none runs."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(os.path.join(self.path, "server.sock"))
            return connection
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            return None

    def server_pid(self):
        """The server's process, or None."""
        connection = self.connect()
        if not connection:
            return None
        with connection:
            return struct.unpack("3i", connection.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

    def end_server(self):
        """End the server in order, if one runs; a sanitizer's complaint is a failure."""
        pid = self.server_pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
            wait_until("the server's end", lambda: not is_running(pid), 30)
        if re.search(r"Sanitizer|runtime error:|still open|CHECK", self.log()):
            raise Failed(f"the server complained:\n{self.log()[-6000:]}")

    def remove(self):
        try:
            self.end_server()
        finally:
            shutil.rmtree(self.top, ignore_errors=True)


class Screen:
    """A program in a tmux of its own."""

    def __init__(self, argv, env, cols=120, rows=36, cwd=None):
        if not shutil.which("tmux"):
            skip("tmux is not installed")
        self.dir = tempfile.mkdtemp(prefix="ict-", dir="/tmp")
        self.socket = os.path.join(self.dir, "s")
        self.status = os.path.join(self.dir, "status")
        self.stderr = os.path.join(self.dir, "stderr")
        runner = os.path.join(self.dir, "run")
        with open(runner, "w", encoding="utf-8") as f:
            words = " ".join("'" + a.replace("'", "'\\''") + "'" for a in argv)
            f.write(f"#!/bin/sh\ncd '{cwd or self.dir}'\n{words} 2>'{self.stderr}'\n"
                    f"echo $? >'{self.status}.new'; mv '{self.status}.new' '{self.status}'\n"
                    "stty -a | grep -o '.icanon'; echo SHELL-IS-BACK\nexec cat\n")
        os.chmod(runner, 0o700)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(cols), "-y", str(rows),
                  runner, env=env)
        self.tmux("set", "-g", "status", "off")
        self.tmux("resize-window", "-x", str(cols), "-y", str(rows))

    def tmux(self, *args, env=None):
        return subprocess.run(["tmux", "-S", self.socket, *args], env=env, check=True,
                              capture_output=True, text=True).stdout

    def text(self, escapes=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if escapes else []))

    def last_row(self):
        lines = self.text().rstrip("\n").split("\n")
        return lines[-1] if lines else ""

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def prefix(self, key):
        self.keys("C-\\", key)

    def resize(self, cols, rows):
        self.tmux("resize-window", "-x", str(cols), "-y", str(rows))

    def wait(self, pattern, seconds=20):
        try:
            return wait_until(f"'{pattern}' on the screen",
                              lambda: re.search(pattern, self.text()), seconds)
        except Failed as failed:
            raise Failed(f"{failed}\n--- screen\n{self.text()}\n--- stderr\n"
                         f"{self.errors()}") from None

    def wait_gone(self, pattern, seconds=20):
        try:
            wait_until(f"'{pattern}' gone", lambda: not re.search(pattern, self.text()), seconds)
        except Failed as failed:
            raise Failed(f"{failed}\n--- screen\n{self.text()}") from None

    def errors(self):
        try:
            with open(self.stderr, encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def exit_status(self, seconds=20):
        wait_until("the program's end", lambda: os.path.exists(self.status), seconds)
        with open(self.status, encoding="utf-8") as f:
            return int(f.read())

    def pid(self):
        """The process that draws: the child of the shell's child, which is the guardian or the
        client that started the server."""
        return wait_until("the screen process", lambda: children(self.client()))[0]

    def client(self):
        """The process at the terminal, child of the shell."""
        shell = int(self.tmux("display", "-p", "#{pane_pid}"))
        return wait_until("the shell's child", lambda: children(shell))[0]

    def close(self):
        """Close the window and see to it that nothing in it is left. A leak check that runs when
        the window goes never ends: the kernel continues what the checker has stopped."""
        pids = self.processes()
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], check=False,
                       capture_output=True)
        try:
            wait_until("the end of the window", lambda: not any(map(is_running, pids)), 3)
        except Failed:
            for pid in pids:
                if is_running(pid):
                    os.kill(pid, signal.SIGKILL)
            wait_until("the end of the window", lambda: not any(map(is_running, pids)))
        shutil.rmtree(self.dir, ignore_errors=True)

    def processes(self):
        """All that run in the window: its sessions, for no server of ours is in one of them."""
        out = subprocess.run(["tmux", "-S", self.socket, "list-panes", "-a", "-F", "#{pane_pid}"],
                             check=False, capture_output=True, text=True).stdout
        panes = set(out.split())
        listed = subprocess.run(["ps", "-eo", "pid=,sid="], check=True, capture_output=True,
                                text=True).stdout.split("\n")
        return [int(line.split()[0]) for line in listed if line and line.split()[1] in panes]


def is_running(pid):
    """Neither gone nor a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid):
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], check=False,
                         capture_output=True, text=True).stdout
    return [int(p) for p in out.split()]


def start_demo_provider(home, key, name="provider"):
    """The demo provider alone; returns (process, port, ca path, log path)."""
    directory = os.path.join(home.top, name)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    log = os.path.join(home.top, name + ".log")
    process = subprocess.Popen([PROGRAM, "demo-provider", "--dir", os.path.join(directory, "ca"),
                                "--key", key, "--log", log],
                               env=home.env(), stdout=subprocess.PIPE, text=True)
    ready = json.loads(process.stdout.readline() or "{}")
    if not ready.get("ready"):
        raise Failed("the demo provider did not start")
    return process, ready["port"], ready["ca"], log


def make_certificate(folder, names):
    """A self-signed certificate for names ("DNS:x", "IP:y"): (certificate, key)."""
    cert, key = os.path.join(folder, "origin.pem"), os.path.join(folder, "origin.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=origin",
                    "-addext", "subjectAltName=" + ",".join(names), "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


def stop(process):
    if process and process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def read_lines(path):
    try:
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]
    except OSError:
        return []


def main(*tests):
    """Run the tests in order; print each, and a closing line; exit 1 if any failed."""
    failed = 0
    for test in tests:
        try:
            test()
            print(f"ok   {test.__doc__ or test.__name__}")
        except (Failed, AssertionError, subprocess.SubprocessError, OSError) as problem:
            failed += 1
            print(f"FAIL {test.__doc__ or test.__name__}\n     {type(problem).__name__}: {problem}")
    print(f"{len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
