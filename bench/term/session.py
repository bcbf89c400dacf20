"""A peer on a terminal with one or more of our programs in its panes. Standard library only."""
import os
import re
import select
import shutil
import socket
import struct
import tempfile
import time

import processes
import workloads
from peers import COLS, ROWS, Failed
from terminal import Gone, Terminal, mark

PROGRAMS = {"two": 2, "many": 10}
_made = {}


def workload(name, *more):
    key = (name, *more)
    if key not in _made:
        _made[key] = getattr(workloads, name)(COLS, ROWS, *more).encode()
    return _made[key]


class Inner:
    """The program in a pane, at the other end of a socket."""

    def __init__(self, connection, session):
        self.connection = connection
        self.session = session
        self.buffer = b""
        # As it is called here, not in its box.
        self.pid = struct.unpack("3i", connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        _, self.name, cols, rows = self.receive(30).split()
        self.cols, self.rows = int(cols), int(rows)

    def send(self, *words):
        self.connection.sendall(" ".join(str(w) for w in words).encode() + b"\n")

    def receive(self, seconds=60):
        """A line; the terminal is read meanwhile, else nothing would move."""
        terminal = self.session.terminal
        end = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            if time.monotonic() > end:
                raise Failed("the program in the pane says nothing")
            ready = select.select([self.connection, terminal.fd], [], [], 1)[0]
            if self.connection in ready:
                data = self.connection.recv(4096)
                if not data:
                    raise Failed("the program in the pane has ended")
                self.buffer += data
            elif terminal.fd in ready and not terminal.rate:
                terminal.read(0)
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode()

    def ask(self, *words):
        self.send(*words)
        answer = self.receive()
        if answer != "ok":
            raise Failed(f"{words[0]}: {answer}")

    def done(self):
        """Of a command that writes: when it began, when it had written, how much."""
        word, begin, end, size = self.receive().split()
        assert word == "done"
        return int(begin), int(end), int(size)

    def load(self, name, *more):
        data = workload(name, *more)
        with open(os.path.join(self.session.work, name), "wb") as f:
            f.write(data)
        self.ask("load", os.path.join(self.session.place, name))
        return len(data)


class Session:
    first_mark = 201  # of the programs; those for measuring are above

    def __init__(self, peer, kind="one", history=10_000, programs=None):
        if kind not in peer.kinds:
            raise Failed(f"{peer.name} has no sessions of kind {kind}")
        self.peer, self.kind, self.history = peer, kind, history
        self.programs = programs or PROGRAMS.get(kind, 1)
        self.marks = 0
        self.inners = []
        self.terminal = self.listener = None
        self.dir = tempfile.mkdtemp(prefix="icb-", dir="/tmp")
        self.work = os.path.join(self.dir, "w")
        self.place = peer.place(self, kind)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self):
        os.mkdir(self.work)
        shutil.copy(self.peer.bench, self.work)
        self.peer.prepare(self)
        self.env = {k: v for k, v in os.environ.items() if not re.search(
            r"_(API_KEY|BASE_URL)$|^(IRONCURTAIN_|TMUX)|^(COLUMNS|LINES|NO_COLOR)$", k)}
        self.env.update(TERM="xterm-256color", COLORTERM="truecolor", LANG="C.UTF-8",
                        LC_ALL="C.UTF-8", HOME=self.dir, SHELL="/bin/sh",
                        **self.peer.env(self))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(self.work, "s"))
        self.listener.listen(16)
        self._start()

    def _start(self):
        self.terminal = Terminal(self.peer.start(self, self.kind), self.env, *self.peer.size,
                                 self.work)
        sign = mark(self.first_mark)
        self.first_frame = self.terminal.wait(sign, 60, answer=True)
        if not self.first_frame:
            raise Failed(f"{self.peer.name} does not show its program")
        self.inner = self.accept()
        if (self.inner.cols, self.inner.rows) != (COLS, ROWS):
            raise Failed(f"the pane of {self.peer.name} is {self.inner.cols}x{self.inner.rows}")
        self.peer.more(self, self.kind)
        while len(self.inners) < self.programs:
            self.accept()
        self.terminal.settle(0.1)

    def accept(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            ready = select.select([self.listener, self.terminal.fd], [], [], 1)[0]
            if self.listener in ready:
                self.inners.append(Inner(self.listener.accept()[0], self))
                return self.inners[-1]
            if ready:
                self.terminal.answer(self.terminal.read(0))
        raise Failed("a program did not start in its pane")

    def mark(self):
        """The number of a sign that is not on the screen."""
        self.marks = self.marks % 40 + 1
        return 215 + self.marks

    def pids(self):
        """Of the peer: not the programs in its panes, nor what those have started."""
        inner = {inner.pid for inner in self.inners}
        for pid in list(inner):
            inner.update(processes.below(pid))
        return [pid for pid in processes.below(os.getpid()) if pid not in inner]

    def send(self, times, seconds=120):
        """What is loaded, until it is on the screen: (seconds, seconds of writing, bytes)."""
        number = self.mark()
        self.inner.send("send", times, number)
        shown = self.terminal.wait(mark(number), seconds)
        if not shown:
            raise Failed("what was printed is not shown in the end")
        begin, end, size = self.inner.done()
        return (shown - begin) / 1e9, (end - begin) / 1e9, size

    def attach_again(self):
        """Leave the terminal and come back on a new one: seconds until the pane is there."""
        self.terminal.type(self.peer.detach)
        try:
            while True:
                self.terminal.read(1)
        except Gone:
            pass
        os.waitpid(self.terminal.pid, 0)
        self.terminal.close()
        self.terminal = Terminal(self.peer.again(self), self.env, *self.peer.size, self.work)
        shown = self.terminal.wait(mark(self.first_mark), 20, answer=True)
        if not shown:
            raise Failed("what was attached again is not shown")
        self.terminal.settle(0.05)
        return (shown - self.terminal.started) / 1e9

    def _stop(self):
        if self.terminal:
            self.peer.stop(self)
            processes.end(processes.below(os.getpid()))
            self.terminal.close()
            self.terminal = None
        for inner in self.inners:
            inner.connection.close()
        self.inners = []

    def restart(self):
        """The same once more, with the files of the first time."""
        self._stop()
        self._start()

    def close(self):
        self._stop()
        if self.listener:
            self.listener.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
