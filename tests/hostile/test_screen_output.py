#!/usr/bin/env python3
"""What the screen writes to the user's terminal is its own, whatever the box and names contain:
read as raw bytes from a pseudo terminal, not as a terminal emulator shows them."""
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, SLOW, Failed, Home, main, skip  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")
if not os.path.exists("/usr/bin/python3"):
    skip("no /usr/bin/python3, which the box would see")

EVIL = "N\x1b]0;EVILNAME\x07\u009d52;c;RVZJTA==\u009c\u009b31mX"
AGENT = r"""
import socket, sys
def send(data):
    s = socket.create_connection(("127.0.0.1", 18080))
    s.sendall(data)
    return s
escapes = (b"\x1b]0;EVIL\x07", b"\x1b]52;c;RVZJTA==\x07", b"\xc2\x9d52;c;RVZJTA==\xc2\x9c", b"\x9b31m")
kept = []
for e in escapes:
    send(b"CONNECT evil" + e + b".com:443 HTTP/1.1\r\nHost: x\r\n\r\n").recv(100)
    send(b"GET http://evil.com/" + e + b" HTTP/1.1\r\nHost: evil.com\r\n\r\n").recv(100)
    send(b"G" + e + b"T http://evil.com/ HTTP/1.1\r\nHost: evil.com\r\n\r\n").recv(100)
    kept.append(send(b"CONNECT git.example.com:8443 HTTP/1.1\r\nHost: git.example.com\r\nUser-Agent: " + e +
                     b"\r\n\r\n"))
kept.append(send(b"CONNECT held.example.com:8443 HTTP/1.1\r\nHost: held.example.com\r\n\r\n"))
out = sys.stdout.buffer
for e in escapes:
    out.write(e)
out.write(b"\x1b]8;;file:///etc/passwd\x1b\\link\x1b]8;;\x1b\\\x1bP$qm\x1b\\\x1b[c\x1b[>c\x1b[21t"
          b"\x1b[8;10;10t\x1b]4;1;?\x07\x1b]10;?\x07\x1b[5i\x1b[4i\x1b]1337;File=name=x:aaaa\x07"
          b"\x1bPq#0~~\x1b\\\x1b_Gf=24;AAAA\x1b\\\x1b^EVIL\x1b\\\x1bXEVIL\x1b\\\x1b]777;notify;a;b\x07"
          b"\x1b]9;EVIL\x07\x1b[!p\x1b[?1000h\r\nAGENT-IS-DONE\r\n")
out.write(b"\x07" * 3000)
out.flush()
sys.stdin.read()
"""
HOME = Home()
HOME.config(HOME.UNLIMITED + "notify: {bell: true}\n")
SEEN = b""
# What the host itself asks and tells at the start, once.
OWN = (b"\x1b[?2026$p\x1b[?2027$p\x1b[?u\x1b[>c\x1b]10;?\x1b\\\x1b]11;?\x1b\\",
       b"\x1b[?1000h\x1b[?1002h\x1b[?1006h")


def plain():
    """The bytes without sequences; enough to find words that are drawn in one piece."""
    return re.sub(rb"\x1b\[[0-9;?>$ ]*[@-~]|\x1b\(B", b"", SEEN)


def read_until(fd, pattern, seconds=30):
    global SEEN
    deadline = time.monotonic() + seconds * SLOW
    start = len(plain())
    # A word that changes into another is drawn in part; what was drawn before helps out.
    while not re.search(pattern, plain()[max(0, start - 4000):], re.DOTALL):
        if time.monotonic() > deadline:
            raise Failed(f"no {pattern} in {plain()[-1500:]!r}")
        if select.select([fd], [], [], 0.1)[0]:
            SEEN += os.read(fd, 65536)


def session():
    """a session with a hostile name, host, title, clipboard and path is shown, in all views"""
    global SEEN
    folder = os.path.join(HOME.workspace, EVIL)
    os.mkdir(folder)
    with open(os.path.join(folder, "agent.py"), "w", encoding="ascii") as f:
        f.write(AGENT)
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(PROGRAM, [PROGRAM, "new", folder, "-a", "shell", "-n", EVIL, "--runtime", "bwrap",
                            "--", "/usr/bin/python3", "/workspace/agent.py"], HOME.env())
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
    try:
        read_until(fd, rb"AGENT-IS-DONE")
        for keys, expected in ((b"\x1cl", rb"REQUESTS"), (b"\x1b", rb"AGENT"), (b"\x1ci", rb"WORDS"),
                               (b"\x1b", rb"AGENT"), (b"\x1ce", rb"DRAFT .*arming")):
            os.write(fd, keys)
            read_until(fd, expected)
    finally:
        os.kill(pid, signal.SIGTERM)
        # Its terminal goes after it: the hang-up's SIGCONT would take away the stop for which
        # LeakSanitizer waits at its end.
        while not os.waitpid(pid, os.WNOHANG)[0]:
            if select.select([fd], [], [], 0.05)[0]:
                try:
                    os.read(fd, 65536)
                except OSError:
                    pass  # it has closed its end and is about to be gone
        os.close(fd)
    for own in OWN:
        SEEN = SEEN.replace(own, b"", 1)


def no_strings():
    """no OSC, DCS, APC, PM or SOS came through but the host's own title, and no C1 control in
    any encoding"""
    titles = re.findall(rb"\x1b\]2;([ -~]*)\x1b\\", SEEN)
    if not titles or not all(t.endswith(b"ironcurtain") for t in titles):
        raise Failed(f"titles {titles!r}")
    found = re.search(rb"\x1b[\]P_^X].{0,40}", re.sub(rb"\x1b\]2;[ -~]*\x1b\\", b"", SEEN))
    if found:
        raise Failed(f"{found[0]!r} reached the terminal")
    text = SEEN.decode("utf-8", errors="surrogateescape")
    found = re.search("[\x80-\x9f\udc80-\udc9f].{0,20}", text)
    if found:
        raise Failed(f"{found[0]!r} reached the terminal")


def no_foreign_sequences():
    """no printing, resizing, resetting and no report was asked for in the box's name"""
    for bad in (rb"\x1b\[[45]i", rb"\x1b\[8;\d+;\d+t", rb"\x1b\[21t", rb"\x1b\[!p", rb"\x1b\[>?c",
                rb"\x1b\[\?1000h", rb"\x1bc"):
        found = re.search(bad, SEEN)
        if found:
            raise Failed(f"{found[0]!r} reached the terminal")


def few_bells():
    """3000 bells of the box are at most a few of the terminal"""
    if SEEN.count(b"\x07") > 5:
        raise Failed(f"{SEEN.count(bytes([7]))} bells")


try:
    main(session, no_strings, no_foreign_sequences, few_bells)
finally:
    HOME.remove()
