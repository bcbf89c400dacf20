#!/usr/bin/env python3
"""Keys, mouse and focus between a terminal made of raw bytes and the agent: what the terminal is
told, byte by byte, and what reaches the agent for what the terminal sends."""
import fcntl
import os
import pty
import random
import re
import select
import signal
import struct
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, SLOW, Failed, Home, main, wait_until  # noqa: E402

# The agent: its input goes to a file, what it shall print comes through a pipe.
AGENT = r"""
import os, select, sys, tty
tty.setraw(0)
log = os.open("seen", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
say = os.open("say", os.O_RDWR)
os.write(1, b"AGENT-IS-HERE\r\n")
while True:
    for fd in select.select([0, say], [], [])[0]:
        data = os.read(fd, 65536)
        if fd == 0 and not data:
            sys.exit()
        os.write(log if fd == 0 else 1, data)
"""
QUESTIONS = b"\x1b[?2026$p\x1b[?2027$p\x1b[?u\x1b[>c\x1b]10;?\x1b\\\x1b]11;?\x1b\\"


class Terminal:
    """What is on the other side of the user's tty."""

    def __init__(self, config="", kitty=False, model=None, cols=100, rows=30):
        self.home = Home()
        self.home.config(Home.UNLIMITED + config)
        self.at = self.home.workspace
        os.mkfifo(os.path.join(self.at, "say"))
        with open(os.path.join(self.at, "agent.py"), "w", encoding="ascii") as f:
            f.write(AGENT)
        self.out = b""
        self.seen_from = 0
        self.serial = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            self.run(rows, cols)
        self.pipe = os.open(os.path.join(self.at, "say"), os.O_RDWR)
        try:
            self.until(re.escape(QUESTIONS))
            if kitty:
                self.send(b"\x1b[?0u")
            if model:
                self.send(b"\x1b[>%d;1;0c" % model)
            self.until(rb"AGENT-IS-HERE")
        except Failed:
            self.close()
            raise

    def run(self, rows, cols):
        """In the child; it never comes back."""
        try:
            os.chdir(self.at)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            os.execve(PROGRAM, [PROGRAM, "pane", "--", sys.executable, "agent.py"],
                      self.home.env())
        finally:
            os._exit(127)

    def pump(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.out += os.read(self.fd, 65536)
            except OSError:
                return False
        return True

    def until(self, pattern, start=0, seconds=20):
        """Read until `pattern` is in what was written since `start`."""
        deadline = time.monotonic() + seconds * SLOW
        while not re.search(pattern, self.out[start:], re.DOTALL):
            if time.monotonic() > deadline:
                raise Failed(f"the terminal never got {pattern} in {self.out[start:][-800:]!r}")
            if not self.pump(0.05):
                raise Failed(f"the program is gone; its last words: {self.out[-800:]!r}")

    def send(self, data):
        os.write(self.fd, data)

    def pieces(self, data, cuts):
        """Each piece is a read of its own: the program is asked something in between."""
        for a, b in zip([0, *cuts], [*cuts, len(data)]):
            self.send(data[a:b])
            self.drained()

    def drained(self):
        """The program has read all that was sent."""
        wait_until("an empty terminal", lambda: struct.unpack("i", fcntl.ioctl(
            self.fd, termios.TIOCOUTQ, b"\0" * 4))[0] == 0)
        time.sleep(0)

    def says(self, data):
        """The agent prints this; returns when it is on the screen."""
        self.serial += 1
        start = len(self.out)
        # A word that has no letter in common with the one before it is drawn whole.
        mark = bytes(65 + (self.serial + 3 * i) % 26 for i in range(6))
        os.write(self.pipe, data + b"\x1b[2;1H" + mark)
        self.until(mark, start)
        return start

    def raw(self):
        with open(os.path.join(self.at, "seen"), "rb") as f:
            return f.read()

    def got(self, expected):
        """The agent's input since the last call is exactly this."""
        try:
            wait_until("the agent's input", lambda: self.pump(0.01) and
                       len(self.raw()) - self.seen_from >= len(expected), 10)
        except Failed as failed:
            raise Failed(f"{failed}: {self.raw()[self.seen_from:]!r}, not {expected!r}") from None
        seen = self.raw()[self.seen_from:]
        self.seen_from += len(seen)
        if seen != expected:
            raise Failed(f"the agent got {seen!r}, not {expected!r}")

    def sends(self, data, expected):
        """Followed by a letter, so that nothing more than expected goes unnoticed."""
        self.send(data)
        self.drained()
        self.send(b"|")
        self.got(expected + b"|")

    def close(self):
        """End it in order; returns what it wrote at the end."""
        start = len(self.out)
        try:
            os.kill(self.pid, signal.SIGTERM)
            deadline = time.monotonic() + 20 * SLOW
            alive = True
            while alive:
                self.pump(0.05)
                alive = not os.waitpid(self.pid, os.WNOHANG)[0]
                if not alive:
                    self.pid = 0
                    while self.pump(0) and select.select([self.fd], [], [], 0)[0]:
                        pass
                elif time.monotonic() > deadline:
                    raise Failed("the program does not end")
        finally:
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            os.close(self.pipe)
            os.close(self.fd)
            self.home.remove()
        return self.out[start:]


def with_terminal(check, **how):
    terminal = Terminal(**how)
    try:
        check(terminal)
    except BaseException:
        terminal.close()
        raise
    return terminal.close()


# --- bytes ----------------------------------------------------------------------------------

REPLIES = (b"\x1b[12;40R", b"\x1b[?62;22c", b"\x1b[>41;390;0c", b"\x1b[?2026;2$y", b"\x1b[?1u",
           b"\x1b]11;rgb:1111/2222/3333\x1b\\", b"\x1b]52;c;aGVsbG8=\x07", b"\x1b]4;1;rgb:0/0/0\x07",
           b"\x1bP>|xterm(390)\x1b\\", b"\x1b[0n", b"\x1b[8;24;80t")
KEYS = (b"\x1b[A", b"\x1b[1;5C", b"\x1bOP", b"\x1b[15~", b"\x1b[24;2~", b"\x1bx", b"\x1b\x7f",
        b"\x1b[Z", "\u00e9".encode(), "\U0001f600".encode(), b"\x1b[38;5;1m", b"\x1b[1;2;3z", b"\xff")


def test_byte_exact():
    """bytes and sequences arrive as they came wherever they are cut; answers never do"""
    def check(terminal):
        for sequence in KEYS + REPLIES:
            expected = sequence if sequence in KEYS else b""
            for cut in range(1, len(sequence)):
                if sequence[:cut] == b"\x1b":
                    continue  # what follows an ESC after a pause is a key of its own
                terminal.pieces(b"<" + sequence + b">", [cut + 1])
                terminal.got(b"<" + expected + b">")
        source = random.Random(4)
        data = bytes(b for b in source.randbytes(20000) if b not in (0x1b, 0x1c))
        for at in range(0, len(data), 977):
            terminal.send(data[at:at + 977])
            terminal.got(data[at:at + 977])
        terminal.sends(b"\x1b[M !!", b"")
        terminal.sends(b"\x1b[<0;5;5M\x1b[<0;5;5m", b"")
    with_terminal(check)


def test_paste():
    """a paste is one unit, the Enter behind it a key of its own"""
    def check(terminal):
        terminal.sends(b"\x1b[200~one\ntwo\x1b[201~\r", b"one\rtwo\r")
        terminal.says(b"\x1b[?2004h")
        terminal.pieces(b"\x1b[200~one\x1b[20two\x1c\x1b[201~\r", [9, 14])
        terminal.got(b"\x1b[200~one[20two\x1b[201~\r")
    with_terminal(check)


def test_focus():
    """focus events reach an agent that asked, and no other"""
    def check(terminal):
        terminal.sends(b"\x1b[I\x1b[O", b"")
        terminal.says(b"\x1b[?1004h")
        terminal.sends(b"\x1b[I\x1b[O", b"\x1b[I\x1b[O")
    with_terminal(check)


# --- the kitty keyboard protocol ------------------------------------------------------------

def test_kitty_mirrored():
    """the terminal is told the agent's flags while its keys go to it, and none in host views"""
    def check(terminal):
        assert b"\x1b[>1u" not in terminal.out
        start = terminal.says(b"\x1b[>1u")
        terminal.until(rb"\x1b\[>1u", start)
        terminal.sends(b"\x1b[13;2u", b"\x1b[13;2u")
        terminal.sends(b"\x1b[97;5:3u\x1b[99;5u", b"\x1b[97;5:3u\x1b[99;5u")
        start = len(terminal.out)
        terminal.send(b"\x1b[92;5u?")
        terminal.until(rb"\x1b\[=0u", start)
        start = len(terminal.out)
        terminal.send(b"\x1b[99;5u")  # leaves the list; the terminal may be late
        terminal.until(rb"\x1b\[=1u", start)
        start = terminal.says(b"\x1b[=11u")
        terminal.until(rb"\x1b\[=11u", start)
        terminal.send(b"\x1b[97;1:1u\x1b[97;1:3ub")
        terminal.got(b"\x1b[97;1:1u\x1b[97;1:3u\x1b[98u")
        start = terminal.says(b"\x1b[<u")
        terminal.until(rb"\x1b\[=0u", start)
    end = with_terminal(check, kitty=True)
    assert end.count(b"\x1b[<u") == 1 and end.index(b"\x1b[<u") < end.index(b"\x1b[?1049l"), end


def test_kitty_late():
    """a key in a form that is out of date arrives as the agent expects it now"""
    def check(terminal):
        terminal.sends(b"\x1b[97;5u\x1b[13;2u\x1b[97u\x1b[97;1:3u\x1b[27u\x1b[9;2u\x1b[57419u",
                       b"\x01\ra\x1b\x1b[Z\x1b[A")
        terminal.says(b"\x1b[>1u")
        terminal.send(b"\x01")
        terminal.send(b"\x1bx\r\t\x7f\x08")
        terminal.got(b"\x1b[97;5u\x1b[120;3u\r\t\x7f\x08")
        terminal.send(b"\x1b")
        terminal.got(b"\x1b[27u")
        terminal.send(b"\x1c\x1c")
        terminal.got(b"\x1b[92;5u")
    with_terminal(check, kitty=True)


def test_kitty_host_keys():
    """the prefix and what follows it are the host's, their releases too"""
    def check(terminal):
        terminal.says(b"\x1b[>11u")
        start = len(terminal.out)
        # Ctrl, the prefix, Shift, '?': presses and releases
        terminal.send(b"\x1b[57442;5u\x1b[92;5u\x1b[92;5:3u\x1b[57442;1:3u")
        terminal.send(b"\x1b[57441;2u\x1b[47:63;2u\x1b[47:63;2:3u\x1b[57441;1:3u")
        terminal.until(rb"HELP ", start)
        start = len(terminal.out)
        terminal.send(b"\x1b[27u\x1b[27;1:3u")
        terminal.until(rb"\x1b\[=11u", start)
        terminal.send(b"x")
        terminal.got(b"\x1b[57442;5u" + b"\x1b[120u")
    with_terminal(check, kitty=True)


def test_kitty_layouts():
    """commands are keys in their place on the keyboard, also in Cyrillic"""
    def check(terminal):
        terminal.says(b"\x1b[>5u")
        terminal.send(b"\x1b[92;5u" + "\u0436".encode())
        terminal.until(rb"no such key")
        start = len(terminal.out)
        terminal.send("\x1c\u043a".encode())  # r
        terminal.until(rb"\x1b\[H\x1b\[2?J", start)
        terminal.sends("\u043a".encode(), "\u043a".encode())
    with_terminal(check, kitty=True)


def test_no_kitty():
    """without the protocol the terminal is told nothing; Ctrl and Escape are still made for it"""
    def check(terminal):
        start = terminal.says(b"\x1b[>1u")
        terminal.sends(b"\x03", b"\x1b[99;5u")
        terminal.sends(b"\x1b[27;2;13~", b"\x1b[13;2u")
        terminal.sends(b"\x1b[27;5;105~", b"\x1b[105;5u")
        assert not re.search(rb"\x1b\[[>=<][\d;]*[um]", terminal.out[start:]), terminal.out[start:]
    end = with_terminal(check)
    assert b"\x1b[<u" not in end and b"\x1b[>4" not in end, end


def test_other_keys():
    """xterm and tmux are asked for modifyOtherKeys when the agent wants to tell keys apart"""
    def check(terminal):
        start = terminal.says(b"\x1b[>1u")
        terminal.until(rb"\x1b\[>4;1m", start)
        terminal.sends(b"\x1b[27;2;13~", b"\x1b[13;2u")
        start = terminal.says(b"\x1b[<u\x1b[>4;2m")
        terminal.until(rb"\x1b\[>4;2m", start)
        terminal.sends(b"\x1b[27;5;97~", b"\x1b[27;5;97~")
        terminal.send(b"\x1b[27;5;92~?")
        terminal.until(rb"\x1b\[>4m", start)
        terminal.send(b"\x1b")
        terminal.until(rb"\x1b\[>4m.*\x1b\[>4;2m", start)
    end = with_terminal(check, model=41)
    assert b"\x1b[>4m" in end, end


# --- the mouse ------------------------------------------------------------------------------

def test_mouse_forwarded():
    """an agent that asked gets the mouse in its own coordinates and coding"""
    def check(terminal):
        assert terminal.out.count(b"\x1b[?1000h\x1b[?1002h\x1b[?1006h") == 1
        terminal.sends(b"\x1b[<0;10;10M\x1b[<0;10;10m", b"")
        terminal.says(b"\x1b[?1000h\x1b[?1006h")
        terminal.sends(b"\x1b[<0;10;10M\x1b[<0;10;10m", b"\x1b[<0;10;9M\x1b[<0;10;9m")
        terminal.sends(b"\x1b[<64;1;2M\x1b[<65;1;2M", b"\x1b[<64;1;1M\x1b[<65;1;1M")
        terminal.sends(b"\x1b[<0;1;2M\x1b[<32;2;2M\x1b[<0;2;2m", b"\x1b[<0;1;1M\x1b[<0;2;1m")
        terminal.sends(b"\x1b[<0;1;1M\x1b[<0;1;1m", b"")  # the tabs
        terminal.sends(b"\x1b[<0;1;30M\x1b[<0;1;30m", b"")  # the last row
        terminal.pieces(b"\x1b[<2;5;5M\x1b[<2;5;5m", [2, 3, 5, 8])
        terminal.got(b"\x1b[<2;5;4M\x1b[<2;5;4m")
        terminal.sends(b"\x1b[M %%\x1b[M#%%", b"\x1b[<0;5;4M\x1b[<0;5;4m")
        terminal.says(b"\x1b[?1006l")
        terminal.sends(b"\x1b[<0;10;10M\x1b[<0;10;10m", b"\x1b[M **)\x1b[M#*)".replace(b"**)", b"*)"))
        terminal.says(b"\x1b[?1002h\x1b[?1006h")
        # A drag that leaves the pane stays at its edge; one from outside is not the agent's.
        terminal.sends(b"\x1b[<0;3;3M\x1b[<32;3;1M\x1b[<32;99;30M\x1b[<0;99;30m",
                       b"\x1b[<0;3;2M\x1b[<32;3;1M\x1b[<32;99;28M\x1b[<0;99;28m")
        terminal.sends(b"\x1b[<0;60;1M\x1b[<32;3;3M\x1b[<0;3;3m", b"")
    end = with_terminal(check)
    assert b"\x1b[?1002l\x1b[?1000l\x1b[?1006l" in end and b"1003l" not in end, end


def test_mouse_motion():
    """all motion is asked for only while an agent that wants it has the focus"""
    def check(terminal):
        start = terminal.says(b"\x1b[?1003h\x1b[?1006h")
        terminal.until(rb"\x1b\[\?1003h", start)
        terminal.sends(b"\x1b[<35;7;7M", b"\x1b[<35;7;6M")
        start = len(terminal.out)
        terminal.send(b"\x1c?")
        terminal.until(rb"\x1b\[\?1003l\x1b\[\?1000h\x1b\[\?1002h\x1b\[\?1006h", start)
        start = len(terminal.out)
        terminal.send(b"\x1b[<35;7;7M\x1b[<0;7;7M\x1b[<0;7;7m\x1b")
        terminal.until(rb"\x1b\[\?1003h", start)
        terminal.sends(b"", b"")
    with_terminal(check)


def test_mouse_raises():
    """the click that brings the window to the front does nothing"""
    def check(terminal):
        terminal.says(b"\x1b[?1000h\x1b[?1006h")
        terminal.sends(b"\x1b[I\x1b[<0;10;10M\x1b[<0;10;10m", b"")
        terminal.sends(b"\x1b[<0;10;10M\x1b[<0;10;10m", b"\x1b[<0;10;9M\x1b[<0;10;9m")
    with_terminal(check)


def test_mouse_wheel():
    """on the alternate screen the wheel is arrow keys for an agent without a mouse"""
    def check(terminal):
        terminal.says(b"\x1b[?1049h")
        terminal.sends(b"\x1b[<64;5;5M", b"\x1b[A" * 3)
        terminal.says(b"\x1b[?1h")
        terminal.sends(b"\x1b[<65;5;5M", b"\x1bOB" * 3)
    with_terminal(check)


def test_mouse_given():
    """C-\\ m gives the mouse to the terminal and the column's place to the pane, and back"""
    def check(terminal):
        terminal.says(b"\x1b[?1000h\x1b[?1006h")
        start = len(terminal.out)
        terminal.send(b"\x1cm")
        terminal.until(rb"\x1b\[\?1002l\x1b\[\?1000l\x1b\[\?1006l", start)
        terminal.sends(b"\x1b[<0;10;10M\x1b[<0;10;10m", b"")
        start = len(terminal.out)
        terminal.send(b"\x1cm")
        terminal.until(rb"\x1b\[\?1000h\x1b\[\?1002h\x1b\[\?1006h", start)
        terminal.sends(b"\x1b[<0;10;10M\x1b[<0;10;10m", b"\x1b[<0;10;9M\x1b[<0;10;9m")
    with_terminal(check)


def test_mouse_off():
    """ui.mouse: false leaves the mouse to the terminal, and C-\\ m takes it"""
    def check(terminal):
        start = len(terminal.out)
        terminal.send(b"\x1cm")
        terminal.until(rb"\x1b\[\?1000h\x1b\[\?1002h\x1b\[\?1006h", start)
    end = with_terminal(check, config="ui: {mouse: false}\n")
    assert b"\x1b[?1000l" in end, end
    end = with_terminal(lambda terminal: None, config="ui: {mouse: false}\n")
    assert b"1000" not in end, end


def test_panels():
    """a click focuses a panel, the pane takes it back; the edge of the column can be dragged"""
    def check(terminal):
        terminal.says(b"")
        start = len(terminal.out)
        terminal.send(b"\x1b[<0;100;20M\x1b[<0;100;20m")
        terminal.until(rb"\[\*\] REQUESTS", start)
        terminal.sends(b"\x1b[<0;5;5M\x1b[<0;5;5m", b"")
        start = len(terminal.out)
        terminal.send(b"\x1b[<0;81;10M\x1b[<32;90;10M\x1b[<0;90;10m\x1b[<32;95;10M")
        # 120 columns: the pane has 89 now.
        os.write(terminal.pipe, b"\x1b[?1049h")
        wait_until("the new width", lambda: terminal.pump(0.05) and size_of(terminal) == (89, 34))
        terminal.send(b"\x1c<")
        wait_until("a wider column", lambda: terminal.pump(0.05) and size_of(terminal) == (85, 34))
        terminal.send(b"\x1c>")
        wait_until("as before", lambda: terminal.pump(0.05) and size_of(terminal) == (89, 34))
    with_terminal(check, cols=120, rows=36)


def size_of(terminal):
    """The size of the agent's terminal, by its own answer to CSI 18 t."""
    before = len(terminal.raw())
    os.write(terminal.pipe, b"\x1b[18t")
    wait_until("an answer", lambda: terminal.pump(0.01) and terminal.raw()[before:].endswith(b"t"))
    rows, cols = re.search(rb"\x1b\[8;(\d+);(\d+)t$", terminal.raw()).groups()
    terminal.seen_from = len(terminal.raw())
    return int(cols), int(rows)


# --- the prefix -----------------------------------------------------------------------------

def test_prefixes():
    """another prefix works as C-\\ does, is shown everywhere, and leaves C-\\ to the agent"""
    for config, key, name in (("keys: {preset: tmux}\n", b"\x02", b"C-b"),
                              ("keys: {prefix: C-Space}\n", b"\x00", b"C-Space"),
                              ("keys: {prefix: F12}\n", b"\x1b[24~", b"F12")):
        def check(terminal, key=key, name=name):
            terminal.until(re.escape(name) + rb" \? help")
            terminal.sends(b"\x1c", b"\x1c")
            terminal.sends(key + key, key)
            start = len(terminal.out)
            terminal.send(key + b"?")
            terminal.until(re.escape(name) + rb" ?y", start)
            terminal.send(b"\x1b")
            start = len(terminal.out)
            terminal.send(key + b"Q")
            terminal.until(rb"no such key: " + re.escape(name) + rb" Q", start)
            assert b"C-\\" not in terminal.out
        with_terminal(check, config=config)


def test_colours():
    """the terminal's colours are asked for once and told to the agent that asks"""
    def check(terminal):
        terminal.send(b"\x1b]10;rgb:1111/2222/3333\x1b\\\x1b]11;rgb:ffff/eeee/dddd\x07")
        terminal.sends(b"", b"")
        terminal.says(b"\x1b]11;?\x07")
        terminal.got(b"\x1b]11;rgb:ffff/eeee/dddd\x07")
        terminal.says(b"\x1b]10;?\x1b\\")
        terminal.got(b"\x1b]10;rgb:1111/2222/3333\x1b\\")
        assert terminal.out.count(b"\x1b]11;?") == 1
    with_terminal(check)


main(test_byte_exact, test_paste, test_focus, test_kitty_mirrored, test_kitty_late,
     test_kitty_host_keys, test_kitty_layouts, test_no_kitty, test_other_keys,
     test_mouse_forwarded, test_mouse_motion, test_mouse_raises, test_mouse_wheel,
     test_mouse_given, test_mouse_off, test_panels, test_prefixes, test_colours)
