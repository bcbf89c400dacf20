"""The user's terminal as a test sees it: a pseudo terminal whose raw bytes are kept, cut into
sequences, and drawn on a small screen. Anything that is not a sequence of ours is a failure."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unicodedata

from harness import SLOW, Failed

TOKEN = re.compile(
    rb"\x1b\[(?P<csi>[<=>?]?[0-9;:]*[ -/]*[@-~])"
    rb"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    rb"|\x1b(?P<string>[PX^_])(?:[^\x1b]|\x1b[^\\])*\x1b\\"
    rb"|\x1b(?P<esc>[ -/]+[0-~]|[0-OQ-WYZ`a-~])"
    rb"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
    rb"|(?P<text>[^\x00-\x1f\x7f]+)", re.DOTALL)
# All that the host has to say, besides text: drawing, its own modes, its own questions.
CSI = re.compile(
    rb"[0-9;]*[ABCDEFGHJKLMPSTX@bdfr]"
    rb"|[0-9;:]*m|\?[0-9]+\$p|[0-6] q|5n|c|>c|>q|>0q"
    rb"|\?(1|7|12|25|1000|1002|1003|1004|1006|1007|1034|1049|2004|2026|2027|2031)(;[0-9]+)?[hl]"
    rb"|4[hl]|8[hl]|22;0t|22;0;0t|23;0t|23;0;0t|\?u|[<>=][0-9;]*u|>4(;[0-9])?m|\?2031\$p|\?996n")
OSC = re.compile(rb"1[01];\?")
TITLE = re.compile(rb"2;[^\x00-\x1f\x7f]*ironcurtain")
ESC = {b"(B", b"7", b"8", b"=", b">", b"M", b"(0", b"D", b"E"}


def width(char, joins):
    if unicodedata.category(char) in ("Mn", "Me", "Cf") or 0x1160 <= ord(char) <= 0x11ff:
        return 0
    if not joins and 0x1f3fb <= ord(char) <= 0x1f3ff:
        return 2
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Grid:
    """What the bytes make of a screen. joins: emoji sequences become one of two columns, as in
    newer terminals; otherwise each of their characters has its own."""

    def __init__(self, cols, rows, joins=True):
        self.cols, self.rows, self.joins = cols, rows, joins
        self.row = self.col = 0
        self.saved = (0, 0)
        self.top, self.bottom = 0, rows
        self.last = " "
        self.cells = [self.blank() for _ in range(rows)]

    def blank(self):
        return [" "] * self.cols

    def lines(self):
        return ["".join(row) for row in self.cells]

    def put(self, char):
        w = width(char, self.joins)
        joined = self.joins and self.col > 0 and (
            self.cells[self.row][self.col - 1][-1:] == "\u200d" or
            (self.cells[self.row][self.col - 1] == "" and
             self.cells[self.row][self.col - 2][-1:] == "\u200d"))
        if w == 0 or joined:
            at = self.col - 1
            while at > 0 and self.cells[self.row][at] == "":
                at -= 1
            if at >= 0:
                self.cells[self.row][at] += char
            return
        if self.col + w > self.cols:
            self.col = 0
            self.feed_line()
        self.cells[self.row][self.col] = char
        if w == 2:
            self.cells[self.row][self.col + 1] = ""
        self.col += w
        self.last = char

    def feed_line(self):
        if self.row == self.bottom - 1:
            self.scroll(self.top, 1)
        elif self.row < self.rows - 1:
            self.row += 1

    def scroll(self, top, n):
        for _ in range(abs(n)):
            if n > 0:
                del self.cells[top]
                self.cells.insert(self.bottom - 1, self.blank())
            else:
                del self.cells[self.bottom - 1]
                self.cells.insert(top, self.blank())

    def control(self, byte):
        if byte == 13:
            self.col = 0
        elif byte in (10, 11, 12):
            self.feed_line()
        elif byte == 8:
            self.col = max(0, min(self.col, self.cols - 1) - 1)
        elif byte == 9:
            self.col = min(self.cols - 1, self.col // 8 * 8 + 8)

    def escape(self, body):
        if body == b"7":
            self.saved = (self.row, self.col)
        elif body == b"8":
            self.row, self.col = self.saved
        elif body == b"M":
            if self.row == self.top:
                self.scroll(self.top, -1)
            else:
                self.row = max(0, self.row - 1)

    def csi(self, body):
        final, params = body[-1:], body[:-1]
        if not re.fullmatch(rb"[0-9;]*", params):
            if body == b"?1049h":
                self.cells = [self.blank() for _ in range(self.rows)]
            return
        n = [int(p) if p else 0 for p in params.split(b";")]
        first = max(1, n[0])
        line = self.cells[self.row]
        self.col = min(self.col, self.cols - 1)
        if final == b"m":
            pass
        elif final in b"Hf":
            self.row = min(self.rows, first) - 1
            self.col = min(self.cols, max(1, n[1] if len(n) > 1 else 1)) - 1
        elif final == b"A":
            self.row = max(0, self.row - first)
        elif final == b"B":
            self.row = min(self.rows - 1, self.row + first)
        elif final == b"C":
            self.col = min(self.cols - 1, self.col + first)
        elif final == b"D":
            self.col = max(0, self.col - first)
        elif final == b"G":
            self.col = min(self.cols, first) - 1
        elif final == b"d":
            self.row = min(self.rows, first) - 1
        elif final == b"K":
            start, end = {0: (self.col, self.cols), 1: (0, self.col + 1), 2: (0, self.cols)}[n[0]]
            line[start:end] = [" "] * (end - start)
        elif final == b"J":
            if n[0] == 2:
                self.cells = [self.blank() for _ in range(self.rows)]
            elif n[0] == 0:
                line[self.col:] = [" "] * (self.cols - self.col)
                for row in range(self.row + 1, self.rows):
                    self.cells[row] = self.blank()
            else:
                line[:self.col + 1] = [" "] * (self.col + 1)
                for row in range(self.row):
                    self.cells[row] = self.blank()
        elif final == b"X":
            line[self.col:self.col + first] = [" "] * min(first, self.cols - self.col)
        elif final == b"P":
            del line[self.col:self.col + first]
            line += [" "] * (self.cols - len(line))
        elif final == b"@":
            line[self.col:self.col] = [" "] * first
            del line[self.cols:]
        elif final == b"L":
            self.scroll(self.row, -first)
        elif final == b"M":
            self.scroll(self.row, first)
        elif final == b"S":
            self.scroll(self.top, first)
        elif final == b"T":
            self.scroll(self.top, -first)
        elif final == b"b":
            for _ in range(first):
                self.put(self.last)
        elif final == b"r":
            self.top = first - 1
            self.bottom = n[1] if len(n) > 1 and n[1] else self.rows
            self.row = self.col = 0


class Outer:
    """A program on a terminal of the test's own."""

    def __init__(self, argv, env, cols=120, rows=36, joins=True, allowed_osc=(), cwd=None):
        self.raw = b""
        self.done = 0  # bytes of it that are drawn
        self.titles = []
        self.osc = []
        self.bells = 0
        self.bad = []
        self.counts = {}
        self.allowed_osc = [re.compile(p, re.DOTALL) for p in allowed_osc]
        self.grid = Grid(cols, rows, joins)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
                if cwd:
                    os.chdir(cwd)
                os.execve(argv[0], argv, env)
            finally:
                os._exit(127)

    def send(self, data):
        os.write(self.fd, data)

    def prefix(self, key):
        self.send(b"\x1c")
        self.wait(r"(?m)^ *(UNBOXED +)?PREFIX", last=True)
        self.send(key)

    def poll(self, seconds=0.05):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.raw += data
        self.draw()
        return bool(data)

    def draw(self):
        while self.done < len(self.raw):
            match = TOKEN.match(self.raw, self.done)
            if not match or self.is_cut(match):
                return  # the rest comes with the next read
            self.token(match)
            self.done = match.end()

    def is_cut(self, match):
        if not match["text"] or match.end() < len(self.raw):
            return False
        try:
            match["text"].decode()
        except UnicodeDecodeError as error:
            return error.reason == "unexpected end of data"
        return False

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def token(self, m):
        if m["text"]:
            try:
                text = m["text"].decode()
            except UnicodeDecodeError:
                self.bad.append(m["text"])
                return
            if re.search("[\x80-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text):
                self.bad.append(m["text"])
            for char in text:
                self.grid.put(char)
        elif m["csi"]:
            self.count(m["csi"])
            if CSI.fullmatch(m["csi"]):
                self.grid.csi(m["csi"])
            else:
                self.bad.append(m[0])
        elif m["osc"] is not None:
            self.osc.append(m["osc"])
            if TITLE.fullmatch(m["osc"]):
                self.titles.append(m["osc"][2:].decode())
            elif not OSC.fullmatch(m["osc"]) and not any(
                    p.fullmatch(m["osc"]) for p in self.allowed_osc):
                self.bad.append(m[0])
        elif m["esc"]:
            if m["esc"] in ESC:
                self.grid.escape(m["esc"])
            else:
                self.bad.append(m[0])
        elif m["control"]:
            if m["control"] == b"\x07":
                self.bells += 1
            elif m["control"] in b"\x08\x09\x0a\x0b\x0d":
                self.grid.control(m["control"][0])
            elif m["control"] != b"\x0f" and m["control"] != b"\x0e":
                self.bad.append(m[0])
        else:
            self.bad.append(m[0])

    def text(self):
        return "\n".join(self.grid.lines())

    def last_row(self):
        return self.grid.lines()[-1]

    def wait(self, pattern, seconds=20, last=False):
        return self.until(f"'{pattern}' on the screen",
                          lambda: re.search(pattern, self.last_row() if last else self.text()),
                          seconds)

    def wait_gone(self, pattern, seconds=20):
        return self.until(f"'{pattern}' gone", lambda: not re.search(pattern, self.text()), seconds)

    def until(self, what, condition, seconds=20):
        deadline = time.monotonic() + seconds * SLOW
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise Failed(f"no {what}\n--- screen\n{self.text()}\n--- bad {self.bad[:5]}")
            self.poll()

    def only_ours(self):
        """Nothing but the host's own sequences reached this terminal."""
        if self.bad:
            raise Failed(f"not ours: {self.bad[:5]}")

    def leave(self):
        """Ends the program as a closed window does; what it still writes is read."""
        if self.pid:  # 0 would be our own group
            os.kill(self.pid, signal.SIGTERM)
            self.rest()

    def rest(self, seconds=20):
        deadline = time.monotonic() + seconds * SLOW
        while time.monotonic() < deadline:
            ready = select.select([self.fd], [], [], 0.2)[0]
            if ready and not self.poll(0):
                break
            if not ready and os.waitpid(self.pid, os.WNOHANG)[0]:
                self.pid = 0
                break
        self.close()

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
