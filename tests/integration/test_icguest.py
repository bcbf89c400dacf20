#!/usr/bin/env python3
"""icguest from outside: the TCP forwarder, stdio to a Unix socket, and its refusals.

The PTY side is tested by unit_pty_guest; here a host is only needed to start and stop the box.
"""
import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import BUILD, wait_until  # noqa: E402

GUEST = os.path.join(BUILD, "icguest")
if os.path.exists(GUEST + "-asan"):
    GUEST += "-asan"  # the same program with sanitizers
DEADLINE = 20


def frame(kind, body=b""):
    return kind + struct.pack(">I", len(body)) + body


def free_port():
    """Below the ephemeral range, so that no client takes it meanwhile."""
    for port in range(21000 + os.getpid() % 4000, 32000):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def spawn(*argv):
    """A helper that listens: it says so."""
    box = subprocess.Popen(argv, stdout=subprocess.PIPE)
    with box.stdout as out:
        if out.readline() != b"ready\n":
            raise AssertionError(f"{argv} is not ready")
    return box


def connect(family, address):
    s = socket.socket(family)
    s.settimeout(DEADLINE)
    s.connect(address)
    return s


def children_of(pid):
    """In the order in which they became its children."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(child) for child in f.read().split()]


def is_asleep(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rsplit(")", 1)[1].split()[0] == "S"


def recv_until(s, text):
    data = b""
    while text not in data:
        part = s.recv(1 << 16)
        if not part:
            raise AssertionError(f"ended without {text}: {data}")
        data += part


def read_all(s):
    parts = []
    while True:
        part = s.recv(1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


class Upstream:
    """A Unix socket server; `handle` runs in a thread per connection."""

    def __init__(self, path, handle):
        self.handle = handle
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(300)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            s.settimeout(DEADLINE)
            threading.Thread(target=self.run, args=(s,), daemon=True).start()

    def run(self, s):
        with s, contextlib.suppress(OSError):  # clients that go away are part of the tests
            self.handle(s)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def echo(s):
    while data := s.recv(1 << 16):
        s.sendall(data)


class Box(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="icguest-")
        self.pty = os.path.join(self.dir.name, "pty.sock")
        self.upstream_path = os.path.join(self.dir.name, "proxy.sock")
        self.port = free_port()
        self.box = None
        self.upstream = None

    def tearDown(self):
        if self.box:
            self.box.kill()
            self.box.wait()
        if self.upstream:
            self.upstream.close()
        self.dir.cleanup()

    def start(self, handle, *agent):
        self.upstream = Upstream(self.upstream_path, handle)
        self.box = spawn(GUEST, "--pty", self.pty, "--proxy",
                         f"{self.port}:{self.upstream_path}", "--", *(agent or ("cat",)))

    def connect(self):
        return connect(socket.AF_INET, ("127.0.0.1", self.port))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.box.pid}/fd"))

    def test_bytes_pass_unchanged_both_ways_at_once(self):
        self.start(echo)
        data = os.urandom(8 << 20)
        with self.connect() as s:
            sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
            sender.start()
            self.assertEqual(read_all(s), data)
            sender.join()

    def test_half_close_of_the_agent_still_gets_an_answer(self):
        self.start(lambda s: s.sendall(b"got %d" % len(read_all(s))))
        with self.connect() as s:
            s.sendall(b"x" * 1000)
            s.shutdown(socket.SHUT_WR)
            self.assertEqual(read_all(s), b"got 1000")

    def test_half_close_of_the_host_still_takes_what_the_agent_sends(self):
        got = []
        done = threading.Event()

        def handle(s):
            s.sendall(b"hello")
            s.shutdown(socket.SHUT_WR)
            got.append(read_all(s))
            done.set()

        self.start(handle)
        with self.connect() as s:
            self.assertEqual(read_all(s), b"hello")
            s.sendall(b"late words")
        self.assertTrue(done.wait(DEADLINE))
        self.assertEqual(got, [b"late words"])

    def test_answer_before_the_request_is_over_is_not_lost_in_a_reset(self):
        def handle(s):
            s.recv(1)
            s.sendall(b"413 too large")  # and closes with the rest unread

        self.start(handle)
        with self.connect() as s:
            s.sendall(b"y" * (1 << 16))
            end = select.poll()
            end.register(s, select.POLLRDHUP)
            self.assertTrue(end.poll(DEADLINE * 1000))
            s.sendall(b"y" * (1 << 20))  # nobody is there: where a closed socket would reset
            self.assertEqual(read_all(s), b"413 too large")

    def test_slow_reader_stops_the_writer(self):
        sent = []

        def handle(s):
            s.setblocking(False)
            n = 0
            while n < 64 << 20 and select.select([], [s], [], 1)[1]:
                n += s.send(b"z" * (1 << 16))
            sent.append(n)

        self.start(handle)
        with self.connect() as s:
            wait_until("the writer is done", lambda: sent)
            self.assertLess(sent[0], 32 << 20)  # kernel buffers of both sockets, 64 kB of ours
            self.assertEqual(len(read_all(s)), sent[0])

    def test_300_connections_at_once_are_all_served(self):
        self.start(echo)
        before = self.descriptors()
        clients = [self.connect() for _ in range(300)]
        for i, s in enumerate(clients):
            s.sendall(b"%d" % i)
        for i, s in enumerate(clients[:200]):  # the later ones wait until these are gone
            self.assertEqual(s.recv(100), b"%d" % i)
            s.close()
        for i, s in enumerate(clients[200:], 200):
            self.assertEqual(s.recv(100), b"%d" % i)
            s.close()
        wait_until("descriptors come back", lambda: self.descriptors() <= before)

    def test_aborted_connections_leave_no_descriptor(self):
        self.start(echo)
        before = self.descriptors()
        for i in range(200):
            s = self.connect()
            s.sendall(b"x" * 1000)
            if i % 2:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        wait_until("descriptors come back", lambda: self.descriptors() <= before)

    def test_without_a_host_socket_the_connection_is_reset(self):
        self.start(echo)
        os.unlink(self.upstream_path)
        with self.assertRaises(ConnectionError), self.connect() as s:
            if s.recv(1) == b"":
                self.fail("ended cleanly")

    def test_idle_connections_cost_no_processor_time(self):
        closed = threading.Event()

        def handle(s):
            s.sendall(b"bye")
            s.shutdown(socket.SHUT_WR)
            closed.set()
            s.recv(1)

        self.start(handle)
        with self.connect() as s:
            self.assertEqual(read_all(s), b"bye")
            self.assertTrue(closed.wait(DEADLINE))
            # One that spins is never seen asleep, this one always once it has nothing to do.
            wait_until("it sleeps",
                       lambda: all(is_asleep(self.box.pid) for _ in range(100)))

    def test_orphans_of_the_agent_are_reaped(self):
        self.start(echo, "sh", "-c", "for i in 1 2 3; do (tail -f /dev/null &); done; exec cat")
        with connect(socket.AF_UNIX, self.pty) as host:
            host.sendall(frame(b"H", struct.pack(">BHHB", 1, 80, 24, 0)))
            pid = self.box.pid
            wait_until("the orphans have come", lambda: len(children_of(pid)) == 4)
            for orphan in children_of(pid)[1:]:
                os.kill(orphan, signal.SIGKILL)
            wait_until("and gone", lambda: len(children_of(pid)) == 1)

    def test_agent_that_ignores_hup_and_term_is_killed(self):
        self.start(echo, "sh", "-c", "trap '' HUP TERM; echo up; exec cat")
        with connect(socket.AF_UNIX, self.pty) as host:
            host.sendall(frame(b"H", struct.pack(">BHHB", 1, 80, 24, 0)))
            recv_until(host, b"up")
            began = time.monotonic()
            self.box.terminate()
            read_all_output(host)
            self.assertGreater(time.monotonic() - began, 3.5)
        self.assertEqual(self.box.wait(DEADLINE), 128 + signal.SIGKILL)

    def test_exit_status_that_a_host_has_not_read_is_kept_for_the_next(self):
        self.start(echo, "sh", "-c", "exit 9")
        hello = frame(b"H", struct.pack(">BHHB", 1, 80, 24, 0))
        status = frame(b"X", b"\0\x09")
        with connect(socket.AF_UNIX, self.pty) as host:
            host.sendall(hello)
            wait_until("the status is sent",
                            lambda: status in host.recv(1 << 10, socket.MSG_PEEK))
        with connect(socket.AF_UNIX, self.pty) as host:
            host.sendall(hello)
            recv_until(host, status)
        self.assertEqual(self.box.wait(DEADLINE), 9)

    def test_as_pid_1_it_reaps_obeys_term_and_ends_the_box(self):
        prefix = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no new process namespace here")
        self.box = spawn(*prefix, GUEST, "--pty", self.pty, "--", "sh", "-c",
                         "(tail -f /dev/null &); echo pid $$; exec cat")
        with connect(socket.AF_UNIX, self.pty) as host:
            host.sendall(frame(b"H", struct.pack(">BHHB", 1, 80, 24, 0)))
            recv_until(host, b"pid 2\r\n")
            guest = children_of(self.box.pid)[0]
            os.kill(children_of(guest)[1], signal.SIGKILL)
            wait_until("the orphan is gone", lambda: len(children_of(guest)) == 1)
            os.kill(guest, signal.SIGTERM)
            read_all_output(host)
        self.assertEqual(self.box.wait(DEADLINE), 128 + signal.SIGHUP)

    def test_agent_gets_three_descriptors_and_its_terminal(self):
        self.start(echo, "sh", "-c", "ls -l /proc/self/fd; tty; ps -o tty= -p $$; exit 0")
        with connect(socket.AF_UNIX, self.pty) as host:
            host.sendall(frame(b"H", struct.pack(">BHHB", 1, 80, 24, 0)))
            text = read_all_output(host)
        fds = [line for line in text.splitlines() if "->" in line and "/proc/" not in line]
        self.assertEqual(len(fds), 3, text)
        self.assertTrue(all("/dev/pts/" in line for line in fds), text)


def read_all_output(host):
    data = b""
    text = b""
    while True:
        part = host.recv(1 << 16)
        if not part:
            return text.decode()
        data += part
        while len(data) >= 5:
            n = struct.unpack(">I", data[1:5])[0]
            if len(data) < 5 + n:
                break
            if data[:1] == b"D":
                text += data[5:5 + n]
            if data[:1] == b"X":
                return text.decode()
            data = data[5 + n:]


class Stdio(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="icguest-")
        self.path = os.path.join(self.dir.name, "mcp.sock")
        self.upstream = None

    def tearDown(self):
        if self.upstream:
            self.upstream.close()
        self.dir.cleanup()

    def run_stdio(self, handle, **kwargs):
        self.upstream = Upstream(self.path, handle)
        return subprocess.run([GUEST, "--mcp-stdio", self.path], timeout=DEADLINE,
                              stdout=subprocess.PIPE, check=False, **kwargs)

    def test_lines_are_answered_and_end_of_stdin_ends_it(self):
        p = self.run_stdio(echo, input=b'{"id":1}\n')
        self.assertEqual((p.returncode, p.stdout), (0, b'{"id":1}\n'))

    def test_large_messages_pass_unchanged(self):
        data = os.urandom(4 << 20)
        p = self.run_stdio(echo, input=data)
        self.assertEqual(p.returncode, 0)
        self.assertTrue(p.stdout == data)

    def test_end_of_the_server_ends_it_although_stdin_is_open(self):
        r, w = os.pipe()
        try:
            p = self.run_stdio(lambda s: s.sendall(b"bye\n"), stdin=r)
            self.assertEqual((p.returncode, p.stdout), (0, b"bye\n"))
        finally:
            os.close(r)
            os.close(w)

    def test_socket_may_come_from_the_environment(self):
        self.upstream = Upstream(self.path, echo)
        p = subprocess.run([GUEST, "--mcp-stdio"], input=b"x\n", stdout=subprocess.PIPE,
                           timeout=DEADLINE, check=False,
                           env={**os.environ, "IRONCURTAIN_MCP": self.path})
        self.assertEqual((p.returncode, p.stdout), (0, b"x\n"))

    def test_no_server_is_said_on_stderr(self):
        p = subprocess.run([GUEST, "--mcp-stdio", self.path], stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=DEADLINE, check=False)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"cannot connect to", p.stderr)
        self.assertEqual(p.stdout, b"")


class Refusals(unittest.TestCase):
    def refused(self, *args, prefix=()):
        p = subprocess.run([*prefix, GUEST, *args], stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=DEADLINE, check=False)
        self.assertEqual(p.returncode, 125, p.stderr)
        return p.stderr.decode()

    def test_wrong_arguments_print_the_usage(self):
        for args in ([], ["--pty", "/x"], ["--nonsense"], ["--pty", "/x", "--size", "80", "--", "a"],
                     ["--pty", "/x", "--size", "0x5", "--", "a"], ["--mcp-stdio", "a", "b"]):
            self.assertIn("usage:", self.refused(*args))

    def test_port_in_use_and_bad_paths_are_named(self):
        with tempfile.TemporaryDirectory() as d, socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            self.assertIn(f"127.0.0.1:{port}: Address already in use", self.refused(
                "--pty", f"{d}/p", "--proxy", f"{port}:{d}/x", "--", "true"))
            self.assertFalse(os.path.exists(f"{d}/p"))
            self.assertIn("File name too long", self.refused(
                "--pty", f"{d}/{'p' * 110}", "--", "true"))
            self.assertIn("not PORT:SOCKET", self.refused(
                "--pty", f"{d}/p", "--proxy", "80", "--", "true"))
            self.assertIn("No such file", self.refused("--pty", f"{d}/no/p", "--", "true"))

    def test_loopback_that_is_down_is_named(self):
        prefix = ["unshare", "--user", "--net", "--map-root-user"]
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no new network namespace here")
        with tempfile.TemporaryDirectory() as d:
            self.assertIn("interface 'lo' is down", self.refused(
                "--pty", f"{d}/p", "--proxy", f"18080:{d}/x", "--", "true", prefix=prefix))

    def test_term_before_any_host_ends_it_at_once(self):
        with tempfile.TemporaryDirectory() as d:
            path = f"{d}/p"
            with spawn(GUEST, "--pty", path, "--", "true") as box:
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
                box.send_signal(signal.SIGTERM)
                self.assertEqual(box.wait(DEADLINE), 143)
            self.assertFalse(os.path.exists(path))


class Alone(unittest.TestCase):
    def test_without_a_host_no_agent_runs_and_the_box_ends(self):
        """a server that is killed while it makes a box leaves no agent behind"""
        with tempfile.TemporaryDirectory(prefix="icguest-") as folder:
            mark = os.path.join(folder, "ran")
            boxes = [spawn(GUEST, "--pty", os.path.join(folder, f"{i}.sock"), *more, "--", "touch",
                           mark) for i, more in enumerate(([], ["--hand-over"]))]
            for box in boxes:
                self.assertEqual(box.wait(60), 125)
            self.assertFalse(os.path.exists(mark))


if __name__ == "__main__":
    if not os.access(GUEST, os.X_OK):
        print(f"skipped: {GUEST} is not built")
        sys.exit(77)
    unittest.main()
