"""The outer terminal: a pseudoterminal that is read as fast as an emulator would, answers what
programs ask an xterm at start, and types keys. Standard library only."""
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

# DECRQM: set or reset, but not permanently; a program may use them.
MODES = (b"2026", b"2004", b"1004", b"1006")


class Gone(Exception):
    """The other side of the pseudoterminal was closed."""


def now():
    return time.monotonic_ns()


def mark(number):
    """A Braille sign; nothing else on the screens is one. 1..200 are answers, 201..255 marks."""
    return chr(0x2800 + number).encode()


def answers(data):
    """What an xterm would say to the questions in there."""
    out = b""
    for question, answer in ((rb"\x1b\[0?c", b"\x1b[?64;1;2;6;9;15;18;21;22c"),
                             (rb"\x1b\[>0?c", b"\x1b[>41;380;0c"),
                             (rb"\x1b\[>0?q", b"\x1bP>|XTerm(380)\x1b\\"),
                             (rb"\x1b\[5n", b"\x1b[0n"), (rb"\x1b\[6n", b"\x1b[1;1R"),
                             (rb"\x1b\]10;\?", b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\"),
                             (rb"\x1b\]11;\?", b"\x1b]11;rgb:0000/0000/0000\x1b\\")):
        if re.search(question, data):
            out += answer
    for mode in re.findall(rb"\x1b\[\?(\d+)\$p", data):
        out += b"\x1b[?%s;%d$y" % (mode, 2 if mode in MODES else 0)
    return out


class Terminal:
    """Runs argv in there. `rate`: bytes a second that it takes, None: all there is."""

    def __init__(self, argv, env, cols, rows, cwd):
        self.rate = None
        self.bytes = 0
        self.first_byte = None
        self.watcher = None  # is called with all that is read
        self.started = now()
        self.pid, self.fd = pty.fork()
        size = struct.pack("HHHH", rows, cols, 0, 0)
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, size)
                os.chdir(cwd)
                os.execvpe(argv[0], argv, env)
            finally:
                os._exit(127)
        os.set_blocking(self.fd, False)
        self.poll = select.poll()
        self.poll.register(self.fd, select.POLLIN)

    def _take(self, most):
        try:
            data = os.read(self.fd, most)
        except BlockingIOError:
            return None
        except OSError:
            raise Gone() from None
        if not data:
            raise Gone()
        if self.first_byte is None:
            self.first_byte = now()
        self.bytes += len(data)
        if self.watcher:
            self.watcher(data)
        return data

    def read(self, seconds):
        """What there is; b"" if nothing came in that time."""
        data = self._take(65536)
        if data is None and self.poll.poll(seconds * 1000):
            data = self._take(65536)
        return data or b""

    def type(self, data):
        os.write(self.fd, data)

    def answer(self, data):
        if b"\x1b" in data:
            self.type(answers(data))

    def pump(self, seconds):
        """Read for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.answer(self.read(left))

    def settle(self, quiet=0.05, limit=3.0):
        """Read until nothing came for a while; not for ever, a clock may tick."""
        end = last = time.monotonic()
        end += limit
        while last + quiet > time.monotonic() < end:
            data = self.read(0.01)
            if data:
                last = time.monotonic()
                self.answer(data)

    def wait(self, text, seconds, answer=False):
        """When text was read, in ns; None: it was not."""
        if self.rate:
            return self._wait_slowly(text, seconds)
        end, tail = now() + int(seconds * 1e9), b""
        while now() < end:
            data = self.read(0.2)
            if text in tail + data:
                return now()
            tail = (tail + data)[-len(text):]
            if answer:
                self.answer(data)
        return None

    def _wait_slowly(self, text, seconds):
        """As a serial line: what it did not take in one moment it cannot make up for."""
        end, tail, last, credit = now() + int(seconds * 1e9), b"", now(), 0.0
        while now() < end:
            select.select([], [], [], 0.002)
            at = now()
            credit = min(credit + (at - last) / 1e9 * self.rate, self.rate * 0.02)
            last = at
            data = self._take(int(credit)) if credit >= 1 else None
            if data:
                credit -= len(data)
                if text in tail + data:
                    return now()
                tail = (tail + data)[-len(text):]
        return None

    def close(self):
        os.close(self.fd)


class Tearing:
    """Looks for half-drawn frames. Each frame has one of a row of marks in its first line and
    the one of the other row in its last; what a user sees must have both of one frame. Whoever
    uses synchronized output is judged by what is shown when an update ends, and whoever does
    not when nothing more comes."""

    PATTERN = re.compile(rb"\x1b\[\?2026([hl])|\xe2([\xa0-\xa3])([\x80-\xbf])")

    def __init__(self, count):
        self.count = count  # of frames: marks 1..count and count+1..2*count
        self.shown = [0, 0]
        self.syncs = self.open = self.torn = 0
        self.tail = b""

    def __call__(self, data):
        data = self.tail + data
        end, changed = 0, False
        for found in self.PATTERN.finditer(data):
            end = found.end()
            if found.group(1):
                self.open, changed = found.group(1) == b"h", False
                self.syncs += 1
                if not self.open:
                    self.look()
                continue
            number = (found.group(2)[0] - 0xa0) * 64 + found.group(3)[0] - 0x80
            if 1 <= number <= 2 * self.count:
                self.shown[number > self.count] = (number - 1) % self.count
                changed = True
        if self.syncs and changed and not self.open:
            self.look()
        self.tail = data[max(end, len(data) - 8):]

    def look(self):
        self.torn += self.shown[0] != self.shown[1]

    def quiet(self):
        """Nothing more came."""
        if not self.syncs:
            self.look()
